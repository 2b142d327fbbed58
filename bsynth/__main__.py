"""What a shell calls: ``bsynth``, or ``python -m bsynth``."""

import atexit
import multiprocessing
import os
import sys
import threading

from bsynth.cli import main

STOPPED = 128
"""From which on an exit code is that of a signal."""
UNFLUSHED = 120
"""Exit code of Python itself where its last words could not be written."""


def run() -> None:
    """Run the command line, and leave at once.

    When all is said and written, Python takes a process apart object by object, which lasts a second after a run.
    """
    code = 0
    try:
        main()
    except SystemExit as done:
        code = int(done.code or 0)
    if code >= STOPPED:
        # Workers that were beginning when a signal came tell, each in a traceback, of what they no longer find.
        for worker in multiprocessing.active_children():
            worker.terminate()
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        sys.exit(code)
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except OSError:
        code = code or UNFLUSHED
    os._exit(code)


if __name__ == "__main__":
    run()
