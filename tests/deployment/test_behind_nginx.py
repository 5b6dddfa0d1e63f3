"""What a service does with what nginx says about the caller (deploy/nginx/forward.conf), and what nginx adds itself."""

import re
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask import request, url_for

from shared.auth import public
from shared.config import WebSettings, load
from shared.web import create_service, finish
from shared.web.headers import HEADERS
from shared.web.pages.language import LANGUAGES, current

NGINX = Path(__file__).parents[2] / "deploy" / "nginx"
HSTS = 'add_header Strict-Transport-Security "max-age=31536000" always;'

# The headers as nginx sets them for a request that came in under /results on port 443.
FORWARDED = {
    "X-Forwarded-For": "198.51.100.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "urna.example",
    "X-Forwarded-Prefix": "/results",
}


def _service(trusted_proxies: int) -> APIFlask:
    settings = load(WebSettings, jwt_algorithm="HS256", jwt_secret_key="k" * 32, trusted_proxies=trusted_proxies)
    app = create_service("results_service", "Results", settings, checks={})

    @app.get("/where")
    @public
    def where() -> dict[str, str | None]:
        return {"caller": request.remote_addr, "link": url_for("where", _external=True), "path": request.path}

    return finish(app)


def test_behind_nginx_links_bear_the_prefix_and_the_caller_is_the_one_that_nginx_saw() -> None:
    answer = _service(1).test_client().get("/where", headers=FORWARDED)
    assert answer.json == {"caller": "198.51.100.7", "link": "https://urna.example/results/where", "path": "/where"}


def test_without_a_proxy_in_front_nobody_is_believed_about_himself() -> None:
    answer = _service(0).test_client().get("/where", headers=FORWARDED)
    assert answer.json == {"caller": "127.0.0.1", "link": "http://localhost/where", "path": "/where"}


def test_nginx_gives_its_own_answers_the_headers_of_the_services() -> None:
    added = re.findall(r"^add_header (\S+) \"?(.*?)\"? always;$", (NGINX / "own.conf").read_text(), re.MULTILINE)
    assert dict(added) == {"Strict-Transport-Security": "max-age=31536000", **HEADERS}


@pytest.mark.parametrize(
    "header",
    [
        *("", "en", "sr", "sr-RS", "sr-Latn", "sr-Latn-RS", "sr-Cyrl-RS", "fr", "fr-CH", "de", "*"),
        *(
            "de-DE,fr;q=0.8,en;q=0.5",
            "hu, sr-Latn-RS;q=0.9, en;q=0.8",
            "de,en-GB;q=0.9,fr;q=0.8",
            "SR-LATN",
            "FR-be,en",
        ),
        *("sr,sr-Latn;q=0.9", "srn,fr", "frr,sr", "english", "de-latn,sr;q=0.3", "de," * 200 + "fr"),
    ],
)
def test_nginx_and_the_services_find_the_same_language_in_what_a_browser_sends(header: str) -> None:
    """So that what is kept under a language is in that language."""
    block = (NGINX / "nginx.conf").read_text().partition("map $http_accept_language $page_language {")[2]
    rules = re.findall(r'^ +"~\*(.+)" (\S+);$', block.partition("}")[0], re.MULTILINE)
    assert len(rules) == 3
    passed_on = next((language for rule, language in rules if re.search(rule, header, re.IGNORECASE)), "en")
    app = _service(0)

    def language_for(sent: str) -> str:
        with app.test_request_context("/", headers={"Accept-Language": sent}):
            return current().code

    assert language_for(passed_on) == language_for(header)
    assert passed_on in {language.tag for language in LANGUAGES.values()} | {"sr"}


def test_what_nginx_keeps_differs_by_all_that_answers_differ_by() -> None:
    results = (NGINX / "site.conf").read_text().partition("location /results/ {")[2].partition("\n    }")[0]
    (key,) = re.findall(r"proxy_cache_key (\S+);", results)
    assert "proxy_ignore_headers Vary;" in results
    for part in ("$http_host", "$outer_prefix", "$uri$is_args$args", "$page_language", "$http_origin"):
        assert part in key
    assert "proxy_set_header Accept-Language $page_language;" in results


