"""What a report says of a model is what its settings are."""

import pytest

import bsynth as bs
from bsynth.model.catalogue import list_models, load_model
from bsynth.reporting.words import model_words

OTHERS = {
    "softmax": '[weights]\nprior = "softmax-normal"\nsd = 1.5',
    "walk": '[drift]\nprocess = "walk"\nprobability = 0.25',
    "log": 'scale = "log"',
}


def _spec(name: str) -> bs.ModelSpec:
    return bs.ModelSpec.from_toml(f'title = "Other"\n{OTHERS[name]}') if name in OTHERS else load_model(name)


@pytest.mark.parametrize("name", [*list_models(), *OTHERS])
def test_a_model_is_described_by_its_settings(name: str) -> None:
    spec = _spec(name)
    words = model_words(spec.to_dict())
    assert words.startswith(f"Model {spec.name} (")
    assert "\n" not in words
    assert ("Dirichlet prior with concentration" in words) == (spec.weights.prior == "dirichlet")
    assert ("softmax-normal" in words) == (spec.weights.prior != "dirichlet")
    assert f"{spec.noise.distribution} period noise" in words
    assert ("a constant offset" in words) == (spec.level.prior == "shift")
    assert (f"a drift ({spec.drift.process})" in words) == (spec.drift.process != "none")
    assert ("as an AR(1)" in words) == (spec.drift.process == "ar1-or-walk")
    assert ("on the log of the outcome" in words) == (spec.scale == "log")
    assert ("each series by itself" in words) == (spec.scale == "each")
