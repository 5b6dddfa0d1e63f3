"""What is wrong with the numbers of a tally sheet: errors, which have to be mended, and warnings, to be explained."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from shared.errors import InvalidInput
from shared.sheets.numbers import Numbers
from shared.terms import Severity

SHARE_TO_EXPLAIN = Fraction(3, 100)
"""Of the ballots in the box: more invalid ones than this, or more blank ones, want an explanation."""

GAP_TOLERANCE = 5
"""So many ballots more or fewer than voters want none; a ballot more than voters always does."""

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
    faults = []
    for finding in findings:
        field = f"explanations.{finding.code}"
        if finding.severity is Severity.ERROR:
            faults.append((finding.fields[0], f"{finding.code}: {finding.message}"))
        elif not settled.get(finding.code):
            faults.append((field, f"{finding.code}: {finding.message} Explain it, or mend the number."))
        elif not _is_text(settled[finding.code]):
            faults.append((field, "This explanation holds characters that are no text."))
        elif len(settled[finding.code]) > LONGEST_EXPLANATION:
            faults.append((field, f"An explanation has at most {LONGEST_EXPLANATION} characters."))
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
                f"The ballots in the box ({numbers.in_box}) are not the invalid ({numbers.invalid}), the blank "
                f"({numbers.blank}) and the valid ones ({numbers.valid}) together, which are {parts}.",
            )
        )
    if numbers.unused > numbers.received:
        found.append(
            Finding(
                "E102",
                Severity.ERROR,
                ("unused", "received"),
                f"More ballots were left over ({numbers.unused}) than received ({numbers.received}).",
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
        f"More than {percent} % of the ballots in the box are invalid ({numbers.invalid} of {numbers.in_box}).",
    )
    warn(
        "W202",
        numbers.blank > limit,
        ("blank",),
        f"More than {percent} % of the ballots in the box are blank ({numbers.blank} of {numbers.in_box}).",
    )
    warn(
        "W203",
        gap < -GAP_TOLERANCE,
        ("in_box", "voted"),
        f"There are {-gap} ballots fewer in the box ({numbers.in_box}) than voters who voted ({numbers.voted}).",
    )
    warn(
        "W204",
        gap > 0,
        ("in_box", "voted"),
        f"There are more ballots in the box ({numbers.in_box}) than voters who voted ({numbers.voted}).",
    )
    warn(
        "W205",
        numbers.voted > numbers.registered,
        ("voted", "registered"),
        f"More voters voted ({numbers.voted}) than are registered ({numbers.registered}).",
    )
    warn(
        "W206",
        handed_out >= 0 and handed_out != numbers.voted,
        ("received", "unused", "voted"),
        f"The ballots received ({numbers.received}) without the unused ones ({numbers.unused}) are {handed_out}, and "
        f"{numbers.voted} voters voted.",
    )
    warn(
        "W207",
        roll is not None and numbers.registered != roll,
        ("registered",),
        f"The electoral roll of this polling station has {roll} voters, and the sheet says {numbers.registered}.",
    )
    return found
