"""What the deployment has to let through for photographs of tally sheets, which are larger than most else."""

import re

import pytest

from shared.sheets import photographs
from tests.source import ROOT

ROUTE = "/station/api/elections/1/stations/2/sheet/photographs"


@pytest.mark.parametrize("server", ["mysql", "mariadb"])
def test_the_election_store_takes_the_largest_photograph(server: str) -> None:
    settings = (ROOT / "deploy" / server / "election.cnf").read_text(encoding="utf-8")
    found = re.search(r"^max_allowed_packet = ([0-9]+)M$", settings, re.MULTILINE)
    assert found is not None
    # The client writes bytes in hexadecimal.
    assert int(found[1]) * 1024**2 > 2 * photographs.MOST_BYTES + 64 * 1024


def test_nginx_lets_a_photograph_and_its_form_through_and_nothing_much_larger() -> None:
    site = (ROOT / "deploy" / "nginx" / "site.conf").read_text(encoding="utf-8")
    routes = re.findall(r"location ~ (\S*photographs\S*) \{\s+client_max_body_size ([0-9]+)m;", site)
    ((pattern, size),) = routes
    assert re.search(pattern, ROUTE)
    # The form of the page.
    assert re.search(pattern, ROUTE.replace("/api/", "/"))
    assert not re.search(pattern, ROUTE.removesuffix("/photographs"))
    assert photographs.MOST_BYTES < int(size) * 1024**2 <= photographs.MOST_BYTES + 1024**2
