"""Prior against data: the sweep, and the words when the prior decides."""

import json
import re
import warnings
from dataclasses import replace

import pandas as pd
import pytest

import bsynth as bs
from bsynth.bayesian.result import Fit
from bsynth.errors import PanelError, SpecError
from bsynth.findings import PriorAudit, audit_prior
from bsynth.model.spec import ModelSpec
from bsynth.text.numbers import percent


@pytest.fixture(scope="module")
def prop99_audit(prop99_fit: Fit, prop99_panel: bs.Panel) -> PriorAudit:
    return audit_prior(prop99_fit, draws=700, progress=False)


def test_on_prop99_the_effect_moves_with_the_concentration(prop99_audit: PriorAudit, prop99_fit: Fit) -> None:
    table = prop99_audit.table.set_index("alpha")
    assert list(table.index) == [0.3, 1.0, 3.0]
    assert table["estimate"].is_monotonic_decreasing
    # Few donors are nearest to least squares, which puts the effect at −11.1.
    assert table.loc[0.3, "estimate"] == pytest.approx(-13.9, abs=0.6)
    assert table.loc[3.0, "estimate"] == pytest.approx(-24.1, abs=0.8)
    assert prop99_audit.least_squares == pytest.approx(-11.1, abs=0.05)
    own = table.loc[1.0]
    assert own["own"]
    assert own["estimate"] == pytest.approx(prop99_fit.effects()["estimate"][0])
    assert table["effective_donors"].is_monotonic_increasing


def test_it_says_that_the_prior_decides(prop99_audit: PriorAudit, prop99_fit: Fit) -> None:
    assert prop99_audit.moved
    assert prop99_audit.answer == "warning"
    words = " ".join(prop99_audit.sentences())
    assert "The prior of the weights decides part of the effect" in words
    assert "α = 0.3" in words
    assert re.search(r"lies between −2\d\.\d+ \(α = 3\) and −1\d\.\d+ \(α = 0\.3\), a range of ", words)
    assert "power-scaling sensitivity" in words
    left = 1 - prop99_audit.contraction.values["contraction"]
    assert f"which leaves {percent(left)} of the variance" in words
    # One fit has one draw of its prior, whoever asks.
    assert prop99_audit.contraction == bs.check(prop99_fit, seed=3)["contraction"]
    assert prop99_audit.range == pytest.approx(
        prop99_audit.table["estimate"].max() - prop99_audit.table["estimate"].min()
    )
    data = json.loads(json.dumps(prop99_audit.to_dict()))
    assert data["sensitivity"]["status"] == "warning"
    assert len(data["table"]) == 3
    assert "<table" in prop99_audit._repr_html_()


def test_unreliable_fits_of_the_sweep_are_said(prop99_audit: PriorAudit) -> None:
    table = prop99_audit.table.assign(status=["unreliable", "ok", "ok"])
    failed = replace(prop99_audit, table=table)
    assert failed.status == "unreliable"
    # The range is that of the least and the largest, wherever they stand.
    bent = replace(prop99_audit, table=table.assign(estimate=[0.1240, 0.1261, 0.1242], status="ok"))
    assert "between 0.12400 (α = 0.3) and 0.12610 (α = 1), a range of 0.00210" in bent.sentences()[-1]
    assert "UNRELIABLE in the sweep: the fit at α = 0.3 did not pass" in failed.sentences()[0]
    assert "UNRELIABLE" in repr(failed)
    assert replace(prop99_audit, fit_status="unreliable").sentences()[0].startswith("UNRELIABLE")


def test_without_a_sweep_nothing_is_sampled(made, world: bs.Panel) -> None:
    with warnings.catch_warnings():
        # ArviZ on a posterior that no data ever saw.
        warnings.simplefilter("ignore", UserWarning)
        found = audit_prior(made(world, ModelSpec()), alphas=(), progress=False)
    assert found.table.empty
    assert found.range is None
    assert found.to_dict()["range"] is None
    assert found.to_dict()["range_sd"] is None
    assert found.sentences()[-1] == "No sweep of the weights' concentration was asked for."
    assert "no sweep was asked for" in found.plot().get_title(loc="left")
    assert found.contraction is not None
    softmax = ModelSpec.model_validate({"weights": {"prior": "softmax-normal"}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = audit_prior(made(world, softmax), progress=False)
    assert "no concentration" in found.sentences()[-1]
    assert isinstance(found.table, pd.DataFrame)


def test_bad_input(made, world: bs.Panel) -> None:
    fit = made(world, ModelSpec())
    with pytest.raises(SpecError, match="alphas has 0; give positive"):
        audit_prior(fit, alphas=(0, 1))
    with pytest.raises(SpecError, match="between 0 and 1"):
        audit_prior(fit, level=95)
    with pytest.raises(PanelError, match="fit again"):
        audit_prior(replace(fit, panel=None))
