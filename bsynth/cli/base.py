"""What every command shares: the group, its exit codes, and that whatever happens is told in one line."""

import _thread
import gc
import os
import re
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Never

import click
from threadpoolctl import threadpool_limits

from bsynth.errors import BsynthError, EngineWarning, FitError, nearest

DONE, BROKEN, BAD_INPUT, UNRELIABLE = 0, 1, 2, 3
INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM
"""As shells count what a signal has ended."""
ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What asks a command to end: a scheduler, or a terminal that is closed."""
TRACEBACK = "BSYNTH_TRACEBACK"
"""Set in the environment, it has what breaks down show where."""
SWEPT = 100_000
"""New objects from which a command looks for those that nothing reaches: each look costs a command that imports and
draws as much as it makes, and takes a tenth of its time at Python's own 700."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What says how many threads linear algebra takes; each library reads its own, and all of them the first."""
_goes_on: list[tuple[str, Path | None]] = []
"""How the command that runs goes on after it is stopped, where it has said so, and from which file: a second signal may
end it when click has put its context away."""
_asked: list[int] = []
"""Signals that have asked it to end: an exception that a signal raises may be lost, or turn into another."""
AGAIN = 0.02
"""Seconds after which a signal is raised again whose exception fell where none can be: long after a finaliser."""


class _Path(click.Path):
    """A path, which an empty text is not: it would be the folder one happens to be in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not os.fspath(value):
            self.fail("it is empty; give a path", param, ctx)
        return super().convert(value, param, ctx)


PATH = _Path(path_type=Path)


class Terminated(BaseException):
    """The process was asked to end (`ENDING`): it does, after what it holds is put away."""


@contextmanager
def seldom_swept() -> Iterator[None]:
    """Look seldom for objects that nothing reaches, as long as a command lasts."""
    before = gc.get_threshold()
    gc.set_threshold(SWEPT, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep linear algebra to one thread, unless the environment says how many: matrices are too small for more.

    On a busy machine several of them wait for each other, and a command takes a tenth longer to many times as long.
    """
    if any(os.environ.get(name) for name in THREADS):
        yield
        return
    # What is loaded later reads the environment, and so do worker processes.
    os.environ[THREADS[0]] = "1"
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        del os.environ[THREADS[0]]


@contextmanager
def without_backend() -> Iterator[None]:
    """Pass over the window in which scripts have their pictures shown: a command shows none, be there such or not."""
    before = os.environ.pop("MPLBACKEND", None)
    try:
        yield
    finally:
        if before is not None:
            os.environ["MPLBACKEND"] = before


