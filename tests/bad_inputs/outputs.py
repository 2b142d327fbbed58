"""Where results go: files in the place of folders and the other way round, disks that are full, and what is there."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bad_inputs.case import LIVELY, LIVELY_TEXT, ROLES, Case, command, lively, put

import bsynth as bs

SEEDS = '[worlds.factor]\n[methods.did]\nestimator = "did"\n'


@functools.cache
def analysis() -> Any:
    return bs.analyse(lively(), models="none", methods="did", findings="none", progress=False)


PYTHON: dict[str, Callable[[Any], object]] = {
    "report": lambda out: bs.report(analysis(), out),
    "save": lambda out: analysis().save(out),
    "export": lambda out: bs.export(analysis(), out),
    "freeze": lambda out: bs.freeze(lively(), out),
    "study": lambda out: bs.study({"worlds": {"factor": {}}, "methods": {"d": {"estimator": "did"}}}, out, progress=False),
    "calibrate": lambda out: bs.calibrate(lively(), store=out, progress=False),
}  # fmt: skip
FOLDERS, FILES = ("run", "certify", "power", "study", "demo"), ("plan", "simulate", "check")


def words(verb: str, folder: Path, out: object) -> list[object]:
    if verb == "study":
        return ["study", put(SEEDS, folder / "study.toml"), "--quiet", "--out", out]
    if verb == "simulate":
        return ["simulate", "rollout", "--users", 100, "--out", out]
    if verb == "demo":
        return ["demo", "--quiet", "--out", out]
    data = put(LIVELY_TEXT, folder / "sales.csv")
    if verb == "check":
        return [*command("check", data, ROLES, folder), "--json", out]
    return [*command(verb, data, ROLES, folder)[:-1], out]


def out(
    name: str, verb: str, prepare: Callable[[Path], object], path: str, *says: str, python: str | None = None
) -> Case:
    """What a command, and a verb of Python, say of a path; "{}" in it is the case's folder."""

    def given(folder: Path) -> str:
        prepare(folder)
        return path.format(folder)

    verbal = None if python is None else (lambda folder: PYTHON[python](given(folder)))
    return Case(f"{verb}, {name}", verbal, lambda folder: words(verb, folder, given(folder)), says)


def nothing(folder: Path) -> None:
    """Prepare nothing."""


def file(folder: Path) -> None:
    (folder / "there").write_text("mine")


def filled(folder: Path) -> None:
    (folder / "there").mkdir()
    (folder / "there" / "precious.txt").write_text("mine")


def linked(folder: Path) -> None:
    filled(folder)
    (folder / "link").symlink_to(folder / "there")


def dangling(folder: Path) -> None:
    (folder / "link").symlink_to(folder / "gone" / "far")


def in_the_way(marks: str, name: str) -> Callable[[Path], None]:
    """A folder of an earlier run, in which a file of the run is a folder."""

    def prepare(folder: Path) -> None:
        (folder / "there").mkdir()
        (folder / "there" / marks).write_text("")
        (folder / "there" / name).mkdir()

    return prepare


CASES: list[Case] = [
    *(out("a file in its place", verb, file, "{}/there", "there", "is a file", python={"run": "export", "study": "study"}.get(verb)) for verb in FOLDERS),
    *(out("below a file", verb, file, "{}/there/out", "there", python={"plan": "freeze", "run": "export"}.get(verb)) for verb in (*FOLDERS, *FILES)),
    *(out("where nothing can be", verb, nothing, "/proc/nowhere/out", "/proc/nowhere", python={"plan": "save", "certify": "calibrate"}.get(verb)) for verb in (*FOLDERS, *FILES)),
    *(out("a name too long", verb, nothing, "{}/" + "a" * 300, "name too long", python={"check": "report"}.get(verb)) for verb in (*FOLDERS, *FILES)),
    *(out("no name", verb, nothing, "", "give a path", python={"plan": "freeze", "check": "save", "study": "study"}.get(verb)) for verb in (*FOLDERS, *FILES)),
    *(out("somebody's folder", verb, filled, "{}/there", "not empty and not a run folder") for verb in FOLDERS),
    *(out("a link to somebody's folder", verb, linked, "{}/link", "not empty and not a run folder") for verb in FOLDERS[:2]),
    *(out("a folder in its place", verb, filled, "{}/there", "is a folder", python={"plan": "save", "check": "report"}.get(verb)) for verb in FILES),
    out("a link to nowhere", "run", dangling, "{}/link", "link"),
    out("a folder for the summary", "run", in_the_way(".written", "summary.json"), "{}/there", "'summary.json'", "give a new folder"),
    out("a folder for the certificate", "certify", in_the_way("placebos.jsonl", "certificate.json"), "{}/there", "'certificate.json'"),
    out("fits of something else", "certify", lambda f: (filled(f), (f / "there" / "placebos.jsonl").write_text("a,b\n1,2\n")), "{}/there", "placebos.jsonl"),
    out("fits of an earlier study", "study", lambda f: ((f / "there").mkdir(), (f / "there" / "study.json").write_text("{}"), (f / "there" / "fits.jsonl").write_text("")), "{}/there", "--resume"),
    Case("export of nothing", lambda f: bs.export(None, f / "tables"), None, ("None",)),
    Case("report of a fit", lambda f: bs.report(LIVELY, f / "page.html"), None, ("Analysis", "DataFrame")),  # type: ignore[arg-type]
    Case("a path that is a number", lambda f: analysis().save(3), None, ("give a path",)),
    Case("a path with NUL", lambda f: analysis().save("a\0b"), None, ("give a path",)),
]  # fmt: skip
