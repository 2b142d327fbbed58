"""The likelihood of the treated series before the start, given its residual, and the gradient of it."""

import math

from bsynth.engines.kernels import layout as at
from bsynth.engines.kernels.common import logistic, softplus, table, vector
from bsynth.engines.kernels.forms import (
    ROWS,
    dense_backward,
    dense_forward,
    filter_backward,
    filter_forward,
    powers_of,
    still_backward,
    still_forward,
)
from bsynth.engines.kernels.machine import Array, piece


@piece
def student(data: Array, r: Array, level: float, total2: float, g_r: Array) -> tuple[float, float, float]:
    """Log density of Student-t residuals about a level; its gradients by the level's own parameter and by total2."""
    df, sd = data[at.DEGREES], data[at.LEVEL_SD]
    value, by_level, by_total = 0.0, 0.0, 0.0
    for t in range(len(r)):
        e = r[t] - sd * level
        ratio = e * e / (df * total2)
        value -= 0.5 * (df + 1.0) * math.log1p(ratio)
        slope = (df + 1.0) * e / (df * total2) / (1.0 + ratio)
        g_r[t] -= slope
        by_level += slope * sd
        by_total += 0.5 * (df + 1.0) * ratio / (1.0 + ratio)
    T0 = len(r)
    return value - 0.5 * T0 * math.log(total2), by_level, (by_total - 0.5 * T0) / total2


@piece
def variances_forward(noise2: float, kappa: Array, known: Array, v: Array) -> None:
    """Variance of each period: of its noise, times ``kappa`` where periods have one of their own, and the known."""
    for t in range(len(v)):
        v[t] = noise2 + known[t]
    for t in range(len(kappa)):
        v[t] = noise2 * kappa[t] + known[t]


@piece
def variances_backward(noise2: float, kappa: Array, by: Array, g_v: Array, g_kappa: Array) -> float:
    """Gradient by ``noise2`` from that by the variances, ``by``; adds those by the known part and by ``kappa``."""
    total = 0.0
    for t in range(len(by)):
        g_v[t] += by[t]
        total += by[t]
    if len(kappa) == 0:
        return total
    total = 0.0
    for t in range(len(kappa)):
        total += kappa[t] * by[t]
        g_kappa[t] += noise2 * by[t]
    return total


@piece
def normal(
    data: Array,
    r: Array,
    known: Array,
    kappa: Array,
    total2: float,
    share: float,
    rho: float,
    slope: float,
    g_r: Array,
    g_v: Array,
    g_kappa: Array,
    room: Array,
) -> tuple[float, float, float, float, float]:
    """Log density of the residuals with level and drift integrated out; gradients by total2, share, ρ and slope.

    ``known`` is the known part of each period's variance and ``kappa`` the factor of its noise, empty where all have
    one; the gradients by these two, and that by the residuals, are added.
    """
    T0 = len(r)
    seen, level2 = vector(data, at.SEEN, T0), data[at.LEVEL_SD] ** 2
    g_still, g_noise, v, room = room[:T0], room[T0 : 2 * T0], room[2 * T0 : 3 * T0], room[3 * T0 :]
    g_still[:] = 0.0
    g_noise[:] = 0.0
    variances_forward(total2, kappa, known, v)
    value, mean, variance = still_forward(r, v, seen, level2)
    off, g_total, g_share, g_rho, g_slope = 1.0, 0.0, 0.0, 0.0, 0.0
    if data[at.DRIFT] > 0.0:
        G = int(data[at.FORMS])
        trend = data[at.TREND] > 0.0
        phi, step = table(data, at.PHI, T0, G), table(data, at.STEP, T0, G)
        if rho > 0.0:
            phi, step = phi.copy(), step.copy()
            powers_of(rho, vector(data, at.LAG, T0), phi, step)
        noise, solved, room = room[:T0], room[T0 : 2 * T0], room[2 * T0 :]
        q2, terms, means, room = room[:G], room[G : 2 * G], room[2 * G : 3 * G], room[3 * G :]
        variances, g_q2, room = room[:G], room[G : 2 * G], room[2 * G :]
        g_q2[:] = 0.0
        sigma2 = (1.0 - share) * total2
        variances_forward(sigma2, kappa, known, noise)
        reach = vector(data, at.REACH, G)
        for g in range(G):
            q2[g] = share * total2 / reach[g]
        rows, columns = columns_of_filter(T0), 0 if trend else G
        work = room[: (ROWS + 1) * rows * columns].reshape((ROWS + 1, rows, columns))
        inverse = room[: T0 * T0].reshape((T0, T0)) if trend else room[:0].reshape((0, T0))
        if trend:
            terms[0] = trend_forward(data, r, noise, seen, q2[0], slope, level2, inverse, solved)
        else:
            filter_forward(r, noise, seen, phi, step, q2, level2, work, terms, means, variances)
        value, off = mixed(data, value, total2, sigma2, q2, terms)
        if trend:
            g_q2[0], g_slope = trend_backward(data, seen, slope, inverse, solved, terms[0], g_r, g_noise)
        else:
            lag = vector(data, at.LAG, T0)
            g_rho = filter_backward(phi, step, lag, q2, rho, means, variances, terms, work, g_r, g_noise, g_q2)
        g_sigma2 = variances_backward(sigma2, kappa, g_noise, g_v, g_kappa)
        g_total, g_share = scales_backward(data, total2, share, terms, g_q2, g_sigma2)
    if off > 0.0:
        still_backward(r, v, seen, mean, variance, off, g_r, g_still)
        g_total += variances_backward(total2, kappa, g_still, g_v, g_kappa)
    return value, g_total, g_share, g_rho, g_slope


