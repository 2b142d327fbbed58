"""Runs the Python of a page in this process and puts what it shows below it: one import serves all pages."""

import ast
import contextlib
import hashlib
import io
import json
import re
import tempfile
import warnings
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
KEPT = HERE / "_build" / "cells"
SHOWN = """````{{only}} html
```{{raw}} html
<div class="shown" tabindex="0">
{lines}
</div>
```
````

````{{only}} text
```text
{words}
```
````
"""
"""A value in either kind of site; what is wider than a phone is moved by keys too."""
CELL = re.compile(r"^```\{code-cell\} python\n(.*?)^```$", flags=re.S | re.M)


def shown(text: str, folder: Path, *, kept: bool = False) -> str:
    """Return a page with the output of each cell; pictures are written into ``folder``.

    What an earlier build found of the same cells is taken where it may be ``kept``: the package may have changed since.

    Raises whatever a cell raises.
    """
    cells = CELL.findall(text)
    name = hashlib.sha256("\0".join(cells).encode()).hexdigest()[:16]
    file = folder / f"{name}.json"
    if kept and file.is_file():
        outputs = json.loads(file.read_text(encoding="utf-8"))
    else:
        folder.mkdir(parents=True, exist_ok=True)
        outputs = run(cells, folder, name)
        file.write_text(json.dumps(outputs), encoding="utf-8")
    below = iter(outputs)
    return CELL.sub(lambda found: f"```python\n{found[1]}```\n\n{next(below)}", text)


def run(cells: list[str], folder: Path, name: str) -> list[str]:
    """Run cells one after the other in a folder of their own; return the output of each as Markdown."""
    import matplotlib as mpl

    mpl.use("Agg")
    scope: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [_output(code, scope, folder / f"{name}-{n}") for n, code in enumerate(cells)]


def _output(code: str, scope: dict[str, Any], stem: Path) -> str:
    import matplotlib.pyplot as plt

    body = ast.parse(code)
    last = body.body.pop() if isinstance(body.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(body, "cell", "exec"), scope)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), scope)
    parts = [f"```text\n{printed.getvalue().rstrip()}\n```\n"] if printed.getvalue() else []
    if value is not None:
        parts.append(_value(value))
    for n, number in enumerate(plt.get_fignums()):
        file = stem.with_name(f"{stem.name}-{n}.png")
        plt.figure(number).savefig(file, dpi=160)
        parts.append(f"![What the lines above draw](/{file.relative_to(HERE).as_posix()})\n")
    plt.close("all")
    return "\n".join(parts)


def _value(value: Any) -> str:
    """The card or table of a value, and for readers of text its words."""
    if not hasattr(value, "_repr_html_"):
        return f"```text\n{value!r}\n```\n"
    lines = "\n".join(line for line in value._repr_html_().splitlines() if line.strip())
    words = "\n".join(value.sentences()) if hasattr(value, "sentences") else repr(value)
    return SHOWN.format(lines=lines, words=words)
