"""A panel from a log in Parquet against the GROUP BY that one would write by hand: time, and the peak of memory.

    python tests/benchmarks/bench_ingest.py --rows 100_000_000 [--folder DIR] [--users 50_000_000] [--resamples 20]

Each run is a process of its own, both in turn, the median of three; ``--users`` makes them logs of so many users.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

UNITS, FILES = 200, 20
BY_HAND = """
select unit, date_trunc('week', "at") as week, count(amount) as n, sum(amount) as total, sum(amount * amount) as total_sq
from read_parquet('{folder}/*.parquet') group by unit, week
"""


def make(folder: Path, rows: int, users: int) -> None:
    """Rows over 52 weeks and 200 units: who, when, how much."""
    each = -(-rows // FILES)
    connection = duckdb.connect()
    for k in range(FILES):
        path = folder / f"part-{k:02d}.parquet"
        if path.exists():
            continue
        connection.execute(
            f"""copy (
                select 'unit ' || (hash(i, 1) % {UNITS}) as unit, (hash(i, 2) % {users})::bigint as user_id,
                    timestamp '2024-01-01' + to_seconds((hash(i, 3) % (364 * 86400))::bigint) as at,
                    round(exp((hash(i, 4) % 1000) / 250.0), 2) as amount
                from range({k * each}, {min((k + 1) * each, rows)}) t(i)
            ) to '{path}.part' (format parquet)"""
        )
        Path(f"{path}.part").rename(path)


def once(what: str, folder: Path, resamples: int) -> None:
    """Do one thing and print its seconds and peak of memory."""
    if what == "hand":
        began = time.perf_counter()
        cells = len(duckdb.connect().execute(BY_HAND.format(folder=folder)).df())
    else:
        import ibis  # noqa: F401 - loading the package is not what is measured

        import bsynth as bs

        more = {"cluster": "user_id", "resamples": resamples} if what == "resamples" else {}
        began = time.perf_counter()
        panel = bs.Panel.from_events(
            folder, unit="unit", time="at", outcome="amount", treated="unit 0", start="2024-09-02", freq="week", **more
        )
        cells = panel.outcome.size
    seconds, peak = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": round(seconds, 2), "peak_gib": round(peak, 2), "cells": cells}))


def main() -> None:
    """Make the log unless it is there, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--users", type=int, default=50_000_000)
    parser.add_argument("--resamples", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--once", default=None, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.once:
        once(asked.once, asked.folder, asked.resamples)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        make(folder, asked.rows, asked.users)
        found: dict[str, list[dict[str, float]]] = {"hand": [], "panel": []}
        kinds = ["hand", "panel"] * 3 + (["resamples"] if asked.resamples else [])
        for what in kinds:
            command = [sys.executable, __file__, "--once", what, "--folder", str(folder)]
            done = subprocess.run(
                [*command, "--resamples", str(asked.resamples)], check=True, stdout=subprocess.PIPE, text=True
            )
            found.setdefault(what, []).append(json.loads(done.stdout))
            print(what, done.stdout.strip(), flush=True)
        hand, panel = (statistics.median(each["seconds"] for each in found[what]) for what in ("hand", "panel"))
        print(f"{asked.rows:,} rows: by hand {hand:.2f} s, panel {panel:.2f} s, ratio {panel / hand:.2f}")


if __name__ == "__main__":
    main()
