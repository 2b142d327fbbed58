"""The weights, and what they make of donors whose cells are exact: the residual of the treated series.

Also what covariates and the treated unit's own terms add to it, and the predictor rows that the same weights should
match.
"""

import math

from bsynth.engines.kernels import layout as at
from bsynth.engines.kernels.common import table, vector
from bsynth.engines.kernels.machine import Array, piece

PREDICTOR_VARIANCE = 0.0625
"""Square of `bsynth.engines.structure.PREDICTOR_ERROR`."""


@piece
def weights_forward(x: Array, data: Array, w: Array, g: Array) -> float:
    """Weights on the simplex into ``w`` and the log density of their prior; begins the gradient."""
    J = len(w)
    alpha, softmax = data[at.WEIGHTS], data[at.SOFTMAX] > 0.0
    prior, largest, total = 0.0, -math.inf, 0.0
    scale = alpha if softmax else 1.0
    for j in range(J):
        largest = max(largest, x[j])
    if softmax:
        for j in range(J):
            prior -= 0.5 * x[j] * x[j]
            g[j] = -x[j]
            w[j] = math.exp(scale * (x[j] - largest))
            total += w[j]
    else:
        # One exponential each: of the value, since its sum is at least that of the largest.
        for j in range(J):
            w[j] = math.exp(x[j])
            prior += alpha * x[j] - w[j]
            g[j] = alpha - w[j]
            total += w[j]
    for j in range(J):
        w[j] /= total
    return prior


@piece
def weights_backward(data: Array, w: Array, g_w: Array, g: Array) -> None:
    """Add the gradient by the weights to that by the parameters."""
    mean = 0.0
    for j in range(len(w)):
        mean += w[j] * g_w[j]
    scale = data[at.WEIGHTS] if data[at.SOFTMAX] > 0.0 else 1.0
    for j in range(len(w)):
        g[j] += scale * w[j] * (g_w[j] - mean)


@piece
def exact_forward(data: Array, w: Array, r: Array) -> None:
    """Residual y − X w."""
    T0, J = len(r), len(w)
    y, X = vector(data, at.Y, T0), table(data, at.X, T0, J)
    for t in range(T0):
        total = 0.0
        for j in range(J):
            total += X[t, j] * w[j]
        r[t] = y[t] - total


@piece
def exact_backward(data: Array, g_r: Array, g_w: Array) -> None:
    """Reverse of `exact_forward`."""
    T0, J = len(g_r), len(g_w)
    X = table(data, at.X, T0, J)
    for t in range(T0):
        down = g_r[t]
        for j in range(J):
            g_w[j] -= down * X[t, j]


@piece
def covariates_forward(data: Array, z: Array, w: Array, beta: Array, moved: Array, r: Array) -> None:
    """Take (z_0 − Σ w z)′β off the residual; ``beta`` becomes β, and ``moved`` (T0, K) keeps what it multiplies."""
    T0, K, J = len(r), len(beta), len(w)
    own, donors = table(data, at.Z_TREATED, T0, K), table(data, at.Z_DONORS, K * T0, J)
    for k in range(K):
        beta[k] = data[at.BETA_SD] * z[k]
        for t in range(T0):
            total = 0.0
            for j in range(J):
                total += donors[k * T0 + t, j] * w[j]
            moved[t, k] = own[t, k] - total
            r[t] -= moved[t, k] * beta[k]


@piece
def covariates_backward(data: Array, beta: Array, moved: Array, g_r: Array, g_w: Array, g_beta: Array) -> None:
    """Reverse of `covariates_forward`."""
    T0, K, J = len(g_r), len(beta), len(g_w)
    donors = table(data, at.Z_DONORS, K * T0, J)
    for k in range(K):
        for t in range(T0):
            g_beta[k] -= g_r[t] * moved[t, k]
            down = g_r[t] * beta[k]
            for j in range(J):
                g_w[j] += down * donors[k * T0 + t, j]


@piece
def own_forward(data: Array, z: Array, r: Array) -> None:
    """Take the treated unit's own season and slope off the residual."""
    T0, K = len(r), len(z)
    columns = table(data, at.OWN_COLUMNS, T0, K)
    for t in range(T0):
        for k in range(K):
            r[t] -= columns[t, k] * z[k]


@piece
def own_backward(data: Array, g_r: Array, g_z: Array) -> None:
    """Reverse of `own_forward`."""
    T0, K = len(g_r), len(g_z)
    columns = table(data, at.OWN_COLUMNS, T0, K)
    for t in range(T0):
        for k in range(K):
            g_z[k] -= g_r[t] * columns[t, k]


@piece
def predictor_rows(data: Array, w: Array, s: float, g_w: Array) -> tuple[float, float]:
    """Log density of the predictor rows and its gradient by s, their scale; adds that by the weights."""
    P, J = int(data[at.PREDICTORS]), len(w)
    own, donors = vector(data, at.P_TREATED, P), table(data, at.P_DONORS, P, J)
    sd2 = data[at.PREDICTOR_SD] * data[at.PREDICTOR_SD]
    scale2 = PREDICTOR_VARIANCE + sd2 * s * s
    squares = 0.0
    for p in range(P):
        gap = own[p]
        for j in range(J):
            gap -= donors[p, j] * w[j]
        squares += gap * gap
        down = gap / scale2
        for j in range(J):
            g_w[j] += down * donors[p, j]
    value = -0.5 * (squares / scale2 + P * math.log(scale2))
    return value, 0.5 * (squares / scale2 - P) / scale2 * 2.0 * sd2 * s
