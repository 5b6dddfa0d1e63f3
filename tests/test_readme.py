"""What the README and the other pages say, held against the code: routes, links, commands, and no machine's paths."""

import re
from pathlib import Path

import click
import pytest

from cli.app import urna
from tests.routes_table import routes, routes_tables
from tests.source import ROOT, SERVICES, WEB_SERVICES, files, names_of_tests

BEGIN, END = "<!-- routes -->\n", "<!-- /routes -->"
# Pages of others that lie here unchanged are none of ours to hold.
PAGES = sorted(path for path in files() if path.suffix == ".md" and "vendor" not in path.parts)
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]

FOLDERS = {*SERVICES, "shared", "cli", "migrations", "deploy", "docs", "tests", "requirements", "benchmarks", ".ci"}

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
# Where this was written and tried out is of no use to anybody; /srv/urna stands for wherever a checkout is.
MACHINE = re.compile(r"/(?:work|root|tmp|home|mnt)/\S+|127\.0\.0\.1:(?!500[0-3]\b)\d+")


def prose(page: Path) -> str:
    """The text of a page without its blocks of code."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def code(page: Path) -> str:
    """The blocks of code and the words set as code of a page, a line each."""
    text = page.read_text(encoding="utf-8")
    blocks = [block for fenced in FENCE.findall(text) for block in fenced.splitlines()[1:-1]]
    return "\n".join([*blocks, *CODE.findall(FENCE.sub("", text))])


def anchors(page: Path) -> set[str]:
    """The names under which GitHub and others let the headings of a page be linked to."""
    headings = re.findall(r"^#+ +(.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_the_tables_of_routes_in_the_readme_are_what_the_services_say() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tables = readme.partition(BEGIN)[2].partition(END)[0]
    assert tables.strip() == routes_tables().strip(), "Write them anew: python -m tests.routes_table"


@pytest.mark.parametrize("service", WEB_SERVICES)
def test_every_route_of_a_service_stands_in_the_tables(service: str) -> None:
    tables = routes_tables()
    found = routes(service)
    assert found
    missing = [
        f"{one.method} {one.path}" for one in found if f"| `{one.method} {one.path}` | {one.who} |" not in tables
    ]
    assert not missing


@pytest.mark.parametrize("name", NAMES)
def test_every_link_to_a_file_leads_somewhere(name: str) -> None:
    page = ROOT / name
    for target in LINK.findall(prose(page)):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{name} links to {target}."
        assert found.is_relative_to(ROOT), f"{name} links to {target}, outside of the repository."
        if anchor:
            assert anchor in anchors(found), f"{name} links to {target}, and there is no such heading."


def targets() -> set[str]:
    """What one can ask make for."""
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("name", NAMES)
def test_every_make_target_that_is_named_exists(name: str) -> None:
    # At the beginning of a line: `apt-get install make python3-venv` calls no target.
    called = re.findall(r"^(?:\$ )?(?:[A-Z_]+=\S* )*make ([a-z][a-z-]*)", code(ROOT / name), re.MULTILINE)
    assert set(called) <= targets()


@pytest.mark.parametrize("name", NAMES)
def test_every_urna_command_and_option_that_is_named_exists(name: str) -> None:
    joined = code(ROOT / name).replace("\\\n", " ")
    for line in re.findall(r"(?:^|\$ |&& |; )urna ((?:--json )?[a-z].*)$", joined, re.MULTILINE):
        words = line.split()
        command: click.Command = urna
        context = click.Context(urna)
        while isinstance(command, click.Group):
            word = next((word for word in words if re.fullmatch("[a-z]+(?:-[a-z]+)*", word)), None)
            if word is None or (found := command.get_command(context, word)) is None:
                # A group may do something by itself, as `urna queue` does.
                assert command is not urna, f"{name}: urna {line}"
                break
            words.remove(word)
            command = found
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        options = {word.partition("=")[0] for word in words if re.fullmatch(r"--[a-z][a-z-]*(?:=.*)?", word)}
        assert options <= {*known, "--help", "--json"}, f"{name}: urna {line}"


def test_the_readme_names_every_target_of_make() -> None:
    readme = code(ROOT / "README.md")
    assert not [target for target in targets() if f"make {target}" not in readme]


def test_the_readme_names_every_command_of_urna() -> None:
    readme = code(ROOT / "README.md")
    assert not [command for command in commands(urna, "urna") if command not in readme]


def commands(group: click.Group, name: str) -> list[str]:
    """Every command below a group by its full name: `urna up`, `urna election create`."""
    context = click.Context(group)
    found = []
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        full = f"{name} {word}"
        found += commands(command, full) if isinstance(command, click.Group) else [full]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_file_that_is_named_exists(name: str) -> None:
    """Names that begin with a folder of ours, as `shared/config.py` or `deploy/grants/*.sql`."""
    words = CODE.findall(prose(ROOT / name))
    named = [word for word in words if re.fullmatch(r"[\w.*/-]+", word) and word.partition("/")[0] in FOLDERS]
    assert not [word for word in named if not list(ROOT.glob(word.rstrip("/")))]


@pytest.mark.parametrize("name", NAMES)
def test_every_test_that_is_named_exists(name: str) -> None:
    known = {test.partition("::")[2] for test in names_of_tests()}
    paths = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    named = set(re.findall(r"(?<![/\w.])(test_\w+)", "\n".join(CODE.findall(prose(ROOT / name)))))
    # The example of a name in CONTRIBUTING is that of a real test, too.
    assert named <= known | paths


@pytest.mark.parametrize("name", NAMES)
def test_no_page_has_a_path_or_port_of_the_machine_that_it_was_written_on(name: str) -> None:
    assert not MACHINE.findall((ROOT / name).read_text(encoding="utf-8"))


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    records = sorted(path for path in folder.glob("0*.md"))
    listed = re.findall(r"^(\d+)\. \[(.+)\]\((.+)\)$", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    expected = []
    for number, path in enumerate(records, start=1):
        title = path.read_text(encoding="utf-8").splitlines()[0]
        assert title.startswith(f"# {number}. "), path.name
        assert path.name.startswith(f"{number:04}-")
        expected.append((str(number), title.partition(". ")[2], path.name))
    assert listed == expected
