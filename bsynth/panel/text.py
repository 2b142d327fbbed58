"""CSV files as people and programs save them: where the header is, and what a broken line is called."""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bsynth.errors import PanelError
from bsynth.text.numbers import count

_HEAD = 1 << 20
"""Bytes among which the header must lie."""
_BLANK = " \t,;|\"'"
_OTHER = {
    codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF32_BE: "UTF-32", codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}  # fmt: skip
"""How files of other encodings begin; the longer mark of those that begin alike stands first."""


@dataclass(frozen=True)
class Header:
    """The names of the columns, what separates them, and how many lines stand before them."""

    names: list[str]
    delimiter: str
    before: int
    after: list[str]

    def below(self, wanted: Collection[str]) -> int | None:
        """The number of a line further down that holds every wanted name, where the header holds none of them."""
        if not wanted or set(wanted) & set(self.names):
            return None
        for number, line in enumerate(self.after, start=self.before + 2):
            if set(wanted) <= {name.strip().strip('"') for name in re.split(r"[,;\t|]", line)}:
                return number
        return None


def read_header(path: Path) -> Header:
    """Find the header: the first line that is not blank (nothing but spaces and separators).

    Separator and names come from that line, because guessing from all lines hides which line is broken. The
    separator is the one that the header uses most, or what a line ``sep=;`` before it says, as spreadsheets write.
    """
    lines = _lines(path)
    before, said = 0, None
    while before < len(lines):
        line = lines[before].strip()
        if found := re.fullmatch(r'"?sep=(.)"?', line, re.IGNORECASE):
            said = found[1]
        elif line.strip(_BLANK):
            break
        before += 1
    if before == len(lines):
        raise PanelError(f"{path.name} has no rows: every line is blank; give a header line and rows below it")
    delimiter = said or max(",;\t|", key=re.sub(r'"[^"]*"', "", lines[before]).count)
    record = csv.reader(io.StringIO("".join(lines[before:]), newline=""), delimiter=delimiter)
    try:
        names = next(record)
    except csv.Error as error:
        raise PanelError(
            f"file {path.name!r} cannot be read: its header in line {before + 1} is broken ({error}); correct that line"
        ) from error
    names = [name or f"column{i}" for i, name in enumerate(names)]
    if twice := [name for name in names if names.count(name) > 1]:
        raise PanelError(f"{path.name}: column {twice[0]!r} appears {names.count(twice[0])} times; keep one")
    return Header(names, delimiter, before, lines[before + 1 : before + 50])


def _lines(path: Path) -> list[str]:
    """The first lines with their ends, which may be those of Windows, Unix or the old Mac."""
    opener: Callable[..., Any] = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            head = file.read(_HEAD)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from error
    if (other := next((name for mark, name in _OTHER.items() if head.startswith(mark)), None)) is not None:
        raise PanelError(
            f"file {path.name!r} is {other} text and not UTF-8; save it as UTF-8 ('CSV UTF-8' in a spreadsheet)"
        )
    text: list[str] = []
    for line in re.findall(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", head):
        # What is no text below the header is for the engine to name; a last line may be cut inside a character.
        below = any(each.strip(_BLANK + "\r\n") for each in text)
        try:
            text.append(line.decode("utf-8" if text else "utf-8-sig"))
        except UnicodeDecodeError as error:
            if below:
                break
            raise PanelError(f"file {path.name!r} is not UTF-8 text; save it as UTF-8 and try again") from error
        if "\0" in text[-1] and not below:
            raise PanelError(f"file {path.name!r} is not a text file; give a CSV or Parquet file")
    return text


def unreadable(path: Path, error: Exception) -> PanelError:
    """Say in one line why an engine could not read a file."""
    name, text = path.name, str(error)
    if re.search("invalid unicode|not utf-8 encoded", text, re.IGNORECASE):
        return PanelError(f"file {name!r} is not UTF-8 text; save it as UTF-8 and try again")
    line = re.search(r"CSV Error on Line: (\d+)", text)
    where = f"line {line[1]} " if line else "a line "
    if found := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text):
        return PanelError(
            f"file {name!r} cannot be read: {where}has {count(int(found[2]), 'value')} and the header "
            f"{count(int(found[1]), 'name')}; correct it "
            "(a value that holds the separator goes in double quotes)"
        )
    if "unterminated quote" in text:
        return PanelError(
            f"file {name!r} cannot be read: {where}has a double quote that is not closed; close or remove it"
        )
    if "state machine reached an invalid state" in text:
        return PanelError(
            f"file {name!r} cannot be read: its lines end in different ways or a double quote stands inside a value; "
            "save it again as CSV (UTF-8)"
        )
    reason = " ".join(re.split("Possible fixes|LINE 1:", text)[0].split())
    return PanelError(f"file {name!r} cannot be read, it may be damaged or cut off: {reason[:160]}")


def advice(text: str) -> str:
    """What to do with a text where a number belongs."""
    digits = text.strip().replace("\xa0", " ")
    if re.fullmatch(r"-?\d+,\d+", digits) and not re.fullmatch(r"-?[1-9]\d{0,2},\d{3}", digits):
        return "write decimals with a point (52.9), or read the file with pandas.read_csv(..., decimal=',')"
    if re.fullmatch(r"-?\d{1,3}([,. '_]\d{3})+([.,]\d+)?|-?\d+,\d+", digits):
        return "write numbers without thousands separators and with a decimal point (1234.5)"
    if re.fullmatch(r"[-+]?[\s$€£¥%]*[\d.,]*\d[\s$€£¥%]*", digits):
        return "write plain numbers, without a currency or percent sign"
    return "correct it or leave the cell empty"
