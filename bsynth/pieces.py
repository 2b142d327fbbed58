"""Many fits: the first compiles for the rest, and each is kept on disk when done; a kill loses those in flight."""

import hashlib
import json
import os
import re
import warnings
from collections.abc import Callable, Generator, Hashable, Iterable, Mapping
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib

from bsynth._base.progress import progress_bar
from bsynth._base.request import as_path, check_file, check_jobs, writing
from bsynth._base.telling import quietly
from bsynth.errors import FitError, SpecError

type Record = dict[str, Any]
"""What a finished piece is on disk: plain JSON data."""
WORKER_LOST = "a worker process was ended from outside, as systems do where memory runs out; let fewer run side by side"
CHAINS = 4
"""Cores that one piece mostly keeps at work."""
_BEGINS = b'{"key": "", "piece": "'
"""How every line of a store begins, with its key left out."""


@dataclass(frozen=True)
class Store:
    """A JSON-lines file of finished pieces, of which those with one ``key`` are seen.

    Attributes
    ----------
    file : Path
    key : str
        What the pieces were computed from, such as a `digest`; pieces of other keys may be in the same file.
    fields : frozenset of str or None
        What a record holds; pieces with another record are not seen, so they are computed again. None: anything.
    """

    file: Path
    key: str
    fields: frozenset[str] | None = None

    def add(self, piece: str, record: Record) -> None:
        """Append one finished piece.

        Raises
        ------
        SpecError
            When the file cannot be written.
        """
        line = json.dumps({"key": self.key, "piece": piece, **record}) + "\n"
        with writing(self.file, "store"), self.file.open("ab+") as out:
            if out.seek(0, os.SEEK_END) > 0:
                out.seek(-1, os.SEEK_END)
                # A kill may have cut the last line short; what follows must not join it.
                line = line if out.read(1) == b"\n" else "\n" + line
            out.write(line.encode())

    def read(self) -> dict[str, Record]:
        """Return the finished pieces in the order of the file, the last of each name; other lines are passed over."""
        found: dict[str, Record] = {}
        if not self.file.is_file():
            return found
        for line in self.file.read_bytes().splitlines():
            record = _parsed(line)
            if record is None or record.pop("key") != self.key:
                continue
            piece = record.pop("piece")
            if self.fields in (None, record.keys()):
                found[piece] = record
        return found


def _parsed(line: bytes) -> Record | None:
    """The record in a line of a store; None for a line cut short, or of something else."""
    try:
        record = json.loads(line)
    except ValueError:  # no JSON, or no UTF-8
        return None
    ours = isinstance(record, dict) and isinstance(record.get("piece"), str) and "key" in record
    return record if ours else None


def _is_store(file: Path) -> bool:
    """Whether a file is empty or begins with a record of ours, be it cut short by a kill."""
    with file.open("rb") as lines:
        first = lines.readline()
    begins = re.sub(rb'^(\{"key": ")[^"]*', rb"\1", first).removesuffix(b"\n")
    return first == b"" or begins.startswith(_BEGINS) or (begins != b"" and _BEGINS.startswith(begins))


def digest(description: object, *data: bytes) -> str:
    """Return a short key of what a piece was computed from: plain data, and arrays as bytes."""
    text = json.dumps(description, sort_keys=True, default=str)
    return hashlib.sha256(text.encode() + b"".join(data)).hexdigest()[:16]


def check_store(store: str | Path | None) -> Path | None:
    """Return the store's path; raise `SpecError` unless a store can be there, and another file is not."""
    if store is None:
        return None
    file = as_path(store, "store")
    if os.path.isdir(file) or not os.path.isdir(file.parent):
        reason = "it is a folder" if os.path.isdir(file) else f"there is no folder {str(file.parent)!r}"
        raise SpecError(
            f"store {str(file)!r} cannot be written: {reason}; give the path of a file in a folder there is"
        )
    check_file(file, "store")
    if file.is_file() and not _is_store(file):
        raise SpecError(
            f"store {str(file)!r} is a file of something else; give a new path, or that of an earlier store"
        )
    return file


