"""Donors whose cells are means of rows: levels, period effects and noise of the true cells, and their likelihood."""

import math

from bsynth.engines.kernels import layout as at
from bsynth.engines.kernels.common import half_normal, logistic, standard_normal, table, vector
from bsynth.engines.kernels.forms import CHUNK
from bsynth.engines.kernels.machine import Array, piece


@piece
def period_forward(z: Array, rho: float, series: Array, u: Array) -> float:
    """Stationary AR(1) series of unit variance; into ``u`` the same less its mean, of spread 1; return its spread."""
    T = len(z)
    innovation = math.sqrt(1.0 - rho * rho)
    series[0] = z[0]
    mean = z[0]
    for t in range(1, T):
        series[t] = rho * series[t - 1] + innovation * z[t]
        mean += series[t]
    mean /= T
    squares = 0.0
    for t in range(T):
        u[t] = series[t] - mean
        squares += u[t] * u[t]
    spread = math.sqrt(squares / T)
    for t in range(T):
        u[t] /= spread
    return spread


@piece
def period_backward(
    z: Array, rho: float, series: Array, u: Array, spread: float, g_u: Array, by_log_spread: float, g_z: Array
) -> float:
    """Add to the gradient by z; return that by ρ."""
    T = len(z)
    along, mean = 0.0, 0.0
    for t in range(T):
        along += g_u[t] * u[t]
        mean += g_u[t]
    # u has mean 0 and spread 1 whatever the series: what would change them has no effect.
    along = (along - by_log_spread) / T
    mean /= T
    innovation = math.sqrt(1.0 - rho * rho)
    g_rho, down = 0.0, 0.0
    for t in range(T - 1, 0, -1):
        down = (g_u[t] - mean - u[t] * along) / spread + rho * down
        g_z[t] += innovation * down
        g_rho += down * (series[t - 1] - rho / innovation * z[t])
    g_z[0] += (g_u[0] - mean - u[0] * along) / spread + rho * down
    return g_rho


@piece
def latent_forward(data: Array, w: Array, c: Array, d: Array, noise2: float, r: Array, v: Array) -> None:
    """Residual y − Σ w x̃ and the known variance of each pre-period, Σ w² V + v0."""
    T0, J = len(r), len(w)
    y, cells = vector(data, at.Y, T0), vector(data, at.CELLS, T0)
    X, precision = table(data, at.X, T0, J), table(data, at.PRECISION, T0, J)
    for t in range(T0):
        centre, variance, period = 0.0, 0.0, d[t]
        for j in range(J):
            inverse = 1.0 / (1.0 + noise2 * precision[t, j])
            smooth = c[j] + period
            centre += w[j] * (smooth + noise2 * precision[t, j] * inverse * (X[t, j] - smooth))
            variance += w[j] * w[j] * inverse
        r[t] = y[t] - centre
        v[t] = noise2 * variance + cells[t]


@piece
def latent_backward(
    data: Array, w: Array, c: Array, d: Array, noise2: float, g_r: Array, g_v: Array, g_w: Array, g_c: Array, g_d: Array
) -> tuple[float, float]:
    """Log likelihood of the donors, and the gradient by σ_e² of it and of `latent_forward`; adds the other gradients.

    Both in one pass over the cells: the donors' own terms are their likelihood at all periods, those of the treated
    series, of the pre-period, go through the same divisions.
    """
    T0, T, J = len(g_r), len(d), len(w)
    X, precision = table(data, at.X, T, J), table(data, at.PRECISION, T, J)
    value, g_noise2 = 0.0, 0.0
    for t in range(T):
        down_r = g_r[t] if t < T0 else 0.0
        down_v = g_v[t] if t < T0 else 0.0
        squares, by_noise, by_period, period = 0.0, 0.0, 0.0, d[t]
        for j in range(J):
            rho = precision[t, j]
            inverse = 1.0 / (1.0 + noise2 * rho)
            a = rho * inverse
            residual = X[t, j] - c[j] - period
            scaled = a * residual
            squares += scaled * residual
            by_latent = -down_r * w[j]
            by_smooth = scaled + by_latent * inverse
            g_c[j] += by_smooth
            by_period += by_smooth
            by_noise += 0.5 * (scaled * scaled - a) + (by_latent * scaled + down_v * w[j] * w[j] * inverse) * inverse
            g_w[j] += -down_r * (c[j] + period + noise2 * scaled) + 2.0 * down_v * w[j] * noise2 * inverse
        value -= 0.5 * squares
        g_noise2 += by_noise
        g_d[t] += by_period
    return value - 0.5 * log_inflation(precision, noise2), g_noise2


