"""Files of settings: model.toml, study.toml and plan.toml, misspelt, of another kind, or meant to do harm."""

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path

from bad_inputs.case import LIVELY_TEXT, ROLES, Case, Content, command, lively, put

import bsynth as bs

DEEP = "a = " + "[" * 20_000 + "]" * 20_000
DOTTED = ".".join("a" * 5_000) + " = 1"
LARGE = f'title = "{"x" * 2_000_000}"'
DIGITS = f"[weights]\nalpha = 1{'0' * 5_000}"
LATIN = 'title = "Québec"'.encode("latin-1")


def model(name: str, content: Content, *says: str, file: str = "model.toml") -> Case:
    def shell(folder: Path) -> list[object]:
        spec = put(content, folder / file)
        return [*command("run", put(LIVELY_TEXT, folder / "sales.csv"), ROLES, folder), "--model", f"{spec}"]

    return Case(f"model, {name}", lambda folder: bs.load_model(put(content, folder / file)), shell, says)


def study(name: str, content: Content, *says: str) -> Case:
    return Case(
        f"study, {name}",
        lambda folder: bs.study(put(content, folder / "study.toml"), folder / "out", progress=False),
        lambda folder: ["study", put(content, folder / "study.toml"), "--quiet", "--out", folder / "out"],
        says,
    )


@functools.cache
def _frozen() -> str:
    """The text of a good plan."""
    with tempfile.TemporaryDirectory() as folder:
        bs.freeze(lively(), Path(folder) / "plan.toml", model="level")
        return (Path(folder) / "plan.toml").read_text(encoding="utf-8")


def _edited(change: Callable[[str], str]) -> str:
    changed = change(_frozen())
    assert changed != _frozen()
    return changed


def plan(name: str, content: Content | Callable[[str], str], *says: str, edited: bool = False) -> Case:
    """A plan as it stands, or as it is after a change of one that was frozen."""

    def made(folder: Path) -> Path:
        return put(_edited(content) if edited else content, folder / "plan.toml")  # type: ignore[arg-type]

    def python(folder: Path) -> object:
        return bs.analyse(lively(), plan=made(folder), models="none", progress=False)

    def shell(folder: Path) -> list[object]:
        return [*command("run", put(LIVELY_TEXT, folder / "sales.csv"), ROLES, folder), "--plan", made(folder)]

    return Case(f"plan, {name}", python, shell, says)


def edited(name: str, old: str, new: str, *says: str) -> Case:
    return plan(name, lambda text: text.replace(old, new), *says, edited=True)


WORLDS = "[worlds.factor]\n"
METHODS = '[methods.did]\nestimator = "did"\n'
SMALL = f"seeds = 2\n{WORLDS}{METHODS}"

