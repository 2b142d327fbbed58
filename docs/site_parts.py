"""What the site is made of beside its pages: the gallery, the model cards, the commands, formulas, and ``llms.txt``."""

import inspect
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx

from cells import CELL, KEPT, shown

HERE = Path(__file__).parent
ROOT = HERE.parent
ANSWERS = "What it answers: how much an intervention moved a metric, and how sure that is, without a holdout."


def _write(file: Path, text: str) -> None:
    """Write what has changed, since Sphinx reads again what is newer."""
    if not file.is_file() or file.read_text(encoding="utf-8") != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def gallery() -> None:
    """Copy the notebooks, which are executed already."""
    folder = HERE / "gallery"
    folder.mkdir(exist_ok=True)
    for file in sorted((ROOT / "notebooks").glob("*.ipynb")):
        copy = folder / file.name
        if not copy.is_file() or copy.read_bytes() != file.read_bytes():
            shutil.copyfile(file, copy)


def cards() -> None:
    """Write a page for each model of the catalogue: its card and its specification."""
    from bsynth.model.catalogue import list_models, load_model, model_card, models_folder

    lines = ["# Models", "", "| model | what it is |", "|---|---|"]
    for name in list_models():
        toml = (models_folder() / name / "model.toml").read_text(encoding="utf-8")
        card = re.sub(r"\]\((?!http)[^)]*\)", "]", model_card(name))
        _write(HERE / "models" / f"{name}.md", f"{card}\n## Specification\n\n```toml\n{toml}```\n")
        lines.append(f"| [{name}]({name}.md) | {load_model(name).title} |")
    lines += ["", "```{toctree}", ":hidden:", ":glob:", "", "*", "```"]
    _write(HERE / "models" / "index.md", "\n".join(lines) + "\n")


def commands(group: click.Group, above: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    """Every command below ``group`` with the words by which it is called."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield " ".join((*above, name)), command
        if isinstance(command, click.Group):
            yield from commands(command, (*above, name))


def _option(parameter: click.Parameter, context: click.Context) -> str:
    names, words = parameter.get_help_record(context) or (parameter.human_readable_name, "")
    names = ", ".join(f"`{name.strip()}`" for name in names.split(", "))
    names, words = (text.replace("|", "\\|").replace("<", "&lt;") for text in (names, words))
    return f"| {names} | {words} |"


def _command_page(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    paragraphs = []
    for text in inspect.cleandoc(command.help or "").split("\n\n"):
        if text.startswith("\b\n"):
            paragraphs.append(f"```sh\n{text[2:]}\n```")
        else:
            paragraphs.append(" ".join(text.split()).replace("<", "&lt;"))
    options = [_option(p, context) for p in command.get_params(context) if isinstance(p, click.Option)]
    table = "\n".join(["| option | meaning |", "|---|---|", *options])
    return "\n\n".join([f"# {name}", f"```text\n{usage}\n```", *paragraphs, table]) + "\n"


def command_pages() -> None:
    """Write a page for each command, from what its ``--help`` is made of."""
    from bsynth.cli import main

    for name, command in commands(main, ("bsynth",)):
        _write(HERE / "cli" / f"{name.replace(' ', '-')}.md", _command_page(name, command))


def run_cells(app: Sphinx, name: str, source: list[str]) -> None:
    """Run the cells of a page. With BSYNTH_DOCS=cache only of those that have changed, for whoever writes pages."""
    if CELL.search(source[0]):
        source[0] = shown(source[0], KEPT, kept=os.environ.get("BSYNTH_DOCS") == "cache")


def _inline(writer: Any, node: Any) -> None:
    writer.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def _block(writer: Any, node: Any) -> None:
    # A formula may be wider than a phone, and is then moved by keys too.
    writer.body.append(f'<div class="math" tabindex="0">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode


def _in_order(app: Sphinx) -> list[str]:
    """Names of the pages as the tables of contents have them."""
    found: list[str] = []

    def visit(name: str) -> None:
        if name not in found:
            found.append(name)
            for below in app.env.toctree_includes.get(name, ()):
                visit(below)

    visit(app.config.root_doc)
    return found


def write_llms(app: Sphinx, error: Exception | None) -> None:
    """From the pages as text: a list of them with their titles, and all of them in one file."""
    if error is not None or app.builder.name != "text":
        return
    names = _in_order(app)
    html = Path(app.outdir).parent / "html"
    lines = [f"# {app.config.project}", "", f"> {ANSWERS}", "", "All pages in one file: llms-full.txt", ""]
    lines += [f"- [{app.env.titles[name].astext()}]({name}.html)" for name in names]
    (html / "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    texts = [(Path(app.outdir) / f"{name}.txt").read_text(encoding="utf-8").strip() for name in names]
    (html / "llms-full.txt").write_text("\n\n\n".join(texts) + "\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Make the pages that are made, and say how formulas are written: as MathML, which browsers draw by themselves."""
    gallery()
    cards()
    command_pages()
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("source-read", run_cells)
    app.connect("build-finished", write_llms)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
