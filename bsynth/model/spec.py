"""The model specification: a closed vocabulary, read from ``model.toml`` and checked on the way in.

A value is a number or one of a finite list. Prior scales are in pre-period standard deviations of
the treated series, so a specification means the same whatever the units of the outcome.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bsynth._base.brief import LINE
from bsynth._base.request import shown
from bsynth._base.toml import parse_toml, read_settings
from bsynth.errors import SpecError, came, nearest
from bsynth.model.link import LINKS, Link
from bsynth.text.card import html_card
from bsynth.text.labels import plain
from bsynth.text.numbers import exact

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1)]


class _Piece(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Weights(_Piece):
    """Prior of the donor weights on the simplex.

    ``dirichlet``: symmetric, concentration ``alpha`` per donor; ``alpha = "averaged"`` fits a grid of
    concentrations and averages their posteriors (`bsynth.bayesian.averaging`). ``softmax-normal``: softmax of
    independent N(0, sd²) scores.
    """

    prior: Literal["dirichlet", "softmax-normal"] = "dirichlet"
    alpha: Positive | Literal["averaged"] = 1.0
    sd: Positive = 1.0


class Level(_Piece):
    """Constant offset between the treated unit and its weighted donors, N(0, sd²) under ``shift``."""

    prior: Literal["none", "shift"] = "shift"
    sd: Positive = 1.0


class Drift(_Piece):
    """Slow departure u_t of the treated unit from its donors, and how likely it is to be there.

    ``walk``: u is a random walk with steps N(0, q²). ``ar1``: stationary AR(1) with standard deviation q
    and ρ ~ Beta(2, 2), over exact cells with normal noise as 15 equally probable values that are summed out.
    ``ar1-or-walk``: one of the two, a walk with prior probability ``walk``; the AR(1) there has q ~ HalfNormal(ar1_sd),
    and its ρ five values. ``local-trend``: a walk whose drift is itself a walk. q ~ HalfNormal(sd), and the slope's
    steps ~ HalfNormal(slope_sd). With ``probability`` π < 1 the drift is switched on with prior probability π,
    marginalised.
    """

    process: Literal["none", "ar1", "walk", "ar1-or-walk", "local-trend"] = "none"
    probability: Probability = 1.0
    walk: Probability = 0.5
    sd: Positive = 0.25
    ar1_sd: Positive = 1.0
    slope_sd: Positive = 0.1

    @property
    def components(self) -> dict[str, float]:
        """Prior probability of each form that the departure may take, ``"none"`` first; impossible ones left out."""
        on = 0.0 if self.process == "none" else self.probability
        forms = {self.process: on}
        if self.process == "ar1-or-walk":
            forms = {"ar1": on * (1 - self.walk), "walk": on * self.walk}
        return {name: float(p) for name, p in ({"none": 1 - on} | forms).items() if p > 0} if on > 0 else {"none": 1.0}

    def scale_at(self, rho: Any) -> Any:
        """Scale of q's prior where the drift has this ρ, an array; 1 is a walk."""
        fading = self.ar1_sd if self.process == "ar1-or-walk" else self.sd
        return (rho < 1) * fading + (rho >= 1) * self.sd

    def at(self, shares: Mapping[str, float]) -> "Drift":
        """Return the same drift with these prior probabilities of its `components`.

        What is not among the shares stays impossible to the last bit: sums of the forms themselves are divided, since
        1 less the rest leaves a rounding error that would count as a form of its own.
        """
        forms = [share for name, share in shares.items() if name != "none"]
        walk = self.walk
        if self.process == "ar1-or-walk" and sum(forms) > 0:
            walk = shares.get("walk", 0.0) / (shares.get("ar1", 0.0) + shares.get("walk", 0.0))
        on = 1 - shares["none"] if "none" in shares else 1.0
        return self.model_copy(update={"probability": on, "walk": walk})


