# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Choosing a model, and checking it
#
# West Germany after reunification has 16 donors and 30 years before the start: enough to be confident, and to be
# wrong. This notebook goes from a model that looks fine to one that can be defended: convergence, checks, prior,
# forecasts, and the certificate, which asks the donors.

# %% tags=["parameters"]
draws = 1000  # posterior draws per chain and fit
last = 5  # pre-periods that each model forecasts

# %%

import pandas as pd
from IPython.display import Markdown

import bsynth as bs
from bsynth.plots.diagnostics import plot_energy, plot_loo_pit, plot_ppc, plot_rank, plot_trace

# %% [markdown]
# GDP a head by country and year comes with the package.

# %%
panel = bs.datasets.load_germany()
panel

# %% [markdown]
# ## A first model
#
# `level`: weights, a level shift, independent noise. It follows the pre-period closely, and is very sure.

# %%
first = bs.fit(panel, "level", draws=draws, seed=1, progress=False)
first

# %%
ax = bs.plot_trajectory(first)

# %% [markdown]
# ## Did the sampler work?
#
# This comes before any question about the model. The convergence gate has asked already (R-hat, effective sample size,
# divergences, energy); a fit that fails is marked *unreliable* wherever it appears. To see it with your own eyes:

# %%
pc = plot_trace(first)

# %%
pc = plot_rank(first)

# %%
pc = plot_energy(first)

# %% [markdown]
# ## Could the model have made these data?
#
# In the marginal distribution, yes. That is a weak test: it does not see the order of the years.

# %%
pc = plot_ppc(first)

# %%
pc = plot_loo_pit(first)

# %% [markdown]
# The checks look at the order too, and name a model that answers what they found.

# %%
report = bs.check(first)
report

# %% [markdown]
# ## A model with drift
#
# The default lets West Germany wander off its donors, for a while or for good, when the years before the start show it.

# %%
fit = bs.fit(panel, "default", draws=draws, seed=1, progress=False)
drifting = float(fit.tree["posterior"]["drifting"].mean())
ratio = (fit.effects()["upper"] - fit.effects()["lower"])[0] / (
    first.effects()["upper"] - first.effects()["lower"]
)[0]
Markdown(
    f"{100 * drifting:.0f}% of the draws drift. The 95% interval is {ratio:.1f} times as wide as that of `level`."
)

# %%
bs.check(fit)

# %% [markdown]
# ## Which one forecasts better?
#
# Each of the last years before the start, forecast from the years before it alone. Nothing was treated there, so the
# truth is known; a larger sum of log predictive densities is better. The default is ahead.

# %%
forecasts = {
    model: bs.leave_future_out(panel, model, last=last, draws=draws, seed=1, progress=False)
    for model in ("dirichlet", "level", "default")
}
scores = pd.Series({model: each.elpd for model, each in forecasts.items()})
scores.round(1).to_frame("sum of log predictive densities")

# %% [markdown]
# ## Prior or data?
#
# With 16 donors and 30 years the prior of the weights has a say. Its concentration α runs from a few donors (small) to
# equal weights (large). The effect under each, the least-squares weights beside them:

# %%
audit = bs.audit_prior(fit, draws=draws, seed=1, progress=False)
audit

# %%
ax = bs.plots.plot_prior_audit(audit)

# %% [markdown]
# ## How much hangs on the choices?
#
# Every combination of scale, level and drift, sorted by its effect; below, which switches are on. Colour is how well
# each forecasts the last years before the start.

# %%
curve = bs.specification_curve(
    panel, drifts=["none", "switched"], alphas=[1.0], pools=[], starts=[], since=[], last=last, draws=draws, seed=1,
    progress=False,
)  # fmt: skip
ax = bs.plots.plot_specification_curve(curve)

# %%
pairs = curve.pairs("scale")
Markdown(
    f"One switch alone, standardising each country by itself instead of all by West Germany, moves the effect by "
    f"{pairs['change'].max():,.0f} to {pairs['change'].min():,.0f} dollars."
)

# %% [markdown]
# ## What the donors say: the certificate
#
# Every donor plays West Germany, and so do earlier windows where the past is long enough. Nothing happened there, so
# an honest 90% interval holds zero nine times of ten. First for a model without level shift or drift:

# %%
bad = bs.certify(panel, "dirichlet", draws=draws, seed=1, windows=0, progress=False)
Markdown(" ".join(bad.sentences()[:3]))

# %%
ax = bs.plots.plot_certificate(bad)

# %% [markdown]
# Then for the default. A drift is harder to sample, and some donors' fits need smaller steps to pass their gate:

# %%
careful = bs.Sampling(draws=draws, seed=1, tune=2000, target_accept=0.99)
good = bs.certify(panel, "default", sampling=careful, windows=0, progress=False)
Markdown(" ".join(good.sentences()[:3]))

# %%
ax = bs.plots.plot_certificate(good)

# %% [markdown]
# Neither model's own interval holds here: after 1990 the countries part by more than their past shows, and no model of
# the past can know that. The calibrated interval has learned it from the donors. Both on the same units:

# %%
certificates = {"dirichlet": bad, "default": good}
rows = {
    (name, kind): each.row(kind)
    for name, each in certificates.items()
    for kind in ("base", "calibrated")
}
table = pd.DataFrame(rows).T[["coverage", "median_width", "score"]].astype(float)
table.round(2)

# %% [markdown]
# *Score* is the interval score: width plus a penalty for each miss, smaller is better. A model is chosen by it and by
# its forecasts, not by coverage after calibration, which every model reaches.
#
# ## What to take along
#
# - Convergence, then checks, then forecasts, then the donors. Each can end the discussion.
# - A good fit to the past says little about an interval.
# - When the prior decides, say so, and report the range.
