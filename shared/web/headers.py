"""The headers of every answer: what browsers may do with it, who else's pages may read it, and who may keep it."""

from apiflask import APIFlask
from flask import Response, g
from flask_cors import CORS

# What an answer that is no page may do in a browser: nothing.
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": NOTHING,
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Pages of the origins on the list read answers by CORS, which this does not concern.
    "Cross-Origin-Resource-Policy": "same-origin",
    # Whoever may keep an answer is told so by its route.
    "Cache-Control": "no-store",
}


def install(app: APIFlask, cors_origins: list[str]) -> None:
    """Give every answer of ``app`` its headers; a page may name a policy of its own."""

    @app.after_request
    def _harden(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        # What is told to one person, or lets somebody in, is nobody else's.
        if "claims" in g or "Set-Cookie" in response.headers:
            response.headers["Cache-Control"] = HEADERS["Cache-Control"]
        if cors_origins:
            # Said also where no origin was let in, or a cache would give that answer to those who are.
            response.vary.add("Origin")
        return response

    if cors_origins:
        # Answers that need no cookie are all that another origin gets.
        CORS(
            app,
            origins=cors_origins,
            supports_credentials=False,
            # The list itself is nobody's business.
            always_send=False,
            expose_headers=["ETag", "Location", "Retry-After"],
            max_age=600,
        )
