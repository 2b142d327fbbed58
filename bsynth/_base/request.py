"""What any verb may be asked: a seed, and a path that is read or written."""

import math
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from bsynth.errors import BsynthError, SpecError, came, nearest


def check_seed(seed: object) -> int:
    """Return a seed as a plain number; refuse one that random generators do not take.

    Examples
    --------
    >>> check_seed(np.int64(1))
    1
    """
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise SpecError(f"seed is {shown(seed)}; give a whole number from 0, such as 1")
    return int(seed)


MOST = 1_000_000
"""Of what is drawn and kept, one by one: more is a slip of the hand, and no memory holds it."""
PATIENCE = 10.0
"""Seconds for which a folder is waited for that another command holds."""
UNFINISHED = ".unfinished"
"""Within a folder that a run fills: where finished fits, and files that are not whole yet, wait. Elsewhere
they could not be put in place where the folder is a disk of its own, and not be made where it alone may be written."""
MOST_JOBS = 1024
"""Fits side by side: each has a thread from the beginning."""


def check_whole(value: object, name: str, least: int, why: str, most: int | None = None) -> int:
    """Return a whole number of at least ``least`` as a plain one and refuse all else; ``why`` ends the message.

    Examples
    --------
    >>> check_whole(np.int64(100), "draws", 100, "the convergence gate needs them")
    100
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise SpecError(f"{name} is {shown(value)}; give at least {least}, {why}; whole numbers only")
    if most is not None and value > most:
        raise SpecError(f"{name} is {shown(value)}; give at most {most}: memory holds no more")
    return int(value)


def check_between(value: object, name: str, least: int, most: int, error: type[BsynthError] = SpecError) -> int:
    """Return a whole number from ``least`` to ``most`` as a plain one; raise ``error`` for any other number.

    Examples
    --------
    >>> check_between(True, "last", 3, 49)
    Traceback (most recent call last):
    bsynth.errors.SpecError: last is True; give 3 to 49, a whole number
    """
    instead = f"{name} is {shown(value)}; give {least} to {most}, a whole number"
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise SpecError(instead)
    if not least <= value <= most:
        raise error(instead)
    return int(value)


def check_number(value: object, name: str, instead: str = "a finite number") -> float:
    """Return a finite number as a plain one and refuse all else.

    Examples
    --------
    >>> check_number(np.float32(2.5), "threshold")
    2.5
    """
    if not isinstance(value, Real) or isinstance(value, bool | np.bool) or not math.isfinite(value):
        raise SpecError(f"{name} is {shown(value)}; give {instead}")
    return float(value)


def hinted[**P, R](verb: Callable[P, R]) -> Callable[P, R]:
    """Have a verb say which settings it takes when it is given one that it does not know.

    Examples
    --------
    >>> @hinted
    ... def fit(*, models: str = "") -> str: return models
    >>> fit(model="level")
    Traceback (most recent call last):
    TypeError: fit() has no setting 'model', did you mean 'models'?; it takes models
    """
    takes = tuple(signature(verb).parameters)

    @wraps(verb)
    def called(*given: P.args, **named: P.kwargs) -> R:
        for name in named:
            if name not in takes:
                raise TypeError(
                    f"{verb.__name__}() has no setting {name!r}{nearest(name, takes)}; it takes {', '.join(takes)}"
                )
        return verb(*given, **named)

    return called


def check_level(level: object) -> float:
    """Return a level as a plain number; raise `SpecError` unless 0 < level < 1.

    Examples
    --------
    >>> check_level(np.float64(0.9))
    0.9
    """
    instead = "a probability between 0 and 1, such as 0.95"
    found = check_number(level, "level", instead)
    if not 0 < found < 1:
        raise SpecError(f"level is {shown(int(found) if found.is_integer() else found)}; give {instead}")
    return found


def check_flags(**flags: object) -> None:
    """Refuse what is neither True nor False, so that "no" does not stand for yes; each by the name it was given.

    Examples
    --------
    >>> check_flags(progress=True, calibrated="no")
    Traceback (most recent call last):
    bsynth.errors.SpecError: calibrated is 'no'; give True or False
    """
    for name, value in flags.items():
        if not isinstance(value, bool | np.bool):
            raise SpecError(f"{name} is {shown(value)}; give True or False")


def check_kind(value: object, kind: type | tuple[type, ...], name: str, instead: str) -> None:
    """Refuse what is not of the kind that ``name`` takes; ``instead`` says what is, and what returns it.

    Examples
    --------
    >>> check_kind("x", Path, "folder", "a path")
    Traceback (most recent call last):
    bsynth.errors.SpecError: folder is the text 'x'; give a path
    """
    if not isinstance(value, kind):
        raise SpecError(f"{name} is {came(value)}; give {instead}")


def names_in(given: object, what: str, kinds: str) -> list[Any]:
    """Return one or several names as a list; a text or path is one name, and no sequence of letters.

    Examples
    --------
    >>> names_in("sc", "methods", "names"), names_in(("sc", "did"), "methods", "names")
    (['sc'], ['sc', 'did'])
    """
    if isinstance(given, str | os.PathLike):
        return [given]
    if not isinstance(given, Iterable):
        raise SpecError(f"{what} is {shown(given)}; give {kinds}")
    return list(given)


def choose_names(
    given: object, what: str, allowed: Sequence[str], sets: Mapping[str, Sequence[str]], verbs: Mapping[str, str]
) -> tuple[tuple[str, ...], frozenset[str]]:
    """Resolve names and sets of names: what they stand for, in the order of ``allowed``, and what was asked by name.

    ``sets`` and names combine, but ``"none"`` stands alone; ``verbs`` are names of functions that a reader may take
    for those of ``allowed``.

    Examples
    --------
    >>> chosen, named = choose_names(["few", "c"], "letters", "abc", {"few": ["a"], "none": []}, {})
    >>> chosen, sorted(named)
    (('a', 'c'), ['c'])
    """
    names = names_in(given, what, f"names, or {' or '.join(map(repr, sets))}")
    known = (*allowed, *sets)
    for name in names:
        if name not in known:
            hint = f", did you mean {verbs[name]!r}?" if name in verbs else nearest(name, known)
            raise SpecError(f"unknown {what.removesuffix('s')} {name!r}{hint}; allowed: {', '.join(known)}")
    if "none" in names and len(names) > 1:
        raise SpecError(f"{what} has 'none' beside other names; 'none' stands alone")
    wanted = {each for name in names for each in sets.get(name, (name,))}
    return tuple(name for name in allowed if name in wanted), frozenset(name for name in names if name not in sets)


def check_jobs(n_jobs: object) -> int | None:
    """Return a number of parallel jobs and refuse all else; None and −1 take every core."""
    if n_jobs is None or (isinstance(n_jobs, int | np.integer) and n_jobs == -1):
        return None if n_jobs is None else -1
    return check_whole(n_jobs, "n_jobs", 1, "or leave it out for all cores", MOST_JOBS)


def as_path(path: object, what: str) -> Path:
    """Return a path that the user gave; anything else than text or a path is refused."""
    if not isinstance(path, str | os.PathLike) or not str(path) or "\0" in str(path):
        raise SpecError(f"{what} is {shown(path)}; give a path")
    return Path(path)


@contextmanager
def writing(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """Turn what the operating system says of a path that cannot be written into one line."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error).split("\n")[0]).lower()
        raise SpecError(
            f"{what} {shown(str(path))} cannot be written ({reason}); give one in a folder where files can be made"
        ) from error


