"""``python -m daemon.health``: exit status 0 while the daemon's heartbeat is fresh."""

import sys
import time

from shared.config import DaemonSettings, load
from shared.errors import Misconfigured

# A round of housekeeping waits for a database that stands still for half a minute, and for Redis a few times for five
# seconds. Who waits lives: to end the daemon would bring it back to the same database.
FRESH_SECONDS = 90.0


def main() -> int:
    """Compare the heartbeat file's age with what a living daemon lets pass."""
    try:
        file = load(DaemonSettings).heartbeat_file
    except Misconfigured as error:
        print(error.message, file=sys.stderr)
        return 2
    if file is None:
        print("HEARTBEAT_FILE is not set, so nobody can tell.", file=sys.stderr)
        return 2
    try:
        age = time.time() - file.stat().st_mtime
    except FileNotFoundError:
        print("The daemon has not started yet.", file=sys.stderr)
        return 1
    return 0 if age < FRESH_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
