"""Versions of the packages that make the numbers."""

import importlib.metadata

PACKAGES = ("bsynth", "pymc", "nutpie", "arviz", "numpy", "scipy", "pandas", "xarray")


def versions() -> dict[str, str]:
    """Return the versions of bsynth and of the packages that make its numbers."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}
