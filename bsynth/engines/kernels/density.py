"""The log density of a model's unconstrained parameters and its gradient, by forward and reverse passes.

The same density as the graph of `bsynth.engines.bayes`, term by term; the equations stand there. Each part has a
forward pass, which leaves what its reverse pass needs, and a reverse pass, which adds to the gradients of its inputs.
Data, sizes and switches come from the buffer of `bsynth.engines.kernels.layout`.
"""

import math

import numpy as np

from bsynth.engines.kernels import layout as at
from bsynth.engines.kernels.forms import (
    CHUNK,
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

PREDICTOR_VARIANCE = 0.0625
"""Square of `bsynth.engines.structure.PREDICTOR_ERROR`."""


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
def covariates_forward(data: Array, w: Array, beta: Array, moved: Array, r: Array) -> None:
    """Take (z_0 − Σ w z)′β off the residual; ``moved`` (T0, K) keeps what β multiplies."""
    T0, K, J = len(r), len(beta), len(w)
    own, donors = table(data, at.Z_TREATED, T0, K), table(data, at.Z_DONORS, K * T0, J)
    for k in range(K):
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
def normal(
    data: Array, r: Array, known: Array, total2: float, share: float, rho: float, slope: float, g_r: Array, g_v: Array
) -> tuple[float, float, float, float, float]:
    """Log density of the residuals with level and drift integrated out; gradients by total2, share, ρ and slope.

    ``known`` is the known part of each period's variance; the gradient by it, and that by the residuals, are added.
    """
    T0, level2 = len(r), data[at.LEVEL_SD] ** 2
    seen = vector(data, at.SEEN, T0)
    v = np.empty(T0)
    for t in range(T0):
        v[t] = total2 + known[t]
    still, mean, variance = still_forward(r, v, seen, level2)
    if data[at.DRIFT] == 0.0:
        still_backward(r, v, seen, mean, variance, 1.0, g_r, g_v)
        return still, g_v.sum(), 0.0, 0.0, 0.0
    G = int(data[at.FORMS])
    reach, step_sd, log_form = vector(data, at.REACH, G), vector(data, at.DRIFT_SD, G), vector(data, at.LOG_FORM, G)
    noise2 = data[at.NOISE_SD] ** 2
    sigma2 = (1.0 - share) * total2
    q2, terms, means, variances, g_q2 = np.empty(G), np.empty(G), np.empty(G), np.empty(G), np.zeros(G)
    for g in range(G):
        q2[g] = share * total2 / reach[g]
    noise = np.empty(T0)
    for t in range(T0):
        noise[t] = sigma2 + known[t]
    trend = data[at.TREND] > 0.0
    sd2 = data[at.SLOPE_SD] ** 2
    if trend:
        walk, integrated = table(data, at.WALK, T0, T0), table(data, at.INTEGRATED, T0, T0)
        inverse, solved = np.empty((T0, T0)), np.empty(T0)
        slope2 = sd2 * slope * slope
        terms[0] = dense_forward(r, noise, seen, walk, integrated, q2[0], slope2, level2, inverse, solved)
    else:
        phi, step, lag = table(data, at.PHI, T0, G), table(data, at.STEP, T0, G), vector(data, at.LAG, T0)
        if rho > 0.0:
            phi, step = phi.copy(), step.copy()
            powers_of(rho, lag, phi, step)
        work = np.empty((ROWS + 1, max(T0, 8), G))
        filter_forward(r, noise, seen, phi, step, q2, level2, work, terms, means, variances)
    largest = -math.inf
    for g in range(G):
        step2 = step_sd[g] * step_sd[g]
        terms[g] += 0.5 * math.log(math.pi / (2.0 * reach[g] * step2)) + log_form[g]
        terms[g] += 0.5 * (math.log(total2) - sigma2 / noise2 - q2[g] / step2 + total2 / noise2)
        largest = max(largest, terms[g])
    total = 0.0
    for g in range(G):
        means_g = math.exp(terms[g] - largest)
        terms[g] = means_g
        total += means_g
    drifting = largest + math.log(total)
    logit = data[at.LOGIT]
    if data[at.ALWAYS] > 0.0:
        value, on, off = drifting, 1.0, 0.0
    else:
        odds = drifting - still + logit
        value = still + softplus(odds) - softplus(logit)
        on, _, log_off = logistic(odds)
        off = math.exp(log_off)
    for g in range(G):
        terms[g] *= on / total  # now the probability of each form
    g_noise, g_total, g_share, g_rho, g_slope = np.zeros(T0), 0.0, 0.0, 0.0, 0.0
    if trend:
        g_q2[0], g_slope2 = dense_backward(seen, walk, integrated, inverse, solved, terms[0], g_r, g_noise)
        g_slope = g_slope2 * sd2 * 2.0 * slope
    else:
        g_rho = filter_backward(phi, step, lag, q2, rho, means, variances, terms, work, g_r, g_noise, g_q2)
    g_sigma2 = g_noise.sum()
    for t in range(T0):
        g_v[t] += g_noise[t]
    for g in range(G):
        p, step2 = terms[g], step_sd[g] * step_sd[g]
        by_q2 = g_q2[g] - 0.5 * p / step2
        by_sigma2 = -0.5 * p / noise2
        g_total += 0.5 * p * (1.0 / total2 + 1.0 / noise2) + by_q2 * share / reach[g] + by_sigma2 * (1.0 - share)
        g_share += by_q2 * total2 / reach[g] - by_sigma2 * total2
    g_total += g_sigma2 * (1.0 - share)
    g_share -= g_sigma2 * total2
    if off > 0.0:
        before = g_v.sum()
        still_backward(r, v, seen, mean, variance, off, g_r, g_v)
        g_total += g_v.sum() - before
    return value, g_total, g_share, g_rho, g_slope


@piece
def log_density(x: Array, g: Array, data: Array) -> float:
    """Log density at the unconstrained vector x (n,); the gradient into g (n,)."""
    J, T0, T = int(data[at.DONORS]), int(data[at.PRE]), int(data[at.PERIODS])
    K, P = int(data[at.COVARIATES]), int(data[at.PREDICTORS])
    known, is_student, drifts = data[at.KNOWN] > 0.0, data[at.STUDENT] > 0.0, data[at.DRIFT] > 0.0
    w, g_w, r, g_r, v, g_v = np.empty(J), np.zeros(J), np.empty(T0), np.zeros(T0), np.zeros(T0), np.zeros(T0)
    value = data[at.CONSTANT] + weights_forward(x[:J], data, w, g[:J])
    k_total = J
    total, prior = half_normal(x[k_total], g, k_total)
    value += prior
    scale = data[at.NOISE_SD] * total
    total2 = scale * scale
    k = k_total + 1
    k_donors = k
    noise2, period_rho, period_scale, spread, by_log_spread = 0.0, 0.0, 0.0, 0.0, 0.0
    if known:
        k_rho, k_z, k_scale, k_noise = k + J, k + J + 1, k + J + 1 + T, k + J + 2 + T
        k = k_noise + 1
        c, d, series, u = np.empty(J), np.empty(T), np.empty(T), np.empty(T)
        sd = vector(data, at.DONOR_LEVEL_SD, J)
        for j in range(J):
            z = x[k_donors + j]
            c[j] = sd[j] * z
            value -= 0.5 * z * z
            g[k_donors + j] = -z
        period_rho, log_p, log_q = logistic(x[k_rho])
        value += 2.0 * (log_p + log_q)
        g[k_rho] = 2.0 - 4.0 * period_rho
        for t in range(T):
            z = x[k_z + t]
            value -= 0.5 * z * z
            g[k_z + t] = -z
        spread = period_forward(x[k_z : k_z + T], period_rho, series, u)
        # The scale is half-normal in units of the spread; the vector holds its product with the spread.
        _, prior = half_normal(x[k_scale] - math.log(spread), g, k_scale)
        value += prior
        by_log_spread = -g[k_scale]
        period_scale = data[at.PERIOD_SD] * math.exp(x[k_scale])
        for t in range(T):
            d[t] = period_scale * u[t]
        noise, prior = half_normal(x[k_noise], g, k_noise)
        value += prior
        noise2 = (data[at.DONOR_NOISE_SD] * noise) ** 2
        latent_forward(data, w, c, d, noise2, r, v)
    else:
        exact_forward(data, w, r)
    k_beta = k
    if K > 0:
        k += K
        beta, moved = data[at.BETA_SD] * x[k_beta:k], np.empty((T0, K))
        for i in range(k_beta, k):
            value -= 0.5 * x[i] * x[i]
            g[i] = -x[i]
        covariates_forward(data, w, beta, moved, r)
    if P > 0:
        s, prior = half_normal(x[k], g, k)
        rows, by_s = predictor_rows(data, w, s, g_w)
        value += prior + rows
        g[k] += by_s * s
        k += 1
    if is_student:
        level = x[k]
        terms, by_level, g_total2 = student(data, r, level, total2, g_r)
        value += terms - 0.5 * level * level
        g[k] = by_level - level
    else:
        share, rho, slope = 0.0, 0.0, 0.0
        k_share = k
        if drifts:
            share, log_p, log_q = logistic(x[k])
            value += 0.5 * (log_p + log_q)
            g[k] = 0.5 - share
            k += 1
            if data[at.SAMPLED_RHO] > 0.0:
                rho, log_p, log_q = logistic(x[k])
                value += 2.0 * (log_p + log_q)
                g[k] = 2.0 - 4.0 * rho
            elif data[at.TREND] > 0.0:
                slope, prior = half_normal(x[k], g, k)
                value += prior
        terms, g_total2, g_share, g_rho, g_slope = normal(data, r, v, total2, share, rho, slope, g_r, g_v)
        value += terms
        if drifts:
            g[k_share] += g_share * share * (1.0 - share)
            if data[at.SAMPLED_RHO] > 0.0:
                g[k] += g_rho * rho * (1.0 - rho)
            elif data[at.TREND] > 0.0:
                g[k] += g_slope * slope
    g[k_total] += 2.0 * total2 * g_total2
    if K > 0:
        g_beta = np.zeros(K)
        covariates_backward(data, beta, moved, g_r, g_w, g_beta)
        for i in range(K):
            g[k_beta + i] += data[at.BETA_SD] * g_beta[i]
    if known:
        g_c, g_d = np.zeros(J), np.zeros(T)
        terms, g_noise2 = latent_backward(data, w, c, d, noise2, g_r, g_v, g_w, g_c, g_d)
        value += terms
        for j in range(J):
            g[k_donors + j] += sd[j] * g_c[j]
        for t in range(T):
            g[k_scale] += g_d[t] * d[t]
            g_d[t] *= period_scale
        by_rho = period_backward(x[k_z : k_z + T], period_rho, series, u, spread, g_d, by_log_spread, g[k_z : k_z + T])
        g[k_rho] += by_rho * period_rho * (1.0 - period_rho)
        g[k_noise] += 2.0 * noise2 * g_noise2
    else:
        exact_backward(data, g_r, g_w)
    weights_backward(data, w, g_w, g[:J])
    return value  # type: ignore[no-any-return]  # numbers of an array
