"""Electors: voters by the thousand vote as each would alone, and turnout and result are theirs to the last vote.

Processes of their own act for the voters and do all the cryptography that a voter's program does: each ballot is
blinded, signed for its voter's session, unblinded, verified, and cast without a log-in; the daemon verifies it again.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any
from uuid import UUID, uuid4

from benchmarks.ballots import Outcome, Source
from benchmarks.bench import Bench
from benchmarks.companion import Companion, CompanionFailed
from benchmarks.electorate import Electorate, gathered
from benchmarks.report import Report, Target, percentiles
from benchmarks.store import Recorded, differences
from benchmarks.turnout import NOT_FOUND, OK, Found, Tried, wrong
from benchmarks.voter_programs import Plan, Step
from benchmarks.voters import uploads
from cli import elections, results
from cli.failure import Failure
from cli.suite.directory import make_password
from tests.servers import ServerError

SCENARIO = "electors"
# A hundred thousand in an hour.
VOTED = Target("electors, from the first signature to the last count", 100_000 / 3600, "/s", at_least=True)

_PROCESSES = 2
_CONNECTIONS = 8
# A third of the voters, and no more than these, log in by password; whoever comes after them has a session already.
_BY_PASSWORD = 200
# So many of the first and of the last voters of each process try to vote twice.
_TRIES = 5
_RECEIPTS = 200
_SECONDS_TO_BE_FINAL = 120.0
_SAYS_EVERY = 60.0


def measure(bench: Bench) -> None:
    """Let everybody get a signature, then cast; close the election, and hold all of it against what they chose."""
    voters = bench.size.electors
    by_password = min(-(-voters // 3), _BY_PASSWORD)
    bench.report.begin(
        f"Electors: {voters:,} voters by {_PROCESSES} processes with {_CONNECTIONS} connections each; {by_password:,} "
        f"log in by password, {voters - by_password:,} sessions are put into the store"
    )
    choices = Source(17).new(voters).poll_numbers
    began = time.monotonic()
    with ExitStack() as stack:
        electorate = stack.enter_context(gathered(bench, voters, by_password))
        prepared = time.monotonic() - began
        key = electorate.hold_election()
        recorded = stack.enter_context(Recorded(electorate.suite))
        try:
            programs = [
                stack.enter_context(Companion("voter_programs", asdict(_plan(electorate, key, choices, place))))
                for place in range(_PROCESSES)
            ]
            voting = Voting(bench.report, electorate, recorded, programs)
            facts = {
                "voters": voters,
                "of them logged in by password": by_password,
                "sessions put into the store": voters - by_password,
                "seconds until register and accounts were there": prepared,
                **voting.vote(),
                "uploads that ballots were joined to": uploads(electorate.suite),
            }
            found = voting.end(Counter(choices))
        except (CompanionFailed, Failure) as error:
            electorate.suite.check()
            raise ServerError(f"Voters could not vote: {error}\n{electorate.suite.log_tails()}") from None
        bench.report.add(SCENARIO, facts)
        bench.report.hold(VOTED, facts["end to end voters/s"])
        expected = Outcome(voters + found.duplicates, found.chosen, duplicate=found.duplicates)
        bench.report.check(SCENARIO, [*wrong(found), *differences(electorate.suite, expected)])


def _plan(electorate: Electorate, key: str, choices: bytes, place: int) -> Plan:
    suite = electorate.suite
    return Plan(
        authentication=electorate.authentication.port,
        station=suite.station.port,
        election=suite.election,
        ballot_key=key,
        first=place,
        step=_PROCESSES,
        choices=choices[place::_PROCESSES].hex(),
        by_password=electorate.by_password,
        password=make_password(),
        signing_key=suite.keys.private_pem,
        connections=_CONNECTIONS,
        tries=_TRIES,
    )


class Voting:
    """The steps of all voters' programs together, and what they took."""

    def __init__(
        self, report: Report, electorate: Electorate, recorded: Recorded, programs: Sequence[Companion]
    ) -> None:
        self._report = report
        self._electorate = electorate
        self._recorded = recorded
        self._programs = programs
        self._cast_again = 0

    def vote(self) -> dict[str, Any]:
        """Let all log in, get their signatures and cast, until everything is counted; the figures of each step."""
        voters, suite = self._electorate.voters, self._electorate.suite
        used = [suite.seconds()]
        entered = self._step("log-ins", lambda: 0)
        used.append(suite.seconds())
        signed = self._step("signatures", self._electorate.signatures)
        used.append(suite.seconds())
        cast = self._step("ballots counted", self._recorded.look)
        counted = self._recorded.wait_for(voters)
        used.append(suite.seconds())
        self._cast_again = cast.sent_again
        signing, casting, counting = signed.ended - signed.began, cast.ended - cast.began, counted - cast.began
        entering, entrants = entered.ended - entered.began, self._electorate.by_password
        return {
            "registering and logging in": {
                "voters/s": entrants / entering,
                "an answer": percentiles(entered.took),
                "processor ms a voter": _processor(used[0], used[1], entered, entrants),
            },
            "signatures": {
                "signatures/s": voters / signing,
                "an answer": percentiles(signed.took),
                "processor ms a signature": _processor(used[1], used[2], signed, voters),
            },
            "ballots": {
                "cast ballots/s": voters / casting,
                "cast and counted ballots/s": voters / counting,
                "an answer": percentiles(cast.took),
                "processor ms a ballot": _processor(used[2], used[3], cast, voters),
            },
            "end to end voters/s": voters / (signing + counting),
            "minutes from the first signature to the last count": (signing + counting) / 60,
            "answers to come back later": entered.refused_for_now + signed.refused_for_now + cast.refused_for_now,
            "requests sent again": entered.sent_again + signed.sent_again + cast.sent_again,
        }

    def end(self, chosen: Counter[int]) -> Found:
        """Let some try to vote twice, close the election, and ask for the result and for receipts."""
        electorate, tried = self._electorate, Tried()
        for one in self._outcomes("second ballots", lambda: 0):
            for name, answers in one.items():
                getattr(tried, name).extend(answers)
        operator, number = electorate.operator, electorate.suite.election
        elections.close(operator, number)
        sample = random.Random(number).sample(tried.guids, min(_RECEIPTS, len(tried.guids)))
        receipts = [self._receipt(guid) for guid in sample]
        try:
            self._receipt(uuid4().hex)
            unknown = OK
        except Failure:
            unknown = NOT_FOUND
        return Found(
            chosen=chosen,
            signatures=electorate.signatures(),
            result=results.wait_until_final(operator, number, _SECONDS_TO_BE_FINAL),
            tried=tried,
            receipts=receipts,
            unknown=unknown,
            sent_again=self._cast_again,
        )

    def _receipt(self, guid: str) -> dict[str, Any]:
        path = f"/api/elections/{self._electorate.suite.election}/receipts/{UUID(guid)}"
        return dict(self._electorate.operator.get("results", path, public=True))

    def _step(self, name: str, look: Callable[[], int]) -> Step:
        """One step of all programs, added up."""
        steps = [Step(**one) for one in self._outcomes(name, look)]
        return Step(
            began=min(one.began for one in steps),
            ended=max(one.ended for one in steps),
            seconds=sum(one.seconds for one in steps),
            took=[seconds for one in steps for seconds in one.took],
            refused_for_now=sum(one.refused_for_now for one in steps),
            sent_again=sum(one.sent_again for one in steps),
        )

    def _outcomes(self, name: str, look: Callable[[], int]) -> list[dict[str, Any]]:
        """Give the word, and wait for what each program says; every minute it is said how far they are."""
        began = said = time.monotonic()
        for program in self._programs:
            program.start()
        outcomes: dict[int, dict[str, Any]] = {}
        while len(outcomes) < len(self._programs):
            # One that could not do it says so at once, and nobody waits for the others then.
            for place, program in enumerate(self._programs):
                if place not in outcomes and program.has_finished():
                    outcomes[place] = program.finish()
            self._electorate.suite.check()
            if time.monotonic() - said > _SAYS_EVERY:
                said = time.monotonic()
                self._report.say(f"{name} after {said - began:.0f} s", look())
            time.sleep(0.05)
        return [outcome for _, outcome in sorted(outcomes.items())]


def _processor(before: dict[str, float], after: dict[str, float], step: Step, count: int) -> dict[str, float]:
    """Milliseconds of processor time for each of ``count``, by the kind of process; those that did nothing are out."""
    spent = {kind: seconds - before[kind] for kind, seconds in after.items()} | {"voters' programs": step.seconds}
    return {kind: 1000 * seconds / count for kind, seconds in spent.items() if seconds}