@contextmanager
def heeding_terminate(*, deaf: bool = False) -> Iterator[None]:
    """Have SIGTERM and SIGHUP end a command as Ctrl-C does: what it holds is put away, and it says so.

    ``deaf`` has the process ignore them and Ctrl-C from then on: its last word is said, and it is about to leave.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> Never:
        _asked.append(number)
        raise Terminated

    # What whoever began it has told to be ignored, as nohup does, still is.
    before = {each: signal.getsignal(each) for each in ENDING}
    heeded = {each: handler for each, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for each in heeded:
        signal.signal(each, end)
    try:
        with _raised_again():
            yield
    finally:
        for each, handler in heeded.items():
            signal.signal(each, signal.SIG_IGN if deaf else handler)
        if deaf:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        _asked.clear()


@contextmanager
def _raised_again() -> Iterator[None]:
    """Raise a signal anew whose exception fell into a finaliser or a callback, where Python prints it and goes on."""
    shown, waiting = sys.unraisablehook, list[threading.Timer]()

    def again(number: signal.Signals) -> None:
        waiting.clear()
        _thread.interrupt_main(number)

    def lost(found: Any) -> None:
        if not isinstance(found.exc_value, Terminated | KeyboardInterrupt):
            shown(found)
        elif not waiting:
            number = signal.SIGINT if isinstance(found.exc_value, KeyboardInterrupt) else signal.Signals(_asked[-1])
            # Not here: it would fall into this very call. What is not handled any more by then, is not raised.
            waiting.append(threading.Timer(AGAIN, again, (number,)))
            waiting[0].daemon = True
            waiting[0].start()

    sys.unraisablehook = lost
    try:
        yield
    finally:
        sys.unraisablehook = shown
        for each in waiting:
            each.cancel()


def heed() -> None:
    """End a command that was asked to end, where code that calls back into Python has swallowed the exception."""
    if _asked:
        raise Terminated


def given_threads() -> dict[str, str]:
    """What the environment said of threads, before a command said it itself."""
    said = click.get_current_context().meta[THREADS[0]]
    return {name: os.environ[name] for name in THREADS if said and os.environ.get(name)}


def goes_on(words: str, kept: Path | None = None) -> None:
    """Say, from within a command, how it goes on after it is stopped; from ``kept``, if by then that is there."""
    _goes_on[:] = [(words, kept)]


class Group(click.Group):
    """Tells whatever ends a command in one line on stderr, with an exit code of its own."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a warning that fits take longer is one line, too."""
        try:
            ctx.meta[THREADS[0]] = any(os.environ.get(name) for name in THREADS)
            with seldom_swept(), one_thread(), without_backend(), warnings.catch_warnings():
                shown = warnings.showwarning

                def one_line(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
                    if issubclass(category, EngineWarning):
                        click.echo(f"bsynth: {message}", err=True)
                    else:
                        shown(message, category, *where, **more)

                warnings.showwarning = one_line
                return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except BaseException as error:
            command = self.get_command(ctx, ctx.invoked_subcommand or "")
            if (told := _told(error, command)) is None:
                raise
            click.echo(f"bsynth: {told[0]}", err=True)
            ctx.exit(told[1])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; say the nearest one where there is none."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            ctx.fail(f"there is no command {name!r}{nearest(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, standalone_mode: bool = True, deaf: bool = False, **extra: Any) -> Any:
        """Run the command line and leave with its exit code; no traceback reaches whoever called it.

        ``deaf`` says that nothing comes after it (`heeding_terminate`).
        """
        run: Any = super().main
        _goes_on.clear()
        if not standalone_mode:
            return run(*args, standalone_mode=False, **extra)
        with heeding_terminate(deaf=deaf):
            try:
                code = run(*args, standalone_mode=False, **extra)
            except click.exceptions.NoArgsIsHelpError as error:
                error.show()
                code = BAD_INPUT
            except click.ClickException as error:
                click.echo(f"bsynth: {_usage(error)}", err=True)
                code = BAD_INPUT
            # Whatever it is, whoever runs a night's job is told in one line.
            except (Exception, Terminated, KeyboardInterrupt) as error:  # noqa: BLE001
                words, code = _told(error, None) or (_broken(error), BROKEN)
                click.echo(f"bsynth: {words}", err=True)
        sys.exit(code if isinstance(code, int) else DONE)


_SETTING = re.compile(r"\b(?P<name>[a-z_]+)=(?:'(?P<value>[\w-]+)'|(?=[\s,;)]|$))")
"""A setting as Python has it, with a value or alone."""


def as_typed(text: str, command: click.Command | None) -> str:
    """A message in the words of a command's options.

    Examples
    --------
    >>> as_typed("fill it, or pass missing='drop-units', or end before it with end=", click.Command("run", params=[
    ...     click.Option(["--missing"]), click.Option(["--end"])]))
    'fill it, or pass --missing drop-units, or end before it with --end'
    """
    options = [] if command is None else [option for each in command.params for option in each.opts]

    def typed(found: re.Match[str]) -> str:
        option = f"--{found['name'].replace('_', '-')}"
        return " ".join(filter(None, [option, found["value"]])) if option in options else found[0]

    return _SETTING.sub(typed, text)


_LESS = "give fewer --draws or --jobs, or a smaller panel (--where, --donors, --freq)"


def _usage(error: click.ClickException) -> str:
    """What is wrong with the options, and which command tells all of them."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    words = " ".join(error.format_message().split()).rstrip(".")
    return f"{words}; {'bsynth' if ctx is None else _named(ctx)} --help says what can be given"


def _named(ctx: click.Context) -> str:
    """The command as one types it, however it was called."""
    names = []
    while ctx.parent is not None:
        names.append(ctx.info_name or "")
        ctx = ctx.parent
    return " ".join(["bsynth", *reversed(names)])


def _told(error: BaseException, command: click.Command | None) -> tuple[str, int] | None:
    """What is said of what ended a command, and its exit code; None of what is nobody's but bsynth's own fault."""
    more = "".join(f"; {words}" for words, kept in _goes_on if kept is None or kept.exists())
    # An engine that is stopped says nothing of the signal that did it, or speaks of a fault.
    by_key = isinstance(error, KeyboardInterrupt | click.Abort)
    if _asked or by_key or isinstance(error, Terminated):
        how = "asked to end" if _asked or not by_key else "interrupted"
        code = 128 + _asked[0] if _asked else INTERRUPTED if by_key else TERMINATED
        return f"{how}{more or '; nothing was written'}", code
    if isinstance(error, FitError):
        return f"{error}{more}", BROKEN
    if isinstance(error, BsynthError):
        return as_typed(str(error), command), BAD_INPUT
    if isinstance(error, MemoryError | OSError):
        words, code = _of_the_machine(error)
        return f"{words}{more}", code
    return None


def _of_the_machine(error: OSError | MemoryError) -> tuple[str, int]:
    """What the operating system refuses, and of what; and the exit code."""
    if isinstance(error, MemoryError):
        return f"out of memory; {_LESS}", BROKEN
    if isinstance(error, BrokenPipeError):
        return "whoever read what it says has gone (broken pipe)", BROKEN
    what = f"{error.filename!r} cannot be used" if error.filename else "a file cannot be used"
    return f"{what} ({(error.strerror or type(error).__name__).lower()}); make room or give another place", BAD_INPUT


def _broken(error: BaseException) -> str:
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    lines = str(error).strip().splitlines()
    said = ": ".join([type(error).__name__, *lines[:1]])[:300]
    return f"this is a fault of bsynth and not of your data: {said}; {TRACEBACK}=1 shows where, please report it"
