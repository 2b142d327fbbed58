"""What a shell calls: ``bsynth``, or ``python -m bsynth``."""

import atexit
import multiprocessing
import os
import signal
import sys
import threading

from bsynth.cli import main

STOPPED = 128
"""From which on an exit code is that of a signal."""
UNFLUSHED = 120
"""Exit code of Python itself where its last words could not be written."""
PATIENCE = 5.0
"""Seconds for which what a command has begun may take to end."""
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def run() -> None:
    """Run the command line, and leave at once.

    When all is said and written, Python takes a process apart object by object, which lasts a second after a run.
    """
    code = 0
    try:
        main()
    except SystemExit as done:
        code = int(done.code or 0)
    # Whatever comes now, comes after the command: its last word is said.
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN if code >= STOPPED else lambda *_: os._exit(code))
    if code >= STOPPED:
        _end_workers(code)
    elif any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
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
    """End workers, which tell otherwise, each in a traceback, of what they no longer find; leave where they stay."""
    late = threading.Timer(PATIENCE, os._exit, (code,))
    late.daemon = True
    late.start()
    pool = getattr(sys.modules.get("joblib.externals.loky.reusable_executor"), "_executor", None)
    if pool is not None:
        # With what it shares, of which somebody else speaks as leaked.
        pool.shutdown(wait=True, kill_workers=True)
    for worker in multiprocessing.active_children():
        worker.terminate()


if __name__ == "__main__":
    run()
