"""One measured count: from the first byte that an official sends to the last ballot committed in the store."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.ballots import Outcome
from benchmarks.companion import CompanionFailed
from benchmarks.officials import Sent
from benchmarks.store import Recorded
from benchmarks.suite import Suite
from benchmarks.uploads import Upload, Uploads, officials, total
from tests.servers import ServerError

# While much is left a look now and then is enough; the end is looked for closely.
_SELDOM, _OFTEN = 0.03, 0.005
_NEARLY_DONE = 100_000


@dataclass(frozen=True)
class Counted:
    """What a count took. ``seconds`` is until the last commit, ``accepted_seconds`` until the last answer.

    ``processor`` has the seconds of processor time of each kind of process, the senders' among them.
    """

    files: int
    outcome: Outcome
    seconds: float
    accepted_seconds: float
    processor: dict[str, float]
    sent: Sent

    @property
    def ballots(self) -> int:
        return self.outcome.received

    @property
    def speed(self) -> float:
        """Ballots a second, end to end."""
        return self.ballots / self.seconds

    def facts(self) -> dict[str, Any]:
        """What stands in the report."""
        return {
            "files": self.files,
            "ballots": self.ballots,
            "seconds from the first byte to the last commit": self.seconds,
            "seconds until everything was accepted": self.accepted_seconds,
            "ballots/s": self.speed,
            "accepted ballots/s": self.ballots / self.accepted_seconds,
            "processor seconds per million ballots": {
                kind: 1e6 * seconds / self.ballots for kind, seconds in self.processor.items()
            },
            "answered 503": self.sent.refused_for_now,
            "connections made again": self.sent.reconnected,
        }


def hand_in(
    suite: Suite,
    uploads: Uploads,
    files: Sequence[Upload],
    people: int,
    *,
    paced: Sequence[Upload] = (),
    every: float = 0.2,
    meanwhile: Callable[[], object] = lambda: None,
) -> Sent:
    """Let so many officials hand the files in, until all are accepted; ``paced`` is as in ``officials.Plan``."""
    with officials(suite, uploads, files, people, paced, every) as sending:
        sending.start()
        while not sending.has_finished():
            suite.check()
            meanwhile()
            time.sleep(_SELDOM)
        try:
            return Sent(**sending.finish())
        except CompanionFailed as error:
            suite.check()
            raise ServerError(f"Not everything could be handed in: {error}\n{suite.log_tails()}") from None


def count(
    suite: Suite,
    recorded: Recorded,
    uploads: Uploads,
    files: Sequence[Upload],
    people: int,
    *,
    paced: Sequence[Upload] = (),
    every: float = 0.2,
) -> Counted:
    """Let officials hand the files in and wait until all is in the store; ``paced`` is as in ``officials.Plan``."""
    before = recorded.look()
    used = suite.seconds()
    sent = hand_in(suite, uploads, files, people, paced=paced, every=every, meanwhile=recorded.look)
    accepted = [*files, *paced[: len(sent.paced_took)]]
    outcome = total(accepted)
    everything = before + outcome.received
    recorded.wait_for(everything - _NEARLY_DONE, _SELDOM)
    ended = recorded.wait_for(everything, _OFTEN)
    processor = {kind: seconds - used[kind] for kind, seconds in suite.seconds().items()}
    return Counted(
        files=len(accepted),
        outcome=outcome,
        seconds=ended - sent.began,
        accepted_seconds=sent.ended - sent.began,
        processor={"senders": sent.seconds, **processor},
        sent=sent,
    )
