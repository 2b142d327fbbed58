"""The verb: many methods, one estimand and window."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bsynth._base.request import check_flags, check_kind, check_level, hinted, names_in
from bsynth.analysis.comparison import Comparison
from bsynth.analysis.methods import INTERVALS
from bsynth.analysis.plan import AnalysisPlan, lacks_calibration, notes_on, plan_fits
from bsynth.analysis.run import run_analysis
from bsynth.calibration.certificate import Certificate
from bsynth.engines.sampling import Sampling, resolve
from bsynth.errors import PanelError, SpecError, nearest, some_of
from bsynth.frequentist.estimators import ESTIMATORS, Method, Predictors, find
from bsynth.model.catalogue import DEFAULT, list_models
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.given import require_panel, require_same_panel

DEFAULT_METHODS: tuple[str, ...] = (DEFAULT, "sc", "demeaned", "did", "sdid")


@hinted
def compare(
    panel: Panel,
    methods: Sequence[str | Path | ModelSpec | Method] | None = None,
    *,
    interval: str = "placebo",
    calibrated: bool = True,
    level: float = 0.95,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    certificate: Certificate | None = None,
    progress: bool = True,
) -> Comparison:
    """Answer the same question by several methods, and say whether they agree and which to trust.

    Everything is on the average effect over the treated window. Each posterior comes with its predictive interval,
    the main one (the first model named) calibrated on the donors besides; each classical estimator with an interval
    and a p from one and the same test.

    Parameters
    ----------
    panel : Panel
    methods : sequence, optional
        Models (names of the catalogue, paths, `ModelSpec`) and classical estimators (``"sc"``, ``"demeaned"``,
        ``"did"``, ``"sdid"``, ``"ascm"``, ``"sc-slsqp"``, `RidgeASCM`, `Predictors`), each once. By default
        ``"default", "sc", "demeaned", "did", "sdid"``.
    interval : {"placebo", "conformal"}
        What gives each classical estimator its interval and p: the inverted placebo test in space, or the conformal
        test (for ``sdid`` with weights fitted before the start).
    calibrated : bool
        Calibrate the main model on the donors as pseudo-treated, when there are at least four.
    level : float
        Probability of every interval.
    draws : int, optional
        Posterior draws per chain; 1000 by default.
    seed : int, optional
        Of every random draw; 0 by default.
    sampling : Sampling, optional
        Every setting of every fit in one value; ``draws`` and ``seed`` stand above it.
    certificate : Certificate, optional
        Of the main model on this panel; the verdict then weighs what it found.
    progress : bool

    Returns
    -------
    Comparison
        ``.table``, ``.verdict``, ``.sentences()``; `bsynth.plots.plot_comparison` draws it.

    Raises
    ------
    SpecError
        An unknown or repeated method, or an interval that cannot be had for one; before anything is computed.
    PanelError
        A certificate of another panel: other data, roles or periods.

    References
    ----------
    Firpo and Possebom 2018 (inverted placebo test); Chernozhukov, Wüthrich and Zhu 2021 (conformal).

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=19, seed=1), unit="unit", time="time",
    ...     outcome="outcome", treated=0, start=30)
    >>> comparison = compare(panel, ["sc", "did"], progress=False)
    >>> comparison.table[["method", "interval"]].values.tolist()
    [['sc', 'placebo'], ['did', 'placebo']]
    """
    request = plan_comparison(
        panel,
        methods,
        interval=interval,
        calibrated=calibrated,
        level=level,
        draws=draws,
        seed=seed,
        sampling=sampling,
    )
    check_flags(progress=progress)
    if certificate is not None:
        check_kind(certificate, Certificate, "certificate", "what bsynth.certify(panel) returns, or leave it out")
        certified = certificate.windows[0].panel
        require_same_panel(panel, certified, "the certificate", "certify this one, or leave it out")
    analysis = run_analysis(request, progress=progress)
    return analysis.with_findings({} if certificate is None else {"certificate": certificate}).comparison


def plan_comparison(
    panel: Panel,
    methods: Sequence[str | Path | ModelSpec | Method] | None = None,
    *,
    interval: str = "placebo",
    calibrated: bool = True,
    level: float = 0.95,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
) -> AnalysisPlan:
    """Validate a request; nothing is computed. Parameters as `compare`."""
    require_panel(panel)
    check_flags(calibrated=calibrated)
    how = resolve(sampling, draws, seed)
    level = check_level(level)
    if interval not in INTERVALS:
        raise SpecError(
            f"interval {interval!r} is unknown{nearest(interval, INTERVALS)}; it can be {some_of(INTERVALS)}"
        )
    asked = DEFAULT_METHODS if methods is None else methods
    single = isinstance(asked, ModelSpec) or hasattr(asked, "solve")
    given: list[Any] = [asked] if single else names_in(asked, "methods", "names of models and estimators")
    if not given:
        raise SpecError("no method was named; name models or estimators, or leave methods out for the usual ones")
    models: list[str | Path | ModelSpec] = []
    estimators: list[Method] = []
    _refuse_repeats(given)
    for method in given:
        if isinstance(method, Path | ModelSpec) or (isinstance(method, str) and _names_model(method)):
            models.append(method)
        else:
            estimators.append(_checked(panel, method, interval))
    fits, unavailable = plan_fits(panel, models, how)
    if not fits and not estimators:
        raise PanelError("; ".join(f"{name} is not available: {why}" for name, why in unavailable.items()))
    reason = lacks_calibration(panel, fits, wanted=bool(models))
    if models and calibrated and reason is not None:
        unavailable["calibration"] = reason
    return AnalysisPlan(
        panel,
        fits,
        (),
        replicates=0,
        level=level,
        sampling=how,
        calibrated=calibrated and bool(fits) and reason is None,
        estimators=tuple(estimators),
        interval=interval,
        unavailable=unavailable,
        notes=notes_on(panel, fits),
    )


def _names_model(name: str) -> bool:
    """Whether a name is a model's rather than an estimator's; refuse what is neither."""
    models = list_models()
    if name in models or "/" in name or name.endswith(".toml"):
        return True
    if name in ESTIMATORS:
        return False
    allowed = (*models, *ESTIMATORS)
    raise SpecError(
        f"unknown method {name!r}{nearest(name, allowed)}; models are {', '.join(models)} or a path, estimators "
        f"{', '.join(ESTIMATORS)}"
    )


def _checked(panel: Panel, method: Method, interval: str) -> Method:
    """Refuse an estimator that cannot be had on this panel or with this interval."""
    if method == Predictors.NAME:
        raise SpecError("method 'predictors' needs a table of them; give bs.Predictors(table) instead of its name")
    find(method, panel)
    if interval == "conformal" and isinstance(method, Predictors):
        raise SpecError("predictors have no conformal interval, which changes series; give interval='placebo'")
    return method


def _refuse_repeats(methods: Sequence[object]) -> None:
    for position, method in enumerate(methods):
        if any(method is each or (isinstance(method, str | Path) and method == each) for each in methods[:position]):
            raise SpecError(f"method {str(method)!r} is named twice; name each once")
