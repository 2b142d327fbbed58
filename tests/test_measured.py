"""What is said of procedures that fail is what was measured of them."""

import json
from pathlib import Path

import pytest

import bsynth as bs
from bsynth.frequentist import bootstrap, conformal, jackknife_plus, placebo_space
from bsynth.frequentist.inference.measured import FAILING, LEVEL, MEASURED, WORLDS, fell_short, measured
from bsynth.reporting.sections import sections as sections_of

EVIDENCE = Path(__file__).parent / "evidence"


def test_every_procedure_that_failed_is_named_with_its_coverage() -> None:
    found = json.loads((EVIDENCE / "classical.json").read_text())
    assert {world: found[world]["seeds"] for world in MEASURED} == {
        world: count for world, (count, _) in WORLDS.items()
    }
    level = f"{LEVEL:.0%}"
    failing = {
        world: {
            name: entry[level]["coverage"]
            for name, entry in found[world]["summary"].items()
            # Single periods have rows of their own, which a table of effects has not.
            if level in entry and not name.endswith("period") and entry[level]["coverage"] < FAILING
        }
        for world in MEASURED
    }
    assert failing == MEASURED


@pytest.fixture(scope="module")
def panel() -> bs.Panel:
    frame = bs.simulate_factor(donors=8, n_pre=16, n_post=4, seed=1)
    return bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=16)


def test_each_result_is_found_by_its_own_settings(panel: bs.Panel) -> None:
    cases = {
        "sc: bootstrap unit, percentile": bootstrap(panel, cluster="unit", replicates=100, progress=False),
        "demeaned: bootstrap time, percentile": bootstrap(
            panel, "demeaned", cluster="time", replicates=100, progress=False
        ),
        "sc: conformal iid, fitted on all, average": conformal(
            panel, permutations="iid", replicates=99, progress=False
        ),
        "demeaned: conformal moving-block, fitted on pre, average": conformal(
            panel, "demeaned", proxy="pre", progress=False
        ),
        "sc: jackknife+, average": jackknife_plus(panel, progress=False),
    }
    for name, result in cases.items():
        assert result.procedure == name
        shares = {row["worlds"]: row["coverage"] for row in measured(result.procedure)}
        assert shares == {WORLDS[world][1]: found[name] for world, found in MEASURED.items() if name in found}
        assert shares
        (said,) = [sentence for sentence in result.sentences() if result.fell_short in sentence]
        assert said == f"Its interval is {result.fell_short}."
    for result in (conformal(panel, progress=False), placebo_space(panel, progress=False)):
        assert measured(result.procedure) == []
        assert not any("where it was measured" in sentence for sentence in result.sentences())


def test_it_stands_beside_the_row_wherever_that_is(rollout_panel: bs.Panel) -> None:
    analysis = bs.analyse(
        rollout_panel, models=["none"], methods=["sc", "placebo", "bootstrap"], replicates=60, progress=False
    )
    words = "95% intervals of this kind held the truth in 40% of 30 simulated rollout logs with a known effect"
    summary = json.loads(json.dumps(analysis.to_dict(), allow_nan=False))
    said = {row["interval"]: row["measured"] for row in summary["effects"]}
    assert words in said.pop("bootstrap-percentile")
    assert set(said.values()) == {None}
    assert words in " ".join(analysis.verdict.details)
    sections = {section.slug: " ".join(section.sentences) for section in sections_of(analysis)}
    assert words in sections["classical"]
    assert words in sections["bootstrap"]
    assert fell_short([]) == ""
