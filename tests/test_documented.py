"""What README, the pages of `docs/` and every ``--help`` say can be typed: it is there, and it runs.

Cells of the pages are run by the build itself (`make docs`); here are the commands, and the Python that is no cell.
"""

import ast
import importlib.util
import inspect
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from numpydoc.validate import validate

import bsynth as bs
from bsynth.cli import main
from bsynth.cli.base import DONE, UNRELIABLE
from bsynth.model.catalogue import models_folder

ROOT = Path(__file__).parent.parent
MADE = ("api/generated", "models", "_build")
"""Folders of pages that the build makes."""
PAGES = sorted(
    page
    for page in (ROOT / "docs").rglob("*.md")
    if not page.name.startswith("bsynth-") and not page.relative_to(ROOT / "docs").as_posix().startswith(MADE)
)
ROLES = {
    "log.csv": "--unit workspace_id --time signup_week --outcome task_completed --treated 0 --donors 25,26,27,28,29 --start 20 --end 29",
    "turnout.csv": "--unit state --time year --outcome turnout",
    "": "--unit market --time week --outcome sales --treated Columbus --start 2024-11-04",
}
"""What `...` stands for after a file."""
SMALL = "--model level --donors Albany,Boston,Detroit,Fresno"
"""What it stands for where there is no file besides: every finding fits many times."""
STANDS_FOR = {"NAME": "level", "STUDY.toml": "study.toml", "DIR": "out"}
FEW = {"draws": "250", "tune": "250", "replicates": "50", "simulations": "20", "windows": "1", "users": "30000"}
"""Options that a command has are set so, where it is not said: fewer draws only take less time."""