@contextmanager
def whole(file: Path) -> Iterator[Path]:
    """Where to write what becomes ``file`` once all of it is there; what stops it leaves ``file`` as it was.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "answer.txt"
    ...     with whole(file) as part:
    ...         _ = part.write_text("42")
    ...     file.read_text(), len(os.listdir(folder))
    ('42', 1)
    """
    # Of each process its own: two runs into one folder do not write into each other's.
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        yield part
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def alone(folder: Path, what: str) -> Iterator[None]:
    """Fill a folder that no other command fills meanwhile; one that is about to end is waited for.

    Raises
    ------
    SpecError
        Another command holds it.
    """
    try:
        import fcntl
    except ImportError:  # where folders cannot be held
        yield
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise SpecError(
                        f"{what} {str(folder)!r} is being filled by another command; wait for it, or give another"
                    ) from None
                time.sleep(0.1)
            except OSError:  # a file system without
                break
        yield
    finally:
        os.close(held)


def check_file(path: object, what: str) -> Path:
    """Return the path of a file to write; raise `SpecError` when none can be there. It leaves nothing behind.

    Examples
    --------
    >>> check_file("some.nc", "path").name
    'some.nc'
    """
    asked = as_path(path, what)
    if os.path.isdir(asked):
        raise SpecError(f"{what} {str(path)!r} is a folder; give the path of a file")
    _try(asked, what)
    return asked


