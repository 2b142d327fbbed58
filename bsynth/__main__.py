"""What a shell calls: ``bsynth``, or ``python -m bsynth``."""

import atexit
import multiprocessing
import os
import signal
import sys
import threading

from bsynth.cli import main
from bsynth.cli.base import ENDING

STOPPED = 128
"""From which on an exit code is that of a signal."""
UNFLUSHED = 120
"""Exit code of Python itself where its last words could not be written."""
PATIENCE = 5.0
"""Seconds for which what a command has begun may take to end."""


def run() -> None:
    """Run the command line, and leave at once.

    When all is said and written, Python takes a process apart object by object, which lasts a second after a run.
    """
    code, here = 0, threading.main_thread()
    try:
        main(deaf=True)
    except SystemExit as done:
        code = int(done.code or 0)
    _end_workers(code)
    if code < STOPPED and any(not thread.daemon and thread is not here for thread in threading.enumerate()):
        for each in (signal.SIGINT, *ENDING):
            signal.signal(each, lambda *_: os._exit(code))
        sys.exit(code)
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except OSError:
        code = code or UNFLUSHED
    os._exit(code)


def _end_workers(code: int) -> None:
    """End workers of many fits, with what they share, of which somebody else would speak as leaked; or leave without.

    Those that were beginning when a signal came tell otherwise, each in a traceback, of what they no longer find.
    """
    pool = getattr(sys.modules.get("joblib.externals.loky.reusable_executor"), "_executor", None)
    late = threading.Timer(PATIENCE, os._exit, (code,))
    late.daemon = True
    late.start()
    if pool is not None:
        getattr(pool, "terminate", pool.shutdown)(kill_workers=True)
    if code >= STOPPED:
        for worker in multiprocessing.active_children():
            worker.terminate()
    late.cancel()


if __name__ == "__main__":
    run()
