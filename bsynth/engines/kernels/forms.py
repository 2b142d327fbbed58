"""Log density of a residual that drifts, for each form of the drift, by a Kalman filter; and its gradient.

The residual of period t is r_t = a + u_t + e_t with a ~ N(0, s_a²), e_t ~ N(0, v_t), and for form g

    u_t = φ_tg u_{t−1} + N(0, q_g² s_tg),    u before the first period 0.

Level and drift integrate out: filtering the residuals and a row of ones gives S_rr = Σ e²/F, S_1r = Σ e f/F and
S_11 = Σ f²/F of the innovations e, f and their variances F, and

    log p = −½ (Σ log F + S_rr − s_a² S_1r² / (1 + s_a² S_11) + log(1 + s_a² S_11)).

Given the residuals the level is N(â, V) with V = s_a² / (1 + s_a² S_11), â = V S_1r, and the gradient of log p is the
mean over it of the gradient at a given level. That one is a backward pass over the innovations (Koopman and Shephard
1992; Durbin and Koopman 2012, §7.3.3). The cost grows as G · T, where Cholesky factors grow as G · T³.
"""

import math

from bsynth.engines.kernels.machine import Array, piece

# Rows of the workspace (ROWS, T, G): of the filter, residuals' and ones' innovations, 1/F, gain P/F, the filtered
# states of both and their variance.
E_R, E_1, INV, GAIN, STATE_R, STATE_1, FILTERED, ROWS = range(8)
CHUNK = 4
"""Variances multiplied before a logarithm is taken: it costs as much as twenty products."""


@piece
def level_terms(level2: float, s_rr: float, s_1r: float, s_11: float, log_det: float) -> tuple[float, float, float]:
    """Log density with the level integrated out, and mean and variance of the level."""
    variance = level2 / (1.0 + level2 * s_11)
    mean = variance * s_1r
    return -0.5 * (log_det + s_rr - mean * s_1r + math.log1p(level2 * s_11)), mean, variance


@piece
def still_forward(r: Array, v: Array, seen: Array, level2: float) -> tuple[float, float, float]:
    """Log density of r ~ N(0, diag(v) + level2 1 1'), and mean and variance of the level; unseen periods drop out."""
    s_rr, s_1r, s_11, log_det, product, many = 0.0, 0.0, 0.0, 0.0, 1.0, 0
    for t in range(len(r)):
        if seen[t] > 0.0:
            inverse = 1.0 / v[t]
            s_rr += r[t] * r[t] * inverse
            s_1r += r[t] * inverse
            s_11 += inverse
            product *= v[t]
            many += 1
            if many == CHUNK:
                log_det += math.log(product)
                product, many = 1.0, 0
    return level_terms(level2, s_rr, s_1r, s_11, log_det + math.log(product))


@piece
def still_backward(
    r: Array, v: Array, seen: Array, mean: float, variance: float, weight: float, g_r: Array, g_v: Array
) -> None:
    """Add ``weight`` times the gradient of `still_forward` to those of r and v."""
    for t in range(len(r)):
        if seen[t] > 0.0:
            inverse = 1.0 / v[t]
            u = (r[t] - mean) * inverse
            g_r[t] -= weight * u
            g_v[t] += 0.5 * weight * (u * u + variance * inverse * inverse - inverse)


@piece
def filter_forward(
    r: Array,
    v: Array,
    seen: Array,
    phi: Array,
    step: Array,
    q2: Array,
    level2: float,
    work: Array,
    terms: Array,
    means: Array,
    variances: Array,
) -> None:
    """Log density of each form into ``terms`` (G,), mean and variance of its level into the last two."""
    T, G = phi.shape
    state = work[ROWS]  # of the running sums, one row each
    for g in range(G):
        for row in range(8):
            state[row, g] = 0.0
        state[6, g] = 1.0
    for t in range(T):
        here = seen[t] > 0.0
        for g in range(G):
            f = phi[t, g]
            p = f * f * state[2, g] + q2[g] * step[t, g]
            a = f * state[0, g]
            b = f * state[1, g]
            if here:
                F = p + v[t]
                inverse = 1.0 / F
                e_r, e_1, gain = r[t] - a, 1.0 - b, p * inverse
                state[3, g] += e_r * e_r * inverse
                state[4, g] += e_r * e_1 * inverse
                state[5, g] += e_1 * e_1 * inverse
                state[6, g] *= F
                a += gain * e_r
                b += gain * e_1
                p *= v[t] * inverse
            else:
                e_r, e_1, gain, inverse = 0.0, 0.0, 0.0, 0.0
            state[0, g], state[1, g], state[2, g] = a, b, p
            work[E_R, t, g], work[E_1, t, g], work[INV, t, g], work[GAIN, t, g] = e_r, e_1, inverse, gain
            work[STATE_R, t, g], work[STATE_1, t, g], work[FILTERED, t, g] = a, b, p
        if t % CHUNK == CHUNK - 1 or t == T - 1:
            for g in range(G):
                state[7, g] += math.log(state[6, g])
                state[6, g] = 1.0
    for g in range(G):
        terms[g], means[g], variances[g] = level_terms(level2, state[3, g], state[4, g], state[5, g], state[7, g])


