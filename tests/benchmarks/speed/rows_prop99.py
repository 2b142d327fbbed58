"""Rows on Proposition 99: the whole run, the posterior alone, another size of panel, one gradient, sampling."""

import csv
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from speed.bench import Bench, Sample
from speed.environments import PACKAGES, available, other
from speed.processes import BSYNTH, Failed, job, timed
from speed.record import Line, compared, median

ROLES = ("--unit", "unit", "--time", "time", "--outcome", "outcome", "--treated", "California", "--start", "1989")
BARE = ("--no-calibrate", "--methods", "none", "--findings", "none")


def _bsynth_run(file: Path, *options: str, environment: Mapping[str, str] | None = None) -> Sample:
    """``bsynth run`` in a fresh process, into a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        sample = timed([BSYNTH, "run", file, *ROLES, *options, "--quiet", "--out", out], environment)
        if not (out / "report.html").is_file():
            raise Failed("bsynth run wrote no report")
        return sample


def whole_run(bench: Bench) -> list[Line]:
    """The default run with calibration, classical methods, findings and report."""
    ours = bench.alternate("run", {"bsynth": lambda k: _bsynth_run(bench.prop99)}, 5)["bsynth"]
    # Minutes: once. The quick bench, which is to see that it runs, draws as little as the gate may let through.
    draws = (300, 200) if bench.quick else (1000, 600)
    graph = bench.piece("run, PyMC graph", lambda: job("whole_run", bench.prop99, "pymc", *draws))
    return [compared("`bsynth run`, Prop 99, all of it", ours, [graph], "PyMC graph", at_most=12.0, times=5.0)]


def posterior(bench: Bench) -> list[Line]:
    """The posterior and its page, or its answer alone; CausalPy to its effect summary."""
    others, missing = available("causalpy-rc", "causalpy")
    sides: dict[str, Callable[[int], Sample]] = {
        "bsynth": lambda k: _bsynth_run(bench.prop99, *BARE),
        "no page": lambda k: job("answer", bench.prop99),
    }
    sides |= {name: lambda k, name=name: other(bench, name) for name in others}
    found = bench.alternate("posterior", sides, 5)
    with_page, without = "posterior and page, Prop 99", "posterior and verdict in Python, no page"
    lines = []
    for name, times in (("causalpy-rc", 3.0), ("causalpy", None)):
        theirs, title = found.get(name), _title(found.get(name), name)
        bars = {"at_most": 5.0, "times": times} if times else {}
        lacks = missing if theirs is None else None
        lines.append(compared(with_page, found["bsynth"], theirs, title, missing=lacks, **bars))
    theirs, title = found.get("causalpy-rc"), _title(found.get("causalpy-rc"), "causalpy-rc")
    lacks = missing if theirs is None else None
    lines.append(compared(without, found["no page"], theirs, title, missing=lacks, at_most=3.5))
    return lines


def _title(samples: list[Sample] | None, name: str) -> str:
    if not samples:
        return PACKAGES[name].title
    versions = samples[0]["versions"]
    return ", ".join(f"{package} {found}" for package, found in versions.items() if package in ("CausalPy", "nutpie"))


def _smaller(file: Path, folder: Path, donors: int, years: int) -> Path:
    """Write the panel with its first donors and years."""
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    units = sorted({row["unit"] for row in rows} - {"California"})[:donors]
    times = sorted({int(row["time"]) for row in rows})[:years]
    path = folder / f"prop99-{donors}-{years}.csv"
    with path.open("w", newline="") as out:
        writer = csv.DictWriter(out, fieldnames=["unit", "time", "outcome"], extrasaction="ignore")
        writer.writeheader()
        kept = {"California", *units}
        writer.writerows(row for row in rows if row["unit"] in kept and int(row["time"]) in times)
    return path


def new_size(bench: Bench) -> list[Line]:
    """A fresh process meets a panel of a size that this cache has never seen; each pair another size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cache = folder / "cache"
        environment = {"BSYNTH_CACHE": str(cache)}

        def seen(k: int) -> Sample:
            if not _files(cache):
                # Here, and not as a piece of its own: this cache is gone with the process, also when it is interrupted.
                _bsynth_run(bench.prop99, *BARE, environment=environment)
            return _bsynth_run(bench.prop99, *BARE, environment=environment)

        def unseen(k: int) -> Sample:
            if not _files(cache):
                seen(k)
            before = _files(cache)
            sample = _bsynth_run(_smaller(bench.prop99, folder, 30 - k, 25), *BARE, environment=environment)
            return sample | {"new_files": len(_files(cache) - before)}

        found = bench.alternate("size", {"first size": seen, "new size": unseen}, 5, warm=False)
    first, new = median(found["first size"], "wall"), median(found["new size"], "wall")
    files = sum(sample["new_files"] for sample in found["new size"])
    details = {"first": found["first size"], "new": found["new size"]}
    title = "fresh process, a panel of a new size against the first"
    return [
        Line(title, new / first, "×", at_most=1.1, details=details),
        Line("files that a new size adds to the cache of machine code", float(files), "", at_most=0.0),
    ]


def _files(folder: Path) -> set[tuple[str, int]]:
    """Files below a folder with their times: one that is written again counts as new."""
    return {(str(file), file.stat().st_mtime_ns) for file in folder.rglob("*") if file.is_file()}


def gradient(bench: Bench) -> list[Line]:
    """One log density with its gradient, beside nutpie's compilation of the PyMC graph."""
    lines = []
    evaluations = 30_000 if bench.quick else 300_000
    for case, bar in (("exact", 3.0), ("known", 15.0)):
        run = {"bsynth": lambda k, case=case: job("gradient", bench.prop99, case, evaluations)}
        samples = bench.alternate(f"gradient, {case}", run, 3, warm=False)["bsynth"]
        first = samples[0]
        size = f"{case} cells, {first['donors']} donors, {first['periods' if case == 'known' else 'pre']} periods"
        ours, theirs = median(samples, "kernel_us"), median(samples, "graph_us")
        details = {"samples": samples}
        lines.append(Line(f"gradient, {size}", ours, "µs", theirs, "PyMC graph", at_most=bar, details=details))
    return lines


def sampling(bench: Bench) -> list[Line]:
    """Effective draws of the average effect for each CPU second of sampling alone: compiling is left out of both."""
    others, missing = available("causalpy", "causalpy-rc")
    sides: dict[str, Callable[[int], Sample]] = {
        model: lambda k, model=model: _per_second(job("sampling", bench.prop99, model, k + 2))
        for model in ("default", "level")
    }
    sides |= {name: lambda k, name=name: _per_second(other(bench, name, k + 2)) for name in others}
    found = bench.alternate("sampling", sides, 5)
    lines = []
    for model in ("default", "level"):
        for name in ("causalpy", "causalpy-rc"):
            theirs, title = found.get(name), _title(found.get(name), name)
            lines.append(
                compared(
                    f"effective draws per CPU second, `{model}`",
                    found[model],
                    theirs,
                    title,
                    by="per_second",
                    unit="/s",
                    more=True,
                    times=10.0,
                    missing=missing if theirs is None else None,
                )
            )
    for model in ("default", "level"):
        own = float(max(sample["divergences"] for sample in found[model]))
        theirs = [max(sample["divergences"] for sample in found[name]) for name in others]
        title = "worst of CausalPy" if theirs else ""
        line = Line(f"divergences, `{model}`, worst run", own, "", max(theirs, default=None), title, at_most=0.0)
        lines.append(line)
    return lines


def _per_second(sample: Sample) -> Sample:
    return sample | {"per_second": sample["ess"] / sample["sampling_cpu"]}
