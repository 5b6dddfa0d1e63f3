"""gunicorn's settings for every service, read from the environment by ``--config python:shared.web.gunicorn``."""

import gc
import importlib
import multiprocessing
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from shared import metrics
from shared.config import SERVICE_SETTINGS, load
from shared.errors import Misconfigured

bind = f"{os.environ.get('BIND', '127.0.0.1')}:{os.environ.get('PORT', '5000')}"
workers = int(os.environ.get("WEB_WORKERS", str(min(4, multiprocessing.cpu_count()))))
threads = int(os.environ.get("WEB_THREADS", "8"))
# What is started stands on gunicorn's command line. The results service holds thousands of streams open, for which a
# thread each would be too much; how many may watch is its own to say, and no limit of the server's.
streams = any(argument.startswith("results_service.") for argument in sys.argv)
worker_class = "shared.web.greenlets.Greenlets" if streams else "shared.web.threads.Threads"
worker_connections = 100_000 if streams else 1000
# gevent's worker replaces the blocking parts of the standard library before it loads the service, but after this file
# and with it PyJWT were loaded, whose client for keys behind a URL it warns of. Nothing here fetches keys.
warnings.filterwarnings("ignore", "Monkey-patching ssl after ssl has already been imported", RuntimeWarning)
# A large upload over a slow line keeps one thread busy, not the whole worker; the time-out is for a worker that hangs.
# How long callers may take says shared.web.threads.
timeout = 120
graceful_timeout = 30
keepalive = 5
# A token has about a kilobyte, and nothing else is long.
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190
# Every service of one user would otherwise open its control socket at the same path.
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "warning"
# gunicorn's own lines, too, are JSON.
logger_class = "shared.web.careful.JsonLogger"


def post_worker_init(worker: Any) -> None:
    """Let a service that asks for it know when its server wants to end, so that it can end its streams."""
    extensions = worker.wsgi.extensions
    if "is_stopping" in extensions:
        extensions["is_stopping"] = lambda: not worker.alive
    # The service lives as long as its worker; what requests leave behind is looked for sooner than while reading in.
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


# Of our own when nobody has named one, and removed at the end.
_scratch: Path | None = None


def on_starting(server: Any) -> None:
    """Refuse to start in words when a setting is missing or wrong; in a worker it would become a traceback.

    Then read the service's modules in once for all workers, but for that one whose worker replaces parts of the
    standard library first.
    """
    global _scratch
    service = str(server.app.app_uri).partition(".")[0]
    try:
        load(SERVICE_SETTINGS[service])
    except Misconfigured as error:
        sys.exit(error.message)
    named = os.environ.get("METRICS_DIR")
    if not named:
        _scratch = Path(tempfile.mkdtemp(prefix="urna-metrics-"))
    metrics.share(Path(named) if named else _scratch or Path())
    if not streams:
        # A worker is a copy of this process, and finds in it what it would otherwise have to read in by itself.
        importlib.import_module(str(server.app.app_uri).partition(":")[0])
        # What is never looked at again is never copied either.
        gc.freeze()


def child_exit(_server: Any, worker: Any) -> None:
    """What a worker had in hands is nobody's any more."""
    metrics.forget_process(worker.pid)


def on_exit(_server: Any) -> None:
    """Leave nothing behind."""
    if _scratch is not None:
        shutil.rmtree(_scratch, ignore_errors=True)