@piece
def log_inflation(precision: Array, noise2: float) -> float:
    """Σ log(1 + σ_e² ρ) over all cells."""
    T, J = precision.shape
    flat = precision.reshape(T * J)
    whole = T * J // CHUNK * CHUNK
    total = 0.0
    for k in range(0, whole, CHUNK):
        total += math.log(
            (1.0 + noise2 * flat[k])
            * (1.0 + noise2 * flat[k + 1])
            * (1.0 + noise2 * flat[k + 2])
            * (1.0 + noise2 * flat[k + 3])
        )
    for k in range(whole, T * J):
        total += math.log(1.0 + noise2 * flat[k])
    return total


@piece
def donors_forward(
    x: Array, g: Array, data: Array, c: Array, d: Array, series: Array, u: Array
) -> tuple[float, float, float, float, float]:
    """Levels ``c`` (J,) and period effects ``d`` (T,) of the donors from their part of the vector.

    Returns the log density of their priors, σ_e², ρ of the periods, the spread of their series, and the gradient of
    the prior by its logarithm; begins the gradient. The part holds levels, ρ, innovations, scale and noise.
    """
    J, T = len(c), len(d)
    sd = vector(data, at.DONOR_LEVEL_SD, J)
    value = standard_normal(x[:J], g[:J]) + standard_normal(x[J + 1 : J + 1 + T], g[J + 1 : J + 1 + T])
    for j in range(J):
        c[j] = sd[j] * x[j]
    rho, log_p, log_q = logistic(x[J])
    value += 2.0 * (log_p + log_q)
    g[J] = 2.0 - 4.0 * rho
    spread = period_forward(x[J + 1 : J + 1 + T], rho, series, u)
    # The scale is half-normal in units of the spread; the vector holds its product with the spread.
    k = J + 1 + T
    _, prior = half_normal(x[k] - math.log(spread), g, k)
    value += prior
    scale = data[at.PERIOD_SD] * math.exp(x[k])
    for t in range(T):
        d[t] = scale * u[t]
    noise, prior = half_normal(x[k + 1], g, k + 1)
    noise *= data[at.DONOR_NOISE_SD]
    return value + prior, noise * noise, rho, spread, -g[k]


@piece
def donors_backward(
    x: Array,
    g: Array,
    data: Array,
    d: Array,
    series: Array,
    u: Array,
    noise2: float,
    rho: float,
    spread: float,
    by_log_spread: float,
    g_c: Array,
    g_d: Array,
    g_noise2: float,
) -> None:
    """Add the gradient by levels, period effects (which is used up) and σ_e² to that by the donors' part."""
    J, T = len(g_c), len(d)
    sd = vector(data, at.DONOR_LEVEL_SD, J)
    for j in range(J):
        g[j] += sd[j] * g_c[j]
    k = J + 1 + T
    scale = data[at.PERIOD_SD] * math.exp(x[k])
    for t in range(T):
        g[k] += g_d[t] * d[t]
        g_d[t] *= scale
    by_rho = period_backward(x[J + 1 : k], rho, series, u, spread, g_d, by_log_spread, g[J + 1 : k])
    g[J] += by_rho * rho * (1.0 - rho)
    g[k + 1] += 2.0 * noise2 * g_noise2