def run_pieces[J, R](
    jobs: Mapping[str, J],
    work: Callable[[J], R],
    *,
    title: str,
    store: Store | None = None,
    n_jobs: int | None = None,
    progress: bool = True,
    compiled: Callable[[J], Hashable] = lambda job: None,
) -> list[R]:
    """Do ``work`` on every job, in parallel, and return the results in the order of the jobs.

    Parameters
    ----------
    jobs : mapping of str to job
        The name is the piece's in the store, so it must say all by which the jobs differ.
    work : function of a job
        Its result is a plain JSON ``dict`` where there is a store. Its `UnreliableWarning` is not shown: failed fits
        are counted and reported by the caller.
    title : str
        Beside the progress bar.
    store : Store, optional
        What it has is not computed again, and each piece that finishes is added at once.
    n_jobs : int, optional
        As of joblib: threads, since they share what is compiled; ``joblib.parallel_config`` moves the same call to
        processes or a cluster. By default as many as `side_by_side`.
    progress : bool
    compiled : function of a job
        What the job's fit compiles, by default the same for all. The first job of each runs alone, and only then do
        the others start and share it.

    Raises
    ------
    SpecError
        When ``n_jobs`` is no number of jobs, or the store cannot be written.
    FitError
        When a worker process is ended from outside, as by the system where memory runs out.
    Exception
        What ``work`` raises; pieces that have finished are in the store.

    Examples
    --------
    >>> run_pieces({"a": 3, "b": 1}, lambda n: n * n, title="squares", progress=False)
    [9, 1]
    """
    check_jobs(n_jobs)
    kept: Mapping[str, Any] = {} if store is None else store.read()
    done: dict[str, R] = {name: kept[name] for name in jobs if name in kept}
    missing = [name for name in jobs if name not in done]
    alone = set({compiled(jobs[name]): name for name in reversed(missing)}.values())
    with progress_bar(title, len(jobs), progress) as bar:
        bar.advance(bar.task_ids[0], len(done))

        def collect(found: Iterable[tuple[str, R]]) -> None:
            for name, result in found:
                done[name] = result
                if store is not None:
                    store.add(name, result)  # type: ignore[arg-type]  # plain data, as asked
                bar.advance(bar.task_ids[0])

        collect(_piece(name, jobs[name], work) for name in missing if name in alone)
        # Not before: joblib starts work when it is called, not when its results are read.
        parallel = joblib.Parallel(n_jobs=side_by_side(n_jobs), prefer="threads", return_as="generator_unordered")
        found = parallel(joblib.delayed(_piece)(name, jobs[name], work) for name in missing if name not in alone)
        try:
            collect(found)
        except BaseException as error:
            _end(found)
            if isinstance(error, BrokenProcessPool):
                raise FitError(WORKER_LOST) from None
            raise
    return [done[name] for name in jobs]


def _end(found: Generator[Any]) -> None:
    """Have joblib begin no further work; left to itself it tries to, and tells of each time in a traceback."""
    with warnings.catch_warnings():
        # That pieces are lost is what stopped them to say.
        warnings.simplefilter("ignore", UserWarning)
        found.close()


def side_by_side(n_jobs: int | None) -> int | None:
    """How many pieces run at once: as many as was said, here or to joblib, or as many as keep all cores at work.

    A fit samples its chains side by side, and what it does before and after that one core does alone: meanwhile the
    chains of another have the others.
    """
    if n_jobs is not None or joblib.effective_n_jobs(None) > 1:
        return n_jobs
    cores = int(joblib.cpu_count())
    return min(cores, 2 + cores // CHAINS)


def _piece[J, R](name: str, job: J, work: Callable[[J], R]) -> tuple[str, R]:
    """Do one job, in a thread of this process or of another."""
    with quietly():
        return name, work(job)
