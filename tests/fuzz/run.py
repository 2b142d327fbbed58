"""Fuzz a reader by coverage: ``python tests/fuzz/run.py TARGET SECONDS [FOLDER]``; needs atheris (`make fuzz`).

What it finds worth keeping goes to ``FOLDER/TARGET`` (in ``.build/fuzz``), and an input that crashes to ``FOLDER``. It runs
in processes of half a minute, one after another, since under the fuzzer's eyes DuckDB gives no memory back.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
PIECE = 30


def fuzz(name: str, seconds: int, folder: Path) -> None:
    """Run one target for so many seconds, in this process, and end it."""
    import atheris

    with atheris.instrument_imports(include=["bsynth", "tomllib", "json"]):
        sys.path.insert(0, str(HERE.parent))
        from fuzz.targets import TARGETS, text_of_a_result

    work = folder / name
    work.mkdir(parents=True, exist_ok=True)
    if name == "result":
        (work / "text").write_bytes(b"\x01" + text_of_a_result())
    options = [
        f"-max_total_time={seconds}",
        "-max_len=20000",
        "-timeout=60",
        "-rss_limit_mb=8192",
        "-print_final_stats=1",
    ]
    crashed = f"-artifact_prefix={folder}{os.sep}{name}-"
    # A corpus of one's own first, where what is new is kept; then the committed one, if there is any.
    known = [str(place) for place in (work, HERE / "corpus" / name) if place.is_dir()]

    def once(data: bytes) -> None:
        TARGETS[name](data)

    atheris.Setup([sys.argv[0], *known, *options, crashed], once)
    atheris.Fuzz()


def main(name: str, seconds: int, folder: Path) -> int:
    """Run one target, process by process; return 1 at the first crash."""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 1:
        piece = [sys.executable, __file__, name, str(int(min(PIECE, left)) or 1), str(folder), "--piece"]
        done = subprocess.run(piece, capture_output=True, text=True)
        if done.returncode:
            sys.stderr.write(done.stdout[-4000:] + done.stderr[-8000:])
            return 1
        told = [line for line in done.stderr.splitlines() if "DONE" in line]
        print(
            f"{name}: {max(left - PIECE, 0):.0f} s left; {' '.join(told[-1].split()[1:]) if told else ''}", flush=True
        )
    return 0


if __name__ == "__main__":
    arguments = [word for word in sys.argv[1:] if word != "--piece"]
    where = Path(arguments[2] if len(arguments) > 2 else ".build/fuzz")
    run = fuzz if "--piece" in sys.argv else main
    sys.exit(run(arguments[0], int(arguments[1]), where))
