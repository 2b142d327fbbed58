"""The study of ``study.toml`` beside this file: eleven methods in ten worlds of known effect.

By the protocol beside this file. Writes ``study.csv``, one row per world and method in units of the treated series' sd
before the start; finished fits are kept in ``.evidence/study``, so an interrupted run goes on where it stopped.
"""

from pathlib import Path

import pytest

import bsynth as bs
from bsynth._base.request import whole
from bsynth.studies.spec import StudySpec
from bsynth.studies.units import units_of

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


def test_the_study_is_one() -> None:
    """Ten worlds and more than ten methods, each of which goes with every world."""
    spec = StudySpec.from_file(SPEC)
    assert len(spec.worlds) == 10
    assert len(units_of(spec, SPEC.parent)) == len(spec.worlds) * len(spec.methods) * 200
