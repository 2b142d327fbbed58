"""A run as a notebook, and the gallery in ``notebooks/``.

The gallery's text files are its source; ``python tests/test_notebooks.py [NAME…]`` executes them with their own
parameters and writes the ``.ipynb`` beside them.
"""

import ast
import base64
import html
import importlib.util
import io
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.model.catalogue import models_folder
from bsynth.reporting.notebook import execute_notebook, write_notebook
from bsynth.reporting.run import note_written, write_run
from bsynth.reporting.tables import listed
from bsynth.text.card import html_card
from bsynth.text.labels import heading

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
GALLERY = sorted(FOLDER.glob("*.py"))
SMALL = {"draws": 250, "logs": 6, "donors": 8, "last": 3, "worlds": 2, "seeds": 2, "simulations": 20, "windows": 1}
"""Parameters of a trial run; a notebook takes those that it has."""
MOST = 1_500_000
"""Bytes of a published notebook."""
SCRIPT = "<script>alert(1)</script>"
NAMES = (SCRIPT, "=cmd()", "a'b\"c\\", "$x_1$ *b* | #", "😀 emoji", "שלום", "n" * 300)
ROLES = {"unit": "unit", "time": "time", "outcome": "outcome", "treated": SCRIPT, "start": 15}
SETTINGS = {
    "models": ["level"],
    "methods": ["sc", "demeaned", "placebo"],
    "draws": 250,
    "seed": 3,
    "calibrated": False,
    "findings": ["bands"],
}


def source_of(file: Path) -> Any:
    """Return the notebook of a text file, its cells numbered."""
    import jupytext

    notebook = jupytext.read(file)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    return notebook


