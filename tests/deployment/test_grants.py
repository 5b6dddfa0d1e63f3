"""The rights that deploy/grants gives, tried on real servers: every user, table, column and kind of statement."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from results_service.store import READ
from shared.schema.accounts import AccountsBase
from shared.schema.election import ElectionBase
from tests.deployment.least_rights import LeastRights, is_denied, users_of
from tests.servers import DatabaseServer

ALL = "*"
# What a user may do to a table: select, insert, update, delete. The first three may be said for some columns only.
Rights = dict[str, str]


def may(select: str = "", insert: str = "", update: str = "", delete: str = "") -> Rights:
    """Rights on a table: ``ALL``, or the names of the columns."""
    named = {"select": select, "insert": insert, "update": update, "delete": delete}
    return {kind: columns for kind, columns in named.items() if columns}


READS = may(ALL)
OWNS = may(ALL, ALL, ALL, ALL)

# A table that is not named here is not reached.
ACCOUNTS_RIGHTS: dict[str, dict[str, Rights]] = {
    "authentication": {
        "users": may(ALL, ALL, ALL),
        "user_roles": OWNS,
        "user_stations": OWNS,
        "refresh_sessions": OWNS,
        "attempts": may(ALL, ALL, "", ALL),
        "password_resets": may(ALL, ALL, "", ALL),
        "mails": may(ALL, ALL),
        "citizens": may(ALL, ALL, ALL),
        "voter_elections": may(ALL, ALL, ALL),
        "voter_election_citizens": may(ALL, ALL, "", ALL),
        "ballot_signatures": may(ALL, ALL),
        "second_factors": OWNS,
        "recovery_codes": may(ALL, ALL, "", ALL),
        "journal": may(ALL, ALL),
        "journal_head": may(ALL, "", "sequence hash"),
    },
    "mailer": {"mails": may(ALL, "", "due_at tries", ALL)},
    "backup": dict.fromkeys([*AccountsBase.metadata.tables, "alembic_version"], READS),
}
ELECTORATES = ("electorates", "electorate_constituencies", "electorate_stations")
SUMS = "counted duplicate invalid outside"
REFUSED = "batch_id line election_id guid poll_number reason"
DEAD = "batch_id part received_at not_before"
SHEET = "state last standing changed_at"
ELECTION_RIGHTS: dict[str, dict[str, Rights]] = {
    "administration": {
        "jurisdictions": may(ALL, ALL, "name"),
        "regions": may(ALL, ALL, "name key version", ALL),
        "constituencies": may(ALL, ALL, "region_id name seats key version", ALL),
        "polling_centres": may(
            *(ALL, ALL), "constituency_id municipality name address latitude longitude key version", ALL
        ),
        "polling_stations": may(ALL, ALL, "centre_id code registered contact status reason note key version", ALL),
        "participants": may(ALL, ALL, "name individual version", ALL),
        "candidates": may(
            *(ALL, ALL),
            "forename surname post code_name biography approval approval_reason version "
            "place submitted_at published_at account_id invitation_key invitation_expires_at",
            ALL,
        ),
        "candidate_publications": may(*(ALL, ALL), "forename surname post code_name biography large small sha256", ALL),
        "candidate_pictures": may(ALL, ALL, "large small sha256 created_at", ALL),
        "elections": may(
            *(ALL, ALL),
            "title kind individual jurisdiction_id start end stage cancelled_at cancelled_reason rules lots version "
            "ballot_key choices_public",
            ALL,
        ),
        "entries": may(ALL, ALL, "", ALL),
        "batches": READS,
        "parts": may(f"batch_id part partition sequence election_id received_at received {SUMS}"),
        "refused_lines": may(REFUSED),
        "tallies": READS,
        **dict.fromkeys(ELECTORATES, may(ALL, ALL)),
        "dead_letters": READS,
        "dismissals": may("batch_id part"),
        "partitions": may("watermark"),
        "journal": may(ALL, ALL),
        "journal_head": may(ALL, "", "sequence hash"),
        "tally_sheets": may(ALL, "", SHEET),
        "sheet_events": may(ALL, ALL),
        "sheet_photographs": READS,
        "difference_notes": may(ALL, ALL),
    },
    "daemon": {
        "elections": may("id title kind jurisdiction_id start end stage rules ballot_key choices_public"),
        "participants": may("id name"),
        "entries": may("election_id poll_number participant_id"),
        "polling_stations": may("id centre_id code registered status version"),
        "batches": may("id election_id received_at", ALL),
        "parts": may(
            f"batch_id part partition sequence election_id received_at recorded_at received {SUMS}",
            ALL,
        ),
        "ballots": may("election_id guid source", ALL),
        "refused_lines": may(ALL, ALL),
        "tallies": may("election_id poll_number votes", ALL),
        "dead_letters": may("batch_id part received_at not_before", ALL),
        "dismissals": may("batch_id part"),
        "partitions": may(ALL, ALL, "epoch owner sequence watermark", ALL),
        "journal": may("id", ALL),
        "journal_head": may(ALL, "", "sequence hash"),
        "tally_sheets": may(ALL, ALL, SHEET),
        "sheet_events": may(ALL, ALL),
        "sheet_photographs": may("id election_id station_id actor actor_jmbg", ALL),
        "polling_centres": may("id municipality version"),
        "electorates": may("election_id"),
        "electorate_stations": may("election_id station_id registered status"),
    },
    "results": {
        "participants": READS,
        "candidates": may("id participant_id place"),
        "candidate_publications": READS,
        "elections": READS,
        "entries": READS,
        "batches": may("id election_id station_id received_at"),
        "parts": may(f"batch_id part partition sequence election_id received_at recorded_at {SUMS}"),
        "refused_lines": may(REFUSED),
        "tallies": READS,
        "dead_letters": may(f"{DEAD} ballots buried_at"),
        "dismissals": READS,
        **dict.fromkeys(ELECTORATES, READS),
        "regions": may("id name version"),
        "constituencies": may("id region_id name seats version"),
        "polling_centres": may("id constituency_id municipality name latitude longitude version"),
        "polling_stations": may("id centre_id code registered status version"),
        "tally_sheets": READS,
        "sheet_events": may("election_id station_id number act at numbers chosen reason"),
        "ballots": may("election_id guid"),
        "partitions": may("partition epoch sequence watermark"),
    },
    "operator": {
        "batches": may("id"),
        "parts": may("batch_id part"),
        "dead_letters": READS,
        "dismissals": may(ALL, ALL),
        "journal": may("id", ALL),
        "journal_head": may(ALL, "", "sequence hash"),
    },
    "auditor": dict.fromkeys([*ElectionBase.metadata.tables, "alembic_version"], READS),
}

# MySQL says this of an INSERT that may be done and names too few columns.
_MYSQL_NO_DEFAULT = 1364


def _statements(table: sa.Table) -> dict[tuple[str, str], sa.Executable]:
    """One statement of each kind for each column; it touches no row, so it is refused for want of a right only."""
    never = sa.false()
    made: dict[tuple[str, str], sa.Executable] = {("delete", ALL): table.delete().where(never)}
    for column in table.columns:
        nothing = sa.select(sa.null()).where(never)
        made["select", column.name] = sa.select(column).where(never)
        made["insert", column.name] = table.insert().from_select([column], nothing, include_defaults=False)
        made["update", column.name] = table.update().values({column: sa.null()}).where(never)
    return made


def _is_let(connection: sa.Connection, statement: sa.Executable) -> bool:
    try:
        connection.execute(statement)
    except sa.exc.DBAPIError as error:
        if is_denied(error):
            return False
        if error.orig is None or error.orig.args[0] != _MYSQL_NO_DEFAULT:
            raise
    return True


def _rights(store: LeastRights, user: str, tables: list[sa.Table]) -> dict[str, dict[str, set[str]]]:
    """What the user may do, by table, kind of statement and column, found out by trying."""
    found: dict[str, dict[str, set[str]]] = {}
    with store.engine(user) as engine, engine.connect() as connection:
        for table in tables:
            for (kind, column), statement in _statements(table).items():
                if _is_let(connection, statement):
                    found.setdefault(table.name, {}).setdefault(kind, set()).add(column)
    return found


def _expected(rights: dict[str, Rights], tables: list[sa.Table]) -> dict[str, dict[str, set[str]]]:
    columns = {table.name: set(table.columns.keys()) for table in tables}
    return {
        table: {
            kind: columns[table] if named == ALL and kind != "delete" else set(named.split())
            for kind, named in kinds.items()
        }
        for table, kinds in rights.items()
    }


SERVERS = pytest.mark.parametrize("engine", ["mariadb", "mysql", "postgresql"])


@pytest.fixture
def election(databases: DatabaseServer, tmp_path: Path) -> Iterator[LeastRights]:
    store = LeastRights(databases, "election", tmp_path / "secrets")
    yield store
    store.close()


@pytest.fixture
def accounts(databases: DatabaseServer, tmp_path: Path) -> Iterator[LeastRights]:
    store = LeastRights(databases, "accounts", tmp_path / "secrets")
    yield store
    store.close()


def _tables(base: type[sa.orm.DeclarativeBase]) -> list[sa.Table]:
    version = sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32)))
    return [*base.metadata.sorted_tables, version]


@SERVERS
def test_each_user_may_do_in_the_election_store_what_its_work_needs_and_nothing_more(election: LeastRights) -> None:
    tables = _tables(ElectionBase)
    for user, rights in ELECTION_RIGHTS.items():
        assert _rights(election, user, tables) == _expected(rights, tables), user


@SERVERS
def test_each_user_may_do_in_the_accounts_store_what_its_work_needs_and_nothing_more(
    accounts: LeastRights,
) -> None:
    tables = _tables(AccountsBase)
    for user, rights in ACCOUNTS_RIGHTS.items():
        assert _rights(accounts, user, tables) == _expected(rights, tables), user


def test_every_user_that_is_made_is_one_whose_rights_are_tried() -> None:
    assert set(users_of("election")) == {"prepare", *ELECTION_RIGHTS}
    assert set(users_of("accounts")) == {"prepare", *ACCOUNTS_RIGHTS}


@SERVERS
def test_the_administration_can_number_what_it_makes(election: LeastRights) -> None:
    jurisdictions = ElectionBase.metadata.tables["jurisdictions"]
    with election.engine("administration") as engine, engine.begin() as connection:
        made = connection.execute(jurisdictions.insert().values(name="Vojvodina")).inserted_primary_key
        assert made is not None
        assert made[0] > 0


@SERVERS
def test_how_ballots_were_cast_is_read_by_the_results_service_through_a_view_alone(election: LeastRights) -> None:
    for user, reads in (("results", True), ("daemon", False), ("administration", False), ("operator", False)):
        assert election.may(user, "SELECT guid, poll_number FROM published_choices") == [reads], user
        assert election.may(user, "SELECT poll_number FROM ballots") == [False], user


@SERVERS
def test_giving_the_rights_again_changes_none(election: LeastRights) -> None:
    tables = _tables(ElectionBase)
    election.apply()
    for user, rights in ELECTION_RIGHTS.items():
        assert _rights(election, user, tables) == _expected(rights, tables), user


@pytest.mark.parametrize("engine", ["postgresql"])
def test_what_an_earlier_version_gave_is_taken_away(election: LeastRights) -> None:
    with election.engine("administrator") as engine, engine.connect() as connection:
        connection.exec_driver_sql("GRANT ALL ON ballots TO daemon; GRANT SELECT (payload) ON parts TO results")
    assert election.may("daemon", "DELETE FROM ballots") == [True]
    election.apply()
    assert election.may("daemon", "DELETE FROM ballots") == [False]
    assert election.may("results", "SELECT payload FROM parts") == [False]


def test_no_user_changes_or_removes_what_is_recorded_and_no_service_reads_what_a_station_received() -> None:
    recorded = ("batches", "parts", "ballots", "refused_lines", "tallies", "dead_letters", "dismissals", "journal")
    assert set(recorded) <= set(ElectionBase.metadata.tables)
    for user, rights in ELECTION_RIGHTS.items():
        for table in recorded:
            assert not set(rights.get(table, {})) & {"update", "delete"}, (user, table)
        if user != "auditor":
            read = rights["parts"]["select"].split()
            assert not {ALL, "payload"} & set(read)
            assert "poll_number" not in rights.get("ballots", {}).get("select", "")
            assert rights.get("ballots", {}).get("select") != ALL


def test_the_results_service_asks_at_its_start_for_exactly_what_its_user_may_read() -> None:
    asked = {}
    for read in READ:
        columns = read if isinstance(read, tuple) else tuple(read.__table__.columns)
        asked[columns[0].table.name if isinstance(columns[0], sa.Column) else columns[0].class_.__tablename__] = {
            "select": {column.name for column in columns}
        }
    assert asked == _expected(ELECTION_RIGHTS["results"], _tables(ElectionBase))
