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
# # Before the launch
#
# A campaign is to run in one market. Before it starts there are questions that only the past can answer: is the data
# fit for it, how large an effect could be seen and after how many weeks, which market should have it, and does the
# whole analysis work? Everything here uses the history alone.

# %% tags=["parameters"]
draws = 500  # posterior draws per chain
windows = 2  # windows of the past in which every market plays the treated one

# %%
import warnings

from IPython.display import Markdown

import bsynth as bs

# Among many fits some fail the convergence gate; every result says how many.
warnings.simplefilter("ignore", bs.UnreliableWarning)

panel = bs.datasets.make_geo()
panel

# %% [markdown]
# These are simulated weekly sales, with a campaign of which nothing is known yet: what follows looks at the weeks before
# it alone. With a file of your own, `bs.Panel.from_long("sales.csv", ..., start=None)` is all history.
#
# ## Is the data fit for it?

# %%
bs.data_quality(panel)

# %% [markdown]
# ## How large an effect could be seen?
#
# Effects are put into windows of the past, where nothing happened, and the rule that an analysis reports is asked
# whether it sees them. A rule that also fires where nothing was put in is worth less, so its false-positive rate stands
# beside it.

# %%
plan = bs.plan_rollout(
    panel, durations=[4, 8], windows=windows, draws=draws, seed=1, progress=False
)
plan

# %%
ax = plan.plot()

# %%
Markdown("\n".join(f"- {sentence}" for sentence in plan.sentences()))

# %% [markdown]
# ## Which market should have it?
#
# Whoever picks the market that looks best in the past picks its luck as well. The ranking is made on one half of the
# history and reported on the other.

# %%
bs.rank_treated(panel, duration=8, progress=False)

# %% [markdown]
# ## Does the whole analysis work?
#
# A dress rehearsal: the analysis as it will be run, on a window of the past, with +10% put in.

# %%
rehearsal = bs.rehearse(panel, effect=0.1, duration=8, draws=draws, seed=1, progress=False)
rehearsal

# %% [markdown]
# ## Written down beforehand
#
# A plan that was frozen before the launch names the estimand, the window, the donors, the model and the rule. An
# analysis that follows it says so, and one that departs from it says where.

# %%
import tempfile
from pathlib import Path

file = Path(tempfile.mkdtemp()) / "plan.toml"
frozen = bs.freeze(panel, file)
print(file.read_text())

# %% [markdown]
# After the campaign: `bs.analyse(panel, plan="plan.toml")`, or `bsynth run sales.csv ... --plan plan.toml`.