@piece
def mixed(data: Array, still: float, total2: float, sigma2: float, q2: Array, terms: Array) -> tuple[float, float]:
    """Log density of the mixture of no drift and its forms, and the probability of none.

    ``terms`` (G,) holds the log density of the residuals under each form, and becomes the form's probability.
    """
    G, noise2 = len(terms), data[at.NOISE_SD] ** 2
    reach, step_sd, log_form = vector(data, at.REACH, G), vector(data, at.DRIFT_SD, G), vector(data, at.LOG_FORM, G)
    largest = -math.inf
    for g in range(G):
        step2 = step_sd[g] * step_sd[g]
        terms[g] += 0.5 * math.log(math.pi / (2.0 * reach[g] * step2)) + log_form[g]
        terms[g] += 0.5 * (math.log(total2) - sigma2 / noise2 - q2[g] / step2 + total2 / noise2)
        largest = max(largest, terms[g])
    total = 0.0
    for g in range(G):
        terms[g] = math.exp(terms[g] - largest)
        total += terms[g]
    value, on, off = largest + math.log(total), 1.0, 0.0
    if data[at.ALWAYS] == 0.0:
        odds = value - still + data[at.LOGIT]
        on, _, log_off = logistic(odds)
        value, off = still + softplus(odds) - softplus(data[at.LOGIT]), math.exp(log_off)
    for g in range(G):
        terms[g] *= on / total
    return value, off


@piece
def scales_backward(
    data: Array, total2: float, share: float, probabilities: Array, g_q2: Array, g_sigma2: float
) -> tuple[float, float]:
    """Gradients by total2 and by share of the forms' log densities and of the scales' own (`mixed`)."""
    G, noise2 = len(probabilities), data[at.NOISE_SD] ** 2
    reach, step_sd = vector(data, at.REACH, G), vector(data, at.DRIFT_SD, G)
    g_total, g_share = 0.0, 0.0
    for g in range(G):
        p = probabilities[g]
        by_q2 = (g_q2[g] - 0.5 * p / (step_sd[g] * step_sd[g])) / reach[g]
        g_sigma2 -= 0.5 * p / noise2
        g_total += 0.5 * p * (1.0 / total2 + 1.0 / noise2) + by_q2 * share
        g_share += by_q2 * total2
    return g_total + g_sigma2 * (1.0 - share), g_share - g_sigma2 * total2


