"""The certificate of Proposition 99: ``certify.py FILE``."""

import json
import sys

import bsynth as bs


def main() -> None:
    panel = bs.Panel.from_long(
        sys.argv[1], unit="unit", time="time", outcome="outcome", treated="California", start=1989
    )  # fmt: skip
    found = bs.certify(panel, progress=False)
    print(json.dumps({"certify_wall": found.seconds, "fits": sum(len(w.placebos) for w in found.windows)}))


if __name__ == "__main__":
    main()
