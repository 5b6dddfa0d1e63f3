"""docs/operations.md: every command on it is run by a test; here those that need no Docker."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.left_out import leave_out
from tests.operations_page import KINDS, PAGE, Block, blocks
from tests.source import ROOT


def test_every_block_of_the_page_says_where_it_is_run_and_a_test_runs_it() -> None:
    found = blocks()
    # What stands in single quotes in a row or a sentence is an explanation; commands to be typed stand in blocks.
    assert len(found) > 20
    assert {block.kind for block in found} == set(KINDS)
    for kind, test in KINDS.items():
        assert f'kind == "{kind}"' in (ROOT / test).read_text(encoding="utf-8"), test


def test_no_block_of_the_page_has_a_language_that_the_tests_pass_over() -> None:
    languages = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("```")]
    assert set(languages) == {"```", "```text", *(f"```sh {kind}" for kind in KINDS)}


@pytest.mark.parametrize("block", [block for block in blocks() if block.kind != "host"], ids=lambda b: b.heading)
def test_a_block_can_be_read_by_the_shell(block: Block) -> None:
    subprocess.run(["bash", "-n", "-c", block.script], check=True, timeout=30)


def test_what_the_page_promises_is_looked_for_line_by_line() -> None:
    (block,) = blocks("# A\n```sh host\ntrue\n```\n\nIt prints:\n\n```text\nmade a\n…\nthe … is in …\n```\n")
    assert (block.kind, block.heading, block.prints) == ("host", "A", ("made a", "the … is in …"))
    assert block.missing_in("made a\nmade b\nthe  x is in y\n") is None
    assert block.missing_in("the x is in y\nmade a\n") == "the … is in …"
    assert block.missing_in("") == "made a"


def test_the_commands_that_need_no_docker_do_what_the_page_says(tmp_path: Path) -> None:
    for program in ("make", "openssl"):
        if shutil.which(program) is None:
            leave_out(program, f"install it with: apt-get install {program}")
    ran = 0
    for block in blocks():
        if block.kind == "host":
            printed = block.run(ROOT, {"SECRETS": str(tmp_path / "secrets")})
            assert block.missing_in(printed) is None, printed
            ran += 1
    assert ran > 0
