from html import escape
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bsynth as bs
from bsynth.errors import SpecError
from bsynth.model.catalogue import choose_model, list_models, load_model, models_folder
from bsynth.model.spec import Drift, ModelSpec


def test_defaults_are_the_level_model() -> None:
    spec = ModelSpec.from_toml("")
    assert spec.to_dict() | {"name": "level", "title": load_model("level").title} == load_model("level").to_dict()


def test_plain_data_reads_back() -> None:
    spec = load_model("rollout")
    assert ModelSpec.model_validate(spec.to_dict()) == spec


@pytest.mark.parametrize("name", list_models())
def test_a_specification_is_one_line_and_one_card(name: str) -> None:
    spec = load_model(name)
    assert repr(spec) == str(spec)
    assert repr(spec).startswith(f"<ModelSpec {name!r}, {spec.title}: ")
    assert "\n" not in repr(spec)
    assert len(repr(spec)) <= 320
    assert all(f"{key} = " in repr(spec) for key in spec.changed())
    assert "<table" in spec._repr_html_()
    assert escape(spec.title) in spec._repr_html_()
    assert repr(load_model("level")).endswith(": all at their defaults>")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[weights]\nalhpa = 1.0", r"model.toml, line 2: unknown key 'weights.alhpa', did you mean 'alpha'\?; allowed: prior, alpha"),
        ("colour = 1", "line 1: unknown key 'colour'.*allowed: schema, title, scale, weights, level, drift, noise, cells"),
        ("\n[level]\nprior = 'sideways'", "line 3: level.prior = 'sideways' is not allowed; it is one of 'none' or 'shift'"),
        ("[noise]\nsd = -1.0", "line 2: noise.sd = -1.0 is not allowed; it should be greater than 0"),
        ("[noise]\nsd = 'wide'", "line 2: noise.sd = 'wide' is not allowed"),
        ("[noise]\nsd = inf", "line 2: noise.sd = inf is not allowed"),
        ("[drift]\nprobability = 1.5", "line 2: drift.probability = 1.5 is not allowed; it should be less than or equal to 1"),
        ("[weights]\nalpha = -2.0", "line 2: weights.alpha = -2.0 is not allowed"),
        ('scale = "each"\n[cells]\nvariance = "known"', "scale = 'each' needs cells.variance = 'exact'"),
        ("[weights", "not valid TOML"),
        ("schema = 2", "line 1: schema = 2 is not allowed"),
    ],
)  # fmt: skip
def test_bad_specification_names_line_and_allowed(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        ModelSpec.from_toml(text)
    assert "\n" not in str(caught.value)


def test_unknown_model_names_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"unknown model 'rolout', did you mean 'rollout'\?; allowed: ar1"):
        load_model("rolout")


def test_own_folder_is_a_model(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "model.toml").write_text('title = "Mine"\n[weights]\nalpha = 0.5\n')
    spec = load_model(folder)
    assert (spec.name, spec.title, spec.weights.alpha) == ("mine", "Mine", 0.5)
    with pytest.raises(SpecError, match="cannot be read"):
        load_model(tmp_path / "absent" / "model.toml")


def test_every_catalogue_model_has_its_files() -> None:
    assert list_models() == [
        "ar1", "covariates", "default", "dirichlet", "drift", "level", "robust", "rollout", "seasonal", "sparse", "standardised", "student-t", "switched", "trend",
        "waves",
    ]  # fmt: skip
    for name in list_models():
        assert load_model(name).name == name
        card = (models_folder() / name / "card.md").read_text()
        for heading in ("Question it answers", "Model.", "Priors in words", "It assumes", "Do not use it", "Evidence."):
            assert heading in card, f"{name}: card lacks {heading!r}"


def test_default_says_which_and_why(rollout_panel: bs.Panel, prop99_panel: bs.Panel) -> None:
    by_users, by_states = choose_model(rollout_panel), choose_model(prop99_panel)
    assert by_users.spec.name == by_states.spec.name == "default"
    assert "sampling variance of every cell is known" in by_users.reason
    assert "cells are taken as exact" in by_states.reason


def test_known_variance_needs_counts(prop99_panel: bs.Panel) -> None:
    with pytest.raises(bs.PanelError, match="needs the number of rows in each cell"):
        bs.plan(prop99_panel, "rollout")


@given(
    st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=3),
    st.permutations(["none", "ar1", "walk"]),
)
def test_shares_that_are_taught_come_back_and_no_other_form_appears(values: list[float], names: list[str]) -> None:
    values = [value / sum(values) for value in values]
    shares = dict(zip(names, values, strict=False))
    found = Drift(process="ar1-or-walk").at(shares).components
    assert set(found) - {"none"} == set(shares) - {"none"}
    assert {name: found[name] for name in shares if name in found} == pytest.approx(shares, abs=1e-12)
