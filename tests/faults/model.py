"""A model of the way of a ballot: what may happen to it in any order, with the product's own steps on real stores.

The ten lines of `reference` say what has to be counted. A step is what a station, a daemon or an operator does between
two moments at which it may die: so a crash is that the next step is not done. Several daemons take, commit and remove
as they like; only who has claimed a partition last may write for it.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from redis import Redis
from redis.exceptions import RedisError

from admin_service.rules.elections import closing_end
from cli.recount.command import recounted
from daemon import actions
from shared.errors import InvalidInput, Unavailable
from shared.queue import inspection, intake, keys, work
from shared.queue.connection import as_bytes
from shared.queue.work import DamagedPart, QueuedPart
from shared.schema.election import Election, Entry, Participant
from tests.faults.holds import Holds
from tests.faults.reference import POLL_NUMBERS, Entered, Line, Poll
from tests.faults.world import PARTITIONS, Daemon, Died, Uploads, World, patient
from tests.services.counting import guid

DAEMONS = ("first", "second")

T = TypeVar("T")
# A daemon and a partition.
Place = tuple[str, int]

daemons = st.sampled_from(DAEMONS)
numbers = st.integers(0, PARTITIONS - 1)
# One of those daemons and partitions for which the step can be done; nearly all steps would be none otherwise.
picks = st.integers(0, len(DAEMONS) * PARTITIONS - 1)
# Few GUIDs, so that most come several times, and one poll number that no election has.
files = st.lists(st.tuples(st.integers(0, 15).map(guid), st.integers(1, POLL_NUMBERS + 1)), min_size=1, max_size=9)


def where(can_be_done: Callable[[Any], Sequence[Any]]) -> Callable[[Any], Any]:
    """The rule is tried only while there is somebody who can do it."""
    return precondition(lambda self: bool(can_be_done(self)))


def picked(pick: int, among: Sequence[T]) -> T:
    """One of them, the same for the same number."""
    return among[pick % len(among)]


class WayOfABallot(RuleBasedStateMachine):
    """Every rule is one step of the product, or a fault between two of them."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        world.empty()
        self.database = world.database
        self.redis = patient(world.redis_url)
        self.redis.flushall()
        self.station = patient(world.wired_url)
        actions.prepare(self.database, self.redis, PARTITIONS)
        now = datetime.now(UTC).replace(microsecond=0)
        hour = timedelta(hours=1)
        polls = [self._new_election(now - hour, now + hour), self._new_election(now + hour, now + 2 * hour)]
        self.uploads = Uploads(self.redis, self.station)
        self.holds = Holds(self.database, self.redis, self.uploads, polls)
        self.keys: dict[str, tuple[Any, intake.Receipt]] = {}
        self.daemons = {name: Daemon() for name in DAEMONS}
        self.owners: dict[int, str] = {}
        self.whole: dict[str, bytes] = {}
        self.ends_passed = 0

    def _new_election(self, start: datetime, end: datetime) -> Poll:
        with self.database.writing() as session:
            parties = [Participant(name="List", individual=False, created_at=start) for _ in range(POLL_NUMBERS)]
            session.add_all(parties)
            session.flush()
            election = Election(
                kind="parliamentary",
                individual=False,
                jurisdiction_id=1,
                start=start,
                end=end,
                rules={},
                lots=[],
                created_at=start,
                entries=[Entry(poll_number=place, participant_id=one.id) for place, one in enumerate(parties, start=1)],
            )
            session.add(election)
            session.flush()
            return Poll(election.id, start, end)

    # What officials do.

    def _named(self, named: int) -> int | None:
        return self.holds.polls[named].id if named < len(self.holds.polls) else None

    @rule(lines=files, cut=st.integers(1, 5), named=st.integers(0, 3), key=st.sampled_from([None, "a", "b"]))
    def accept(self, lines: list[tuple[str, int]], cut: int, named: int, key: str | None) -> None:
        sent = (lines, self._named(named))
        if key in self.keys and self.keys[key][0] != sent:
            try:
                self.uploads.accept(lines, cut, sent[1], key)
            except InvalidInput:
                return
            raise AssertionError("Another file was accepted under a key that was used.")
        receipt = self.uploads.accept(lines, cut, sent[1], key)
        if key:
            first = self.keys.setdefault(key, (sent, receipt))[1]
            assert (receipt.batch_id, receipt.received_at) == (first.batch_id, first.received_at)

    @rule(key=st.sampled_from(["a", "b"]), cut=st.integers(1, 5))
    def send_again(self, key: str, cut: int) -> None:
        if key in self.keys:
            (lines, named), first = self.keys[key]
            receipt = self.uploads.accept(lines, cut, named, key)
            assert receipt.repeated
            assert (receipt.batch_id, receipt.received_at) == (first.batch_id, first.received_at)

    @rule(lines=files, cut=st.integers(1, 5), is_executed=st.booleans())
    def lose_redis_in_the_transaction(self, lines: list[tuple[str, int]], cut: int, is_executed: bool) -> None:
        """Its answer is lost, and the upload is in; or it does not reach Redis, and nothing is stored."""
        self.world.wire.lose_answer_to, self.world.wire.lose = (b"EXEC", None) if is_executed else (None, b"EXEC")
        try:
            self.uploads.accept(lines, cut, None, None)
        except Unavailable:
            assert not is_executed
        else:
            assert is_executed
        finally:
            self.world.wire.lose_answer_to = self.world.wire.lose = None

    # What can be done by whom: pairs of daemon and partition.

    def _claimed(self) -> list[Place]:
        """Who may look at the front: what it has recorded it removes first."""
        return [
            (name, number)
            for name, daemon in self.daemons.items()
            for number in daemon.claims
            if number not in daemon.done
        ]

    def _with_whole_parts(self) -> list[Place]:
        return [(name, number) for name, number in self._claimed() if self._next(name, number)]

    def _with_a_damaged_part(self) -> list[Place]:
        taken = {place: self.daemons[place[0]].taken.get(place[1]) for place in self._claimed()}
        return [place for place, parts in taken.items() if parts and isinstance(parts[0], DamagedPart)]

    def _with_recorded_parts(self) -> list[Place]:
        return [(name, number) for name, daemon in self.daemons.items() for number in daemon.done]

    def _with_a_stamp(self) -> list[Place]:
        return [(name, number) for name, daemon in self.daemons.items() for number in daemon.stamps]

    def _with_something_in_hand(self) -> list[Place]:
        return [*self._with_whole_parts(), *self._with_a_damaged_part(), *self._with_a_stamp()]

    def _next(self, name: str, number: int) -> list[QueuedPart]:
        """The parts in hand that come before the first damaged one."""
        taken = self.daemons[name].taken.get(number, [])
        whole = takewhile(lambda part: isinstance(part, QueuedPart), taken)
        return cast("list[QueuedPart]", list(whole))

    # What daemons do, step by step.

    def _write(self, name: str, number: int, step: Callable[[actions.Claim], Any]) -> Any:
        """Let a daemon write; None when it does not own the partition any more, and may not."""
        claim = self.daemons[name].claims[number]
        if self.owners[number] == name:
            return step(claim)
        before = self.holds.state()
        try:
            step(claim)
        except actions.LostOwnership:
            assert self.holds.state() == before
            # It claims the partition again if its lease is still good; else it forgets it.
            self._forget(self.daemons[name], number)
            return None
        raise AssertionError("A daemon wrote for a partition that another one had claimed.")

    @staticmethod
    def _forget(daemon: Daemon, number: int) -> None:
        for held in (daemon.claims, daemon.taken, daemon.done, daemon.stamps):
            held.pop(number, None)

    @rule(name=daemons, number=numbers)
    def claim(self, name: str, number: int) -> None:
        self._claim(name, number)

    @where(_with_something_in_hand)
    @rule(pick=picks)
    def take_over(self, pick: int) -> None:
        """Another daemon claims what one is in the middle of, and that one may go on afterwards."""
        name, number = picked(pick, self._with_something_in_hand())
        self._claim(next(other for other in DAEMONS if other != name), number)

    def _claim(self, name: str, number: int) -> None:
        self._forget(self.daemons[name], number)
        self.daemons[name].claims[number] = actions.claim(self.database, self.redis, number, name)
        self.owners[number] = name

    @where(_claimed)
    @rule(pick=picks, jobs=st.integers(1, 4))
    def take(self, pick: int, jobs: int) -> None:
        name, number = picked(pick, self._claimed())
        self.daemons[name].taken[number] = work.front(self.redis, number, jobs=jobs, ballots=1000)

    @where(_with_whole_parts)
    @rule(pick=picks)
    def commit(self, pick: int) -> None:
        name, number = picked(pick, self._with_whole_parts())
        daemon, parts = self.daemons[name], self._next(name, number)
        now = datetime.now(UTC)
        done = self._write(name, number, lambda claim: actions.record(self.database, claim, parts, now))
        if done is not None:
            daemon.done[number] = done
            del daemon.taken[number][: len(parts)]

    @where(_with_whole_parts)
    @rule(pick=picks, committed=st.booleans())
    def die_in_the_commit(self, pick: int, committed: bool) -> None:
        """The transaction is rolled back, or it is committed and the daemon never learns of it."""
        name, number = picked(pick, self._with_whole_parts())
        daemon, parts = self.daemons[name], self._next(name, number)
        if self.owners[number] != name:
            return
        event = "after_commit" if committed else "before_commit"

        def die(_: object) -> None:
            raise Died

        sa.event.listen(sa.orm.Session, event, die)
        try:
            actions.record(self.database, daemon.claims[number], parts, datetime.now(UTC))
        except Died:
            self.daemons[name] = Daemon()
        else:
            raise AssertionError("It did not die.")
        finally:
            sa.event.remove(sa.orm.Session, event, die)

    @where(_with_recorded_parts)
    @rule(pick=picks, reaches_redis=st.booleans())
    def remove(self, pick: int, reaches_redis: bool) -> None:
        """Also who was taken over meanwhile may remove: what it removes is recorded."""
        name, number = picked(pick, self._with_recorded_parts())
        done = self.daemons[name].done.pop(number)
        if reaches_redis:
            work.finish(self.redis, number, done)
        else:
            # It begins again at the front of the queue.
            self._expect_unavailable(lambda redis: work.finish(redis, number, done))
            self.daemons[name].taken.pop(number, None)

    @where(_claimed)
    @rule(pick=picks)
    def look_whether_it_is_idle(self, pick: int) -> None:
        name, number = picked(pick, self._claimed())
        stamp = work.idle_stamp(self.redis, number)
        if stamp is not None:
            self.daemons[name].stamps[number] = stamp

    @where(_with_a_stamp)
    @rule(pick=picks)
    def advance(self, pick: int) -> None:
        name, number = picked(pick, self._with_a_stamp())
        stamp = self.daemons[name].stamps.pop(number)
        self._write(name, number, lambda claim: actions.advance(self.database, claim, stamp))

    @rule(name=daemons)
    def die(self, name: str) -> None:
        self.daemons[name] = Daemon()

    # Damage, and what operators do about it.

    @rule(number=numbers, place=st.integers(0, 5))
    def damage(self, number: int, place: int) -> None:
        jobs = self.holds.queue(number)[place:]
        payload = self.redis.get(keys.payload(jobs[0])) if jobs else None
        if payload is not None and jobs[0] not in self.whole:
            self.whole[jobs[0]] = as_bytes(payload)
            self.redis.set(keys.payload(jobs[0]), as_bytes(payload)[:-1])

    @rule()
    def mend(self) -> None:
        for job, payload in self.whole.items():
            # What was recorded by who had read it before is not there any more.
            self.redis.set(keys.payload(job), payload, xx=True)
        self.whole.clear()

    @where(_with_a_damaged_part)
    @rule(pick=picks, reaches_redis=st.booleans())
    def bury(self, pick: int, reaches_redis: bool) -> None:
        name, number = picked(pick, self._with_a_damaged_part())
        daemon = self.daemons[name]
        part = daemon.taken[number][0]
        assert isinstance(part, DamagedPart)
        now = datetime.now(UTC)
        if not reaches_redis and self.owners[number] == name:
            claim = daemon.claims[number]
            self._expect_unavailable(lambda redis: actions.bury(self.database, redis, claim, part, now))
            daemon.taken.pop(number)
            return
        self._write(name, number, lambda claim: actions.bury(self.database, self.redis, claim, part, now))
        if number in daemon.taken:
            daemon.taken[number].pop(0)

    @where(lambda self: self.holds.buried)
    @rule(pick=picks)
    def replay(self, pick: int) -> None:
        one = picked(pick, self.holds.buried)
        self._replay(one.batch_id, one.part)

    def _replay(self, batch_id: str, number: int) -> None:
        part = (batch_id, number)
        inspection.replay(self.redis, batch_id, number)
        if part in self.holds.recorded():
            return
        # From now on it comes after everything that waits, and keeps its moment of receipt.
        moved: list[Line] = []
        for one in self.uploads.log:
            found = [line for line in one.lines if line[0] == part]
            if found:
                moved, again = found, one
                one.lines = [line for line in one.lines if line[0] != part]
        self.uploads.log.append(Entered(again.received_at, again.named, moved))

    def _expect_unavailable(self, step: Callable[[Redis], Any]) -> None:
        self.world.wire.lose = b"EVAL"
        wired = patient(self.world.wired_url)
        try:
            step(wired)
        except Unavailable:
            return
        finally:
            self.world.wire.lose = None
            wired.close()
        raise AssertionError("What Redis was told over a cut wire has been answered.")

    @rule()
    def lose_every_connection_to_redis(self) -> None:
        self.redis.client_kill_filter(_type="normal", skipme=False)
        # Who was in the middle of something is met by the other rules; here everybody has to come back.
        for client in (self.redis, self.station):
            with suppress(RedisError):
                client.ping()

    # Time.

    @precondition(lambda self: self.ends_passed < len(self.holds.polls))
    @rule(before=st.integers(0, 2))
    def time_passes_to_the_end_of_an_election(self, before: int) -> None:
        """The next receipt is so many microseconds before its end, or at the end."""
        end = self.holds.polls[self.ends_passed].end
        work.seed_clock(self.redis, end - timedelta(microseconds=before + 1))
        self.ends_passed += 1

    @precondition(lambda self: self.ends_passed == 0)
    @rule()
    def close_the_first_election(self) -> None:
        poll = self.holds.polls[0]
        poll.end = closing_end(datetime.now(UTC), poll.end)
        with self.database.writing() as session:
            session.execute(sa.update(Election).where(Election.id == poll.id).values(end=poll.end))

    @invariant()
    def everything_is_right(self) -> None:
        self.holds.check()

    def teardown(self) -> None:
        """Drain everything as one daemon would, and compare it all."""
        try:
            self.mend()
            for one in inspection.buried(self.redis):
                self._replay(one.batch_id, one.part)
            for number in range(PARTITIONS):
                claim = actions.claim(self.database, self.redis, number, "last")
                while parts := work.front(self.redis, number, jobs=3, ballots=1000):
                    whole = [part for part in parts if isinstance(part, QueuedPart)]
                    assert whole == parts
                    work.finish(self.redis, number, actions.record(self.database, claim, whole, datetime.now(UTC)))
            assert self.holds.recorded() == {part for one in self.uploads.log for part, _, _ in one.lines}
            self.everything_is_right()
            self._recount_agrees()
        finally:
            self.station.close()
            self.redis.close()

    def _recount_agrees(self) -> None:
        url = self.database.engine.url.render_as_string(hide_password=False)
        for poll in self.holds.polls:
            assert recounted(url, poll.id, 20)["findings"] == []
