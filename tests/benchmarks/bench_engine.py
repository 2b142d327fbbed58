"""Measure the speed table, and write it: ``python tests/benchmarks/bench_engine.py [--only NAME]... [--quick]``.

Every row runs fresh processes with one thread of linear algebra each, bsynth and another in turn. Other packages get
environments of their own in ``.build/bench``. What is finished is kept there, so that an interrupted bench goes on; the
whole is written to ``tests/benchmarks/results.json``, which README's table is made of. ``--quick`` measures little, to
see that everything runs, and writes to ``.build/bench/quick.json`` instead.
"""

import argparse
import hashlib
import json
import os
import platform
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from speed import rows_more, rows_prop99
from speed.bench import BUILD, ROOT, Bench, tell
from speed.record import Line

from bsynth._base.versions import versions
from bsynth.pieces import Store, digest

ROWS: Mapping[str, Callable[[Bench], list[Line]]] = {
    "run": rows_prop99.whole_run,
    "posterior": rows_prop99.posterior,
    "size": rows_prop99.new_size,
    "gradient": rows_prop99.gradient,
    "sampling": rows_prop99.sampling,
    "certify": rows_more.certify,
    "large": rows_more.large,
    "many": rows_more.many,
    "demo": rows_more.demo,
    "classical": rows_more.classical,
}
RESULTS = Path(__file__).parent / "results.json"


def processor() -> str:
    """The processor's name and how many of its cores there are."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {os.cpu_count()} cores"


def sources(*folders: Path) -> str:
    """A digest of code: what was measured of another state is not taken for this one's."""
    files = sorted(file for folder in folders for file in folder.rglob("*") if file.suffix in (".py", ".toml"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def measured(name: str, bench: Bench) -> dict[str, Any]:
    """The record of a row; one that fails has its reason in the place of lines."""
    began, load = time.time(), os.getloadavg()[0]
    record: dict[str, Any] = {"load_before": round(load, 2)}
    tell(f"{name}: {(ROWS[name].__doc__ or '').splitlines()[0]}")
    try:
        lines = ROWS[name](bench)
    except Exception as error:  # noqa: BLE001  # no row stops the others
        traceback.print_exc()
        return record | {"lines": [], "reason": f"{type(error).__name__}: {error}"}
    for line in lines:
        tell(f"  {said(line)}")
    return record | {"lines": [line.to_dict() for line in lines], "reason": None, "seconds": round(time.time() - began)}


def said(line: Line) -> str:
    """A line of the table for the terminal."""
    parts = [f"{line.measure}: {line.value:.4g} {line.unit}".rstrip()]
    if line.other is not None:
        times = "" if line.ratio is None else f", {line.ratio:.1f} times"
        parts.append(f"{line.against} {line.other:.4g}{times}")
    if line.bar:
        parts.append(f"bar {line.bar}: " + {True: "holds", False: "MISSED", None: "not judged"}[line.holds])
    return "; ".join([*parts, *(text for text in (line.fails, line.missing) if text)])


def write(file: Path, results: Mapping[str, Any]) -> None:
    """Write the results, whole or not at all."""
    part = file.with_name(f"{file.name}.part")
    part.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(file)


def main() -> None:
    """Measure, and write after each row."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=list(ROWS), help="only this row; may be repeated")
    parser.add_argument("--quick", action="store_true", help="little of everything, into .build/bench/quick.json")
    options = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    file = BUILD / "quick.json" if options.quick else RESULTS
    about = {
        "processor": processor(),
        "python": platform.python_version(),
        "versions": versions(),
        "sources": sources(ROOT / "bsynth", ROOT / "models"),
    }
    store = Store(BUILD / f"pieces-{file.stem}.jsonl", digest([about, sources(Path(__file__).parent)]))
    bench = Bench(Path(os.environ.get("BSYNTH_DATA", "../shared/data")).resolve(), options.quick, store)
    before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    # Rows of another machine, other versions or other code would not be of one table.
    kept = before.get("rows", {}) if all(before.get(name) == about[name] for name in about) else {}
    rows = {name: kept[name] for name in ROWS if name in kept and options.only and name not in options.only}
    for name in options.only or ROWS:
        rows[name] = measured(name, bench)
        write(file, {**about, "quick": options.quick, "rows": {n: rows[n] for n in ROWS if n in rows}})
    if not options.only:
        # The next bench measures anew.
        store.file.unlink(missing_ok=True)
    tell(f"written: {file}")


if __name__ == "__main__":
    main()
