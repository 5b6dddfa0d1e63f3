"""The containers of the command urna, for people: what each may, and that none runs until somebody wants it."""

from tests.deployment.test_files import BOTH, COMPOSE, TOOLS, Described, _targets


@BOTH
def test_the_command_has_the_rights_of_the_one_who_uses_it_and_runs_only_when_somebody_does(file: Described) -> None:
    secrets = {name: _targets(file["services"][name]) for name in TOOLS}
    assert secrets == {
        "operator": {"redis_url": "redis_operator_url", "election_database_url": "election_operator_url"},
        "auditor": {"election_database_url": "election_auditor_url"},
        "backup": {
            "redis_url": "redis_backup_url",
            "accounts_database_url": "accounts_backup_url",
            "election_database_url": "election_auditor_url",
        },
        "restore": {
            "redis_url": "redis_daemon_url",
            "accounts_database_url": "accounts_prepare_url",
            "election_database_url": "election_prepare_url",
        },
    }
    for name in TOOLS:
        service = file["services"][name]
        assert "command" not in service
        if file is COMPOSE:
            assert service["profiles"] == ["tools"]
            assert service["build"]["target"] == "operator"
        else:
            assert service["deploy"]["replicas"] == 0
            assert service["deploy"]["placement"]["constraints"] == ["node.role == manager"]
