"""Nutpie's sampler on the compiled density: the one place that knows how its private parts fit together.

``nutpie._lib`` takes C function pointers; its public functions take models that PyTensor or Stan compiled. The parts
used here are private and may move, so the versions that they are known to work with are named, and any other makes
`bsynth.engines.bayes` sample the PyMC graph instead.
"""

import functools
import importlib.util
import sys
import threading
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from bsynth._base.types import AnyArray, FloatArray
from bsynth.engines.draws import Draws, State
from bsynth.engines.kernels.compiled import compiled
from bsynth.engines.kernels.layout import Block, blocks, pack, whiten
from bsynth.engines.sampling import Sampling
from bsynth.engines.simplex import solve_simplex
from bsynth.errors import FitError
from bsynth.model.design import Design
from bsynth.model.spec import ModelSpec

SERVED = (0, 16)
"""Major and minor version of nutpie whose private parts are as they are used here."""
STATISTICS = (
    "diverging", "maxdepth_reached", "energy", "energy_error", "logp", "depth", "n_steps", "step_size",
    "mean_tree_accept",
)  # fmt: skip
"""What is kept of the sampler's record of a draw."""
type Chain = tuple[FloatArray, dict[str, AnyArray]]
"""Draws (draw, n) of one chain and its statistics (draw,)."""
COLLAPSED, OTHER_POINTS = 1e-6, 3
"""A step size at which no chain has moved, and how many other first points it is given."""
LEAST_NOISE = 0.01
"""Of the noise with which chains begin, pre-period sd: a perfect fit begins with some."""
JITTER = 1.0
"""Chains begin uniformly within this of each unconstrained value's start, as nutpie's own do."""


@functools.cache
def lacks() -> str | None:
    """Why nutpie's private parts cannot be used, in words; None when they can."""
    found = version("nutpie")
    if tuple(int(part) for part in found.split(".")[:2]) != SERVED:
        served = ".".join(map(str, SERVED))
        return f"the compiled density is known to work with nutpie {served}, and {found} is installed"
    parts = ("LogpFunc", "ExpandFunc", "PyMcModel", "PySampler", "PyNutsSettings.update")
    missing = [name for name in parts if not _has(name)]
    return f"nutpie {found} has no {', '.join(missing)}" if missing else None


def _has(name: str) -> bool:
    """Whether nutpie's compiled part has something, by its name with dots."""
    found: Any = _library()
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is not None


def note() -> str | None:
    """Why the machine code is not kept on disk; None when it is."""
    return compiled().note


_LOADING = threading.Lock()


@functools.cache
def _library() -> ModuleType:
    """Nutpie's compiled part alone: its package imports all of ArviZ, for seconds."""
    # A thread that asks meanwhile would find a module without its contents.
    with _LOADING:
        return _loaded()


def _loaded() -> ModuleType:
    name = "nutpie._lib"
    if name in sys.modules:
        return sys.modules[name]
    package = importlib.util.find_spec("nutpie")
    if package is None or not package.submodule_search_locations:
        raise ImportError("nutpie is not installed")
    (file,) = Path(package.submodule_search_locations[0]).glob("_lib*")
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # Under its own name, so that an import of nutpie later on finds the same one: it cannot be loaded twice.
    sys.modules[name] = module
    return module


def sample(design: Design, spec: ModelSpec, sampling: Sampling, seed: int, start: State | None = None) -> Draws:
    """Draw from the posterior on the design's scale; with ``start`` chains go on from where they stood.

    They then move in units of each value's standard deviation, which is what tuning is there to find out.
    """
    found, data = blocks(design, spec), pack(design, spec)
    size = sum(block.size for block in found)
    scale = np.ones(size) if start is None else start.scale
    if start is not None:
        data = whiten(data, scale)
    centre = _centre(found, design)
    seeds = np.random.SeedSequence(seed).spawn(sampling.chains)
    # A sampler for each chain: it begins where it should whatever the order in which threads come.
    running = []
    for chain, own in enumerate(seeds):
        first = _jittered(centre, own) if start is None else start.position[chain] / scale
        running.append(_start(data, first, sampling, own))
    found_chains = [_finished(sampler) for sampler in running]
    if start is None:
        found_chains = [
            chain if _moves(chain) else _from_elsewhere(data, centre, sampling, own)
            for chain, own in zip(found_chains, seeds, strict=True)
        ]
    draws, stats = zip(*found_chains, strict=True)
    values = np.array(draws) * scale
    named, at = {}, 0
    for block in found:
        named[block.name] = block.constrained(values[..., at : at + block.size])
        at += block.size
    spread = values.reshape(-1, size).std(axis=0)
    state = State(values[:, -1], np.where(spread > 0, spread, scale))
    return Draws(named, {name: np.array([each[name] for each in stats]) for name in stats[0]}, state)


