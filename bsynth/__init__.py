"""bsynth: Bayesian synthetic control, with the classical answer beside it.

Importing bsynth loads neither PyMC nor matplotlib; they come with the first fit and the first plot.
The public names stand in ``__init__.pyi``.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
