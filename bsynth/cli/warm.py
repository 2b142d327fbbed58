"""``bsynth warm``: what the first fit on a machine would compile, compiled now."""

import click

from bsynth._base.progress import status
from bsynth.cli import options
from bsynth.errors import FitError


@click.command()
@options.quiet
def warm(quiet: bool) -> None:
    """Compile what fits need and keep it, so that the first fit on this machine need not wait for it.

    For images and build machines. It is kept in the folder BSYNTH_CACHE, else in bsynth within the user's folder for
    caches, and is made once for each version of bsynth and of numba.

    \b
    bsynth warm
    """
    from bsynth.engines.kernels import nuts
    from bsynth.engines.kernels.compiled import cache_folder

    with status("Compiling the density of the models", not quiet):
        reason = nuts.lacks() or nuts.note()
    if reason is not None:
        raise FitError(f"nothing is kept: {reason}")
    if not quiet:
        click.echo(f"The density of the models is compiled and kept in {cache_folder()}.")
