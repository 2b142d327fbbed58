"""The posterior's answer on Proposition 99 and no page, in words: ``answer.py FILE``."""

import json
import sys

import bsynth as bs


def main() -> None:
    panel = bs.Panel.from_long(
        sys.argv[1], unit="unit", time="time", outcome="outcome", treated="California", start=1989
    )  # fmt: skip
    analysis = bs.analyse(panel, methods=["none"], findings=["none"], calibrated=False, progress=False)
    print(analysis.verdict)
    print(json.dumps({"status": analysis.status}))


if __name__ == "__main__":
    main()
