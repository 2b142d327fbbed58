"""Design and model → one buffer of float64 that the compiled density reads, and the vector that it is a function of.

The buffer begins with a header of sizes, switches and prior scales, at the places that are named below; then come the
arrays, each at the offset that the header gives. Nothing of a panel is a constant of the code, so that no new panel
and no new size of one needs a compilation.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from bsynth._base.laws import LOG_2PI
from bsynth._base.types import FloatArray, IntArray
from bsynth.engines import drift
from bsynth.engines.structure import Structure, inputs, structure
from bsynth.model.design import Design
from bsynth.model.spec import ModelSpec

# Sizes.
LENGTH, DONORS, PRE, PERIODS, COVARIATES, PREDICTORS, FORMS = range(7)
# Switches, 0 or 1: known cells, softmax weights, Student-t noise by its density, or by a variance of each period, drift
# on, local trend, ρ sampled, drift always on.
KNOWN, SOFTMAX, STUDENT, MIXTURE, DRIFT, TREND, SAMPLED_RHO, ALWAYS = range(7, 15)
# Scales of priors, and the part of the log density that no parameter moves.
WEIGHTS, LEVEL_SD, NOISE_SD, DEGREES, LOGIT, BETA_SD, PREDICTOR_SD = range(15, 22)
PERIOD_SD, DONOR_NOISE_SD, SLOPE_SD, CONSTANT = range(22, 26)
# Offsets of arrays.
Y, X, Z_TREATED, Z_DONORS, P_TREATED, P_DONORS = range(26, 32)
PRECISION, CELLS, SEEN, DONOR_LEVEL_SD, PHI, STEP, LAG = range(32, 39)
REACH, DRIFT_SD, LOG_FORM, WALK, INTEGRATED = range(39, 44)
# Offset of the units in which the vector is given, 0 for units of 1; coefficients and columns of the treated unit's own
# season and slope; and the length of the header.
UNITS, OWN, OWN_COLUMNS, HEADER = range(44, 48)

SMALL = -2.0
"""Where the scales of what donors share and of their own noise begin, as logarithms: small in units of their priors,
since a first guess that is too large leaves the donors' cells far from what is expected of them."""
HALF_NORMAL = 0.5 * math.log(2 / math.pi)
"""Log density of a half-normal variable of scale 1 at 0."""


@dataclass(frozen=True, eq=False)
class Block:
    """A variable of the model within the vector of unconstrained values.

    Attributes
    ----------
    name : str
        As in the graph.
    shape : tuple of int
    link : {"log", "logit", "none"}
        The unconstrained value is this of the variable.
    start : float
        Unconstrained value about which chains begin.
    """

    name: str
    shape: tuple[int, ...]
    link: str
    start: float = 0.0

    @property
    def size(self) -> int:
        """Numbers in it."""
        return math.prod(self.shape)

    def constrained(self, values: FloatArray) -> FloatArray:
        """The variable (..., *shape) from unconstrained values (..., size)."""
        values = values.reshape(*values.shape[:-1], *self.shape)
        if self.link == "log":
            return np.exp(values)
        return np.asarray(special.expit(values)) if self.link == "logit" else values


def blocks(design: Design, spec: ModelSpec) -> tuple[Block, ...]:
    """Return the variables in the order in which the compiled density reads them."""
    form = structure(design, spec)
    donors = (design.X.shape[1],)
    if form.softmax:
        found = [Block("score_z", donors, "none")]
    else:
        found = [Block("gamma", donors, "log", math.log(float(spec.weights.alpha)))]
    found.append(Block("total_z", (), "log"))
    if form.known:
        found += [
            Block("donor_z", donors, "none"),
            Block("period_rho", (), "logit"),
            Block("period_z", design.y.shape, "none"),
            Block("period_spread_z", (), "log", SMALL),
            Block("donor_noise_sd_z", (), "log", SMALL),
        ]
    if form.covariates:
        found.append(Block("beta_z", (form.covariates,), "none"))
    if form.predictors:
        found.append(Block("predictor_z", (), "log"))
    if form.terms:
        found.append(Block("own_z", (form.terms,), "none"))
    if form.student:
        found.append(Block("level_z", (), "none"))
    if form.drift != "none":
        found.append(Block("share", (), "logit"))
        if _samples_rho(form):
            found.append(Block("rho", (), "logit"))
        if form.drift == "local-trend":
            found.append(Block("slope_z", (), "log"))
    if form.mixture:
        found.append(Block("period_precision", (design.n_pre,), "log"))
    return tuple(found)


