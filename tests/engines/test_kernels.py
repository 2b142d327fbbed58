"""The compiled density held to the PyMC graph, and what happens where it cannot be had."""

import ctypes
import dataclasses
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import bsynth as bs
from bsynth.engines import bayes
from bsynth.engines.kernels import compiled, layout, nuts
from bsynth.engines.structure import Structure
from bsynth.model.catalogue import list_models, load_model
from bsynth.model.covariates import Movements, PredictorRows
from bsynth.model.design import Design, make_design
from bsynth.model.spec import ModelSpec
from bsynth.model.terms import OwnTerms, contrasts

POINTS = 200
BEYOND = {
    "softmax": '[weights]\nprior = "softmax-normal"\nsd = 1.5',
    "trend": '[drift]\nprocess = "local-trend"\nprobability = 0.5',
    "trend-always": '[drift]\nprocess = "local-trend"\n[level]\nprior = "none"',
    "walk": '[drift]\nprocess = "walk"\nprobability = 0.0',
}
BEYOND |= {
    f"tails-{name}": f'[noise]\ndistribution = "student-t"\ndegrees = {degrees}\n[drift]\nprocess = "{process}"\n{more}'
    for name, process, degrees, more in (
        ("walk", "walk", 4.0, "probability = 0.5"),
        ("walk-always", "walk", 1.0, '[level]\nprior = "none"'),
        ("ar1", "ar1", 2.5, "probability = 0.5"),
        ("trend", "local-trend", 4.0, "probability = 0.5"),
    )
}
"""What the vocabulary has and no model of the catalogue."""
ON_A_LOG = [
    f"{name}-known" for name in ("ar1", "drift", "trend", "student-t", "tails-ar1", "tails-walk", "tails-trend")
]
CELLS = '\n[cells]\nvariance = "known"'


def _model(name: str) -> ModelSpec:
    return ModelSpec.from_toml(BEYOND[name]) if name in BEYOND else load_model(name)


def _known(spec: ModelSpec) -> ModelSpec:
    return spec.model_copy(update={"cells": spec.cells.model_copy(update={"variance": "known"})})


def _with_covariates(design: Design, use: str, rng: np.random.Generator) -> Design:
    """Random covariates beside a panel's series; as many rows as any panel would have."""
    T, J = design.X.shape
    if use == "predictors":
        return dataclasses.replace(
            design, predictors=PredictorRows(("a", "b", "c"), rng.normal(size=3), rng.normal(size=(3, J)))
        )
    moved = Movements(("a", "b"), rng.normal(size=(T, 2)), rng.normal(size=(2, T, J)), np.ones(2))
    return dataclasses.replace(design, movements=moved)


def _with_own_terms(design: Design, rng: np.random.Generator) -> Design:
    """Random columns, as many as a season of three phases and a slope have."""
    own = OwnTerms(rng.normal(size=(len(design.y), 3)), ("a", "b", "c"), contrasts(3, 0.5), 0.1)
    return dataclasses.replace(design, terms=own)


def _log_density(x: np.ndarray, gradient: np.ndarray, data: np.ndarray) -> float:
    """The C function that nutpie calls."""
    pointers = [ctypes.c_void_p] * 4
    function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_size_t, *pointers)(compiled.compiled().log_density.address)
    value = np.empty(1)
    assert function(x.size, *(a.ctypes.data for a in (x, gradient, value, data))) == 0
    return float(value[0])


