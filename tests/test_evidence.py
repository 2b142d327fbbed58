"""The evidence machinery, and what the evidence of the catalogue must show."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from bsynth.calibration import PlaceboFit
from bsynth.errors import PanelError, SpecError
from bsynth.evidence import card, placebos, published, sbc, worlds
from bsynth.evidence.command import evidence_command
from bsynth.evidence.record import Settings, key_of, measure
from bsynth.evidence.run import PARTS, Request, folder_of, measure_model
from bsynth.evidence.scores import LEVELS, Scored, rounded
from bsynth.model.catalogue import list_models, load_model, models_folder
from bsynth.pieces import Store

QUIET = Settings(progress=False)


def evidence_of(name: str) -> dict[str, Any]:
    file = models_folder() / name / "evidence.json"
    return json.loads(file.read_text()) if file.is_file() else {}


def part(name: str, which: str) -> dict[str, Any]:
    found = evidence_of(name)
    if which not in found:
        pytest.skip(f"{which} of {name} has not been measured; run `bsynth models evidence {name} --part {which}`")
    return found[which]


# The machinery


def test_scores_by_hand() -> None:
    lower = np.column_stack([np.array([-1.0, 1.0])] * len(LEVELS))
    found = Scored(np.array([0.0, 0.0]), np.array([0.0, 2.0]), lower, lower + 2).summary()
    assert found["bias"] == 1.0
    assert found["rmse"] == pytest.approx(math.sqrt(2), rel=1e-3)
    assert found["90%"]["coverage"] == 0.5
    assert found["90%"]["mean_width"] == 2.0
    # One of two intervals misses by 1: 2 + (2 / .1) · 1 = 22, the other scores its width.
    assert found["90%"]["interval_score"] == pytest.approx((2 + 22) / 2)


def test_coverage_of_exact_intervals(rng: np.random.Generator) -> None:
    truth = rng.normal(size=4000)
    half = np.array([0.6745, 1.2816, 1.6449, 1.9600])
    found = Scored(truth, np.zeros(4000), np.tile(-half, (4000, 1)), np.tile(half, (4000, 1))).summary()
    for level in LEVELS:
        one = found[f"{level:.0%}"]
        assert abs(one["coverage"] - level) < 4 * one["coverage_mcse"]


def test_rounding_keeps_shape() -> None:
    assert rounded({"a": [1.23456789, math.nan], "b": 7}, 3)["a"][0] == 1.23
    assert rounded({"b": 7, "c": True}) == {"b": 7, "c": True}


def test_make_evidence_measures_every_model() -> None:
    makefile = (Path(__file__).parent.parent / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.split("\nevidence:")[1].split("\n\n")[0]
    commands = [
        line.split("models evidence ")[1].split(" --")[0] for line in recipe.splitlines() if "models evidence" in line
    ]
    assert sorted(" ".join(commands).split()) == sorted(list_models())


def test_measure_computes_only_what_is_missing(tmp_path: Path) -> None:
    calls: list[int] = []

    def piece(i: int) -> Any:
        return lambda: (calls.append(i), {"x": i})[1]

    pieces = {str(i): piece(i) for i in range(5)}
    store = Store(tmp_path / "pieces.jsonl", "k")
    store.add("3", {"x": 33})
    found = measure("test", pieces, store, QUIET)
    assert list(found) == list(pieces)
    assert sorted(calls) == [0, 1, 2, 4]
    assert found["3"] == {"x": 33}
    assert store.read().keys() == pieces.keys()


def test_key_names_the_specification_and_the_settings() -> None:
    level = load_model("level")
    assert key_of(level, {}) == key_of(level.model_copy(update={"name": "mine", "title": "Mine"}), {})
    assert key_of(level, {}) != key_of(load_model("sparse"), {})
    assert key_of(level, {"draws": 1}) != key_of(level, {"draws": 2})


# Simulation-based calibration


def test_envelope_holds_uniform_ranks_and_no_others(rng: np.random.Generator) -> None:
    inside = [sbc.uniformity(rng.integers(0, sbc.RANKS, size=300))["inside"] for _ in range(200)]
    assert 0.90 <= np.mean(inside) <= 0.99
    biased = np.minimum(rng.integers(0, sbc.RANKS, size=300) + 10, sbc.RANKS - 1)
    narrow = rng.binomial(sbc.RANKS - 1, rng.beta(0.6, 0.6, size=300))
    assert not sbc.uniformity(biased)["inside"]
    assert not sbc.uniformity(narrow)["inside"]


@pytest.mark.parametrize("name", list_models())
def test_simulated_truth_follows_the_prior(name: str) -> None:
    spec = load_model(name)
    known = spec.cells.variance == "known"
    truths = [sbc.draw(spec, np.random.default_rng([7, i]), known=known) for i in range(400)]
    design = truths[0].design
    assert design.X.shape == (sbc.N_PRE + sbc.N_POST, sbc.DONORS)
    assert design.known_variance == known
    sigma = np.array([t.quantities["sigma"] for t in truths])
    assert sigma.mean() == pytest.approx(spec.noise.sd * math.sqrt(2 / math.pi), rel=0.12)
    if spec.level.prior == "shift":
        level = np.array([t.quantities["level"] for t in truths])
        if known:  # the levels come from far and wide; about the centres that the design chose little is left of them
            assert np.ptp([t.design.center for t in truths]) > 4 * sbc.OFFSET
            assert abs(level).max() < sbc.OFFSET
        else:
            assert level.std() == pytest.approx(spec.level.sd, rel=0.12)
    if spec.drift.process == "walk":
        # The untreated mean strays from its level by u: E u_t² averaged over the window, times the share that drifts.
        assert np.std([t.quantities["drift sd"] for t in truths]) > 0
    assert all(0 < t.quantities["largest weight"] <= 1 for t in truths)


# Worlds


@pytest.mark.parametrize("name", list(worlds.WORLDS))
def test_worlds_have_their_sizes_and_seeds(name: str) -> None:
    world = worlds.WORLDS[name]
    outcome, traits = world.simulate(1)
    assert traits.shape == (world.donors + 1, 3)
    assert outcome.shape == (world.n_pre + world.n_post, world.donors + 1)
    np.testing.assert_array_equal(outcome, world.simulate(1)[0])
    assert not np.array_equal(outcome, world.simulate(2)[0])


def test_worlds_are_what_they_say() -> None:
    plain = worlds.WORLDS["factor"].simulate(3)[0]
    outside = worlds.WORLDS["outside"].simulate(3)[0]
    np.testing.assert_allclose(outside[:, 0] - plain[:, 0], 5.0)
    contaminated = worlds.WORLDS["contaminated"].simulate(3)[0] - plain
    assert np.count_nonzero(contaminated.any(axis=0)) == 1
    assert contaminated[:30].any() == np.False_
    spike = worlds.WORLDS["spike"].simulate(3)[0] - plain
    assert np.count_nonzero(spike) == 1
    assert spike[27:30, 0].sum() == pytest.approx(6 * worlds.NOISE)
    noise = worlds.draw_noise(np.random.default_rng(0), (20_000, 2), rho=0.6)
    assert noise.std() == pytest.approx(worlds.NOISE, rel=0.03)
    assert np.corrcoef(noise[1:, 0], noise[:-1, 0])[0, 1] == pytest.approx(0.6, abs=0.03)
    assert worlds.worlds_of(load_model("rollout")) == (worlds.ROLLOUT,)


# Placebos


@pytest.mark.parametrize(
    ("name", "units", "pre", "post"),
    [("geolift", 40, 75, 15), ("prop99", 38, 19, 12), ("germany", 16, 30, 14), ("basque", 16, 20, 23),
     ("turnout", 38, 14, 10)],
)  # fmt: skip
def test_never_treated_units_of_the_real_panels(data_dir: Path, name: str, units: int, pre: int, post: int) -> None:
    panel = placebos.never_treated(name, data_dir)
    assert (panel.n_donors + 1, panel.n_pre, panel.n_post) == (units, pre, post)


def test_missing_panels_are_named(tmp_path: Path) -> None:
    with pytest.raises(PanelError, match=r"california_prop99.csv' is missing; give the folder"):
        placebos.never_treated("prop99", tmp_path)


def _placebo(unit: int, error: float, sd: float, on: float, rng: np.random.Generator) -> tuple[PlaceboFit, dict]:
    drifting = (rng.random(1000) < on).astype(int)
    draws = error + sd * np.where(drifting > 0, 2.0, 1.0) * rng.normal(size=1000)
    kept = PlaceboFit(unit, draws, drifting, np.empty(0), np.empty(0), np.array([1 - on, on]), 1.0, "ok", 0.3)
    return kept, {"retried": False, "ess_min": 500.0}


def test_calibration_widens_what_is_too_narrow(rng: np.random.Generator) -> None:
    found = [_placebo(k, rng.normal(), 0.25, 0.9, rng) for k in range(40)]
    record = placebos.summarise(load_model("switched"), found)
    assert record["base"]["90%"]["coverage"] < 0.75
    assert record["learned"]["90%"]["median_width"] > record["base"]["90%"]["median_width"]
    assert 0.82 <= record["calibrated"]["90%"]["coverage"] <= 0.98
    assert record["pi"] > 0.85
    always = [(replace(kept, component=np.zeros(1000, dtype=int), support=np.ones(1)), more) for kept, more in found]
    assert "learned" not in placebos.summarise(load_model("drift"), always)


# Published results


def test_published_results_belong_to_a_specification() -> None:
    level = load_model("level")
    assert published.references(level) == ()
    copied = load_model("standardised").model_copy(update={"name": "mine"})
    assert [one.value for one in published.references(copied)] == [-21.8, -0.815, -2073.0]


def test_agreement_needs_mean_and_bounds() -> None:
    germany = published.REFERENCES["standardised"][2]
    fine = {"estimate": -2080.0, "lower": -2600.0, "upper": -1600.0, "status": "ok"}
    assert published.compare(germany, fine)["agrees"]
    assert not published.compare(germany, fine | {"lower": -2700.0})["agrees"]
    assert not published.compare(germany, fine | {"estimate": -2120.0})["agrees"]


# Cards and command


@pytest.mark.parametrize("name", list_models())
def test_card_shows_its_evidence(name: str) -> None:
    text, evidence = (models_folder() / name / "card.md").read_text(), evidence_of(name)
    assert evidence, f"{name} ships without evidence; run `bsynth models evidence {name}`"
    assert evidence["specification"] == key_of(load_model(name), {}), f"the evidence of {name} is of another model"
    assert card.update(text, evidence) == text


def test_card_without_markers_gets_tables_at_its_end() -> None:
    evidence = {"published": {"studies": []}}
    once = card.update("# mine\n", evidence)
    assert once.startswith("# mine\n\n<!-- evidence -->\n\nNo published results")
    assert card.update(once, evidence) == once


def test_bad_requests_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="placebos need the folder of the real panels; give --data"):
        measure_model("level", Request(parts=("placebos",)))
    with pytest.raises(SpecError, match="unknown model 'lvl'"):
        measure_model("lvl", Request(parts=("sbc",)))
    assert folder_of("level") == models_folder() / "level"
    assert folder_of(tmp_path / "model.toml") == tmp_path


@pytest.mark.slow
def test_own_folder_is_measured(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "model.toml").write_text((models_folder() / "level" / "model.toml").read_text())
    (folder / "card.md").write_text("# mine\n")
    arguments = ["--part", "sbc", "--simulations", "20", "--work", str(tmp_path / "work"), "--quiet"]
    result = CliRunner().invoke(evidence_command, [str(folder), *arguments])
    assert result.exit_code == 0, result.output
    evidence = json.loads((folder / "evidence.json").read_text())
    assert evidence["sbc"]["runs"][0]["simulations"] == 20
    assert set(evidence["sbc"]["runs"][0]["quantities"]) >= {"effect", "sigma", "level", "largest weight"}
    assert card.BEGIN in (folder / "card.md").read_text()
    assert len((tmp_path / "work" / "sbc-exact.jsonl").read_text().splitlines()) == 20


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bsynth.errors.UnreliableWarning")
def test_every_part_in_small(tmp_path: Path, data_dir: Path) -> None:
    """A trial run: six of everything, nothing written beside the model, finished pieces used again."""
    small = Settings(draws=150, tune=200, chains=2, n_jobs=1, progress=False)
    before = (models_folder() / "switched" / "evidence.json").read_bytes()
    request = Request(data=data_dir, work=tmp_path, only=("factor",), quick=True, settings=small)
    found = measure_model("switched", request)
    assert (models_folder() / "switched" / "evidence.json").read_bytes() == before
    assert set(found) == {"schema", "model", "specification", "versions", *PARTS}
    panels = found["placebos"]["panels"]
    assert all(panel["units"] == 6 for panel in panels.values())
    for kind in ("base", "learned", "calibrated"):
        assert found["placebos"]["pooled"][kind].keys() == panels["prop99"][kind].keys()
    assert list(found["worlds"]["worlds"]) == ["factor"]
    assert found["published"]["studies"] == []
    assert [run["simulations"] for run in found["sbc"]["runs"]] == [6, 6]
    kept = {file.name: file.read_bytes() for file in (tmp_path / "switched").iterdir()}
    assert measure_model("switched", request) | {"versions": 0} == found | {"versions": 0}
    assert {file.name: file.read_bytes() for file in (tmp_path / "switched").iterdir()} == kept


# What the evidence must show. Prototypes' coverage of the average effect's base interval, 90% and 95%.

PROTOTYPE = {
    "standardised": {"geolift": (0.650, 0.750), "prop99": (0.211, 0.289), "germany": (0.312, 0.375), "basque": (0.188, 0.250)},
    "dirichlet": {"geolift": (0.525, 0.675), "prop99": (0.263, 0.289), "germany": (0.375, 0.375), "basque": (0.188, 0.188)},
    "level": {"geolift": (0.700, 0.825), "prop99": (0.316, 0.342), "germany": (0.312, 0.375), "basque": (0.188, 0.312)},
    "ar1": {"geolift": (0.925, 0.975), "prop99": (0.579, 0.711), "germany": (0.500, 0.562), "basque": (0.438, 0.438)},
    "drift": {"geolift": (0.975, 0.975), "prop99": (0.789, 0.921), "germany": (0.500, 0.688), "basque": (0.562, 0.562)},
    "switched": {"geolift": (0.875, 0.925), "prop99": (0.789, 0.921), "germany": (0.500, 0.688), "basque": (0.562, 0.562)},
    "switched, calibrated": {
        "geolift": (0.925, 0.950), "prop99": (0.947, 0.974), "germany": (0.875, 0.938), "basque": (1.0, 1.0),
    },
    "default, calibrated": {
        "geolift": (0.925, 0.950), "prop99": (0.947, 0.974), "germany": (0.875, 0.938), "basque": (1.0, 1.0),
    },
}  # fmt: skip


@pytest.mark.parametrize("row", list(PROTOTYPE))
def test_coverage_on_real_panels_is_that_of_the_prototypes(row: str) -> None:
    name, _, kind = row.partition(", ")
    kind = kind or ("learned" if name == "switched" else "base")
    panels = part(name, "placebos")["panels"]
    for panel, expected in PROTOTYPE[row].items():
        n = panels[panel]["units"]
        for level, there in zip(("90%", "95%"), expected, strict=True):
            smoothed = (there * n + 1) / (n + 2)
            here = panels[panel][kind][level]["coverage"]
            assert abs(here - there) <= 2 * math.sqrt(smoothed * (1 - smoothed) / n) + 1e-3, (panel, level)


def test_calibrated_default_covers_and_is_not_wide() -> None:
    found = part("default", "placebos")
    pooled = found["pooled"]["calibrated"]
    assert pooled["n"] == 148
    assert 0.87 <= pooled["90%"]["coverage"] <= 0.97
    assert pooled["95%"]["coverage"] >= 0.93
    limits = {
        "geolift": (0.56, 0.165),
        "prop99": (3.3, 1.0),
        "germany": (1.0, 0.36),
        "basque": (1.65, 0.40),
        "turnout": (3.0, 0.90),
    }
    for name, (width, rmse) in limits.items():
        one = found["panels"][name]["calibrated"]
        assert one["90%"]["median_width"] <= width
        assert one["rmse"] <= rmse


@pytest.mark.parametrize(
    ("name", "ratio", "width", "bias"), [("default", 1.2, 0.060, 0.008), ("rollout", 1.1, 0.050, 0.008)]
)
def test_rollout_log_is_recovered(name: str, ratio: float, width: float, bias: float) -> None:
    found = part(name, "worlds")["worlds"][worlds.ROLLOUT]
    assert found["n"] == 100
    assert abs(found["bias"]) <= bias
    beside = found["difference_in_differences"]
    assert beside["rmse_ratio"] <= ratio
    assert found["95%"]["coverage"] >= 0.91
    assert found["95%"]["mean_width"] <= width


@pytest.mark.parametrize("world", ["factor", "factor-learned"])
def test_the_switch_costs_little_without_drift(world: str) -> None:
    default, level = part("default", "worlds")["worlds"][world], part("level", "worlds")["worlds"]["factor"]
    assert default["n"] >= 100
    assert level["n"] >= 100
    assert default["rmse"] <= 1.1 * level["rmse"]
    assert default["90%"]["mean_width"] <= 1.25 * level["90%"]["mean_width"]


SHORT = {"waves": ["correlation"]}
"""Quantities whose ranks are known to leave the envelope; the model's card says so."""


@pytest.mark.parametrize("name", list_models())
def test_ranks_are_uniform(name: str) -> None:
    for run in part(name, "sbc")["runs"]:
        assert run["simulations"] >= 300
        outside = [quantity for quantity, one in run["quantities"].items() if not one["inside"]]
        assert outside == SHORT.get(name, []), f"{name}, {run['cells']} cells: ranks of {outside} leave the envelope"
    _, marker, said = (models_folder() / name / "card.md").read_text().partition("**Known to fall short.**")
    assert bool(marker) == (name in SHORT)
    assert all(quantity in said.partition("**Evidence.**")[0] for quantity in SHORT.get(name, []))


@pytest.mark.parametrize("name", list(published.REFERENCES))
def test_published_results_are_reproduced(name: str) -> None:
    studies = part(name, "published")["studies"]
    assert len(studies) == 3
    assert [one["study"] for one in studies if not one["agrees"]] == []