def test_every_answer_that_nginx_passes_on_or_gives_says_that_there_is_only_https() -> None:
    """``add_header`` in a location makes nginx forget those of the server, so the header has to be there again."""
    server = (NGINX / "site.conf").read_text().partition("# The container's own check")[0]
    before, *locations = re.split(r"^    location ", server, flags=re.MULTILINE)
    assert HSTS in before
    assert len(locations) > 10
    for location in locations:
        name = location.partition(" {")[0]
        passes_on = "forward.conf;" in location
        has_own = "include /etc/nginx/urna/own.conf;" in location
        # What is passed on has the headers of the service already; whatever else nginx answers it answers itself.
        assert passes_on != has_own, name
        if "add_header" in location:
            assert HSTS in location or has_own, name


def test_an_answer_of_nginx_has_the_status_that_its_body_says() -> None:
    """A page for another status keeps that one in the first line, unless `=` lets the page say its own."""
    text = (NGINX / "site.conf").read_text()
    pages = re.findall(r"error_page ([\d ]+?) (= )?@(\w+);", text)
    assert len(pages) == 3
    for statuses, takes_its_own, name in pages:
        location = text.partition(f"location @{name} {{")[2].partition("\n    }")[0]
        (answer,) = re.findall(r"return (\d+) '.*\"status\":(\d+),", location)
        assert answer[0] == answer[1]
        assert takes_its_own or statuses.split() == [answer[0]]


@pytest.mark.parametrize(
    ("path", "is_voters"),
    [
        ("/station/api/elections/7/ballots", True),
        ("/results/api/elections/7/receipts/2b5f9a1e-7b0c-4f0e-9a51-0d7f6f3b1c11", True),
        ("/station/api/elections/7/batches", False),
        ("/results/api/elections/7/results", False),
    ],
)
def test_nginx_writes_down_no_address_of_who_casts_a_ballot_or_asks_for_one(path: str, is_voters: bool) -> None:
    """Its log of errors names the address and the path of a request; that of requests leaves both out."""
    block = next((body for pattern, body in _patterns() if re.search(pattern, path)), "")
    assert ("error_log /dev/null emerg;" in block) == is_voters
    assert "proxy_cache" not in block
    assert _logged(f"8443 {path}?query=1") == ("", path if "receipts" not in path else path.partition("2b5f9a1e")[0])


@pytest.mark.parametrize(
    ("request_line", "address"),
    [
        ("8443 /station/api/elections/7/ballots", ""),
        ("8443 /station/ballot", ""),
        ("8443 /results/receipts", ""),
        # On the classic ports the path does not say which service it is for.
        ("5002 /api/elections/7/ballots", ""),
        ("5003 /api/elections/7/receipts/2b5f9a1e-7b0c-4f0e-9a51-0d7f6f3b1c11", ""),
        # So that this could fail.
        ("8443 /authentication/api/login", "198.51.100.7"),
        ("5000 /api/elections/7/signature", ""),
        ("5000 /api/voter-elections/7", "198.51.100.7"),
        ("5001 /station/api/elections/7/ballots", "198.51.100.7"),
    ],
)
def test_nginx_logs_requests_without_the_address_where_ballots_come_in_and_are_looked_up(
    request_line: str, address: str
) -> None:
    assert _logged(request_line)[0] == address
    text = (NGINX / "nginx.conf").read_text()
    (line,) = re.findall(r"log_format json escape=json\n(.*?);\n", text, re.DOTALL)
    # Nothing else in a line says who it was.
    variables = set(re.findall(r"\$(\w+)", line))
    assert {"logged_address", "logged_path"} <= variables
    assert not {one for one in variables if re.search("remote|forwarded|realip|cookie|http_|^uri|request_uri", one)}
    # And every line is of that form.
    logs = re.findall(r"^\s*access_log (.*);$", text + (NGINX / "site.conf").read_text(), re.MULTILINE)
    assert sorted(logs) == ["/dev/stdout json", "off"]


