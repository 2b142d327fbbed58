"""Versions of the packages that make the numbers."""

import functools
import importlib.metadata

PACKAGES = ("bsynth", "pymc", "nutpie", "numba", "arviz", "numpy", "scipy", "pandas", "xarray")


def versions() -> dict[str, str]:
    """Return the versions of bsynth and of the packages that make its numbers."""
    return dict(_versions())


@functools.cache
def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in PACKAGES}
