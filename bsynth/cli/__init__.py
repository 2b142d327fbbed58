"""The command line: ``bsynth demo``, ``check``, ``plan``, ``power``, ``run``, ``certify``, ``study``, ``simulate``,
``models``, ``warm``, ``doctor``.

Exit codes: 0 done; 1 broke down: no memory, a sampler that stopped, a fault of bsynth; 2 bad input; 3 done, but a fit
failed its convergence gate; 130 interrupted (Ctrl-C); 143 asked to end (SIGTERM). All but 0 come with a line on stderr.
"""

import click

from bsynth.cli.analysis import demo, run
from bsynth.cli.base import Group
from bsynth.cli.catalogue import models, simulate
from bsynth.cli.certify import certify
from bsynth.cli.check import check
from bsynth.cli.doctor import doctor
from bsynth.cli.plan import plan
from bsynth.cli.power import power
from bsynth.cli.study import study
from bsynth.cli.warm import warm


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="bsynth", prog_name="bsynth")
def main() -> None:
    """Bayesian synthetic control with intervals that are tested, and the classical answer beside it."""


for _command in (demo, check, plan, power, run, certify, study, simulate, models, warm, doctor):
    main.add_command(_command)
