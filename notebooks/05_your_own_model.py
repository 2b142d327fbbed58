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
# # Writing your own model, with its evidence
#
# A model is a folder: `model.toml` says what it is, `card.md` when to use it, `evidence.json` how it did. This
# notebook copies one, changes it, uses it, and measures it by the same command that measured the catalogue.

# %% tags=["parameters"]
draws = 1000  # posterior draws per chain
seeds = 20  # repetitions in each simulated world
simulations = 200  # draws from the prior, for simulation-based calibration

# %%
import shutil
import tempfile
from pathlib import Path

import pandas as pd
from IPython.display import Markdown, display

import bsynth as bs
from bsynth.evidence.card import render
from bsynth.evidence.record import Settings
from bsynth.evidence.run import Request, measure_model
from bsynth.model.catalogue import models_folder

pd.set_option("display.max_colwidth", None)

# %% [markdown]
# ## What there is
#
# The catalogue, by the title of each model:

# %%
pd.Series({name: bs.load_model(name).title for name in bs.list_models()}).to_frame("model")

# %% [markdown]
# ## A folder of your own
#
# Say that in your field series wander apart faster than the default model expects. Copy its folder and change the
# scale of the drift and how likely a drift is beforehand; and as your data are yearly totals, take cells as exact. Any
# editor does.

# %%
folder = Path(tempfile.mkdtemp()) / "wandering"
folder.mkdir()
text = (models_folder() / "default" / "model.toml").read_text()
for old, new in {
    "a drift, AR(1) or random walk, that switches on": "a faster drift",
    "sd = 0.25": "sd = 0.5",
    "probability = 0.5": "probability = 0.8",
    'variance = "auto"': 'variance = "exact"',
}.items():
    text = text.replace(old, new)
(folder / "model.toml").write_text(text)
(folder / "card.md").write_text(
    "# wandering: level shift and a faster drift\n\n"
    "**Question it answers.** As `default`, for series that wander apart by half a pre-period sd a period.\n\n"
    "**Do not use it** when the pre-period shows no drift: its interval is then too wide.\n"
)
display(Markdown(f"```toml\n{text}```"))

# %% [markdown]
# The vocabulary is closed: a key or a value that does not exist is refused, with what is allowed.

# %%
try:
    bs.ModelSpec.from_toml(text.replace('process = "ar1-or-walk"', 'process = "stroll"'))
except bs.SpecError as error:
    print(error)

# %% [markdown]
# What differs from the default is what was meant to differ:

# %%
own, default = bs.load_model(folder), bs.load_model("default")
both = pd.concat(
    [pd.json_normalize(spec.to_dict()).T[0].rename(spec.name) for spec in (default, own)],
    axis=1,
)
both[both["default"] != both["wandering"]]

# %% [markdown]
# ## Use it
#
# Its path goes wherever a name goes: in `bs.fit`, `bs.analyse`, `bs.calibrate`, and after `--model` in the shell.

# %%
frame = bs.simulate_factor(donors=12, n_pre=25, n_post=8, rho=0.9, effect=1.0, seed=3)
panel = bs.Panel.from_long(
    frame, unit="unit", time="time", outcome="outcome", treated=0, start=25
)
fits = [
    bs.fit(panel, model, draws=draws, seed=1, progress=False) for model in ("default", folder)
]
table = pd.concat([fit.effects() for fit in fits], ignore_index=True)
table.loc[
    table["estimand"] == "average",
    ["model", "estimate", "lower", "upper", "interval", "status"],
].round(3)

# %%
ax = bs.plot_trajectory(fits[1])

# %%
bs.check(fits[1])

# %% [markdown]
# One panel shows nothing about a model. Its evidence does.
#
# ## Measure it
#
# Two questions, asked of every model in the catalogue. *Simulation-based calibration*: when data come from the model
# itself, does it find its own parameters? *Simulated worlds*: when data come from elsewhere, how large are its
# errors, and how often does its interval hold the truth? In the shell, with the catalogue's full numbers:
#
#     bsynth models evidence wandering/
#
# Here with fewer repetitions, and two worlds: one that suits it and one that does not. Real panels can be added as the
# part `placebos`, with `data=` the folder that holds them.

# %%
request = Request(
    parts=("sbc", "worlds"),
    work=folder.parent / "pieces",
    seeds=seeds,
    simulations=simulations,
    only=("factor", "walk-factors"),
    settings=Settings(progress=False),
)
evidence = measure_model(folder, request)
display(Markdown(render(evidence)))

# %% [markdown]
# With six quantities at 95%, one outside its envelope now and then is chance; more simulations tell.
#
# The numbers went into `evidence.json`, and the tables into the card, between two markers. Every finished piece is
# kept: run it again with more repetitions and it goes on from there. Change `model.toml` and the old evidence no
# longer counts, since it is of another model.

# %%
card = (folder / "card.md").read_text()
shutil.rmtree(folder.parent)

# %% [markdown]
# ## What to take along
#
# - A model is data. What the vocabulary can say needs no code.
# - A model without evidence is an opinion. Ship the folder with its `evidence.json`.
# - Read the rows where it does badly first: they are the sentence "do not use it when" of the card.