def _of_graph(design: Design, spec: ModelSpec, at: dict[str, np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The graph's log density and gradient at all points at once; one function of many points is made in half the time.

    Nothing is rewritten on the way: what is evaluated is the graph as it was built.
    """
    import pytensor
    import pytensor.tensor as pt
    from pytensor.graph.replace import vectorize_graph

    from bsynth.engines import graph

    with pytensor.config.change_flags(traceback__limit=0), graph.build(design, spec) as model:
        assert sorted(at) == sorted(value.name for value in model.value_vars)
        inputs = {value: pt.tensor(value.name, shape=at[value.name].shape) for value in model.value_vars}
        density = vectorize_graph(model.logp(), inputs)
        outputs = [density, *pt.grad(density.sum(), list(inputs.values()))]
        plain = pytensor.compile.mode.Mode(linker="py", optimizer=None)
        values, *slopes = pytensor.function(list(inputs.values()), outputs, mode=plain)(*(at[v.name] for v in inputs))
    return values, dict(zip((v.name for v in inputs), slopes, strict=True))


def _judge(design: Design, spec: ModelSpec, rng: np.random.Generator, points: int = POINTS) -> None:
    """Log density to 1e-9 relative, gradient to 1e-7, at random points; missing periods and gaps included."""
    found, data = layout.blocks(design, spec), layout.pack(design, spec)
    link = {"log": "_log__", "logit": "_logodds__", "none": ""}
    names = [block.name + link[block.link] for block in found]
    drawn = [[rng.uniform(-2, 2, block.shape) for block in found] for _ in range(points)]
    at = {name: np.stack(values) for name, values in zip(names, zip(*drawn, strict=True), strict=True)}
    values, slopes = _of_graph(design, spec, at)
    assert values.shape == (points,)
    for k in range(points):
        x, expected = (np.concatenate([np.ravel(each[name][k]) for name in names]) for each in (at, slopes))
        gradient = np.empty_like(x)
        assert _log_density(x, gradient, data) == pytest.approx(float(values[k]), rel=1e-9)
        np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-7 * np.abs(expected).max())


def _some_missing(design: Design) -> Design:
    """A period of the treated unit and a cell of a donor without rows, and a gap in the calendar."""
    seen = design.treated_seen.copy()
    seen[2] = 0.0
    precision = design.donor_precision
    if precision is not None:
        precision = precision.copy()
        precision[3, 1] = precision[0, 0] = 0.0
    positions = design.positions + (np.arange(len(design.positions)) >= 5) * 3
    return dataclasses.replace(design, treated_seen=seen, donor_precision=precision, positions=positions)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*list_models(), *BEYOND])
def test_density_is_the_graphs_on_annual_data(name: str, prop99_panel: bs.Panel, rng: np.random.Generator) -> None:
    spec = _model(name)
    if spec.cells.variance == "known":
        pytest.skip("needs the rows of cells")
    bare = spec.model_copy(update={"covariates": load_model("level").covariates})
    design = make_design(prop99_panel, bare)
    if spec.covariates.use != "none":
        design = _with_covariates(design, spec.covariates.use, rng)
    _judge(design, spec, rng)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*list_models(), "trend", *ON_A_LOG])
def test_density_is_the_graphs_on_a_log(name: str, rollout_panel: bs.Panel, rng: np.random.Generator) -> None:
    known = name.endswith("-known")
    spec = _model(name.removesuffix("-known"))
    spec = _known(spec) if known else spec
    bare = spec.model_copy(update={"covariates": load_model("level").covariates})
    _judge(_some_missing(make_design(rollout_panel, bare)), bare, rng)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in list_models() if name != "rollout"])
def test_density_is_the_graphs_with_covariates(name: str, basque_panel: bs.Panel, rng: np.random.Generator) -> None:
    """Predictors with every second model, covariates that vary in time with the others."""
    use = ("time-varying", "predictors")[list_models().index(name) % 2]
    spec = load_model(name)
    bare = spec.model_copy(update={"covariates": load_model("level").covariates})
    design = _with_covariates(make_design(basque_panel, bare), use, rng)
    covariates = spec.covariates.model_copy(update={"use": use, "sd": 0.7})
    _judge(design, spec.model_copy(update={"covariates": covariates}), rng)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["level", "student-t", "default", "trend", "covariates", "default-known", "rollout"])
def test_density_is_the_graphs_with_own_terms(
    name: str, basque_panel: bs.Panel, rollout_panel: bs.Panel, rng: np.random.Generator
) -> None:
    """Over exact cells and known ones, with covariates and without."""
    spec, known = _model(name.removesuffix("-known")), name.endswith("-known")
    spec = _known(spec) if known else spec
    bare = spec.model_copy(update={"covariates": load_model("level").covariates})
    design = make_design(rollout_panel if known or name == "rollout" else basque_panel, bare)
    if spec.covariates.use != "none":
        design = _with_covariates(design, spec.covariates.use, rng)
    _judge(_with_own_terms(_some_missing(design), rng), spec, rng, points=50)


INTERPRETED = """
import ctypes
import sys
import numpy as np
from bsynth.engines.kernels import compiled, layout
from bsynth.engines.kernels.density import log_density
with np.load(sys.argv[1]) as asked:
    many = len(asked.files) // 2
    given = [(asked[f"x{k}"], asked[f"data{k}"]) for k in range(many)]
found = []
for x, data in given:
    gradient = np.zeros_like(x)
    value = log_density(x, gradient, data)
    found.append(np.append(value, gradient))

    def pointed(array):
        return array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))

    # What nutpie calls, in other units: the gradient in these, the same value; no density where it is not finite.
    units = np.linspace(0.5, 2.0, len(x))
    whitened, at, out = layout.whiten(data, units), x / units, np.zeros(1)
    ours = np.zeros_like(x)
    assert compiled._log_density(len(x), pointed(at), pointed(ours), pointed(out), pointed(whitened)) == 0
    assert np.isclose(out[0], value, rtol=1e-9)
    assert np.allclose(ours, gradient * units, rtol=1e-6, atol=1e-9 * np.abs(gradient * units).max())
    with np.errstate(all="ignore"):
        assert compiled._log_density(len(x), pointed(at * np.nan), pointed(ours), pointed(out), pointed(whitened)) == 1
    kept = np.zeros_like(x)
    assert compiled._expand(len(x), len(x), x, kept, None) == 0
    assert (kept == x).all()
