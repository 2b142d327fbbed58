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
# # Comparing methods
#
# Methods disagree. On one panel the question is which to trust; over many simulated panels, where the truth is
# known, it is which deserves it. Both are here: Proposition 99 first, then worlds made for the purpose.

# %% tags=["parameters"]
draws = 1000  # posterior draws per chain
worlds = 30  # simulated panels of each kind

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown

import bsynth as bs
from bsynth.evidence.worlds import EFFECT, WORLDS

# Among many fits some fail the convergence gate; they are counted below.
warnings.simplefilter("ignore", bs.UnreliableWarning)


# %% [markdown]
# ## One panel
#
# California's cigarette sales come with the package. Every method answers the same question: the average effect over
# 1989–2000.

# %%
panel = bs.datasets.load_prop99()
comparison = bs.compare(panel, draws=draws, seed=1, progress=False)
comparison

# %%
ax = bs.plots.plot_comparison(comparison)

# %% [markdown]
# The points are those in the literature (Arkhangelsky et al. 2021, table 1): synthetic control −19.5, its demeaned form
# −11.1, difference in differences −27.3, synthetic difference in differences −15.6.

# %%
points = comparison.table.drop_duplicates("method").set_index("method")["estimate"]
printed = {"sc": -19.5, "demeaned": -11.1, "did": -27.3, "sdid": -15.6}
points[list(printed)].round(2).to_frame("average effect")

# %% [markdown]
# What each presumes is the reason why they differ, and stands beside each number:

# %%
rows = comparison.table.drop_duplicates("method")
Markdown("\n".join(f"- **{row.method}**: {row.conditions}" for row in rows.itertuples()))

# %% [markdown]
# ## Many panels
#
# Three worlds of the evidence behind the catalogue: one inside the donors' hull, one where the treated unit sits far
# above them, one whose factors are random walks. The true effect is known. For each method: bias, RMSE and, where it
# gives an interval, how often the 90% interval holds the truth and how wide it is.


# %%
def answers(world, seed):
    """Every method's answer on one simulated panel: estimate, lower, upper."""
    panel = WORLDS[world].panel(seed)
    rows = {}
    for method in ("sc", "demeaned", "did", "sdid"):
        rows[method] = bs.placebo_space(panel, method, progress=False).effects(0.9).iloc[0]
    for model in ("level", "default"):
        rows[f"posterior, {model}"] = (
            bs.fit(panel, model, draws=draws, seed=seed, progress=False).effects(0.9).iloc[0]
        )
    table = pd.DataFrame(rows).T[["estimate", "lower", "upper", "status"]]
    return table.assign(world=world, seed=seed).rename_axis("method").reset_index()


chosen = ("factor", "outside", "walk-factors")
found = pd.concat(
    [answers(world, seed) for world in chosen for seed in range(worlds)], ignore_index=True
)
found[["estimate", "lower", "upper"]] = found[["estimate", "lower", "upper"]].astype(float)
found["error"] = found["estimate"] - EFFECT
found["held"] = (found["lower"] <= EFFECT) & (found["upper"] >= EFFECT)
found["width"] = found["upper"] - found["lower"]
fits = found.loc[found["method"].str.startswith("posterior"), "status"]
Markdown(
    f"{(fits != 'ok').sum()} of {len(fits)} fits did not pass the convergence gate; they count all the same."
)

# %%
found["square"] = found["error"] ** 2
summary = found.groupby(["world", "method"], sort=False).agg(
    bias=("error", "mean"),
    RMSE=("square", "mean"),
    held=("held", "mean"),
    width=("width", "median"),
)
summary["RMSE"] **= 0.5
summary.round(3)

# %% [markdown]
# An estimator without an intercept fails where the treated unit lies outside the hull, and nothing in its placebo test
# says so.

# %%
outside = summary.loc["outside"]
Markdown(
    f"Outside the hull `sc` is off by {outside.loc['sc', 'bias']:.1f} on average, `demeaned` by "
    f"{outside.loc['demeaned', 'bias']:.2f}, the default posterior by {outside.loc['posterior, default', 'bias']:.2f}."
)

# %%
fig, axes = plt.subplots(1, len(chosen), figsize=(11, 4), layout="constrained", sharey=True)
methods = found["method"].unique()
for world, ax in zip(chosen, axes, strict=True):
    errors = [
        found.loc[(found["world"] == world) & (found["method"] == method), "error"]
        for method in methods
    ]
    ax.boxplot(
        errors,
        orientation="horizontal",
        widths=0.6,
        showfliers=False,
        medianprops={"color": "#0072B2"},
    )
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set_title(WORLDS[world].title, fontsize=10)
    ax.set_yticks(range(1, len(methods) + 1), methods)
    ax.spines[["top", "right"]].set_visible(False)
axes[0].invert_yaxis()
fig.supxlabel("error of the average effect", fontsize=10)
title = fig.suptitle("Errors by method and world", x=0.01, ha="left", fontweight="bold")

# %% [markdown]
# An interval is good when it holds the truth as often as it says *and* is narrow. With so many panels, coverage is
# known to about this much:

# %%
Markdown(
    f"± {np.sqrt(0.9 * 0.1 / worlds):.2f}, one standard error of a coverage of 0.9 over {worlds} panels."
)

# %% [markdown]
# ## What to take along
#
# - Ask every method the same question, on the same window, with its interval and its conditions beside it.
# - Agreement of methods that share an assumption is one vote, not many.
# - The world that is most like yours decides; `bsynth models NAME` shows all of them for every model.
