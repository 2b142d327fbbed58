"""What the parts of the density share: views of the buffer, and the links of positive variables and shares."""

import math

from bsynth.engines.kernels.machine import Array, piece


@piece
def table(data: Array, place: int, rows: int, columns: int) -> Array:
    """A matrix of the buffer, by the place of its offset in the header."""
    start = int(data[place])
    return data[start : start + rows * columns].reshape((rows, columns))


@piece
def vector(data: Array, place: int, size: int) -> Array:
    """A vector of the buffer."""
    start = int(data[place])
    return data[start : start + size]


@piece
def logistic(x: float) -> tuple[float, float, float]:
    """P = 1 / (1 + exp(−x)), log p and log (1 − p)."""
    if x >= 0.0:
        small = math.exp(-x)
        rest = math.log1p(small)
        return 1.0 / (1.0 + small), -rest, -x - rest
    small = math.exp(x)
    rest = math.log1p(small)
    return small / (1.0 + small), x - rest, -rest


@piece
def softplus(x: float) -> float:
    """Log (1 + exp x)."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@piece
def half_normal(x: float, g: Array, k: int) -> tuple[float, float]:
    """Value exp(x) of a half-normal variable, and its log density; begins its gradient."""
    value = math.exp(x)
    g[k] = 1.0 - value * value
    return value, x - 0.5 * value * value


@piece
def standard_normal(x: Array, g: Array) -> float:
    """Log density of independent standard normal variables (n,); begins their gradient."""
    squares = 0.0
    for k in range(len(x)):
        squares += x[k] * x[k]
        g[k] = -x[k]
    return -0.5 * squares
