"""The images' own check: does the service in this container answer? Exit status 0 when it does.

It imports nothing but the standard library and reads nothing but ``PORT``, so that it stays quick and needs no secret.
"""

import http.client
import os
import sys


def main() -> int:
    """Ask this container's own service once; 0 when it answers 200 within three seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["PORT"]), timeout=3)
    try:
        connection.request("GET", "/health/live")
        return 0 if connection.getresponse().status == 200 else 1
    except OSError as error:
        print(f"The service does not answer: {error}", file=sys.stderr)
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