class Noise(_Piece):
    """Independent period noise ε_t; its scale σ is HalfNormal(sd).

    ``student-t`` has ``degrees`` of freedom ν, so that one wild period is no sign of a drift. Beside a drift or known
    cells it is ε_t ~ N(0, σ² κ_t), κ_t ~ InvGamma(ν/2, ν/2) sampled for each pre-period; all else stays integrated out.
    """

    distribution: Literal["normal", "student-t"] = "normal"
    sd: Positive = 1.0
    degrees: Positive = 4.0


class CellVariance(_Piece):
    """What is known of each cell.

    ``exact``: the series are taken as they are. ``known``: each cell is a mean of n rows with
    sampling variance s²/n; the latent donor cells are c_j + d_t + e_jt. Donors are centred on their own pre-period
    means, weighted by precision: c_j ~ N(0, donor_level_sd²) is a donor's true level about that mean (wider where
    the mean is less certain than a pre-period sd), and the level of the treated unit is N(0, level_sd²). The other two
    are the scales of the half-normal priors of sd(d) and sd(e). ``auto``: known when the panel was built from rows,
    else exact.
    """

    variance: Literal["exact", "known", "auto"] = "exact"
    level_sd: Positive = 4.0
    donor_level_sd: Positive = 4.0
    period_sd: Positive = 4.0
    donor_noise_sd: Positive = 2.0


class CovariateUse(_Piece):
    """What the covariates of a panel are for.

    ``time-varying``: a term (z_0t − Σ w_j z_jt)′β with β ~ N(0, sd²), covariates scaled; the post-period uses
    the covariates as observed, so they must not respond to the treatment. ``predictors``: each covariate's
    pre-period mean is one more row to match, p_k0 ~ N(Σ w_j p_kj, .25² + s²) with s ~ HalfNormal(sd), standardised
    over units.
    """

    use: Literal["none", "time-varying", "predictors"] = "none"
    sd: Positive = 1.0


class Season(_Piece):
    """A season of the treated unit beyond that of its donors: one departure for each phase, summing to zero.

    Each phase's departure has the prior N(0, sd²), symmetric in the phases. ``day-of-week``, ``month`` and ``quarter``
    are read off dates; ``period`` counts phases of ``period`` steps of the calendar, for whole-number time and any
    other cycle. ``auto``: the season that goes with the data's frequency (of ``period`` steps where it is given), if
    the pre-period shows it (`bsynth.model.terms`), else none.
    """

    terms: Literal["none", "auto", "day-of-week", "month", "quarter", "period"] = "none"
    period: Annotated[int, Field(ge=2)] | None = None
    sd: Positive = 0.25

    @model_validator(mode="after")
    def _length(self) -> Self:
        """Refuse a length without the terms that use it, and the terms without a length."""
        if self.terms == "period" and self.period is None:
            raise ValueError("season.terms = 'period' needs season.period, the steps of a cycle, such as 7")
        if self.terms not in ("auto", "period") and self.period is not None:
            raise ValueError(f"season.period needs season.terms = 'period' or 'auto', not {self.terms!r}")
        return self


class Trend(_Piece):
    """A slope of the treated unit that its donors do not carry.

    ``own``: b·(t − mean of the pre-period), b ~ N(0, sd²) per step of the calendar. After the start it goes on, with
    the uncertainty that the pre-period leaves. For a slope that itself moves see the drift ``local-trend``.
    """

    slope: Literal["none", "own"] = "none"
    sd: Positive = 0.05


class Pooling(_Piece):
    """Effects of units pooled as in `bsynth.engines.pooling`; scales in median pre-period sd of the treated units."""

    effects: Literal["none", "partial"] = "none"
    start_sd: Positive = 5.0
    step_sd: Positive = 0.1
    unit_sd: Positive = 0.5
    period_sd: Positive = 0.1