def _logged(request_line: str) -> tuple[str, str]:
    """The address and the path that are logged of a request with this port and URI, as the maps of nginx have it."""
    port, _, uri = request_line.partition(" ")
    prefix = _mapped("prefix_of_port", port, "")
    return _mapped("logged_address", prefix + uri, "198.51.100.7"), _mapped("logged_path", uri, "")


def _mapped(variable: str, value: str, default: str) -> str:
    """What a map of nginx makes of a value: an equal string counts first, then the first pattern that fits."""
    block = re.findall(rf"^    map \S+ \${variable} {{\n(.*?)^    }}", (NGINX / "nginx.conf").read_text(), re.M | re.S)[
        0
    ]
    rows = re.findall(r'^        ("[^"]*"|\S+) (\S+);$', block, re.MULTILINE)
    for key, result in rows:
        key, result = key.strip('"'), result.strip('"')
        if key == value:
            return str(result)
    for key, result in rows:
        key, result = key.strip('"'), result.strip('"')
        found = re.search(key[1:].replace("(?<", "(?P<"), value) if key.startswith("~") else None
        if found:
            return found[result[1:]] if result.startswith("$") else str(result)
    return default


@pytest.mark.parametrize(
    ("path", "is_written"),
    [
        *((f"/authentication/api/{one}", False) for one in ("logout", "elections", "elections/7/signature")),
        ("/authentication/api/voter-elections/7/key", False),
        *((path, False) for path in ("/station/api/elections", "/results/")),
        *((f"/authentication/api/{one}", True) for one in ("login", "refresh", "voter-elections/7", "sessions")),
    ],
)
def test_nginx_writes_down_from_where_somebody_logs_in_and_not_from_where_a_ballot_is_signed(
    path: str, is_written: bool
) -> None:
    block = (NGINX / "nginx.conf").read_text().partition("$logged_address {")[2].partition("}")[0]
    rules = re.findall(r'"~(\S+)" "";', block)
    assert any(re.search(rule, path) for rule in rules) is not is_written


def _patterns() -> list[tuple[str, str]]:
    """The locations with a pattern: the first that fits counts, before all others."""
    site = (NGINX / "site.conf").read_text()
    return re.findall(r"^    location ~ (\S+) \{\n(.*?)^    \}", site, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/metrics/anything"])
def test_nginx_gives_nobody_the_figures_of_a_service(path: str) -> None:
    for prefix in ("authentication", "administration", "station", "results"):
        block = next(body for pattern, body in _patterns() if re.search(pattern, f"/{prefix}{path}"))
        assert re.findall(r"^        (?!include)(.*)$", block, re.MULTILINE) == ["return 404;"]


@pytest.mark.parametrize(
    ("path", "is_passed_on"),
    [
        *((path, False) for path in ("/station/ballot", "/station/ballot?language=fr", "/station/static/0/voting.js")),
        *((path, False) for path in ("/station/api/elections/7/ballots", "/results/", "/results/receipts")),
        *((path, True) for path in ("/station/", "/station/elections/7/files", "/authentication/", "/administration/")),
    ],
)
def test_nginx_says_to_nobody_who_is_signed_in_where_voters_vote_and_look_their_ballots_up(
    path: str, is_passed_on: bool
) -> None:
    assert "proxy_set_header Cookie $passed_cookie;" in (NGINX / "forward.conf").read_text()
    block = (NGINX / "nginx.conf").read_text().partition("$passed_cookie {")[2].partition("}")[0]
    assert "default $http_cookie;" in block
    (rule,) = re.findall(r'"~(.+)" "";', block)
    assert (re.search(rule, path) is None) == is_passed_on
