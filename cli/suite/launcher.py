"""Becomes one process of the suite, after telling the kernel to end it when ``urna up`` is gone.

Called by path, with the standard library alone: launcher.py PARENT_PROCESS_ID COMMAND... It is a program of its own
because the wish has to be said between fork and exec, where Python code is not safe in a process with threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Arrange the end and turn into the command."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != int(parent):
            # It died before the kernel knew of our wish.
            sys.exit(1)
    # Whatever the suite writes, only its owner may read.
    os.umask(0o077)
    os.execvp(command[0], command)  # noqa: S606 -- the command is the one that urna up wrote.


if __name__ == "__main__":
    main()