def pack(design: Design, spec: ModelSpec) -> FloatArray:
    """Return the buffer: header and arrays."""
    form = structure(design, spec)
    data = inputs(design, spec)
    header = np.zeros(HEADER)
    arrays: list[FloatArray] = []
    at = HEADER

    def put(place: int, values: FloatArray) -> None:
        nonlocal at
        header[place] = at
        arrays.append(np.ascontiguousarray(values, dtype=float).ravel())
        at += arrays[-1].size

    n_pre = design.n_pre
    header[DONORS], header[PRE], header[PERIODS] = design.X.shape[1], n_pre, design.y.size
    header[[KNOWN, SOFTMAX, STUDENT, MIXTURE]] = form.known, form.softmax, form.student, form.mixture
    header[WEIGHTS] = data["score_sd"] if form.softmax else data["alpha"]
    header[LEVEL_SD], header[NOISE_SD] = data["level_sd"], data["noise_sd"]
    put(Y, data["y_pre"])
    put(X, design.X if form.known else design.X[:n_pre])
    put(SEEN, data.get("treated_seen", np.ones(n_pre)))
    put(CELLS, data.get("treated_variance", np.zeros(n_pre)))
    if form.known:
        assert design.donor_precision is not None
        header[PERIOD_SD], header[DONOR_NOISE_SD] = data["period_sd"], data["donor_noise_sd"]
        put(PRECISION, design.donor_precision)
        put(DONOR_LEVEL_SD, data["donor_level_sd"])
    header[DEGREES] = data.get("degrees", 0.0)
    if form.covariates:
        header[COVARIATES], header[BETA_SD] = form.covariates, data["beta_sd"]
        put(Z_TREATED, data["z_treated"])
        put(Z_DONORS, data["z_donors"])
    if form.predictors:
        header[PREDICTORS], header[PREDICTOR_SD] = len(data["p_treated"]), data["predictor_sd"]
        put(P_TREATED, data["p_treated"])
        put(P_DONORS, data["p_donors"])
    if form.terms:
        header[OWN] = form.terms
        put(OWN_COLUMNS, data["own_columns"])
    if form.drift != "none":
        header[[DRIFT, ALWAYS, LOGIT]] = 1.0, data["always"], data["logit_pi"]
        header[[TREND, SAMPLED_RHO]] = form.drift == "local-trend", _samples_rho(form)
        found = data["forms"]
        header[FORMS] = len(found.rho)
        put(REACH, found.reach)
        put(DRIFT_SD, found.sd)
        put(LOG_FORM, found.log_prior)
        if form.drift == "local-trend":
            header[SLOPE_SD] = data["slope_sd"]
            put(WALK, drift.walk(design.positions[:n_pre]))
            put(INTEGRATED, data["integrated"])
        else:
            lag, phi, step = _moves(found.rho, design.positions[:n_pre])
            put(LAG, lag)
            put(PHI, phi)
            put(STEP, step)
    header[LENGTH] = at
    alpha = 1.0 if form.softmax else float(spec.weights.alpha)
    header[CONSTANT] = _constant(blocks(design, spec), alpha, float(spec.noise.degrees))
    return np.concatenate([header, *arrays])


def whiten(data: FloatArray, units: FloatArray) -> FloatArray:
    """Return a buffer whose vector is given in these units (n,); its density is that of the values themselves."""
    wider = np.concatenate([data, units])
    wider[UNITS], wider[LENGTH] = data.size, wider.size
    return wider


def _samples_rho(form: Structure) -> bool:
    return form.drift in ("ar1", "ar1-or-walk")


def _moves(rho: FloatArray, positions: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Steps on the calendar (n_pre,), and of each form what stays of its state and what comes to it (n_pre, G).

    A state that begins at nothing takes a first step that gives it the law of its first period.
    """
    lag = np.diff(positions, prepend=-1).astype(float)
    walks = rho == 1
    phi = np.where(walks, 1.0, rho ** lag[:, None])
    step = np.where(walks, lag[:, None], 1 - phi**2)
    phi[0], step[0] = 0.0, np.where(walks, positions[0] + 1.0, 1.0)
    return lag, phi, step


def _constant(found: tuple[Block, ...], alpha: float, degrees: float) -> float:
    """Log of the normalising constants of all priors."""
    each = {
        "gamma": -special.gammaln(alpha),
        "period_precision": degrees / 2 * math.log(degrees / 2) - special.gammaln(degrees / 2),
        "period_rho": -special.betaln(2.0, 2.0),
        "rho": -special.betaln(2.0, 2.0),
        "share": -special.betaln(0.5, 0.5),
        "normal": -0.5 * LOG_2PI,
        "half-normal": HALF_NORMAL,
    }
    kinds = {"none": "normal", "log": "half-normal"}
    return float(sum(block.size * each.get(block.name, each.get(kinds.get(block.link, ""), 0.0)) for block in found))
