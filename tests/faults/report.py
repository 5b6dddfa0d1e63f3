"""What a run says in the end, in plain words, and whether it has shown what it was to show."""

from collections import Counter
from collections.abc import Sequence

from tests.faults.plan import Fault
from tests.faults.run import Outcome

# From so many schedules on, each kind of fault and of answer has to have occurred.
ENOUGH = 40

_MUST_OCCUR = (
    *Fault,
    *(f"{fault} in the middle of work" for fault in Fault),
    "freeze of a daemon for longer than its lease",
    "accepted",
    "refused for good",
    "put off",
    "answer lost",
    "hung up half-way",
    "repeated",
    "sent again",
    "ballots counted",
    "ballots duplicate",
    "ballots invalid",
    "ballots outside",
)


def sums(outcomes: Sequence[Outcome]) -> Counter[str]:
    """What all schedules come to."""
    found = Counter[str]()
    for outcome in outcomes:
        found.update(outcome.counts)
    return found


def lacking(outcomes: Sequence[Outcome], without: Sequence[str]) -> list[str]:
    """What has to occur in a run of this length and did not; ``without`` names what this machine cannot do."""
    if len(outcomes) < ENOUGH:
        return []
    found = sums(outcomes)
    left_out = {*without, *(f"{fault} in the middle of work" for fault in without)}
    return [what for what in _MUST_OCCUR if what not in left_out and not found[what]]


def last_lines(outcomes: Sequence[Outcome], minutes: float) -> list[str]:
    """The closing lines."""
    found = sums(outcomes)
    failed = [outcome.seed for outcome in outcomes if outcome.wrong]
    engines = Counter(outcome.engine for outcome in outcomes)

    def hit(fault: Fault) -> str:
        return f"{found[fault]:,} ({found[f'{fault} in the middle of work']:,} in the middle of work)"

    return [
        f"Schedules          {len(outcomes):,}, of which {len(failed)} failed{f': {failed}' if failed else ''}",
        f"Engines            {', '.join(f'{name} {number}' for name, number in engines.most_common())}",
        f"Kills              {hit(Fault.KILL)}",
        f"Freezes            {hit(Fault.FREEZE)}; "
        f"of daemons for longer than their lease: {found['freeze of a daemon for longer than its lease']:,}",
        f"Cuts               {hit(Fault.CUT)}",
        f"Slowings           {hit(Fault.SLOW)}",
        f"Redis full         {hit(Fault.FULL)}",
        f"Database read-only {hit(Fault.READ_ONLY)}",
        f"Disk full          {hit(Fault.NO_DISK)}; "
        f"the database ended by itself {found['database ended for want of disk']:,} times",
        f"Files sent         {found['sendings']:,} times: accepted {found['accepted']:,} "
        f"({found['repeated']:,} of them repetitions), refused for good {found['refused for good']:,}, "
        f"put off {found['put off']:,}, answer lost {found['answer lost']:,} "
        f"({found['answer lost, and stored']:,} of them stored), hung up half-way {found['hung up half-way']:,}, "
        f"nobody there {found['nobody there']:,}; sent again {found['sent again']:,}",
        f"Batches            {found['batches']:,}",
        f"Ballots            received {found['ballots received']:,} = counted {found['ballots counted']:,} "
        f"+ duplicate {found['ballots duplicate']:,} + invalid {found['ballots invalid']:,} "
        f"+ outside {found['ballots outside']:,}",
        f"Looks              {found['looks at watermarks']:,} at watermarks, {found['looks at results']:,} at results",
        f"Minutes            {minutes:.1f}",
    ]