@piece
def filter_backward(
    phi: Array,
    step: Array,
    lag: Array,
    q2: Array,
    rho: float,
    means: Array,
    variances: Array,
    weights: Array,
    work: Array,
    g_r: Array,
    g_v: Array,
    g_q2: Array,
) -> float:
    """Add ``weights`` (G,) times each form's gradient to those of r, v and q²; return that of ρ, of the first form.

    ρ is sampled where it is not 0; what stays of the first form's state is then a power of it.
    """
    T, G = phi.shape
    state = work[ROWS]
    g_rho = 0.0
    for g in range(G):
        state[0, g], state[1, g], state[2, g], g_q2[g] = 0.0, 0.0, 0.0, 0.0
    for t in range(T - 1, -1, -1):
        sum_r, sum_v = 0.0, 0.0
        for g in range(G):
            # Of the step from here to the next period: gradients by its state's mean and variance.
            back_r, back_1, N = state[0, g], state[1, g], state[2, g]
            mean, variance = means[g], variances[g]
            f = 0.0
            if t < T - 1:
                f = phi[t + 1, g]
                by_variance = 0.5 * (back_r * back_r + variance * back_1 * back_1 - N)
                g_q2[g] += weights[g] * by_variance * step[t + 1, g]
                if rho > 0.0 and g == 0:
                    a_r = work[STATE_R, t, g] - mean * work[STATE_1, t, g]
                    by_phi = back_r * a_r + variance * back_1 * work[STATE_1, t, g]
                    by_phi += 2.0 * f * by_variance * (work[FILTERED, t, g] - q2[g])
                    g_rho += weights[g] * by_phi * lag[t + 1] * f / rho
            inverse, gain = work[INV, t, g], work[GAIN, t, g]
            w_1 = work[E_1, t, g] * inverse
            w_r = work[E_R, t, g] * inverse - mean * w_1
            k, stays = f * gain, f * (1.0 - gain)
            u_r, u_1 = w_r - k * back_r, w_1 - k * back_1
            if inverse > 0.0:
                sum_r += weights[g] * u_r
                sum_v += weights[g] * (u_r * u_r + variance * u_1 * u_1 - inverse - k * k * N)
            state[0, g], state[1, g] = w_r + stays * back_r, w_1 + stays * back_1
            state[2, g] = inverse + stays * stays * N
        g_r[t] -= sum_r
        g_v[t] += 0.5 * sum_v
    for g in range(G):
        by_variance = 0.5 * (state[0, g] * state[0, g] + variances[g] * state[1, g] * state[1, g] - state[2, g])
        g_q2[g] += weights[g] * by_variance * step[0, g]
    return g_rho


@piece
def powers_of(rho: float, lag: Array, phi: Array, step: Array) -> None:
    """What stays and comes of the first form's state, an AR(1) whose ρ is sampled; its first period is stationary."""
    phi[0, 0], step[0, 0] = 0.0, 1.0
    for t in range(1, len(lag)):
        f = rho if lag[t] == 1.0 else rho ** lag[t]
        phi[t, 0], step[t, 0] = f, 1.0 - f * f


@piece
def dense_forward(
    r: Array,
    v: Array,
    seen: Array,
    walk: Array,
    integrated: Array,
    q2: float,
    slope2: float,
    level2: float,
    inverse: Array,
    solved: Array,
) -> float:
    """Log density of r ~ N(0, diag(v) + level2 1 1' + q2 walk + slope2 integrated) by a Cholesky factor.

    ``inverse`` (T, T) becomes the inverse of the covariance and ``solved`` (T,) its product with r; unseen periods
    are independent, of unit variance and zero.
    """
    T = len(r)
    L = inverse
    for i in range(T):
        for j in range(i + 1):
            both = seen[i] * seen[j]
            L[i, j] = both * (q2 * walk[i, j] + slope2 * integrated[i, j] + level2)
        L[i, i] = L[i, i] + v[i] if seen[i] > 0.0 else 1.0
    log_det = 0.0
    for j in range(T):
        for k in range(j):
            L[j, j] -= L[j, k] * L[j, k]
        if not L[j, j] > 0.0:
            return -math.inf
        L[j, j] = math.sqrt(L[j, j])
        log_det += 2.0 * math.log(L[j, j])
        for i in range(j + 1, T):
            for k in range(j):
                L[i, j] -= L[i, k] * L[j, k]
            L[i, j] /= L[j, j]
    # The factor's inverse takes its place, the products of its columns the upper triangle.
    for j in range(T):
        L[j, j] = 1.0 / L[j, j]
        for i in range(j + 1, T):
            total = 0.0
            for k in range(j, i):
                total += L[i, k] * L[k, j]
            L[i, j] = -total / L[i, i]
    for i in range(T):
        for j in range(i, T):
            total = 0.0
            for k in range(j, T):
                total += L[k, i] * L[k, j]
            solved[j] = total
        for j in range(i, T):
            L[i, j] = solved[j]
    for i in range(T):
        for j in range(i):
            L[i, j] = L[j, i]
    quadratic = 0.0
    for i in range(T):
        total = 0.0
        for j in range(T):
            total += inverse[i, j] * r[j] * seen[j]
        solved[i] = total
        quadratic += total * r[i] * seen[i]
    return -0.5 * (quadratic + log_det)


@piece
def dense_backward(
    seen: Array, walk: Array, integrated: Array, inverse: Array, solved: Array, weight: float, g_r: Array, g_v: Array
) -> tuple[float, float]:
    """Add ``weight`` times the gradient of `dense_forward` to those of r and v; return those of q2 and slope2."""
    g_q2, g_slope2 = 0.0, 0.0
    for i in range(len(solved)):
        if seen[i] > 0.0:
            g_r[i] -= weight * solved[i]
            g_v[i] += 0.5 * weight * (solved[i] * solved[i] - inverse[i, i])
            for j in range(len(solved)):
                if seen[j] > 0.0:
                    by = 0.5 * weight * (solved[i] * solved[j] - inverse[i, j])
                    g_q2 += by * walk[i, j]
                    g_slope2 += by * integrated[i, j]
    return g_q2, g_slope2
