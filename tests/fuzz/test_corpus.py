"""What fuzzing once found, and what it begins with, by every reader."""

from pathlib import Path

import pytest
from fuzz.targets import TARGETS, text_of_a_result

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(file for file in CORPUS.rglob("*") if file.is_file())


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.name}")
def test_input(file: Path) -> None:
    TARGETS[file.parent.name](file.read_bytes())


def test_a_good_text_is_read() -> None:
    TARGETS["result"](b"\x01" + text_of_a_result())
