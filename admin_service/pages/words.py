"""The names of what the administration shows, in the language of the page; those of states come with a badge's kind."""

from fractions import Fraction

from flask_babel import gettext, lazy_gettext

from shared.apportionment import RULE_PACKS, Rules
from shared.schema.election import Candidate, Election
from shared.terms import Approval, FactorScope, Kind, Method, Progress, Scope, State, ThresholdBase, TiePolicy
from shared.web.pages.numbers import percent

STATES = {
    State.DRAFT: (lazy_gettext("draft"), ""),
    State.SCHEDULED: (lazy_gettext("scheduled"), ""),
    State.OPEN: (lazy_gettext("open"), "busy"),
    State.COUNTING: (lazy_gettext("counting"), "busy"),
    State.FINAL: (lazy_gettext("final"), "good"),
    State.CANCELLED: (lazy_gettext("cancelled"), "bad"),
}
KINDS = {
    Kind.PARLIAMENTARY: lazy_gettext("Parliamentary election"),
    Kind.PRESIDENTIAL: lazy_gettext("Presidential election"),
    Kind.MUNICIPAL: lazy_gettext("Municipal election"),
    Kind.REGIONAL: lazy_gettext("Regional election"),
    Kind.LOCAL: lazy_gettext("Local election"),
}
APPROVALS = {
    Approval.WAITING: (lazy_gettext("waiting"), "warning"),
    Approval.APPROVED: (lazy_gettext("approved"), "good"),
    Approval.REFUSED: (lazy_gettext("refused"), "bad"),
}
WRITTEN = (lazy_gettext("being written"), "")
PROGRESS = {
    Progress.QUEUED: (lazy_gettext("queued"), ""),
    Progress.COUNTING: (lazy_gettext("counting"), "busy"),
    Progress.COUNTED: (lazy_gettext("counted"), "good"),
}
METHODS = {
    Method.DHONDT: lazy_gettext("D’Hondt: the votes are divided by 1, 2, 3 and so on"),
    Method.SAINTE_LAGUE: lazy_gettext("Sainte-Laguë: the votes are divided by 1, 3, 5 and so on"),
}
BASES = {
    ThresholdBase.VALID_VOTES: lazy_gettext("the valid votes"),
    ThresholdBase.BALLOTS_CAST: lazy_gettext("all ballots cast"),
}
TIES = {
    TiePolicy.LOWER_POLL_NUMBER: lazy_gettext("the list with the lower poll number gets the seat"),
    TiePolicy.MORE_VOTES: lazy_gettext("the list with more votes gets the seat"),
    TiePolicy.FEWER_VOTES: lazy_gettext("the list with fewer votes gets the seat"),
    TiePolicy.LOTS: lazy_gettext("lots are drawn and entered by an administrator"),
}
FACTORS = {
    FactorScope.ALL_EXEMPT: lazy_gettext("all exempt lists"),
    FactorScope.EXEMPT_BELOW_THRESHOLD: lazy_gettext("exempt lists below the threshold only"),
}
SCOPES = {
    Scope.WHOLE: lazy_gettext("over the whole"),
    Scope.CONSTITUENCY: lazy_gettext("in each constituency"),
}
PACKS = {
    "classic": lazy_gettext("Classic: 250 seats, D’Hondt, 5% of the valid votes"),
    "serbia_2014": lazy_gettext("Serbia, law as of 2014: 5% of the ballots cast"),
    "serbia_2020": lazy_gettext("Serbia, law as of 2020: 3% of the ballots cast"),
    "spain_congress": lazy_gettext("Spain, Congress of Deputies: by province"),
}


def standing_of(candidate: Candidate) -> tuple[object, str]:
    """How the approval of a candidate stands, and the kind of its badge."""
    if candidate.approval == Approval.WAITING and candidate.submitted_at is None:
        return WRITTEN
    return APPROVALS[Approval(candidate.approval)]


def title_of(election: Election) -> str:
    """What a page calls an election, which may have no title."""
    return election.title or gettext("%(kind)s %(id)s", kind=KINDS[Kind(election.kind)], id=election.id)


def pack_of(stored: object) -> str:
    """The name of the rule pack that has just these rules; empty where none has."""
    return next((name for name, pack in RULE_PACKS.items() if pack.to_dict() == stored), "")


def explained(rules: Rules) -> list[tuple[str, str]]:
    """Rules in words: what each is about, and the sentence."""
    told = [
        (gettext("Seats"), _seats(rules)),
        (gettext("Method"), str(METHODS[rules.method])),
        (gettext("Threshold"), _threshold(rules)),
        (gettext("Exempt lists"), _exempt(rules)),
        (gettext("Equal quotients for the last seat"), str(TIES[rules.tie_policy])),
    ]
    return [(term, sentence[:1].upper() + sentence[1:]) for term, sentence in told]


def _seats(rules: Rules) -> str:
    if rules.is_by_constituency:
        return str(gettext("%(seats)s, given in each constituency for itself", seats=rules.seats))
    return str(gettext("%(seats)s, given over the whole", seats=rules.seats))


def _threshold(rules: Rules) -> str:
    if not rules.threshold:
        return str(gettext("none"))
    share, base = percent(rules.threshold), BASES[rules.threshold_base]
    if rules.threshold_over is Scope.CONSTITUENCY:
        told = gettext("a list needs %(share)s of %(base)s of the constituency", share=share, base=base)
    else:
        told = gettext("a list needs %(share)s of %(base)s", share=share, base=base)
    if rules.waive_if_none_reach:
        waived = gettext("where no list reaches it, every list with votes takes part")
        told = f"{told}; {waived}"
    return str(told)


def _exempt(rules: Rules) -> str:
    told = str(gettext("they take part below the threshold, too"))
    if rules.exempt_factor == Fraction(1):
        return told
    factor = float(rules.exempt_factor)
    multiplied = gettext(
        "quotients are multiplied by %(factor)s for %(whom)s", factor=f"{factor:g}", whom=FACTORS[rules.factor_scope]
    )
    return f"{told}; {multiplied}"
