"""What is wrong with the numbers of a tally sheet: errors, which have to be mended, and warnings, to be explained."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from shared.errors import InvalidInput
from shared.sentences import say, say_number
from shared.sheets.numbers import Numbers
from shared.terms import Severity

SHARE_TO_EXPLAIN = Fraction(3, 100)
"""Of the ballots in the box: more invalid ones than this, or more blank ones, want an explanation."""

GAP_TOLERANCE = 5
"""So many ballots fewer than voters who voted want none: a voter may leave without casting. One more always does."""

LONGEST_EXPLANATION = 1024


@dataclass(frozen=True)
class Finding:
    """Something about a sheet, by its code, with the fields that it is about and a sentence for who filled it in."""

    code: str
    severity: Severity
    fields: tuple[str, ...]
    message: str


def check(numbers: Numbers, roll: int | None = None) -> tuple[Finding, ...]:
    """All findings, errors first. ``roll`` is the number of voters on the station's electoral roll, where known."""
    return (*_errors(numbers), *_warnings(numbers, roll))


def settle_explanations(findings: tuple[Finding, ...], given: Mapping[str, str]) -> dict[str, str]:
    """The explanation of each warning, by its code.

    InvalidInput with everything that keeps the sheet from being entered: each error at its first field, and each
    warning without an explanation (or with one that is too long) at ``explanations.CODE``. What is explained beside
    the findings is left out.
    """
    settled = {code: " ".join(text.split()) for code, text in given.items()}
    faults: list[tuple[str, str]] = []
    for finding in findings:
        field = f"explanations.{finding.code}"
        if finding.severity is Severity.ERROR:
            faults.append((finding.fields[0], say("{code}: {message}", code=finding.code, message=finding.message)))
        elif not settled.get(finding.code):
            words = say("{code}: {message} Explain it, or mend the number.", code=finding.code, message=finding.message)
            faults.append((field, words))
        elif not _is_text(settled[finding.code]):
            faults.append((field, say("This explanation holds characters that are no text.")))
        elif len(settled[finding.code]) > LONGEST_EXPLANATION:
            faults.append((field, say("An explanation has at most {most} characters.", most=LONGEST_EXPLANATION)))
    if faults:
        field, message = faults[0]
        raise InvalidInput(message, field=field, faults=faults)
    return {finding.code: settled[finding.code] for finding in findings}


def _is_text(text: str) -> bool:
    """Whether every database can keep it: no NUL, and no half of a surrogate pair, which JSON can say."""
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)


def _errors(numbers: Numbers) -> list[Finding]:
    found = []
    parts = numbers.invalid + numbers.blank + numbers.valid
    if numbers.in_box != parts:
        found.append(
            Finding(
                "E101",
                Severity.ERROR,
                ("in_box", "invalid", "blank", "votes"),
                say(
                    "The ballots in the box ({in_box}) are not the invalid ({invalid}), the blank ({blank}) and the "
                    "valid ones ({valid}) together, which are {parts}.",
                    in_box=numbers.in_box,
                    invalid=numbers.invalid,
                    blank=numbers.blank,
                    valid=numbers.valid,
                    parts=parts,
                ),
            )
        )
    if numbers.unused > numbers.received:
        found.append(
            Finding(
                "E102",
                Severity.ERROR,
                ("unused", "received"),
                say(
                    "More ballots were left over ({unused}) than received ({received}).",
                    unused=numbers.unused,
                    received=numbers.received,
                ),
            )
        )
    return found


def _warnings(numbers: Numbers, roll: int | None) -> list[Finding]:
    found: list[Finding] = []

    def warn(code: str, is_so: bool, fields: tuple[str, ...], message: str) -> None:
        if is_so:
            found.append(Finding(code, Severity.WARNING, fields, message))

    gap = numbers.in_box - numbers.voted
    handed_out = numbers.received - numbers.unused
    limit = SHARE_TO_EXPLAIN * numbers.in_box
    percent = int(SHARE_TO_EXPLAIN * 100)
    warn(
        "W201",
        numbers.invalid > limit,
        ("invalid",),
        say(
            "More than {percent} % of the ballots in the box are invalid ({invalid} of {in_box}).",
            percent=percent,
            invalid=numbers.invalid,
            in_box=numbers.in_box,
        ),
    )
    warn(
        "W202",
        numbers.blank > limit,
        ("blank",),
        say(
            "More than {percent} % of the ballots in the box are blank ({blank} of {in_box}).",
            percent=percent,
            blank=numbers.blank,
            in_box=numbers.in_box,
        ),
    )
    warn(
        "W203",
        gap < -GAP_TOLERANCE,
        ("in_box", "voted"),
        say_number(
            "There are {number} ballots fewer in the box ({in_box}) than voters who voted ({voted}).",
            "There are {number} ballots fewer in the box ({in_box}) than voters who voted ({voted}).",
            -gap,
            in_box=numbers.in_box,
            voted=numbers.voted,
        ),
    )
    warn(
        "W204",
        gap > 0,
        ("in_box", "voted"),
        say(
            "There are more ballots in the box ({in_box}) than voters who voted ({voted}).",
            in_box=numbers.in_box,
            voted=numbers.voted,
        ),
    )
    warn(
        "W205",
        numbers.voted > numbers.registered,
        ("voted", "registered"),
        say(
            "More voters voted ({voted}) than are registered ({registered}).",
            voted=numbers.voted,
            registered=numbers.registered,
        ),
    )
    warn(
        "W206",
        handed_out >= 0 and handed_out != numbers.voted,
        ("received", "unused", "voted"),
        say_number(
            "The ballots received ({received}) without the unused ones ({unused}) are {handed_out}, and {number} "
            "voters voted.",
            "The ballots received ({received}) without the unused ones ({unused}) are {handed_out}, and {number} "
            "voters voted.",
            numbers.voted,
            received=numbers.received,
            unused=numbers.unused,
            handed_out=handed_out,
        ),
    )
    warn(
        "W207",
        roll is not None and numbers.registered != roll,
        ("registered",),
        say_number(
            "The electoral roll of this polling station has {number} voters, and the sheet says {registered}.",
            "The electoral roll of this polling station has {number} voters, and the sheet says {registered}.",
            roll or 0,
            registered=numbers.registered,
        ),
    )
    return found