np.savez(sys.argv[1], *found)
"""


def test_interpreted_the_density_is_the_same(
    prop99_panel: bs.Panel, rollout_panel: bs.Panel, rng: np.random.Generator, tmp_path: Path
) -> None:
    """Machine code reads beyond an array's end without a word; the interpreter stops there. All forms, in one process."""
    given = []
    for name in [*list_models(), *BEYOND, *ON_A_LOG]:
        spec, use = _model(name.removesuffix("-known")), "none"
        known = name.endswith("-known") or spec.cells.variance == "known"
        bare = (_known(spec) if known else spec).model_copy(update={"covariates": load_model("level").covariates})
        design = _some_missing(make_design(rollout_panel if known else prop99_panel, bare))
        if not name.endswith("-known"):
            use = ("time-varying", "predictors")[len(given) % 2]
            design = _with_own_terms(_with_covariates(design, use, rng), rng)
        bare = bare.model_copy(update={"covariates": bare.covariates.model_copy(update={"use": use, "sd": 0.7})})
        size = sum(block.size for block in layout.blocks(design, bare))
        given.append((rng.uniform(-1, 1, size), layout.pack(design, bare)))
    file = tmp_path / "points.npz"
    np.savez(
        file,
        **{f"x{k}": x for k, (x, _) in enumerate(given)},
        **{f"data{k}": data for k, (_, data) in enumerate(given)},
    )
    done = _script(INTERPRETED, str(file), NUMBA_DISABLE_JIT="1")
    assert done.returncode == 0, done.stderr
    with np.load(file) as found:
        for (x, data), other in zip(given, found.values(), strict=True):
            gradient = np.empty_like(x)
            value = _log_density(x, gradient, data)
            np.testing.assert_allclose(other, np.append(value, gradient), rtol=1e-9, atol=1e-9 * np.abs(other).max())


def test_gradient_is_that_of_differences(rollout_panel: bs.Panel, rng: np.random.Generator) -> None:
    """Independent of the graph: central differences along random directions."""
    spec = load_model("default")
    design = _some_missing(make_design(rollout_panel, spec))
    data, size = layout.pack(design, spec), sum(block.size for block in layout.blocks(design, spec))
    for _ in range(5):
        x, along = rng.uniform(-1, 1, size), rng.normal(size=size)
        gradient, ignored = np.empty(size), np.empty(size)
        _log_density(x, gradient, data)
        ahead, behind = (_log_density(x + h * along, ignored, data) for h in (1e-6, -1e-6))
        assert gradient @ along == pytest.approx((ahead - behind) / 2e-6, rel=1e-5)


