"""What a service does with what nginx says about the caller (deploy/nginx/forward.conf)."""

from apiflask import APIFlask
from flask import request, url_for

from shared.auth import public
from shared.config import WebSettings, load
from shared.web import create_service, finish

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
