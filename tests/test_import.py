"""Starting up is cheap, and the public names are what they say."""

import subprocess
import sys
from pathlib import Path

import pytest

import bsynth as bs

HEAVY = ("pymc", "pytensor", "nutpie", "numba", "matplotlib")


@pytest.mark.parametrize(
    "code",
    [
        "import bsynth",
        "import bsynth; bsynth.Panel, bsynth.simulate_rollout, bsynth.classical, bsynth.load_model",
        "from click.testing import CliRunner; from bsynth.cli import main; CliRunner().invoke(main, ['--help'])",
        "from click.testing import CliRunner; from bsynth.cli import main; CliRunner().invoke(main, ['run', '--help'])",
    ],
)
def test_start_up_loads_neither_pymc_nor_matplotlib(code: str) -> None:
    check = f"{code}\nimport sys\nprint([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_a_run_loads_only_what_it_uses(tmp_path: Path) -> None:
    """What a room brings in at its top, a run pays for that merely draws a picture of the same registry."""
    code = f"""
import sys
import bsynth as bs
from bsynth.cli import main
bs.simulate_factor(donors=6, seed=1).to_csv({str(tmp_path / "data.csv")!r}, index=False)
main(
    ["run", {str(tmp_path / "data.csv")!r}, "--unit", "unit", "--time", "time", "--outcome", "outcome", "--treated", "0",
     "--start", "30", "--methods", "did", "--findings", "none", "--out", {str(tmp_path / "run")!r}],
    standalone_mode=False,
)
print([m for m in ("pymc", "pytensor", "arviz", "arviz_stats", "arviz_plots", "scipy.stats", "scipy.signal") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_public_names() -> None:
    assert bs.__all__ == sorted(bs.__all__)
    for name in bs.__all__:
        value = getattr(bs, name)
        assert value.__name__.removeprefix("bsynth.") == name
        assert value.__doc__, name
    assert set(bs.__all__) <= set(dir(bs))
    with pytest.raises(AttributeError, match="No bsynth attribute fitt"):
        bs.fitt  # noqa: B018