def commands_of(group: click.Group, *above: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command by the words that call it."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        yield (*above, name), command
        if isinstance(command, click.Group):
            yield from commands_of(command, *above, name)


COMMANDS = dict(commands_of(main))


def found(words: list[str]) -> click.Command:
    """The command that words call; a model's name after ``models`` is none."""
    return COMMANDS.get(tuple(words[:2])) or COMMANDS[(words[0],)]


def blocks() -> dict[str, list[str]]:
    """Commands that follow each other, by where they stand."""
    told: dict[str, list[str]] = {}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    texts = {"README": readme} | {p.relative_to(ROOT).as_posix(): p.read_text(encoding="utf-8") for p in PAGES}
    for name, text in texts.items():
        for n, (kind, fence) in enumerate(re.findall(r"^```(.*?)\n(.*?)^```$", text, flags=re.S | re.M)):
            told[f"{name}, {n}"] = [
                line for line in fence.splitlines() if line.startswith("bsynth ") and kind in ("", "sh")
            ]
    # In running text a command without arguments only names it.
    short = re.findall(r"`(bsynth [^`]+ [^`]+)`|in a shell: (bsynth .+)", readme)
    told |= {f"README: {one or other}": [one or other] for one, other in short}
    for words, command in COMMANDS.items():
        lines = [line.strip() for line in (command.help or "").splitlines()]
        told[f"bsynth {' '.join(words)} --help"] = [line for line in lines if line.startswith("bsynth ")]
    return {name: lines for name, lines in told.items() if lines}


BLOCKS = blocks()


def words_of(line: str) -> list[str]:
    """A command's arguments, with something for what is left open."""
    file = next(name for name in ROLES if name in line)
    open_ = ROLES[file] if ".csv" in line else f"sales.csv {ROLES['']} {SMALL}"
    words = [STANDS_FOR.get(word, word) for word in shlex.split(line.replace("...", open_))][1:]
    required = {p.name for p in found(words).params if p.required}
    return words if "out" not in required or "--out" in words else [*words, "--out", "out"]


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("words", list(COMMANDS), ids=" ".join)
def test_help_has_an_example(words: tuple[str, ...]) -> None:
    name = f"bsynth {' '.join(words)}"
    assert any(line.startswith(name) for line in BLOCKS[f"{name} --help"])


@pytest.mark.parametrize("name", list(BLOCKS))
def test_what_is_typed_is_an_option(name: str) -> None:
    for line in BLOCKS[name]:
        words = words_of(line)
        options = {option for p in found(words).params for option in (*p.opts, *p.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_pages_name_what_there_is() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for code in re.findall(r"^```(?:python|\{code-cell\} python)\n(.*?)^```", text, flags=re.S | re.M):
            ast.parse(code)
        for name in re.findall(r"\bbs\.((?:plots\.|datasets\.)?\w+)", text):
            thing: Any = bs
            for part in name.split("."):
                thing = getattr(thing, part)


def test_every_snippet_is_run() -> None:
    """Python stands in cells, which the build runs, or in pages that `test_python_runs` names."""
    plain = {page.name for page in PAGES if re.search(r"^```(?:python|py)\n", page.read_text(encoding="utf-8"), re.M)}
    assert plain == {"index.md"}


def test_formulas_are_what_the_renderer_reads() -> None:
    r"""It takes ``\frac12`` for the fraction of 12 and what follows, and shows it without a word."""
    cards = sorted(models_folder().glob("*/card.md"))
    for page in [*PAGES, *cards]:
        assert not re.search(r"\\[td]?frac\s*[^{\s]", page.read_text(encoding="utf-8")), page.name


def test_a_cell_shows_what_it_prints_returns_and_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = _module("cells")
    monkeypatch.setattr(cells, "HERE", tmp_path)
    page = (
        "```{code-cell} python\na = 1\nprint('one')\na + 1\n```\n\nText.\n\n```{code-cell} python\na = a + 2\na\n```\n"
    )
    text = cells.shown(page, tmp_path / "kept")
    assert text.index("one") < text.index("```text\n2\n```") < text.index("Text.") < text.index("```text\n3\n```")
    draws = "```{code-cell} python\nimport matplotlib.pyplot as plt\nax = plt.subplots()[1]\n```\n"
    (name,) = re.findall(r"\]\(/(.*\.png)\)", cells.shown(draws, tmp_path / "kept"))
    assert (tmp_path / name).is_file()
    with pytest.raises(ZeroDivisionError):
        cells.shown("```{code-cell} python\n1 / 0\n```\n", tmp_path / "kept")


@pytest.mark.parametrize("name", [name for name in bs.__all__ if inspect.isfunction(getattr(bs, name))])
def test_docstring_has_every_parameter(name: str) -> None:
    """By numpydoc: none is missing or unknown, and they stand in the order of the call."""
    wrong = [text for code, text in validate(f"bsynth.{name}")["errors"] if code in ("PR01", "PR02", "PR03")]
    assert wrong == []


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that commands name, small."""
    folder = tmp_path_factory.mktemp("ground")
    markets = ["Columbus", "Albany", "Boston", "Detroit", "Houston", "Fresno", "Cleveland"]
    frame = bs.datasets.make_geo(as_frame=True)
    frame = frame[frame["market"].isin(markets) & (frame["week"] >= "2023-10-01")]
    for name, last in (("sales.csv", "2024-11-25"), ("sales-later.csv", "2024-12-23")):
        frame.loc[frame["week"] <= last, ["market", "week", "sales"]].to_csv(folder / name, index=False)
    history = frame[frame["week"] < "2024-11-04"]
    roles = {"unit": "market", "time": "week", "outcome": "sales", "treated": "Columbus", "start": None}
    bs.freeze(bs.Panel.from_long(history, **roles), folder / "plan.toml")
    shop = frame.assign(orders=(frame["sales"] / 25).round(), revenue=frame["sales"])
    shop[["market", "week", "orders", "revenue"]].to_csv(folder / "shop.csv", index=False)
    bs.simulate_rollout(users=30_000, seed=42).to_csv(folder / "log.csv", index=False)
    turnout = bs.simulate_factor(donors=7, n_pre=16, n_post=6, seed=2).rename(
        columns={"unit": "state", "time": "year", "outcome": "turnout"}
    )
    starts = turnout["state"].map({0: 15, 1: 17})
    turnout.assign(treated=(turnout["year"] >= starts).astype(int)).to_csv(folder / "turnout.csv", index=False)
    page = (ROOT / "docs" / "guides" / "studies.md").read_text(encoding="utf-8")
    (folder / "study.toml").write_text(page.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    (folder / "wandering").mkdir()
    for file in ("model.toml", "card.md"):
        text = (models_folder() / "level" / file).read_text(encoding="utf-8")
        (folder / "wandering" / file).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def there(ground: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with those files, entered."""
    shutil.copytree(ground, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


LINES = {" ".join(words_of(line)): line for lines in BLOCKS.values() for line in lines}
"""By what they come to: each is run once."""


@pytest.mark.docs
@pytest.mark.usefixtures("pictures_in_blank")
@pytest.mark.parametrize("line", list(LINES.values()))
def test_command_runs(line: str, there: Path) -> None:
    words = words_of(line)
    few = [
        word
        for parameter in found(words).params
        if parameter.name in FEW and f"--{parameter.name}" not in words
        for word in (f"--{parameter.name}", FEW[parameter.name])
    ]
    result = CliRunner().invoke(main, [*words, *few])
    assert result.exit_code in (DONE, UNRELIABLE), f"{result.output}\n{result.exception!r}"
    if "--out" in words:
        assert (there / words[words.index("--out") + 1]).exists()


@pytest.mark.docs
def test_python_runs(there: Path) -> None:
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for code in re.findall(r"^```python\n(.*?)^```", text, flags=re.S | re.M):
        exec(compile(code, "index.md", "exec"), {})
    assert (there / "report.html").is_file()
