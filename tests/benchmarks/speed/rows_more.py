"""Rows beyond one fit of Proposition 99: the certificate, large panels, many fits, the demo, the classical path."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from speed.bench import Bench, Sample
from speed.environments import PACKAGES, available, other
from speed.processes import BSYNTH, empty_caches, job, timed
from speed.record import Line, compared, median

AGREEMENT = 0.5
"""Packs: median difference of a mean gap from pysyncon's. SLSQP with its default tolerance stops short of the optimum,
so it may not fit better anywhere, and agrees as far as it gets."""


def certify(bench: Bench) -> list[Line]:
    """The certificate where nothing was ever compiled or stored."""

    def once(k: int) -> Sample:
        with tempfile.TemporaryDirectory() as folder:
            return job("certify", bench.prop99, environment=empty_caches(folder))

    samples = bench.alternate("certify", {"bsynth": once}, 3, warm=False)["bsynth"]
    return [compared("`bs.certify`, Prop 99, empty caches", samples, None, "", at_most=30.0)]


def large(bench: Bench) -> list[Line]:
    """Large panels to a fit through its gate, and how time grows from panels of half the donors and half the periods."""
    lines = []
    sizes = ((60, 30), (20, 60)) if bench.quick else ((1000, 200), (200, 1000))
    for model in ("level", "default"):
        for donors, pre in sizes:
            whole = f"J {donors}, T0 {pre}"
            sides: dict[str, Callable[[int], Sample]] = {
                whole: lambda k, model=model, j=donors, t=pre: job("large", model, j, t),
                "half": lambda k, model=model, j=donors, t=pre: job("large", model, j // 2, t // 2),
            }
            found = bench.alternate(f"large, {model}, {whole}", sides, 3, warm=False)
            big, half = found[whole], found["half"]
            failed = [reason for sample in big for reason in sample["failures"]]
            fails = f"the gate is not met: {failed[0]}" if failed else None
            title = f"one fit, `{model}`, {donors:,} donors, {pre:,} periods"
            lines.append(compared(title, big, None, "", by="fit_wall", at_most=60.0, fails=fails))
            growth = median(big, "fit_wall") / median(half, "fit_wall")
            details = {"half": half, "half_size": [donors // 2, pre // 2]}
            lines.append(Line("… growth from half of each", growth, "×", at_most=4.0, details=details))
    return lines


def many(bench: Bench) -> list[Line]:
    """Many fits in one process, what they keep of memory, and two workers with a core each against one."""
    fits = 60 if bench.quick else 1000
    whole = bench.piece(f"{fits} fits", lambda: job("many_fits", fits, 1))
    growth = whole["late"]["most"] / whole["early"]["most"]
    few = 20 if bench.quick else 100
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    unreliable = f"{whole['unreliable']} fits are unreliable" if whole["unreliable"] else None
    title = f"one of {fits:,} fits in one process, `level`, 25 donors, 20 periods"
    lines = [
        Line(
            title,
            whole["each"],
            "s",
            cpu=whole["fits_cpu"] / fits,
            at_most=0.1,
            details=whole | {"unreliable_fits": unreliable},
        ),
        Line(f"… greatest memory after fit {fits:,} against fit {fits // 10:,}", growth, "×", at_most=1.1),
    ]
    title = "two workers, a core each, against one"
    if len(cores) < 2:
        return [*lines, Line(title, float("nan"), "×", at_least=1.8, fails="this machine has one core")]
    sides: dict[str, Callable[[int], Sample]] = {
        f"workers {count}": lambda k, count=count: _workers(cores[:count], few) for count in (1, 2)
    }
    found = bench.alternate(f"{few} fits", sides, 3)
    speedup = median(found["workers 1"], "fitting") / median(found["workers 2"], "fitting")
    return [*lines, Line(title, speedup, "×", at_least=1.8, details=found)]


def _workers(cores: list[int], fits: int) -> Sample:
    """Fit in as many processes as cores, each on its own; ``fitting`` is the time of the slowest, start-up left out."""
    each = fits // len(cores)
    began = time.perf_counter()
    with ThreadPoolExecutor(len(cores)) as pool:
        done = list(pool.map(lambda i: job("many_fits", each, 1 + i * each, cores[i]), range(len(cores))))
    wall = time.perf_counter() - began
    return {"wall": wall, "fitting": max(sample["seconds"] for sample in done), "cpu": sum(s["cpu"] for s in done)}


def demo(bench: Bench) -> list[Line]:
    """The computing of ``make demo``: where nothing was ever compiled, and once more."""
    rounds: dict[str, list[Sample]] = {"first": [], "second": []}
    for k in range(bench.rounds(3)):
        pair = bench.piece(f"demo, {k + 1}", _demo_twice)
        for which in rounds:
            rounds[which].append(pair[which])
    return [
        compared("`make demo`, computing, empty caches", rounds["first"], None, "", at_most=60.0),
        compared("… second run", rounds["second"], None, "", at_most=25.0),
    ]


def _demo_twice() -> Sample:
    with tempfile.TemporaryDirectory() as folder:
        caches = empty_caches(folder)
        command = [BSYNTH, "demo", "--quiet", "--out", Path(folder) / "demo"]
        return {which: timed(command, caches) for which in ("first", "second")}


def classical(bench: Bench) -> list[Line]:
    """Placebo in space and leave-one-out against pysyncon on the same weights problem; times are of the fits alone."""
    ours_alone = bench.piece("classical, what has weight", lambda: job("placebo", bench.prop99, 1))
    dropped = ours_alone["dropped"]
    found_others, missing = available("pysyncon")
    sides: dict[str, Callable[[int], Sample]] = {"bsynth": lambda k: job("placebo", bench.prop99, 9)}
    sides |= {name: lambda k, name=name: other(bench, name, *dropped) for name in found_others}
    found = bench.alternate("classical", sides, 3)
    measure = f"{len(ours_alone['fits']) - len(dropped)} placebos and {len(dropped)} leave-one-out refits"
    theirs, title = found.get("pysyncon"), PACKAGES["pysyncon"].title
    fails = None
    agreement: dict[str, Any] = {}
    if theirs:
        title = f"pysyncon {theirs[0]['versions']['pysyncon']}"
        agreement = _agreement(found["bsynth"][0]["fits"], theirs[0]["fits"])
        if agreement["better"] or agreement["median_difference"] >= AGREEMENT:
            fails = f"the fits differ: {agreement}"
    times = {name: [_without_fits(sample) for sample in samples] for name, samples in found.items()}
    line = compared(
        measure,
        times["bsynth"],
        times.get("pysyncon"),
        title,
        by="milliseconds",
        unit="ms",
        times=50.0,
        fails=fails,
        missing=missing,
    )
    return [replace(line, details={**line.details, "agreement": agreement})]


def _without_fits(sample: Sample) -> Sample:
    kept = {name: value for name, value in sample.items() if name not in ("fits", "dropped")}
    return kept | {"milliseconds": 1e3 * sample["fits_wall"]}


def _agreement(mine: list[list[float]], others: list[list[float]]) -> Sample:
    """Median difference of a mean gap, and in how many fits the other is closer to the pre-period."""
    pairs = list(zip(mine, others, strict=True))
    return {
        "median_difference": statistics.median(abs(a[0] - b[0]) for a, b in pairs),
        "better": sum(b[1] < a[1] - 1e-9 for a, b in pairs),
        "worst_rmspe_ratio": max(b[1] / a[1] for a, b in pairs),
    }
