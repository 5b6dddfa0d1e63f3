"""Why each seat went where it did, and which can still go elsewhere."""

from dataclasses import replace

from flask import Response, request
from flask_babel import lazy_gettext

from results_service.pages.figures import lines_of
from results_service.pages.ground import as_of, blueprint, kept, result_of
from results_service.pages.held_back import held_back_page
from results_service.rules import Seats
from results_service.rules.quotient_table import quotient_table, step_of
from shared.apportionment import RULE_PACKS, Rules
from shared.errors import NotFound
from shared.sentences import say
from shared.web.pages import public_page, render

# Where the rules of an election are those of a statute, the statute; the seats may be others.
LAWS = {
    "serbia_2014": lazy_gettext(
        "Law on the Election of Members of Parliament (Official Gazette RS 35/2000, with amendments until 36/2011), "
        "articles 81 and 82."
    ),
    "serbia_2020": lazy_gettext(
        "Law on the Election of Members of Parliament (Official Gazette RS 35/2000, with amendments until 12/2020), "
        "articles 81 and 82."
    ),
    "spain_congress": lazy_gettext("Ley Orgánica 5/1985 del Régimen Electoral General, articles 161 to 163."),
}


@blueprint.get("/elections/<int:election_id>/why")
@public_page
@blueprint.doc(summary="Why the seats are as they are")
def why(election_id: int) -> Response:
    held = held_back_page(election_id)
    if held is not None:
        return held
    moment = as_of()
    result = result_of(election_id, moment)
    headers, same = kept(result, past=moment is not None)
    if same:
        return same
    found, certainty = result.body.result, result.body.seats
    whole = found.apportionment
    part: Seats | None = whole
    chosen = None
    if whole is not None and whole.constituencies:
        chosen = request.args.get("constituency", type=int) or whole.constituencies[0].id
        part = next((one for one in whole.constituencies if one.id == chosen), None)
        if part is None:
            raise NotFound(say("There is no constituency {number} in this election.", number=str(chosen)))
    seat = request.args.get("seat", type=int) or (len(part.awards) if part else 0)
    closeness = next((one for one in certainty.closeness if one.constituency == chosen), None)
    return render(
        "why.html",
        headers=headers,
        election=result.body.election,
        result=found,
        whole=whole,
        part=part,
        chosen=chosen,
        rows=quotient_table(part.awards, part.next_quotients) if part else (),
        seat=seat,
        step=step_of(seat, part.awards, part.next_quotients) if part else None,
        closeness=closeness,
        certainty=certainty,
        lines=lines_of(found, certainty),
        names={one.poll_number: one.name for one in found.lists},
        law=law_of(whole),
        as_of=moment,
    )


def law_of(seats: Seats | None) -> object | None:
    """The statute whose rules these are, where it is one that has a name here."""
    if seats is None:
        return None
    rules = Rules.from_dict(seats.rules)
    for name, pack in RULE_PACKS.items():
        if replace(pack, seats=rules.seats) == rules:
            return LAWS.get(name)
    return None