def test_in_other_units_the_density_is_the_same(prop99_panel: bs.Panel) -> None:
    design, spec = make_design(prop99_panel, load_model("default")), load_model("default")
    first = bayes.sample(design, spec, bs.Sampling(draws=100, tune=100), 3)
    data = layout.whiten(layout.pack(design, spec), first.state.scale)
    assert data[layout.LENGTH] == data.size
    on = bayes.sample(design, spec, bs.Sampling(draws=100, tune=100), 4, first.state)
    both = first.and_then(on)
    assert len(both) == 200
    assert on.stats["logp"].mean() == pytest.approx(first.stats["logp"].mean(), abs=5)


def test_both_engines_have_one_posterior(prop99_panel: bs.Panel, prop99_fit: bs.Fit) -> None:
    again = bs.fit(prop99_panel, "level", sampling=bs.Sampling(seed=1, engine="pymc"), progress=False)
    mine, other = prop99_fit.effects().iloc[0], again.effects().iloc[0]
    sd = float(prop99_fit.effect_draws("predictive")["average"].std())
    for name in ("estimate", "lower", "upper"):
        assert mine[name] == pytest.approx(other[name], abs=0.25 * sd)
    assert (prop99_fit.provenance.engine, again.provenance.engine) == ("auto", "pymc")


def test_a_seed_gives_the_same_draws(prop99_panel: bs.Panel) -> None:
    fits = [bs.fit(prop99_panel, "default", draws=300, seed=8, progress=False) for _ in range(2)]
    np.testing.assert_array_equal(*[f.tree["posterior"]["weights"].values for f in fits])


def test_structures_of_the_catalogue_are_all_served() -> None:
    """Whatever a specification can say has a compiled density: blocks for each of its variables."""
    assert {field.name for field in dataclasses.fields(Structure)} == {
        "known", "softmax", "student", "mixture", "drift", "covariates", "predictors", "terms",
    }  # fmt: skip


def _script(text: str, *given: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text), *given],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=500,
        check=False,
    )


FIT = """
import sys
import pandas as pd, numpy as np, bsynth as bs
rng = np.random.default_rng(1)
wide = pd.DataFrame(rng.normal(size=(14, 6)).cumsum(axis=0), columns=list("abcdef"))
panel = bs.Panel.from_wide(wide, treated="a", start=10)
found = bs.fit(panel, "level", draws=200, progress=False)
print(found.status, round(found.effects().iloc[0]["estimate"], 6), "pymc" in sys.modules, "arviz" in sys.modules)
"""


def test_kernel_path_imports_neither_pymc_nor_arviz(tmp_path: Path) -> None:
    done = _script(FIT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[2:] == ["False", "False"]


SMALL = """
from bsynth.engines.kernels import compiled
from bsynth.engines.kernels.machine import piece

@piece
def log_density(x, g, data):
    g[:] = -x
    return -0.5 * (x * x).sum()

compiled.log_density = log_density
"""
FILL = f"""{SMALL}
import sys
compiled.fill(sys.argv[1])
"""
SMALL += f"""
compiled._FILL = {FILL!r}
found = compiled.compiled()
print(found.log_density.address > 0, found.note)
"""
"""The same way to disk with a density that compiles in a second instead of twenty."""
DRAWN = """
import bsynth as bs
panel = bs.Panel.from_long(bs.simulate_factor(donors=6, n_pre=14, n_post=6, effect=1, seed=3), unit="unit",
    time="time", outcome="outcome", treated=0, start=14)
fit = bs.fit(panel, draws=200, progress=False)
print(float(fit.tree["posterior"]["weights"].std()))
"""


def test_without_a_folder_for_machine_code_it_is_compiled_and_says_why(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file")
    done = _script(SMALL, BSYNTH_CACHE=str(blocked))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("True machine code cannot be kept in")
    assert str(blocked) in done.stdout
    assert blocked.read_text() == "a file"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[int, str, str]]]:
    """A folder that two processes filled at once, and how each of them ended."""
    folder = tmp_path_factory.mktemp("machine-code")
    environment = os.environ | {"BSYNTH_CACHE": str(folder)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SMALL], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [each.communicate(timeout=500) for each in running]
    return folder, [(each.returncode, *words) for each, words in zip(running, said, strict=True)]