class ModelSpec(_Piece):
    """A Bayesian synthetic control, declared.

    ``scale = "treated"`` puts every series on the treated unit's pre-period mean and standard deviation;
    ``"each"`` standardises every series by its own, which changes the answer (R's bsynth). ``"log"`` and ``"logit"``
    take the log of a positive outcome, or the logit of one between 0 and 1, and then do as ``"treated"``: level, drift
    and noise are there shares of the outcome, or of its odds, and donors are weighted in a geometric mean. What comes
    back is on the outcome's own scale.

    Examples
    --------
    >>> spec = ModelSpec.from_toml('title = "Level"\\n[weights]\\nalpha = 0.5')
    >>> spec.weights.alpha, spec.level.prior
    (0.5, 'shift')
    >>> spec
    <ModelSpec 'custom', Level: weights.alpha = 0.5>
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    name: str = "custom"
    title: str = "Custom model"
    scale: Literal["treated", "each", "log", "logit"] = "treated"
    weights: Weights = Weights()
    level: Level = Level()
    drift: Drift = Drift()
    noise: Noise = Noise()
    cells: CellVariance = CellVariance()
    covariates: CovariateUse = CovariateUse()
    season: Season = Season()
    trend: Trend = Trend()
    pooling: Pooling = Pooling()

    @model_validator(mode="after")
    def _combinations(self) -> Self:
        """Refuse pieces that have no common likelihood."""
        if self.scale == "each" and self.cells.variance != "exact":
            raise ValueError("scale = 'each' needs cells.variance = 'exact'")
        if not self.link.is_linear and self.cells.variance == "known":
            # The log of a mean of few rows is biased, by half its relative variance, and so is what is known of it.
            raise ValueError(f"scale = {self.scale!r} needs cells.variance = 'exact' or 'auto'")
        if self.scale == "log" and self.noise.distribution == "student-t":
            raise ValueError(
                "noise.distribution = 'student-t' does not go with scale = 'log': the outcome would have no mean"
            )
        if self.covariates.use != "none" and self.cells.variance != "exact":
            raise ValueError(f"covariates.use = {self.covariates.use!r} needs cells.variance = 'exact'")
        return self

    @property
    def link(self) -> Link:
        """The map from outcomes to the scale on which the model is linear."""
        return LINKS[self.scale]

    @property
    def on_scale(self) -> str:
        """Words that stand after a quantity of the model's own scale; none where that is the outcome's."""
        return "" if self.link.is_linear else f" on the {self.scale} scale"

    def notes(self) -> tuple[str, ...]:
        """Say what a log or logit scale means for effects; nothing on the outcome's own.

        Examples
        --------
        >>> ModelSpec(scale="log").notes()[0][:66]
        "The model 'custom' is multiplicative: it works on the log of the o"
        """
        if self.link.is_linear:
            return ()
        if self.scale == "log":
            return (
                f"The model {self.name!r} is multiplicative: it works on the log of the outcome, donors are weighted "
                "in a geometric mean, and level, drift and noise are shares of the outcome; the lift is its first "
                "answer, and average and cumulative effect are in the outcome's own units.",
            )
        return (
            f"The model {self.name!r} works on the logit of the outcome: level, drift and noise multiply its odds, no "
            "counterfactual leaves 0 to 1, and effects are in the outcome's own units.",
        )

    def at_scale(self, scale: str) -> "ModelSpec":
        """Return the same model on another scale, with that scale in its name.

        Raises
        ------
        SpecError
            An unknown scale, or one that does not go with the model's noise or cells.

        Examples
        --------
        >>> ModelSpec(name="level").at_scale("log").name
        'level-log'
        """
        if not isinstance(scale, str) or scale not in LINKS:
            raise SpecError(f"scale is {came(scale)}; allowed: {', '.join(LINKS)}")
        if scale == self.scale:
            return self
        changed = {"scale": scale, "name": f"{self.name}-{scale}", "title": f"{self.title}, scale {scale}"}
        try:
            return type(self).model_validate(self.to_dict() | changed)
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise SpecError(f"model {self.name!r} with scale {scale!r}: {reason}; give another model") from None

    @classmethod
    def from_toml(cls, text: str, *, name: str = "custom", source: str = "model.toml") -> Self:
        """Read a specification; raise `SpecError` naming the line and what is allowed there."""
        return cls.from_dict({"name": name} | parse_toml(text, source), source=source, text=text)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, source: str, text: str = "") -> Self:
        """Check plain data, of which ``text`` may tell the lines; raise `SpecError` naming what is allowed."""
        try:
            return cls.model_validate(dict(data))
        except ValidationError as error:
            raise SpecError(_explain(error, text, source)) from error

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read ``path``, or ``path/model.toml`` when it is a folder; the folder's name is the model's."""
        file = path / "model.toml" if path.is_dir() else path
        text = read_settings(file, "model file", "a model.toml or its folder")
        name = file.resolve().parent.name if file.name == "model.toml" else file.stem
        return cls.from_toml(text, name=name, source=str(file))

    def changed(self) -> dict[str, Any]:
        """Return the switches that are not as in a specification that sets nothing, by key such as ``drift.process``.

        Examples
        --------
        >>> ModelSpec.from_toml("[weights]\\nalpha = 0.5").changed()
        {'weights.alpha': 0.5}
        """
        own, plainest = _flat(self), _flat(ModelSpec())
        return {key: value for key, value in own.items() if value != plainest[key]}

    def __repr__(self) -> str:
        return f"<ModelSpec {plain(f'{self.name!r}, {self.title}: {self._switches()}', LINE)}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        switches = pd.DataFrame({"switch": list(_flat(self)), "value": [_word(v) for v in _flat(self).values()]})
        return html_card(f"{self.title} ({self.name})", [f"Switches: {self._switches()}."], switches)

    def _switches(self) -> str:
        return ", ".join(f"{key} = {_word(value)}" for key, value in self.changed().items()) or "all at their defaults"

    def to_dict(self) -> dict[str, Any]:
        """Return the specification as plain data, the form stored with a fit."""
        return self.model_dump(by_alias=True)


