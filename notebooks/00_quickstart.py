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
# # Quickstart: from your weekly CSV to a page you can share
#
# A campaign ran in one market for eight weeks, without a control group. Did it raise sales, by how much, and how sure
# is that? Three calls: `Panel.from_long` reads the file, `analyse` answers, `report` writes the page.

# %% tags=["parameters"]
draws = 1000  # posterior draws per chain and fit

# %%
import tempfile
from pathlib import Path

import pandas as pd

import bsynth as bs

folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## 1. The file
#
# One row per market and week. These sales are simulated, so that the truth is known: the campaign adds 8%. With a file
# of your own, skip this cell.

# %%
frame = bs.datasets.make_geo(as_frame=True)
columns = ["market", "week", "sales"]
frame[columns].to_csv(folder / "sales.csv", index=False, float_format="%.2f")
pd.read_csv(folder / "sales.csv").head(3)

# %% [markdown]
# ## 2. The panel
#
# Which columns say where, when and what; who was treated, and from which date on. Dates are written as in the file, or
# as `2024-11-04`. The three words below are only for the sentences: what the outcome is called, what a unit is, and
# which way is good.

# %%
panel = bs.Panel.from_long(
    folder / "sales.csv",
    unit="market",
    time="week",
    outcome="sales",
    treated="Columbus",
    start="2024-11-04",
    outcome_label="weekly sales",
    unit_label="market",
    higher_is="better",
)
panel

# %% [markdown]
# Look at the data before anything is fitted: do the other markets move as the treated one does? Markets differ in size,
# so each is drawn as a percentage of its own mean before the start.

# %%
ax = panel.plot(index=True)

# %% [markdown]
# ## 3. The answer
#
# About a minute: the Bayesian synthetic control is fitted to the treated market, and to every other market as if it
# had been treated, which is how its interval learns how wrong such fits are. The classical methods run beside it. In a
# notebook an analysis is the first screen of its report.

# %%
analysis = bs.analyse(panel, draws=draws, progress=False)
analysis

# %% [markdown]
# ## 4. The numbers
#
# Average per week, sum, and lift: by every method, the calibrated interval first.

# %%
analysis.effects()

# %% [markdown]
# Week by week: the gap to what would have been sold, in sales with its interval, and as a share of them (whose bounds are
# `relative_lower` and `relative_upper`).

# %%
weekly = analysis.calibration.path().set_index("time")
shown = ["observed", "counterfactual", "gap", "gap_lower", "gap_upper", "relative"]
weekly[shown].round(dict.fromkeys(shown[:-1], 1) | {"relative": 3})

# %% [markdown]
# And summed since the start:

# %%
analysis.calibration.cumulative().set_index("time")[["cumulative", "lower", "upper"]].round(0)

# %%
ax = bs.plots.plot_impact(analysis)

# %% [markdown]
# ## 5. Was it worth it?
#
# Say that each sale earns 30 and the campaign cost 100,000.

# %%
bs.decide(analysis, cost=100_000, value_per_unit=30)

# %% [markdown]
# ## 6. Share it
#
# One file that needs no network: send it, or print it. The analysis itself is kept in a file too, and comes back
# without fitting anything again.

# %%
bs.report(analysis, folder / "report.html")
analysis.save(folder / "analysis.nc")
again = bs.load(folder / "analysis.nc")
again.verdict.headline

# %% [markdown]
# ## And now with your data
#
# - The same from the shell, with a folder of results: `bsynth run sales.csv --unit market --time week --outcome sales
#   --treated Columbus --start 2024-11-04 --out run`.
# - Several treated markets that start together: `treated=["Columbus", "Denver"]`; the answer is for their mean, with
#   the total beside it.
# - A log with a row per user or event is better than its averages: `Panel.from_events` then knows how noisy each cell
#   is (notebook 01).
# - *Unreliable* means that the sampler did not settle: try `draws=4000`, or a simpler model, `models=["level"]`.
# - Before acting, ask what no method can see: did something else happen in that market, or in those that carry the
#   comparison?
