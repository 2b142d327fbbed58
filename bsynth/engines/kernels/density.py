"""The log density of a model's unconstrained parameters and its gradient, by forward and reverse passes.

The same density as the graph of `bsynth.engines.graph`, term by term; the equations stand in `bsynth.engines.bayes`.
Each part has a forward pass, which leaves what its reverse pass needs, and a reverse pass, which adds to the gradients
of its inputs. Data, sizes and switches come from the buffer of `bsynth.engines.kernels.layout`.
"""

import numpy as np

from bsynth.engines.kernels import layout as at
from bsynth.engines.kernels.common import half_normal, standard_normal
from bsynth.engines.kernels.latent import donors_backward, donors_forward, latent_backward, latent_forward
from bsynth.engines.kernels.machine import Array, piece
from bsynth.engines.kernels.treated import room_of_treated, treated
from bsynth.engines.kernels.weights import (
    covariates_backward,
    covariates_forward,
    exact_backward,
    exact_forward,
    own_backward,
    own_forward,
    predictor_rows,
    weights_backward,
    weights_forward,
)


@piece
def room_of(data: Array, J: int, T0: int, T: int, K: int) -> Array:
    """Room for all vectors of `log_density`, of which gradients and the known variance come first and begin at 0.

    One allocation: two dozen small ones would take a tenth of the time.
    """
    room = np.empty(4 * J + 4 * T0 + 4 * T + (T0 + 2) * K + room_of_treated(data))
    room[: 2 * J + 3 * T0 + T + K] = 0.0
    return room


@piece
def log_density(x: Array, g: Array, data: Array) -> float:
    """Log density at the unconstrained vector x (n,); the gradient into g (n,).

    The vector holds weights and total scale, then what there is of donors, covariates, predictors, own terms and rest.
    """
    J, T0, T = int(data[at.DONORS]), int(data[at.PRE]), int(data[at.PERIODS])
    K, P, Q = int(data[at.COVARIATES]), int(data[at.PREDICTORS]), int(data[at.OWN])
    known = data[at.KNOWN] > 0.0
    room = room_of(data, J, T0, T, K)
    g_w, g_c, room = room[:J], room[J : 2 * J], room[2 * J :]
    g_r, g_v, v, room = room[:T0], room[T0 : 2 * T0], room[2 * T0 : 3 * T0], room[3 * T0 :]
    g_d, g_beta, room = room[:T], room[T : T + K], room[T + K :]
    w, c, r, room = room[:J], room[J : 2 * J], room[2 * J : 2 * J + T0], room[2 * J + T0 :]
    d, series, u, room = room[:T], room[T : 2 * T], room[2 * T : 3 * T], room[3 * T :]
    beta, moved, room = room[:K], room[K : K + T0 * K].reshape((T0, K)), room[K + T0 * K :]
    value = data[at.CONSTANT] + weights_forward(x[:J], data, w, g[:J])
    total, prior = half_normal(x[J], g, J)
    value += prior
    total2 = (data[at.NOISE_SD] * total) ** 2
    k = J + 1
    donors = x[k : k + J + T + 3] if known else x[:0]
    g_donors = g[k : k + J + T + 3] if known else g[:0]
    noise2, rho, spread, by_log_spread = 0.0, 0.0, 0.0, 0.0
    if known:
        prior, noise2, rho, spread, by_log_spread = donors_forward(donors, g_donors, data, c, d, series, u)
        value += prior
        k += len(donors)
        latent_forward(data, w, c, d, noise2, r, v)
    else:
        exact_forward(data, w, r)
    k_beta = k
    if K > 0:
        value += standard_normal(x[k : k + K], g[k : k + K])
        covariates_forward(data, x[k : k + K], w, beta, moved, r)
        k += K
    if P > 0:
        s, prior = half_normal(x[k], g, k)
        rows, by_s = predictor_rows(data, w, s, g_w)
        value += prior + rows
        g[k] += by_s * s
        k += 1
    own, g_own = x[k : k + Q], g[k : k + Q]
    if Q > 0:
        value += standard_normal(own, g_own)
        own_forward(data, own, r)
        k += Q
    terms, g_total2 = treated(x[k:], g[k:], data, r, v, total2, g_r, g_v, room)
    value += terms
    g[J] += 2.0 * total2 * g_total2
    if K > 0:
        covariates_backward(data, beta, moved, g_r, g_w, g_beta)
        for i in range(K):
            g[k_beta + i] += data[at.BETA_SD] * g_beta[i]
    if Q > 0:
        own_backward(data, g_r, g_own)
    if known:
        terms, g_noise2 = latent_backward(data, w, c, d, noise2, g_r, g_v, g_w, g_c, g_d)
        value += terms
        donors_backward(donors, g_donors, data, d, series, u, noise2, rho, spread, by_log_spread, g_c, g_d, g_noise2)
    else:
        exact_backward(data, g_r, g_w)
    weights_backward(data, w, g_w, g[:J])
    return value  # type: ignore[no-any-return]  # numbers of an array