def _flat(spec: ModelSpec) -> dict[str, Any]:
    """Every switch by its key: the scale, and those of each piece."""
    found: dict[str, Any] = {"scale": spec.scale}
    for piece, switches in spec.to_dict().items():
        if isinstance(switches, dict):
            found |= {f"{piece}.{name}": value for name, value in switches.items()}
    return found


def _word(value: object) -> str:
    return exact(value) if isinstance(value, float) else repr(value)


def _explain(error: ValidationError, text: str, source: str) -> str:
    """Turn the first validation error into one line: where, what came, what is allowed."""
    first = error.errors()[0]
    if not first["loc"]:  # a combination of pieces, not one key
        return f"{source}: {first['ctx']['error']}"
    path = [str(part) for part in first["loc"][:2]]  # a union adds the names of its members
    line = _line_of(path, text)
    where = f"{source}, line {line}" if line else source
    dotted = ".".join(path)
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        allowed = _keys_at(path[:-1])
        hint = nearest(path[-1], allowed)
        return f"{where}: unknown key {dotted!r}{hint}; allowed: {', '.join(allowed)}{more}"
    came = first["input"]
    if first["type"] == "literal_error":
        return f"{where}: {dotted} = {shown(came)} is not allowed; it is one of {first['ctx']['expected']}{more}"
    reason = first["msg"].removeprefix("Input should be ")
    return f"{where}: {dotted} = {shown(came)} is not allowed; it should be {reason}{more}"


def _keys_at(path: list[str]) -> list[str]:
    """Return the keys that the vocabulary allows in the table at ``path``."""
    model: type[BaseModel] = ModelSpec
    for part in path:
        annotation = model.model_fields[part].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return [f.alias or key for key, f in model.model_fields.items() if key != "name"]


def _line_of(path: list[str], text: str) -> int | None:
    """Find the line that sets the key at ``path``: the last part, after its table's header."""
    table, key = ".".join(path[:-1]), path[-1]
    current = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[([^\]]+)\]", line)
        if header:
            current = header.group(1).strip()
            if current == ".".join(path):
                return number
        elif current == table and re.match(rf"\s*\"?{re.escape(key)}\"?\s*=", line):
            return number
    return None
