"""How a posterior is sampled: one value that every verb which samples hands on to each of its fits."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from bsynth._base.request import MOST, check_jobs, check_number, check_seed, check_whole
from bsynth.errors import SpecError, came, nearest, some_of

ENGINES = ("auto", "pymc")
FIRST_DRAWS, FIRST_TUNE, ROUNDS = 300, 300, 4
"""Of fits that are sampled only as far as they are needed: up to sixteen times the draws of the first round."""
RETRIES = 2
"""Times that a fit with all its draws is sampled further after a failed gate: of hundreds of healthy fits one meets a
divergence twice, and none was seen to meet three."""
CAREFUL = (0.98, 0.99, 0.995, 0.998)
"""Acceptance aimed at after divergences, attempt by attempt."""
MOST_CHAINS = 1000
_WHY = "the convergence gate needs them"


@dataclass(frozen=True)
class Sampling:
    """How each posterior is sampled.

    Attributes
    ----------
    draws, tune : int
        Draws kept and discarded per chain, 100 to 1,000,000 each.
    chains : int
        2 to 1,000.
    target_accept : float
        Acceptance rate that step-size adaptation aims at, from 0.5 to below 1.
    seed : int
        The same seed gives the same draws; where there are many fits, each one's own seed comes from it.
    n_jobs : int or None
        Fits that run side by side where there are many, through joblib: threads by default, since one compiled model
        serves all of them; ``joblib.parallel_config`` moves them to processes or a cluster. −1: one for each core;
        None: as many as keep all cores at work, as each fit samples its chains side by side. It changes no draw.
    engine : {"auto", "pymc"}
        ``"auto"`` samples a density that needs no compilation for a new panel, ``"pymc"`` the model's PyMC graph. The
        two densities are the same, and nutpie draws from either.

    Raises
    ------
    SpecError
        A setting outside what is allowed.

    Examples
    --------
    >>> Sampling(draws=500, seed=1).chains
    4
    >>> Sampling(chains=1)
    Traceback (most recent call last):
    bsynth.errors.SpecError: chains is 1; give at least 2, the convergence gate needs them; whole numbers only
    """

    draws: int = 1000
    tune: int = 600
    chains: int = 4
    target_accept: float = 0.9
    seed: int = 0
    n_jobs: int | None = None
    engine: str = "auto"

    def __post_init__(self) -> None:
        for name, least, most in (("draws", 100, MOST), ("tune", 100, MOST), ("chains", 2, MOST_CHAINS)):
            object.__setattr__(self, name, check_whole(getattr(self, name), name, least, _WHY, most))
        object.__setattr__(self, "target_accept", check_number(self.target_accept, "target_accept"))
        if not 0.5 <= self.target_accept < 1:
            raise SpecError(f"target_accept is {self.target_accept}; give a number from 0.5 to below 1, such as 0.9")
        object.__setattr__(self, "seed", check_seed(self.seed))
        object.__setattr__(self, "n_jobs", check_jobs(self.n_jobs))
        if not isinstance(self.engine, str) or self.engine not in ENGINES:
            hint = nearest(self.engine, ENGINES)
            raise SpecError(f"unknown engine {self.engine!r}{hint}; allowed: {some_of(ENGINES)}")

    def stricter(self) -> "Sampling":
        """Return the settings of the one retry after a failed convergence gate."""
        return replace(self, draws=self.draws * 2, tune=self.tune * 3, target_accept=0.99)

    def onward(self, drawn: int, *, careful: bool, attempt: int = 1) -> "Sampling":
        """Return the settings with which chains of ``drawn`` draws go on from where they stand after a failed gate.

        As many draws again, after less tuning than a start from nowhere needs; ``careful``, after divergences, with
        small steps, smaller at each attempt, for which steps are tuned anew.
        """
        if not careful:
            return replace(self, draws=drawn, tune=max(100, self.tune // 3))
        accept = max(self.target_accept, CAREFUL[min(attempt, len(CAREFUL)) - 1])
        return replace(self, draws=drawn, tune=max(300, self.tune), target_accept=accept)

    def as_needed(self) -> "Sampling":
        """Return the settings to begin with where a fit serves a mean, a standard deviation and shares.

        It is then sampled further until its convergence gate is met, `ROUNDS` times at most.
        """
        return replace(self, draws=min(self.draws, FIRST_DRAWS), tune=min(self.tune, FIRST_TUNE))

    def decides(self) -> dict[str, Any]:
        """Return what decides the draws, for the key of a stored fit: every setting but ``n_jobs``."""
        return {name: value for name, value in asdict(self).items() if name != "n_jobs"}


def resolve(
    sampling: Sampling | None, draws: int | None = None, seed: int | None = None, *, default: Sampling | None = None
) -> Sampling:
    """Return the settings that a verb was given: ``draws`` and ``seed`` stand above ``sampling``.

    Without ``sampling`` the rest is that of ``default``, by default ``Sampling()``.

    Raises
    ------
    SpecError
        Something else than a `Sampling`, or a setting outside what is allowed.

    Examples
    --------
    >>> resolve(Sampling(tune=2000), draws=500).draws, resolve(Sampling(tune=2000), draws=500).tune
    (500, 2000)
    """
    if sampling is None:
        sampling = default or Sampling()
    elif not isinstance(sampling, Sampling):
        raise SpecError(f"sampling is {came(sampling)}; give bs.Sampling(draws=..., tune=..., chains=..., seed=...)")
    given: dict[str, Any] = {name: value for name, value in (("draws", draws), ("seed", seed)) if value is not None}
    return replace(sampling, **given)
