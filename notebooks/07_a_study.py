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
# # A study: which method is right how often?
#
# On panels whose true effect is known, a method can be held to what it says: a 95% interval that holds the truth in 70%
# of panels is not one. A study asks every method the same question on the same panels. This one is small; the same file
# with more seeds, worlds and methods is run by `bsynth study study.toml --out DIR`, killed and resumed at will, on one
# machine or on a Dask cluster, with tables that are the same to the byte.

# %% tags=["parameters"]
seeds = 30  # panels of each world
draws = 300  # posterior draws per chain

# %%
from IPython.display import Markdown

import bsynth as bs

study = bs.study(
    {
        "title": "Methods in four worlds",
        "seeds": seeds,
        "draws": draws,
        "tune": draws,
        "worlds": {
            "inside the hull": {"kind": "factor", "world": "factor"},
            "far above it": {"kind": "factor", "world": "outside"},
            "AR(.6) noise": {"kind": "factor", "world": "ar-noise"},
            "daily regions": {"kind": "geo", "cell": "A3"},
        },
        "methods": {
            "textbook Dirichlet": {"model": "dirichlet"},
            "level shift": {"model": "level"},
            "default": {"model": "default"},
            "sc, placebo": {"estimator": "sc", "inference": "placebo"},
            "demeaned, placebo": {"estimator": "demeaned", "inference": "placebo"},
            "demeaned, conformal": {"estimator": "demeaned", "inference": "conformal"},
            "sdid, placebo": {"estimator": "sdid", "inference": "placebo"},
            "did": {"estimator": "did"},
        },
    },
    progress=False,
)
Markdown("\n".join(f"- {sentence}" for sentence in study.sentences()))

# %% [markdown]
# What a run reports is the default *calibrated* on the donors: `{"model": "default", "calibrate": True}`. It costs a fit
# for every donor and is left out here; `tests/evidence` has it on more panels. CausalPy, pysyncon and scpi take part as
# `{"peer": "causalpy", "python": ".../bin/python"}`, each in an environment of its own.
#
# ## Every number with its Monte-Carlo error

# %%
table = study.measures()
shown = [
    "world",
    "method",
    "bias",
    "rmse",
    "covered_95%",
    "covered_95%_se",
    "width_95%",
    "claims",
]
table[shown].round(3)

# %% [markdown]
# ## Honest and narrow
#
# Up to the dashed line is honest; of what is honest the left is better.

# %%
ax = study.plot()

# %% [markdown]
# ## One method's intervals, panel by panel

# %%
ax = bs.plots.plot_zipper(study, "far above it", "sc, placebo")

# %% [markdown]
# Textbook weights sum to one, so that a unit above all of its donors has no synthetic control: every interval lies on the
# wrong side of the truth, and nothing in its placebo test says so. With a level of its own:

# %%
ax = bs.plots.plot_zipper(study, "far above it", "demeaned, conformal")

# %% [markdown]
# ## On your own panel
#
# The world that is most like yours is yours: `{"kind": "own", "data": "sales.csv", ...}` draws a unit and a window of your
# panel's past, puts an effect of known size in, and asks every method about it.
