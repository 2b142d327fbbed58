"""Panels to try things on: three of published studies, and one that is simulated and whose truth is known.

They are called as scikit-learn's: ``load_*`` reads a file that comes with the package, ``make_*`` simulates. Each
returns a `Panel`, which every verb takes, since that is what an example goes on with; with ``as_frame=True`` the tidy
DataFrame that it is made of, since that is what your own data look like. ``LICENSES.md`` beside the files has source
and licence.
"""

from bsynth.datasets.geo import make_geo
from bsynth.datasets.studies import load_basque, load_germany, load_prop99

__all__ = ["load_basque", "load_germany", "load_prop99", "make_geo"]
