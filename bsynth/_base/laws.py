"""Densities, distribution functions and quantiles of the laws that every run evaluates, from SciPy's special functions.

`scipy.stats` has them all and takes a second to import, for a run that asks for six.
"""

import numpy as np
from scipy import special

from bsynth._base.types import FloatArray

LOG_2PI = float(np.log(2 * np.pi))


def normal_logpdf(x: FloatArray, scale: FloatArray | float = 1.0) -> FloatArray:
    """Log density of N(0, scale²).

    Examples
    --------
    >>> float(normal_logpdf(np.array(0.0))) == -LOG_2PI / 2
    True
    """
    return np.asarray(-0.5 * np.square(x / scale) - np.log(scale) - 0.5 * LOG_2PI)


def half_normal_logpdf(x: FloatArray, scale: FloatArray | float = 1.0) -> FloatArray:
    """Log density of HalfNormal(scale) at x ≥ 0.

    Examples
    --------
    >>> round(float(half_normal_logpdf(np.array(0.0)) - normal_logpdf(np.array(0.0))), 6)
    0.693147
    """
    return np.asarray(normal_logpdf(x, scale) + np.log(2.0))


def t_logpdf(x: FloatArray, df: float, scale: FloatArray | float = 1.0) -> FloatArray:
    """Log density of Student's t with ``df`` degrees of freedom about 0.

    Examples
    --------
    >>> np.exp(t_logpdf(np.array([0.0, 1.0]), 1.0)).round(4).tolist()
    [0.3183, 0.1592]
    """
    constant = special.gammaln((df + 1) / 2) - special.gammaln(df / 2) - 0.5 * np.log(df * np.pi)
    return np.asarray(constant - np.log(scale) - 0.5 * (df + 1) * np.log1p(np.square(x / scale) / df))


def t_cdf(x: FloatArray | float, df: float) -> FloatArray:
    """P(T ≤ x) of Student's t.

    Examples
    --------
    >>> t_cdf(np.array([-np.inf, 0.0, 1.0]), 1.0).round(12).tolist()
    [0.0, 0.5, 0.75]
    """
    return np.asarray(special.stdtr(df, x))


def beta_quantile(p: FloatArray | float, a: float, b: float) -> FloatArray:
    """Quantile of the Beta(a, b) law.

    Examples
    --------
    >>> float(beta_quantile(0.5, 2, 2))
    0.5
    """
    return np.asarray(special.betaincinv(a, b, p))


def binomial_tail(count: FloatArray | int, n: FloatArray | int, p: FloatArray | float) -> FloatArray:
    """P(X ≥ count) of a Binomial(n, p).

    Examples
    --------
    >>> binomial_tail(np.array([0, 1, 2]), 2, 0.5).tolist()
    [1.0, 0.75, 0.25]
    """
    return np.asarray(special.bdtrc(np.asarray(count) - 1.0, n, p))
