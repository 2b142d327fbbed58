"""The study of ``study.toml`` beside this file: eleven methods in ten worlds of known effect.

By the protocol beside this file. Writes ``study.csv``, one row per world and method in units of the treated series' sd
before the start; finished fits are kept in ``.evidence/study``, so an interrupted run goes on where it stopped.
"""

from pathlib import Path

import pytest

import bsynth as bs
from bsynth._base.request import whole

FILE = Path(__file__).with_name("study.csv")
SPEC = Path(__file__).with_name("study.toml")
WORK = Path(".evidence/study")


@pytest.mark.evidence
@pytest.mark.filterwarnings("ignore::bsynth.errors.UnreliableWarning")
def test_methods_in_worlds_of_known_effect() -> None:
    found = bs.study(SPEC, WORK)
    found.write(WORK)
    with whole(FILE) as part:
        found.measures("sd").round(5).to_csv(part, index=False, lineterminator="\n")
    assert found.status == "ok", found.reason