def parameters_of(notebook: Any) -> tuple[int, list[str]]:
    """Return the place of the cell that is tagged ``parameters`` and the names that it sets."""
    (at,) = [n for n, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
    body = ast.parse(notebook.cells[at].source).body
    return at, [node.targets[0].id for node in body]


def words_of(notebook: Any) -> str:
    """Return everything that the outputs show as text."""
    parts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            parts += [output.get("text", ""), *output.get("traceback", [])]
            parts += [text for kind, text in output.get("data", {}).items() if kind.startswith("text/")]
    return "\n".join(parts)


def pictures_of(notebook: Any) -> int:
    return sum("image/png" in o.get("data", {}) for cell in notebook.cells for o in cell.get("outputs", []))


def test_what_the_gallery_changes_in_a_model_is_there_to_be_changed() -> None:
    """A replacement that matches nothing would leave a cell that shows nothing."""
    tree = ast.parse((FOLDER / "05_your_own_model.py").read_text(encoding="utf-8"))
    (changes,) = [n.iter.func.value for n in ast.walk(tree) if isinstance(n, ast.For) and isinstance(n.iter, ast.Call)
                  and isinstance(n.iter.func, ast.Attribute) and isinstance(n.iter.func.value, ast.Dict)]  # fmt: skip
    text = (models_folder() / "default" / "model.toml").read_text(encoding="utf-8")
    for old, new in ast.literal_eval(changes).items():
        assert old in text
        text = text.replace(old, new)
    (refused,) = [n.args for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
                  and n.func.attr == "replace" and len(n.args) == 2 and isinstance(n.args[0], ast.Constant)]  # fmt: skip
    old, new = map(ast.literal_eval, refused)
    assert old in text
    with pytest.raises(bs.SpecError, match="stroll"):
        bs.ModelSpec.from_toml(text.replace(old, new))


@pytest.fixture(scope="module")
def data_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frame = bs.simulate_factor(donors=len(NAMES) - 1, n_pre=15, n_post=4, seed=1, effect=2.0)
    file = tmp_path_factory.mktemp("data") / "it's a panel.csv"
    frame.assign(unit=frame["unit"].map(dict(enumerate(NAMES)))).to_csv(file, index=False)
    return file


@pytest.mark.slow
def test_a_run_comes_back_from_its_notebook(data_file: Path, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--reseed"):
        pytest.skip("a notebook's kernel is another process, and its fits are not drawn from another seed")
    analysis = bs.analyse(bs.Panel.from_long(data_file, **ROLES), **SETTINGS, progress=False)
    write_run(analysis, tmp_path / "run")
    notebook = nbformat.read(write_notebook(data_file, tmp_path / "run" / "run.ipynb", **ROLES, **SETTINGS), 4)
    nbformat.validate(notebook)
    summary = json.loads((tmp_path / "run" / "summary.json").read_text(encoding="utf-8"))
    words = words_of(notebook)
    rows = [row for row in summary["effects"] if row["estimate"] is not None]
    shown = {f"{row[name]:.5g}" for row in rows for name in ("estimate", "lower", "upper") if _finite(row[name])}
    assert len(shown) > 15
    assert [number for number in shown if number not in words] == []
    assert summary["panel"]["sha256"] in words
    assert SCRIPT not in "".join(o["data"].get("text/html", "") for c in notebook.cells for o in c.get("outputs", []))
    assert pictures_of(notebook) == 6
    assert "Warning" not in words
    assert str(tmp_path) not in words
    (tmp_path / "run" / "notebook.ipynb").write_text("of an earlier run")
    note_written(tmp_path / "run", [tmp_path / "run" / "notebook.ipynb"])
    write_run(analysis, tmp_path / "run")
    assert not (tmp_path / "run" / "notebook.ipynb").exists()


def _finite(value: object) -> bool:
    return isinstance(value, float)


def test_parameters_are_what_was_given(data_file: Path, tmp_path: Path) -> None:
    questions = {"threshold": 0.5, "rope": (-0.1, 0.1)}
    given = ROLES | {
        "questions": questions,
        "treated": NAMES[:2],
        "donors": NAMES[2:],
        "exclude": ["none\nsuch"],
        "end": 17,
    }
    notebook = nbformat.read(write_notebook(data_file, tmp_path / "run.ipynb", **given, execute=False), 4)
    at, names = parameters_of(notebook)
    assert at == 1
    values = dict(zip(names, (node.value for node in ast.parse(notebook.cells[at].source).body), strict=True))
    found = {name: ast.literal_eval(value) for name, value in values.items()}
    assert (tmp_path / found["data"]).resolve() == data_file.resolve()
    assert found["questions"] == {"threshold": 0.5, "rope": [-0.1, 0.1]}
    assert {name: found[name] for name in given if name != "questions"} == {
        name: list(value) if isinstance(value, tuple) else value for name, value in given.items() if name != "questions"
    }
    title = notebook.cells[0].source.splitlines()[0]
    assert "<" not in title
    assert "&#60;script&#62;" in title


def test_cells_follow_the_request(data_file: Path, tmp_path: Path) -> None:
    def code(**settings: Any) -> str:
        path = write_notebook(data_file, tmp_path / "run.ipynb", **ROLES, **settings, execute=False)
        return "\n".join(cell.source for cell in nbformat.read(path, 4).cells)

    assert "analysis.calibration" in code()
    without = code(models=["none"])
    assert "analysis.calibration" not in without
    assert "analysis.checks" not in without
    assert "plot_placebo" not in code(methods="none")
    assert "display(finding)" in code()
    assert "display(finding)" not in code(findings=["none"])
    assert "from_events(data, cluster=cluster" in code(cluster="user")
    assert "models = ['../mine/model.toml']" in code(models=[tmp_path.parent / "mine" / "model.toml"])


def test_an_error_in_a_cell_is_one_line_and_writes_nothing(data_file: Path, tmp_path: Path) -> None:
    with pytest.raises(bs.BsynthError, match=r"failed with PanelError: .*start") as caught:
        write_notebook(data_file, tmp_path / "run.ipynb", **ROLES | {"start": 99}, **SETTINGS)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_a_notebook(data_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(bs.SpecError, match="data is a DataFrame; a notebook reads a file"):
        write_notebook(bs.simulate_factor(), tmp_path / "run.ipynb", **ROLES)
    with pytest.raises(bs.SpecError, match="model is a ModelSpec"):
        write_notebook(data_file, tmp_path / "run.ipynb", **ROLES, models=[bs.load_model("level")])
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "nbclient" else found(name))
    with pytest.raises(bs.SpecError, match=r"needs nbclient, not installed; run: pip install 'bsynth\[notebook\]'"):
        write_notebook(data_file, tmp_path / "run.ipynb", **ROLES)


def test_cards_keep_everything_and_let_nothing_through() -> None:
    table = pd.DataFrame({"unit": ["<b>", NAMES[-1]], "gap": [1.5, np.nan], "cost": [1_234_567.0, np.inf]})
    page = html_card("<i>", ["a & b"], table)
    assert re.findall(r"<(\w+)", page).count("td") == 6
    assert not {"<i>", "<b>", "nan"} & set(re.findall(r"<[ib]>|nan", page))
    assert all(text in page for text in ("&lt;b&gt;", NAMES[-1], ">1.50<", ">1,234,567<", ">∞<", "a &amp; b"))
    assert html_card("<i>", ["a & b"], table) == page, "no names drawn by chance: a notebook is the same each time"


def test_a_p_is_written_as_a_p_in_cards_and_reports() -> None:
    names = ("p", "calibrated_p", "p_calibrated", "pit_p_base", "p_min")
    table = pd.DataFrame({"unit": ["a", "b", "c"], **{name: [0.00004, 1.0, 0.038461] for name in names}})
    page, shown = html_card("", [], table), listed(table.assign(gap=0.00004), "").frame
    for words in ("&lt; 0.001", "1", "0.0385"):
        assert page.count(f">{words}<") == len(names)
    assert all(shown[heading(name)].tolist() == ["< 0.001", "1", "0.0385"] for name in names)
    assert shown["Gap"].tolist()[0] == "0.0000400"
    values = pd.DataFrame({"quantity": ["estimate", "p", "probability_loss"], "value": [0.25, 0.25, 0.0]})
    assert listed(values, "").frame["Value"].tolist() == ["0.250", "0.250", "< 0.001"]


def test_gallery_is_whole() -> None:
    assert len(GALLERY) == 8
    assert [file.stem for file in GALLERY] == sorted(file.stem for file in FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("file", GALLERY, ids=lambda file: file.stem)
def test_published_notebook_is_its_source_executed(file: Path) -> None:
    source, published = source_of(file), nbformat.read(file.with_suffix(".ipynb"), 4)
    assert [(c.cell_type, c.source) for c in published.cells] == [(c.cell_type, c.source) for c in source.cells]
    assert parameters_of(published) == parameters_of(source)
    counts = [cell.execution_count for cell in published.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), "executed once, from top to bottom"
    assert file.with_suffix(".ipynb").stat().st_size < MOST
    assert pictures_of(published) >= 1
    words = words_of(published)
    for stray in ("Warning", "Traceback", "UNRELIABLE", "site-packages", "ipykernel", str(FOLDER.parent), sys.prefix):
        assert stray not in words
    assert re.search(r"(?<![\w.])/(home|root|tmp|Users|var|private)/", words) is None


CLAIMS: dict[str, list[str]] = {
    "00_quickstart": ["Weekly sales rose by", "Was it worth it"],
    "01_rollout": [
        "0.5916 before, 0.6431 after: \\*\\*\\+0.0515\\*\\*", "wave 1 is 0.038 above the mean of the donors",
        "close 0.013 of it and leave 0.025; after the upgrade they close 0.004", "The truth, 0.05, is inside",
    ],
    "02_famous_studies": [
        "-19.0 packs on average, -25.7 in 2000, post/pre MSPE ratio 128", "-9.6% over 1980–1997 and -0.70 thousand",
        "past outcomes alone give -0.69", "-1,585 dollars on average, the synthetic country 11.7% above",
    ],
    "03_choosing_a_model": ["Use the model 'default' instead", "OVERCONFIDENT"],
    "04_comparing_methods": ["-19.51", "-11.11", "-27.35", "-15.6"],
    "05_your_own_model": ["process is 'stroll'|stroll"],
    "06_before_the_launch": ["smallest effect", "came back|not seen|another size"],
    "07_a_study": ["far above it, 0%"],
}  # fmt: skip
"""What a published notebook shows, since its words rest on it."""


@pytest.mark.parametrize("name", CLAIMS)
def test_what_the_gallery_says_is_what_it_shows(name: str) -> None:
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    shown = html.unescape(words_of(notebook)) + "\n".join(
        cell.source for cell in notebook.cells if cell.cell_type == "markdown"
    )
    for claim in CLAIMS[name]:
        assert re.search(claim, shown), claim
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert not re.search(r"^\s*assert |BSYNTH_DATA|read_csv\(DATA", code, flags=re.M)
    assert max(map(len, code.splitlines())) <= 120


@pytest.mark.notebooks
@pytest.mark.parametrize("file", GALLERY, ids=lambda file: file.stem)
def test_notebook_runs(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what comes with the package and nothing else."""
    monkeypatch.delenv("BSYNTH_DATA", raising=False)
    notebook = source_of(file)
    at, names = parameters_of(notebook)
    small = "\n".join(f"{name} = {SMALL[name]}" for name in names)
    notebook.cells.insert(at + 1, nbformat.v4.new_code_cell(small, id="small"))
    execute_notebook(notebook, FOLDER)
    assert "Traceback" not in words_of(notebook)


def lighter(picture: str) -> str:
    """Return a PNG in base64 with 256 colours: a third of the size, and it looks the same."""
    from PIL import Image

    image, buffer = Image.open(io.BytesIO(base64.b64decode(picture))), io.BytesIO()
    image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def publish(file: Path) -> None:
    """Execute a text file with its own parameters and write the notebook beside it."""
    notebook = source_of(file)
    execute_notebook(notebook, FOLDER)
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        for data in (output.get("data", {}) for output in cell.get("outputs", [])):
            if "image/png" in data:
                data["image/png"] = lighter(data["image/png"])
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        part = Path(folder) / "part.ipynb"
        part.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
        part.replace(file.with_suffix(".ipynb"))


if __name__ == "__main__":
    wanted = sys.argv[1:] or [file.stem for file in GALLERY]
    for gallery_file in GALLERY:
        if gallery_file.stem in wanted:
            publish(gallery_file)
            print(gallery_file.with_suffix(".ipynb").name)
