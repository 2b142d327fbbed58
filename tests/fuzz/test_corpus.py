"""What fuzzing once found, and what it begins with, by every reader."""

from pathlib import Path

import pytest
from fuzz.targets import TARGETS, text_of_a_result

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(file for file in CORPUS.rglob("*") if file.is_file())


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.name}")
def test_input(file: Path) -> None:
    TARGETS[file.parent.name](file.read_bytes())


@pytest.mark.parametrize(
    "name", ["settings/model", "settings/waves", "settings/own", "settings/plan", "table/plain", "table/weeks"]
)
def test_what_it_begins_with_is_good(name: str) -> None:
    assert TARGETS[name.split("/")[0]]((CORPUS / name).read_bytes()) is not None


def test_a_good_text_is_read() -> None:
    assert TARGETS["result"](b"\x01" + text_of_a_result()) is not None
