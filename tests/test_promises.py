"""What the design promises on the way of a ballot and which tests show it; and files that stay as they are.

A promise without a test, and a test that was renamed or removed without a look at what it stood for, fail here.
"""

import hashlib
from pathlib import Path

import pytest

from tests.source import ROOT, names_of_tests

VENDOR = ROOT / "shared" / "web" / "static" / "vendor"

INTAKE = "services/test_queue_intake.py::"
RECORDING = "services/test_daemon_recording.py::"
DAEMONS = "services/test_daemon_processes.py::"
STATION = "services/test_station_repetitions.py::"
RECEIVING = "services/test_station_receiving.py::"
FAULTS = "services/test_station_faults.py::"
BAD_INPUT = "services/test_station_bad_input.py::"
FILES = "rules/test_ballot_files.py::"
TALLIES = "services/test_tallies.py::"
RESULTS = "services/test_results_api.py::"
KEPT = "services/test_results_kept.py::"

# Each of the ten, with the file and the name of the tests that show it.
PROMISES: dict[str, list[str]] = {
    "Accepted means durable": [
        f"{FAULTS}test_what_was_accepted_survives_the_sudden_death_of_redis",
        f"{FAULTS}test_while_redis_is_down_everything_is_answered_with_503_and_afterwards_all_goes_on",
        f"{FAULTS}test_an_upload_that_does_not_fit_into_memory_leaves_no_key_at_all",
        f"{FAULTS}test_a_redis_that_may_not_be_written_to_takes_nothing",
        f"{INTAKE}test_a_transaction_that_is_lost_on_its_way_is_refused_and_leaves_nothing",
        f"{INTAKE}test_an_answer_that_is_lost_after_the_transaction_was_executed_still_gives_the_receipt",
        f"{INTAKE}test_the_lack_of_memory_that_another_client_met_does_not_tear_a_transaction_apart",
        "deployment/test_images.py::test_redis_says_yes_only_when_it_is_on_disk_and_no_when_it_is_full",
        "journey/test_restarts.py::test_an_upload_outlasts_a_killed_redis_and_what_was_accepted_before_is_still_there",
        "journey/test_restarts.py::test_when_urna_up_is_killed_everything_ends_and_a_second_start_goes_on_with_the_same_data",
    ],
    "All or nothing": [
        f"{BAD_INPUT}test_the_first_bad_line_is_named_and_nothing_of_the_file_is_stored",
        f"{BAD_INPUT}test_a_bad_line_anywhere_in_a_long_file_refuses_all_of_it",
        f"{FAULTS}test_uploads_while_redis_dies_again_and_again_are_stored_whole_or_not_at_all",
        f"{FILES}test_the_first_bad_line_wins_whatever_is_wrong_with_later_ones",
        f"{FILES}test_every_spoilt_file_is_read_or_refused_as_the_contract_says",
        f"{INTAKE}test_every_ballot_waits_once_in_the_partition_of_its_guid",
        f"{INTAKE}test_a_transaction_that_arrives_after_its_sender_was_told_that_nothing_was_stored_stores_nothing",
        f"{INTAKE}test_a_number_of_partitions_that_changes_after_the_cut_leads_to_another_cut",
    ],
    "One clock": [
        f"{INTAKE}test_a_receipt_is_in_time_by_the_clock_of_redis",
        f"{INTAKE}test_receipts_strictly_increase_for_uploads_at_the_same_instant",
        f"{INTAKE}test_the_clock_cannot_be_seeded_backwards",
        f"{FAULTS}test_receipts_go_on_increasing_over_the_death_of_redis",
        f"{RECEIVING}test_a_receipt_is_never_earlier_than_what_was_said_to_be_counted",
        f"{RECORDING}test_the_moment_of_receipt_decides_not_the_moment_of_counting",
        f"{RECORDING}test_ballots_received_at_the_very_start_are_inside",
        f"{RECORDING}test_ballots_received_at_the_very_end_are_outside",
        f"{RECORDING}test_a_clock_that_was_set_back_gives_no_receipt_before_a_watermark",
    ],
    "Sending twice is safe": [
        f"{STATION}test_a_repeated_upload_gets_the_same_receipt",
        f"{STATION}test_a_repeated_upload_adds_nothing_on_the_classic_route",
        f"{STATION}test_many_same_uploads_at_the_same_instant_are_one_batch",
        f"{STATION}test_of_different_files_under_one_key_at_the_same_instant_one_is_accepted",
        f"{STATION}test_the_same_key_with_another_file_is_refused",
        f"{STATION}test_a_repetition_gets_its_receipt_also_when_the_election_has_been_followed_by_another",
        f"{INTAKE}test_the_same_key_gives_the_same_receipt",
    ],
    "First received wins, always": [
        "rules/test_partitioning.py::test_the_partition_of_a_guid_never_changes",
        f"{INTAKE}test_parts_of_a_partition_wait_in_the_order_of_the_file_and_uploads_in_the_order_of_receipt",
        f"{RECORDING}test_the_first_received_of_a_guid_wins_across_files",
        f"{RECORDING}test_a_daemon_whose_partition_was_taken_over_can_write_nothing",
        f"{RECORDING}test_another_number_of_partitions_is_refused_until_the_queues_are_empty",
        f"{DAEMONS}test_two_daemons_killed_and_started_at_random_count_exactly_as_one",
        f"{DAEMONS}test_daemons_share_the_partitions_and_take_over_those_of_a_dead_one",
    ],
    "Counted exactly once": [
        f"{RECORDING}test_a_part_that_is_recorded_again_changes_nothing",
        f"{RECORDING}test_finishing_twice_counts_the_waiting_ballots_down_once",
        f"{DAEMONS}test_a_frozen_daemon_that_wakes_up_changes_nothing_that_was_counted_meanwhile",
        "journey/test_restarts.py::test_a_killed_daemon_loses_nothing_and_counts_nothing_twice",
        "faults/test_model.py::test_whatever_happens_in_whatever_order_the_count_is_that_of_ten_lines",
    ],
    "Nothing vanishes": [
        f"{RECORDING}test_every_line_of_an_upload_is_accounted_for",
        "services/test_recount.py::test_each_tampering_is_found_and_named",
        "faults/test_overload.py::test_more_than_a_daemon_can_take_is_refused_and_all_that_was_accepted_is_counted",
        f"{RECORDING}test_ballots_for_an_election_that_is_not_theirs_are_outside",
        f"{TALLIES}test_counts_add_up_over_parts_and_leave_out_other_elections",
        f"{TALLIES}test_ballots_sent_by_name_before_the_end_when_the_election_was_not_open_are_outside",
        "rules/test_parts.py::test_unpacking_gives_back_what_was_packed",
        "rules/test_partitioning.py::test_partitioning_keeps_every_ballot_its_line_and_the_order",
    ],
    "A transient fault stops the line, it does not reorder it": [
        f"{DAEMONS}test_a_daemon_waits_while_the_database_is_away_and_counts_everything_in_order",
        f"{DAEMONS}test_a_daemon_survives_the_loss_of_redis_connections",
        f"{DAEMONS}test_a_part_that_the_database_refuses_for_good_does_not_stop_the_others",
        f"{DAEMONS}test_a_part_without_ballots_is_buried_shown_and_replayed",
        f"{RECORDING}test_a_damaged_part_becomes_a_dead_letter_and_the_line_goes_on",
        "journey/test_dead_letters.py::test_an_operator_sees_a_dead_letter_mends_it_and_replays_it",
    ],
    "Final means drained": [
        f"{RECORDING}test_the_watermark_follows_what_is_recorded_and_never_what_waits",
        f"{DAEMONS}test_an_idle_partition_moves_its_watermark_past_the_end_of_an_election",
        f"{TALLIES}test_everything_is_drained_up_to_the_least_watermark",
        f"{TALLIES}test_without_partitions_nothing_is_drained",
        f"{TALLIES}test_an_election_is_final_when_it_has_ended_and_everything_is_counted",
        f"{TALLIES}test_a_dead_letter_concerns_the_election_in_whose_hours_it_was_received",
        f"{RESULTS}test_a_result_is_provisional_until_everything_received_before_the_end_is_counted",
    ],
    "Cost does not grow": [
        f"{INTAKE}test_the_number_of_commands_outside_of_the_transaction_does_not_grow_with_the_parts",
        f"{TALLIES}test_votes_are_the_sums_of_the_tallies_with_zeros_for_who_has_none",
        f"{KEPT}test_an_unchanged_result_costs_one_query_and_a_changed_one_as_many_for_any_number_of_parts",
        f"{KEPT}test_a_result_is_the_plain_sums_after_whatever_was_recorded",
    ],
}


@pytest.mark.parametrize("promise", PROMISES)
def test_each_promise_is_shown_by_tests_that_exist(promise: str) -> None:
    shown_by = PROMISES[promise]
    assert shown_by
    assert len(shown_by) == len(set(shown_by))
    assert not sorted(set(shown_by) - names_of_tests())


def test_the_promises_are_the_ten_of_the_design() -> None:
    assert len(PROMISES) == 10


def test_vendored_files_are_the_ones_that_were_looked_at() -> None:
    stated = {}
    for line in (VENDOR / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        stated[name] = digest
    found = {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(VENDOR.rglob("*"))
        if path.is_file() and not is_about_a_vendored_file(path)
    }
    assert found == stated


def is_about_a_vendored_file(path: Path) -> bool:
    """Licences and our own notes beside the vendored files."""
    return path.name in {"README.md", "SHA256SUMS", "LICENSE", "NOTICE"}
