"""A file of settings: TOML text of whoever wrote it, read or refused in one line."""

import stat
import tomllib
from pathlib import Path
from typing import Any

from bsynth.errors import SpecError

LARGEST = 1 << 20
"""Bytes of a file of settings; what is larger is another file, or meant to take memory."""


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Return the plain data of a TOML text; ``source`` is what the message calls it.

    Raises
    ------
    SpecError
        What is no TOML, or nested so deeply that nobody wrote it.

    Examples
    --------
    >>> parse_toml("a = [1, 2]", "model.toml")
    {'a': [1, 2]}
    >>> parse_toml("a = " + "[" * 9999, "model.toml")
    Traceback (most recent call last):
    bsynth.errors.SpecError: model.toml is nested too deeply; it holds tables of settings, and no more
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise SpecError(f"{source} is nested too deeply; it holds tables of settings, and no more") from None
    # Beside its own error, that of a number of too many digits.
    except ValueError as error:
        raise SpecError(f"{source} is not valid TOML: {str(error).splitlines()[0]}") from error


def read_settings(path: Path, what: str, instead: str) -> str:
    """Return the text of a file of settings; ``what`` it is and what is to be given ``instead`` end up in the message.

    Raises
    ------
    SpecError
        No such file, none that can be read, one of another encoding, or one that is larger than settings are.
    """
    shown = f"{what} {str(path)!r}"
    try:
        found = path.stat()
        # Of a device or a pipe there may be no end.
        whole = stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST
        text = path.read_bytes() if whole or stat.S_ISDIR(found.st_mode) else None
    except OSError as error:
        raise SpecError(f"{shown} cannot be read ({error.strerror}); give {instead}") from error
    if text is None:
        kind = f"has {found.st_size} bytes, far more than settings" if stat.S_ISREG(found.st_mode) else "is no file"
        raise SpecError(f"{shown} {kind}; give {instead}")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(f"{shown} is not UTF-8; save it as UTF-8") from error