def test_two_processes_fill_one_folder(filled: tuple[Path, list[tuple[int, str, str]]]) -> None:
    assert filled[1] == [(0, "True None\n", "")] * 2


def test_machine_code_cut_short_is_made_again(filled: tuple[Path, list[tuple[int, str, str]]], tmp_path: Path) -> None:
    shutil.copytree(filled[0], tmp_path, dirs_exist_ok=True)
    kept = [file for file in tmp_path.rglob("*") if file.suffix in (".nbi", ".nbc")]
    assert kept
    for file in kept:
        file.write_bytes(file.read_bytes()[:20])
    users = next(iter(tmp_path.iterdir())) / "user.txt"
    users.write_text("a user's own file")
    said = _script(SMALL, BSYNTH_CACHE=str(tmp_path)).stdout
    assert said.startswith("True machine code in")
    assert "was damaged and is made anew" in said
    # What was broken is gone and was kept again: the next process finds it.
    assert _script(SMALL, BSYNTH_CACHE=str(tmp_path)).stdout == "True None\n"
    assert users.read_text() == "a user's own file"


def test_the_first_process_and_the_next_have_the_same_draws(tmp_path: Path) -> None:
    """A process that compiled would add up in another order than one that loads."""
    first, second = (_script(DRAWN, BSYNTH_CACHE=str(tmp_path)) for _ in range(2))
    assert (first.returncode, first.stdout) == (0, second.stdout), first.stderr


@pytest.mark.filterwarnings("ignore::bsynth.errors.EngineWarning")
def test_the_reason_is_said_once_and_the_fit_is_the_same(
    monkeypatch: pytest.MonkeyPatch, prop99_panel: bs.Panel
) -> None:
    usual = bs.fit(prop99_panel, "level", draws=200, progress=False)
    bayes._kernel_lacks.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(nuts, "note", lambda: "machine code cannot be kept in '/nowhere'")
        with pytest.warns(bs.errors.EngineWarning, match="cannot be kept in '/nowhere'") as seen:
            again = [bs.fit(prop99_panel, "level", draws=200, progress=False) for _ in range(2)]
    bayes._kernel_lacks.cache_clear()
    assert len([w for w in seen if w.category is bs.errors.EngineWarning]) == 1
    for each in again:
        np.testing.assert_array_equal(each.tree["posterior"]["weights"], usual.tree["posterior"]["weights"])


def test_another_nutpie_is_served_by_the_graph(monkeypatch: pytest.MonkeyPatch, prop99_panel: bs.Panel) -> None:
    """Its private parts may have moved: the version is asked before they are touched."""
    nuts.lacks.cache_clear()
    bayes._kernel_lacks.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(nuts, "version", lambda name: "0.17.2")
        with pytest.warns(bs.errors.EngineWarning, match=r"known to work with nutpie 0\.16, and 0\.17\.2 is installed"):
            found = bs.fit(prop99_panel, "level", draws=300, progress=False)
    nuts.lacks.cache_clear()
    bayes._kernel_lacks.cache_clear()
    assert found.status == "ok"
    assert nuts.lacks() is None, "nutpie's private parts are as they are used here; see SERVED"


def test_machine_code_has_a_folder_for_each_state_of_its_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path(compiled.__file__).parent
    assert {file.name for file in here.glob("*.py")} - {"__init__.py", "nuts.py"} == set(compiled._SOURCES)
    before = compiled.cache_folder()
    monkeypatch.setattr(compiled, "version", lambda name: "9.9")
    assert compiled.cache_folder() != before
    monkeypatch.setenv("BSYNTH_CACHE", "/somewhere")
    assert compiled.cache_folder().parent == Path("/somewhere")


def test_another_checkout_has_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Numba takes machine code of the same sources elsewhere for another's; found there, it would keep the fill away."""
    here = Path(compiled.__file__).parent
    shutil.copytree(here, tmp_path / "kernels")
    before = compiled.cache_folder()
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "kernels" / "compiled.py"))
    assert compiled.cache_folder() != before