def _centre(found: tuple[Block, ...], design: Design) -> FloatArray:
    """Unconstrained values about which chains begin: half the classical weights, half equal ones, and what they leave.

    From weights at random a long pre-period looks as if it drifted, and the noise and drift that explain it then keep
    the chain from the weights that would leave none.
    """
    starts = {block.name: np.full(block.size, block.start) for block in found}
    donors = design.X.shape[1]
    if "gamma" in starts and not design.known_variance and donors > 1:
        X, y = design.X[: design.n_pre], design.y[: design.n_pre]
        X, y = X - X.mean(axis=0), y - y.mean()
        weights = 0.5 * solve_simplex(X, y).weights + 0.5 / donors
        starts["gamma"] += np.log(donors * weights)
        starts["total_z"] = np.log(np.maximum(np.std(y - X @ weights), LEAST_NOISE))[None]
    return np.concatenate(list(starts.values()))


def _jittered(centre: FloatArray, seed: np.random.SeedSequence) -> FloatArray:
    return centre + np.random.default_rng(seed).uniform(-JITTER, JITTER, centre.size)


def _moves(chain: Chain) -> bool:
    """Whether the step size has not collapsed, as it can where a first point lies on a cliff of the density."""
    return bool(chain[1]["step_size"].min() > COLLAPSED)


def _from_elsewhere(data: FloatArray, centre: FloatArray, sampling: Sampling, seed: np.random.SeedSequence) -> Chain:
    """Sample a chain that never left its first point from others, until it moves; the gate sees one that never does."""
    for own in seed.spawn(OTHER_POINTS):
        chain = _finished(_start(data, _jittered(centre, own), sampling, own))
        if _moves(chain):
            break
    return chain


def _start(data: FloatArray, first: FloatArray, sampling: Sampling, seed: np.random.SeedSequence) -> Any:
    """Start the sampler of one chain in a thread of its own, and return it."""
    lib, code, size, place = _library(), compiled(), first.size, data.ctypes.data
    model = lib.PyMcModel(
        lib.LogpFunc(code.log_density.address, place, data),
        lib.ExpandFunc(size, size, code.expand.address, place, data),
        lib.PyVariable.new_variables(["x"], ["float64"], [[size]], {"place": size}, {"x": ["place"]}),
        size,
        {"place": size},
        {},
        lambda seed: first,
        None,
    )
    settings = lib.PyNutsSettings.Diag(int(seed.generate_state(1)[0]))
    settings.update(
        {
            "num_tune": sampling.tune,
            "num_draws": sampling.draws,
            "num_chains": 1,
            "target_accept": sampling.target_accept,
        }
    )
    return lib.PySampler.from_pymc(settings, 1, model, lib.ProgressType.none(), None, 100, lib.PyStorage.arrow())


def _finished(sampler: Any) -> Chain:
    """Wait for a chain; return its draws (draw, n) and statistics (draw,) after tuning."""
    import pyarrow

    try:
        sampler.wait(None)
    except RuntimeError as error:
        raise FitError(f"the sampler stopped: {_first_line(error)}; check the panel for extreme values") from error
    (batch,), (record,) = sampler.take_results().get_arrow_trace()
    kept = ~_column(record, "tuning")
    stats = {name: _column(record, name)[kept] for name in STATISTICS}
    draws = pyarrow.array(batch.column("x")).flatten().to_numpy().reshape(len(kept), -1)[kept]
    return draws, stats


def _column(record: Any, name: str) -> AnyArray:
    import pyarrow

    return np.asarray(pyarrow.array(record.column(name)).to_numpy(zero_copy_only=False))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