def check_folder(path: object, what: str) -> Path:
    """Return the path of a folder to write into, there or not; raise `SpecError` when it cannot be."""
    asked = as_path(path, what)
    if os.path.isfile(asked):
        raise SpecError(f"{what} {str(path)!r} is a file; give a folder")
    _try(asked, what)
    return asked


def check_output(path: object, what: str, ours: str, files: Sequence[str] = (), folders: Sequence[str] = ()) -> Path:
    """Return the path of a folder that a run may fill: new, empty, or one that an earlier run has marked as its own.

    ``ours`` is the file that marks it; ``files`` and ``folders`` are what will be written, so nothing of another kind
    may have their names. A folder with nothing but `UNFINISHED` in it is one that a run began.
    """
    folder = check_folder(path, what)
    named = f"{what} {str(path)!r}"
    held = {file.name for file in folder.iterdir()} if folder.is_dir() else set()
    if held - {UNFINISHED} and ours not in held:
        raise SpecError(f"{named} is not empty and not a run folder; give a new folder")
    folders = (*folders, UNFINISHED)
    for name in (*files, *folders):
        if os.path.lexists(folder / name) and (folder / name).is_dir() != (name in folders):
            kinds = ("file", "folder") if name in folders else ("folder", "file")
            raise SpecError(f"{named} holds a {kinds[0]} {name!r} where a {kinds[1]} is written; give a new folder")
    return folder


def _try(path: Path, what: str) -> None:
    """Make the path in a scratch folder inside the nearest folder that is there.

    Permission bits alone do not tell: of root, of a full disk, of a read-only mount, of ``/proc``.
    """
    whole = path.absolute()
    folders = [folder for folder in (whole, *whole.parents) if os.path.lexists(folder)]
    there = whole.parent if os.path.isfile(whole) else folders[0]
    rest = Path(whole.name) if whole in folders else whole.relative_to(there)
    with writing(path, what), tempfile.TemporaryDirectory(dir=there, prefix=".") as scratch:
        # Files and folders that are not whole yet have a longer name.
        (Path(scratch) / rest.parent / f".{rest.name}.unfinished").mkdir(parents=True)


def shown(value: object) -> str:
    """A value that came, for a message: as it is written where that is short, else by its kind.

    Examples
    --------
    >>> shown(-1), shown("many"), shown([1] * 99)
    ('-1', "'many'", 'a list')
    """
    text = repr(value)
    if isinstance(value, str):
        return text if len(text) <= 200 else f"{text[:80]}…{text[-20:]}"
    kind = type(value).__name__
    return text if value is None or (len(text) <= 40 and "\n" not in text) else f"a {kind}"
