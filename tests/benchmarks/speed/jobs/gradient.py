"""Microseconds of one log density and gradient: ``gradient.py FILE CASE EVALUATIONS``.

CASE is ``exact``, Proposition 99, or ``known``, a log of 25 donors over 30 weeks; the model is the default. Both
densities are called as nutpie does, through their C functions, in one compiled loop over the same points.
"""

import ctypes
import json
import sys
import time

import numba
import numpy as np

import bsynth as bs
from bsynth.bayesian.plan import plan
from bsynth.engines import graph
from bsynth.engines.kernels.compiled import compiled
from bsynth.engines.kernels.layout import Block, blocks, pack
from bsynth.panel.simulate import rollout_panel_arguments

POINTS, TURNS = 50, 15
LINKS = {"log": "_log__", "logit": "_logodds__", "none": ""}


def panel_of(file: str, case: str) -> bs.Panel:
    if case == "known":
        return bs.Panel.from_events(bs.simulate_rollout(seed=42), **rollout_panel_arguments())
    return bs.Panel.from_long(file, unit="unit", time="time", outcome="outcome", treated="California", start=1989)


def orders(found: tuple[Block, ...], names: list[str]) -> np.ndarray:
    """Where each value of the graph's vector stands in that of the compiled density."""
    mine = [
        block.name + LINKS[block.link] + (f"_{k}" if block.shape else "") for block in found for k in range(block.size)
    ]
    return np.array([mine.index(name) for name in names])


def loop(address: int, data: int):
    """A compiled function that evaluates a density at each point in turn."""
    pointers = [ctypes.c_void_p] * 4
    function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_size_t, *pointers)(address)

    @numba.njit
    def evaluate(points: np.ndarray, values: np.ndarray, gradient: np.ndarray, turns: int) -> None:
        for _ in range(turns):
            for k in range(points.shape[0]):
                function(
                    points.shape[1], points[k].ctypes.data, gradient.ctypes.data, values[k : k + 1].ctypes.data, data
                )

    return evaluate


def main() -> None:
    file, case, evaluations = sys.argv[1], sys.argv[2], int(sys.argv[3])
    request = plan(panel_of(file, case))
    design, spec = request.design, request.spec
    found, data = blocks(design, spec), pack(design, spec)
    theirs = graph.compile_structure(design, spec)
    order = orders(found, list(theirs._coords["unconstrained_parameter"]))
    size = sum(block.size for block in found)
    points = np.random.default_rng(1).uniform(-1, 1, (POINTS, size))
    sides = {
        "kernel": (loop(compiled().log_density.address, data.ctypes.data), points),
        "graph": (
            loop(theirs.compiled_logp_func.address, theirs.user_data.ctypes.data), np.ascontiguousarray(points[:, order])
        ),
    }  # fmt: skip
    values = {name: np.empty(POINTS) for name in sides}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for name, (evaluate, at) in sides.items():
        evaluate(at, values[name], np.empty(size), 1)
    np.testing.assert_allclose(values["kernel"], values["graph"], rtol=1e-8)
    turns = max(1, evaluations // (POINTS * TURNS))
    for _ in range(TURNS):
        for name, (evaluate, at) in sides.items():
            gradient = np.empty(size)
            began = time.perf_counter()
            evaluate(at, values[name], gradient, turns)
            seconds[name].append((time.perf_counter() - began) / (turns * POINTS))
    print(
        json.dumps(
            {
                **{f"{name}_us": 1e6 * float(np.median(each)) for name, each in seconds.items()},
                "donors": design.X.shape[1],
                "pre": design.n_pre,
                "periods": design.y.size,
                "parameters": size,
            }
        )
    )


if __name__ == "__main__":
    main()
