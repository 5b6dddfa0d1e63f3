"""gunicorn's settings for every service, read from the environment by ``--config python:shared.web.gunicorn``."""

import multiprocessing
import os
import sys
from typing import Any

from shared.config import SERVICE_SETTINGS, load
from shared.errors import Misconfigured

bind = f"{os.environ.get('BIND', '127.0.0.1')}:{os.environ.get('PORT', '5000')}"
workers = int(os.environ.get("WEB_WORKERS", str(min(4, multiprocessing.cpu_count()))))
threads = int(os.environ.get("WEB_THREADS", "8"))
worker_class = "gthread"
# A large upload over a slow line keeps one thread busy, not the whole worker; the time-out is for a worker that hangs.
timeout = 120
graceful_timeout = 30
keepalive = 5
# Every service of one user would otherwise open its control socket at the same path.
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "warning"


def on_starting(server: Any) -> None:
    """Refuse to start in words when a setting is missing or wrong; in a worker it would become a traceback."""
    service = str(server.app.app_uri).partition(".")[0]
    try:
        load(SERVICE_SETTINGS[service])
    except Misconfigured as error:
        sys.exit(error.message)