CASES: list[Case] = [
    model("an unknown key", "[weights]\nalhpa = 1.0", "line 2", "'weights.alhpa'", "did you mean 'alpha'"),
    model("an unknown table", "[wieghts]\nalpha = 1.0", "'wieghts'", "did you mean 'weights'"),
    model("a value outside the list", '[drift]\nprocess = "wlak"', "drift.process", "'wlak'"),
    model("a word for a number", '[weights]\nalpha = "much"', "weights.alpha", "'much'"),
    model("a number for a table", "weights = 3", "weights = 3"),
    model("a list for a table", "weights = [1, 2]", "weights"),
    model("a negative scale", "[weights]\nalpha = -1.0", "weights.alpha = -1.0", "greater than 0"),
    model("a scale of zero", "[weights]\nalpha = 0.0", "weights.alpha = 0.0"),
    model("a scale that is not finite", "[weights]\nalpha = inf", "weights.alpha = inf"),
    model("a scale that is no number", "[weights]\nalpha = nan", "weights.alpha = nan"),
    model("a number of thousands of digits", DIGITS, "model.toml"),
    model("a list of thousands of numbers", f"[weights]\nalpha = {[1] * 5_000}", "weights.alpha"),
    model("no TOML", "[weights", "not valid TOML"),
    model("a key twice", "[weights]\nalpha = 1.0\nalpha = 2.0", "not valid TOML"),
    model("JSON", '{"weights": {"alpha": 1}}', "not valid TOML"),
    model("nested deeply", DEEP, "nested too deeply"),
    model("a key of thousands of parts", DOTTED, "model.toml"),
    model("two megabytes", LARGE, "2000010 bytes"),
    model("bytes", bytes(range(256)), "UTF-8"),
    model("Latin-1", LATIN, "UTF-8"),
    model("a folder without one", lambda file: file.mkdir(), "cannot be read", "give a model.toml", file="mine/"),
    model("no such file", lambda file: None, "cannot be read", "No such file"),
    model("a device", lambda file: file.symlink_to("/dev/zero"), "is no file"),
    study("an unknown key", "sedes = 2\n" + WORLDS + METHODS, "'sedes'", "did you mean 'seeds'"),
    study("an unknown world", f'seeds = 2\n[worlds.x]\nkind = "goe"\n{METHODS}', "did you mean 'geo'"),
    study("an unknown estimator", SMALL.replace('"did"', '"dod"'), "method 'did'", "dod"),
    study("an unknown inference", SMALL + 'inference = "magic"', "'magic'"),
    study("an unknown model", f'{WORLDS}[methods.m]\nmodel = "levle"', "method 'm'", "did you mean 'level'"),
    study("a word for a number", SMALL.replace("2", '"two"', 1), "seeds = 'two'"),
    study("no seeds", SMALL.replace("2", "0", 1), "seeds = 0"),
    study("seeds below zero", SMALL.replace("2", "-1", 1), "seeds = -1"),
    study("seeds without end", SMALL.replace("2", "1000000000", 1), "seeds = 1000000000"),
    study("half a seed", SMALL.replace("2", "0.5", 1), "seeds = 0.5"),
    study("a level of everything", "levels = [1.0]\n" + SMALL, "levels"),
    study("no levels", "levels = []\n" + SMALL, "levels are empty"),
    study("a world that is a number", f"seeds = 2\n[worlds]\nfactor = 3\n{METHODS}", "world 'factor' is 3"),
    study("a method that is a word", f'seeds = 2\n{WORLDS}[methods]\ndid = "did"', "method 'did' is 'did'"),
    study("no worlds", "seeds = 2\n" + METHODS, "worlds"),
    study("no methods", "seeds = 2\n" + WORLDS, "methods"),
    study("worlds that are none", 'seeds = 2\nworlds = "factor"\n' + METHODS, "worlds are tables"),
    study("a method of two kinds", SMALL + 'model = "level"', "exactly one of them"),
    study("a name of a path", SMALL.replace("factor", '"../up"'), "'../up'"),
    study("data that are not there", f'{METHODS}[worlds.x]\nkind = "own"\ndata = "no.csv"\nunit = "u"\ntime = "t"\noutcome = "y"\ntreated = "a"', "no.csv", "cannot be read"),
    study("an interpreter that is none", f'{WORLDS}[methods.p]\npeer = "pysyncon"\npython = "/no/python"', "/no/python"),
    study("no TOML", "seeds = ", "not valid TOML"),
    study("nested deeply", DEEP, "nested too deeply"),
    study("two megabytes", LARGE, "bytes"),
    study("Latin-1", LATIN, "UTF-8"),
    study("a folder", lambda file: file.mkdir(), "cannot be read"),
    study("no such file", lambda file: None, "cannot be read", "No such file"),
    plan("another file of settings", 'title = "Mine"', "plan.toml", "has no"),
    plan("no TOML", "outcome = ", "not valid TOML"),
    plan("nested deeply", DEEP, "nested too deeply"),
    plan("no such file", lambda file: None, "cannot be read"),
    plan("Latin-1", LATIN, "UTF-8"),
    edited("a key too many", "schema =", "schemma = 1\nschema =", "'schemma'"),
    edited("a later schema", "schema = 2", "schema = 9", "schema"),
    edited("a level of everything", "level = 0.95", "level = 95", "level is 95"),
    edited("a word for a level", "level = 0.95", 'level = "high"', "level is 'high'"),
    edited("a number for a model", 'model = "level"', "model = 3", "model"),
    edited("a number for a start", 'start = "2010"', "start = 2010", "start"),
    edited("a word for a list", "methods = [", 'methods = "sc"\nrest = [', "rest"),
    edited("a number for donors", 'donors = ["Iowa", "Maine", "Texas", "Utah"]', "donors = 4", "donors"),
    edited("an unknown method", '"demeaned"', '"demaened"', "did you mean 'demeaned'"),
    edited("an unknown key of the model", "[spec.weights]", "[spec.wieghts]", "wieghts"),
    edited("a negative scale of the model", "alpha = 1.0", "alpha = -1.0", "alpha"),
    edited("a truth that is a word", "calibrated = true", 'calibrated = "yes"', "calibrated"),
]  # fmt: skip
