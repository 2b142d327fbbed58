"""The whole of ``bsynth run`` on Proposition 99 by another engine: ``whole_run.py FILE ENGINE DRAWS TUNE``."""

import json
import sys
import tempfile
import warnings
from pathlib import Path

from bsynth.analysis import plan_analysis, run_analysis
from bsynth.engines.sampling import Sampling
from bsynth.errors import UnreliableWarning
from bsynth.panel import Panel
from bsynth.reporting.run import write_run


def main() -> None:
    file, engine, draws, tune = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    warnings.simplefilter("ignore", UnreliableWarning)
    panel = Panel.from_long(file, unit="unit", time="time", outcome="outcome", treated="California", start=1989)
    request = plan_analysis(panel, sampling=Sampling(draws=draws, tune=tune, engine=engine))
    with tempfile.TemporaryDirectory() as folder:
        analysis = run_analysis(request, progress=False)
        write_run(analysis, Path(folder) / "run")
    print(json.dumps({"status": analysis.status}))


if __name__ == "__main__":
    main()
