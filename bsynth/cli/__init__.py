"""The command line: ``bsynth demo``, ``check``, ``plan``, ``power``, ``run``, ``certify``, ``study``, ``simulate``,
``models``, ``warm``.

Exit codes: 0 done; 2 bad input (one line on stderr); 3 done, but a fit failed its convergence gate.
"""

import click

from bsynth.cli.analysis import demo, run
from bsynth.cli.base import Group
from bsynth.cli.catalogue import models, simulate
from bsynth.cli.certify import certify
from bsynth.cli.check import check
from bsynth.cli.plan import plan
from bsynth.cli.power import power
from bsynth.cli.study import study
from bsynth.cli.warm import warm


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="bsynth")
def main() -> None:
    """Bayesian synthetic control with intervals that are tested, and the classical answer beside it."""


for _command in (demo, check, plan, power, run, certify, study, simulate, models, warm):
    main.add_command(_command)
