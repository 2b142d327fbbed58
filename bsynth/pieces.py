"""Finished pieces of a long run, one JSON line each: a kill loses at most the piece in flight."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bsynth._base.request import as_path, check_file, writing
from bsynth.errors import SpecError


def digest(description: object, *data: bytes) -> str:
    """Return a short key of what a piece was computed from: plain data, and arrays as bytes."""
    text = json.dumps(description, sort_keys=True, default=str)
    return hashlib.sha256(text.encode() + b"".join(data)).hexdigest()[:16]


def check_store(store: str | Path | None) -> Path | None:
    """Return the store's path; raise `SpecError` unless a file can be there."""
    if store is None:
        return None
    file = as_path(store, "store")
    if os.path.isdir(file) or not os.path.isdir(file.parent):
        reason = "it is a folder" if os.path.isdir(file) else f"there is no folder {str(file.parent)!r}"
        raise SpecError(
            f"store {str(file)!r} cannot be written: {reason}; give the path of a file in a folder there is"
        )
    return check_file(file, "store")


def append(file: Path, key: str, record: Mapping[str, Any]) -> None:
    """Append one finished piece."""
    line = json.dumps({"key": key, **record}) + "\n"
    with writing(file, "store"), file.open("ab+") as out:
        if out.seek(0, os.SEEK_END) > 0:
            out.seek(-1, os.SEEK_END)
            # A kill may have cut the last line short; what follows must not join it.
            line = line if out.read(1) == b"\n" else "\n" + line
        out.write(line.encode())


def finished(file: Path | None) -> list[tuple[str, dict[str, Any]]]:
    """Return finished pieces in the order of the file, each with its key; a line cut short by a kill is passed over."""
    found: list[tuple[str, dict[str, Any]]] = []
    if file is None or not file.is_file():
        return found
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(record, dict) and isinstance(record.get("key"), str):
            found.append((record.pop("key"), record))
    return found


def stored(file: Path | None) -> dict[str, dict[str, Any]]:
    """Return finished pieces by their key, the last of each."""
    return dict(finished(file))
