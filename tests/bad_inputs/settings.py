"""Numeric options, each given every number that it is not; names that nothing has; and what takes no number at all."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bad_inputs.case import LIVELY, LIVELY_TEXT, ROLES, Case, command, lively, put

import bsynth as bs

BIG = 10**9
Given = tuple[str, Any]
"""A value as it is typed, and as Python has it."""
ZERO, MINUS, HALF, NAN, INF, WORD, NOTHING = (
    ("0", 0), ("-1", -1), ("0.5", 0.5), ("nan", math.nan), ("inf", math.inf), ("many", "many"), ("", ""),
)  # fmt: skip
ONE, NINETY_FIVE, HUGE = ("1", 1), ("95", 95), (str(BIG), BIG)


def case(
    name: str,
    verb: str,
    typed: list[str],
    python: Callable[[], Any] | None,
    *says: str,
    roles: Any = None,
    late: Any = (),
) -> Case:
    """Options of a command that reads the plain panel, and what Python is asked instead."""

    def shell(folder: Path) -> list[object]:
        words = command(verb, put(LIVELY_TEXT, folder / "sales.csv"), ROLES if roles is None else roles, folder)
        return [*words, *typed, *late]

    return Case(name, None if python is None else lambda folder: python(), shell, says)


def numbers(option: str, verb: str, given: list[Given], python: Callable[[Any], Any] | None, *say: str) -> list[Case]:
    """One option with each of the values; texts are refused by click, and by Python only where it sees them."""
    word = option.removeprefix("--")
    return [
        case(f"{verb} {option} {typed or 'nothing'}", verb, [f"{option}={typed}"],
             None if python is None else lambda value=value: python(value), *(say or (word.split("-")[-1],)))
        for typed, value in given
    ]  # fmt: skip


def sampling(name: str) -> Callable[[Any], Any]:
    return lambda value: bs.Sampling(**{name: value})


def analyse(name: str) -> Callable[[Any], Any]:
    return lambda value: bs.analyse(lively(), models="none", progress=False, **{name: value})


def power(name: str) -> Callable[[Any], Any]:
    return lambda value: bs.plan_rollout(lively(), progress=False, **{name: value})


def decided(name: str) -> Callable[[Any], Any]:
    return lambda value: bs.analyse(lively(), progress=False, questions={name: value})


WHOLE = [MINUS, HALF, NAN, INF, WORD, NOTHING]

CASES: list[Case] = [
    *numbers("--draws", "run", [ZERO, *WHOLE, HUGE], sampling("draws")),
    *numbers("--tune", "certify", [ZERO, *WHOLE, HUGE], sampling("tune")),
    *numbers("--chains", "power", [ZERO, ONE, *WHOLE, HUGE], sampling("chains")),
    *numbers("--target-accept", "run", [ZERO, ONE, MINUS, NAN, INF, WORD], sampling("target_accept"), "accept"),
    *numbers("--seed", "certify", WHOLE, sampling("seed")),
    *numbers("--jobs", "run", [ZERO, ("-2", -2), HALF, WORD, HUGE], sampling("n_jobs"), "jobs"),
    *numbers("--level", "run", [ZERO, ONE, MINUS, NINETY_FIVE, NAN, INF, WORD], analyse("level")),
    *numbers("--level", "plan", [ZERO, NAN, WORD], lambda value: bs.freeze(lively(), level=value)),
    *numbers("--replicates", "run", [ZERO, ONE, *WHOLE, HUGE], analyse("replicates")),
    *numbers("--threshold", "run", [NAN, INF, WORD], decided("threshold")),
    *numbers("--rope", "run", [MINUS, NAN, INF, WORD], decided("rope")),
    *numbers("--windows", "certify", [MINUS, HALF, NAN, WORD], lambda value: bs.certify(lively(), windows=value, progress=False)),
    *numbers("--levels", "certify", [ZERO, ONE, NINETY_FIVE, NAN, WORD], lambda value: bs.certify(lively(), levels=[value], progress=False), "level"),
    *numbers("--durations", "power", [ZERO, MINUS, HALF, NAN, INF, WORD, ("99", 99)], lambda value: bs.plan_rollout(lively(), durations=[value], progress=False), "duration"),
    *numbers("--effects", "power", [NAN, INF, WORD], lambda value: bs.plan_rollout(lively(), effects=[value], progress=False), "effect"),
    *numbers("--ramp", "power", [MINUS, HALF, NAN, WORD, HUGE], power("ramp")),
    *numbers("--power", "power", [ZERO, ONE, MINUS, NAN, WORD], power("power"), "power"),
    *numbers("--windows", "power", [ZERO, MINUS, HALF, WORD], power("windows")),
    *numbers("--anticipation", "run", [MINUS, HALF, NAN, WORD, HUGE], lambda value: bs.Panel.from_long(LIVELY, **ROLES, anticipation=value)),
    *numbers("--horizon", "run", [ZERO, MINUS, NAN, WORD], lambda value: bs.Panel.from_long(LIVELY, **ROLES, horizon=value)),
    *numbers("--resamples", "run", [ZERO, MINUS, HALF, WORD], lambda value: bs.Panel.from_events(LIVELY, **ROLES, cluster="unit", resamples=value)),
    # Names that nothing has.
    case("a model", "run", ["--model", "defualt"], lambda: bs.analyse(lively(), models="defualt"), "'defualt'", "did you mean 'default'"),
    case("a model for a certificate", "certify", ["--model", "lvel"], lambda: bs.certify(lively(), "lvel"), "did you mean 'level'"),
    case("a model to plan with", "plan", ["--model", "rolout"], lambda: bs.freeze(lively(), model="rolout"), "did you mean 'rollout'"),
    case("a method", "run", ["--methods", "placeb"], lambda: bs.analyse(lively(), methods="placeb"), "did you mean 'placebo'"),
    case("a verb for a method", "run", ["--methods", "placebo_space"], lambda: bs.analyse(lively(), methods="placebo_space"), "'placebo_space'", "did you mean"),
    case("none beside another", "run", ["--methods", "none,sc"], lambda: bs.analyse(lively(), methods=["none", "sc"]), "'none' stands alone"),
    case("a finding", "run", ["--findings", "decison"], lambda: bs.analyse(lively(), findings="decison"), "did you mean 'decision'"),
    case("a scale", "run", ["--scale", "lgo"], lambda: bs.analyse(lively(), scale="lgo"), "'lgo'", "log"),
    case("a format", "run", ["--export", "exel"], lambda: bs.export(bs.classical(lively()), "tables", formats="exel"), "'exel'", "csv"),
    case("a kind of effect", "power", ["--kind", "lfit"], lambda: bs.plan_rollout(lively(), kind="lfit", progress=False), "'lift'"),
    case("a direction", "run", ["--higher-is", "good"], lambda: bs.Panel.from_long(LIVELY, **ROLES, higher_is="good"), "'better'"),
    case("a period to count in", "run", ["--freq", "wek"], lambda: bs.Panel.from_long(LIVELY, **ROLES, freq="wek"), "'week'"),
    case("a kind of donors", "run", ["--donor-kind", "nevr"], lambda: bs.Panel.from_long(LIVELY, **ROLES, donor_kind="nevr"), "'never'"),
    case("an estimand", "run", ["--estimand", "averge", "--threshold", "1"], None, "'average'"),
    Case("an estimator", lambda f: bs.classical(lively(), "demaened"), None, ("'demaened'", "did you mean 'demeaned'")),
    case("one outcome of several", "run", [], None, "'z'", roles=ROLES | {"outcome": "y,z"}),
    case("nobody treated", "run", [], None, "who is treated", roles={k: v for k, v in ROLES.items() if k not in ("treated", "start")}),
    case("treated and no start", "run", [], None, "--treated", roles={k: v for k, v in ROLES.items() if k != "start"}),
    case("no column of units", "run", [], None, "--unit", roles={k: v for k, v in ROLES.items() if k != "unit"}),
    case("an option that is none", "run", ["--treatd", "Ohio"], None, "--treatd", "--treated"),
    case("an option without a value", "run", ["--seed"], None, "--seed"),
    case("a word too many", "run", ["else.csv"], None, "else.csv"),
    case("a value without a cost", "run", ["--value", "3"], None, "cost"),
    case("resamples of nobody", "run", ["--resamples", "9"], None, "--cluster"),
    case("bootstrap without users", "run", ["--methods", "bootstrap"], lambda: bs.analyse(lively(), methods="bootstrap"), "no sums per user"),
    Case("seed of resamples", lambda f: bs.Panel.from_events(LIVELY, **ROLES, cluster="unit", resamples=9, resample_seed=-1), None, ("resample_seed is -1",)),
    Case("resamples of rows without users", lambda f: bs.Panel.from_events(LIVELY.assign(user=[None, *range(59)]), **ROLES, cluster="user", resamples=9), None, ("'user' has no value in 1 row",)),
    Case("resamples of one user", lambda f: bs.Panel.from_events(LIVELY.assign(user="ann"), **ROLES, cluster="user", resamples=9), None, ("there is one user",)),
    Case("a command", None, lambda f: ["rnu", "sales.csv"], ("'rnu'", "did you mean 'run'")),
    Case("an option of no command", None, lambda f: ["--quiet"], ("--quiet",)),
    Case("a card", lambda f: bs.load_model("levl"), lambda f: ["models", "levl"], ("'levl'", "did you mean 'level'")),
    Case("evidence of no model", None, lambda f: ["models", "evidence", "levl"], ("'levl'", "did you mean 'level'")),
    Case("users of a log", lambda f: bs.simulate_rollout(users=-5), lambda f: ["simulate", "rollout", "--users", "-5", "--out", f / "log.csv"], ("users is -5",)),
    Case("seed of a log", lambda f: bs.simulate_rollout(seed=-1), lambda f: ["simulate", "rollout", "--seed", "-1", "--out", f / "log.csv"], ("seed is -1",)),
    Case("users of the demo", None, lambda f: ["demo", "--users", "0", "--quiet", "--out", f / "demo"], ("users is 0",)),
    Case("few users of the demo", None, lambda f: ["demo", "--users", "3000", "--quiet", "--out", f / "demo"], ("--users 3000", "50000")),
    Case("draws of the demo", None, lambda f: ["demo", "--draws", "5", "--quiet", "--out", f / "demo"], ("draws is 5",)),
]  # fmt: skip
