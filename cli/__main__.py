"""``python -m cli`` is the ``urna`` command, also where it is not installed."""

import sys

from cli.app import main

if __name__ == "__main__":
    sys.exit(main())