@piece
def trend_forward(
    data: Array,
    r: Array,
    noise: Array,
    seen: Array,
    q2: float,
    slope: float,
    level2: float,
    inverse: Array,
    solved: Array,
) -> float:
    """Log density of residuals with a local trend, by `dense_forward`."""
    T0, sd = len(r), data[at.SLOPE_SD] * slope
    walk, integrated = table(data, at.WALK, T0, T0), table(data, at.INTEGRATED, T0, T0)
    return dense_forward(r, noise, seen, walk, integrated, q2, sd * sd, level2, inverse, solved)


@piece
def trend_backward(
    data: Array, seen: Array, slope: float, inverse: Array, solved: Array, weight: float, g_r: Array, g_v: Array
) -> tuple[float, float]:
    """Gradients by q² and slope; adds those by residuals and variances."""
    T0, sd = len(solved), data[at.SLOPE_SD]
    walk, integrated = table(data, at.WALK, T0, T0), table(data, at.INTEGRATED, T0, T0)
    g_q2, g_slope2 = dense_backward(seen, walk, integrated, inverse, solved, weight, g_r, g_v)
    return g_q2, 2.0 * g_slope2 * sd * sd * slope


@piece
def scales_of_periods(x: Array, g: Array, degrees: float, kappa: Array) -> float:
    """κ = exp(−x) of log precisions x (T0,), 1 / κ ~ Gamma(ν/2, ν/2), and their log density; begins its gradient."""
    value = 0.0
    for t in range(len(x)):
        precision = math.exp(x[t])
        kappa[t] = 1.0 / precision
        value += x[t] - precision
        g[t] = 0.5 * degrees * (1.0 - precision)
    return 0.5 * degrees * value


@piece
def columns_of_filter(T0: int) -> int:
    """Periods that the filter has room for: at least as many as running sums are kept in its last row."""
    return max(T0, 8)


@piece
def room_of_treated(data: Array) -> int:
    """How many numbers `treated` needs room for."""
    T0, G = int(data[at.PRE]), int(data[at.FORMS])
    largest = T0 * T0 if data[at.TREND] > 0.0 else (ROWS + 1) * columns_of_filter(T0) * G
    return 7 * T0 + 5 * G + largest


@piece
def treated(
    x: Array, g: Array, data: Array, r: Array, known: Array, total2: float, g_r: Array, g_v: Array, room: Array
) -> tuple[float, float]:
    """Log density of the residuals and of the priors of their own part of the vector, and the gradient by total2.

    The part is empty without a drift, else the share and with it ρ or the slope's scale where they are sampled; then
    come the precisions of single periods. With the density of Student-t noise it is the level alone. ``room`` has
    `room_of_treated` numbers.
    """
    if data[at.STUDENT] > 0.0:
        value, by_level, g_total2 = student(data, r, x[0], total2, g_r)
        g[0] = by_level - x[0]
        return value - 0.5 * x[0] * x[0], g_total2
    share, rho, slope, prior = 0.0, 0.0, 0.0, 0.0
    drifts, sampled, trend = data[at.DRIFT] > 0.0, data[at.SAMPLED_RHO] > 0.0, data[at.TREND] > 0.0
    if drifts:
        share, log_p, log_q = logistic(x[0])
        prior += 0.5 * (log_p + log_q)
        g[0] = 0.5 - share
    if sampled:
        rho, log_p, log_q = logistic(x[1])
        prior += 2.0 * (log_p + log_q)
        g[1] = 2.0 - 4.0 * rho
    if trend:
        slope = math.exp(x[1])
        prior += x[1] - 0.5 * slope * slope
        g[1] = 1.0 - slope * slope
    own = len(r) if data[at.MIXTURE] > 0.0 else 0
    kappa, g_kappa, room, k = room[:own], room[own : 2 * own], room[2 * own :], len(x) - own
    g_kappa[:] = 0.0
    prior += scales_of_periods(x[k:], g[k:], data[at.DEGREES], kappa)
    value, g_total2, g_share, g_rho, g_slope = normal(
        data, r, known, kappa, total2, share, rho, slope, g_r, g_v, g_kappa, room
    )
    for t in range(own):
        g[k + t] -= g_kappa[t] * kappa[t]
    if drifts:
        g[0] += g_share * share * (1.0 - share)
    if sampled:
        g[1] += g_rho * rho * (1.0 - rho)
    if trend:
        g[1] += g_slope * slope
    return value + prior, g_total2
