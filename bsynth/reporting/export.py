"""Results as files and as arrays: tidy tables in CSV, Parquet, LaTeX or Markdown, and xarray objects.

A result's tables are what it already offers under the usual names (``effects``, ``path``, ``weights_table``, ``table``,
…), so every result can be exported without knowing its kind.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bsynth._base.plain import show
from bsynth._base.request import check_folder, check_kind, names_in, whole, writing
from bsynth.bayesian.result import Fit
from bsynth.errors import SpecError, nearest, some_of
from bsynth.frequentist.estimate import Estimate
from bsynth.panel import Panel
from bsynth.text.numbers import exact, number

NAMES = ("effects", "path", "weights_table", "to_frame", "table", "ranks", "units", "contrasts")
"""Under these names results offer tables, as attributes or as methods without a required argument."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so is run by spreadsheets as a formula."""


def tables(result: object) -> dict[str, pd.DataFrame]:
    """Return every table of a result by name; index columns are made ordinary ones.

    Those of the parts of an `Analysis` begin with the name of the part, and all their intervals are of its level.

    Parameters
    ----------
    result : any result of bsynth
        Panel, Fit, Estimate, Calibration, Analysis, placebo test, …

    Raises
    ------
    SpecError
        When the object offers no table.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=4, seed=1), unit="unit", time="time",
    ...     outcome="outcome", treated=0, start=30)
    >>> list(tables(bs.classical(panel)))
    ['effects', 'path', 'weights']
    """
    found = _own_tables(result)
    for part, own in getattr(result, "parts", {}).items():
        level = getattr(result, "level", None)
        found |= {f"{part}-{name}": table for name, table in _own_tables(own, level).items()}
    if not found:
        raise SpecError(f"a {type(result).__name__} has no tables to export; give a result of bsynth")
    return found


def _own_tables(result: object, level: float | None = None) -> dict[str, pd.DataFrame]:
    """Tables at a level; without one, at the level at which each offers them by itself."""
    found: dict[str, pd.DataFrame] = {}
    levelled: list[Callable[..., Any]] = []
    for name in NAMES:
        others: list[pd.DataFrame] = []
        # An inference that offers its table at any level has the one of 95% under the usual name.
        value = getattr(result, f"{name}_at", None) or getattr(result, name, None)
        if callable(value) and not _needs_arguments(value):
            if level is not None and "level" in _parameters(value):
                levelled.append(value)
                value = value(level=level)
            else:
                value = value()
        elif isinstance(value, pd.DataFrame):
            # The table of some results is one of the others, at the usual level.
            others = [_plain(made()) for made in levelled]
        if isinstance(value, pd.Series):
            value = value.to_frame("value" if value.name is None else value.name)
        if isinstance(value, pd.DataFrame):
            plain = _plain(value)
            if not any(plain.equals(other) for other in (*found.values(), *others)):
                found[name.removesuffix("_table").replace("to_frame", "panel")] = plain
    return found


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    return table.reset_index() if _named_index(table) else table.reset_index(drop=True)


def _parameters(method: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(method).parameters


def _needs_arguments(method: Callable[..., Any]) -> bool:
    parameters = _parameters(method).values()
    return any(p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)


def _named_index(table: pd.DataFrame) -> bool:
    return any(name is not None for name in table.index.names) or not isinstance(table.index, pd.RangeIndex)


def export(result: object, folder: str | Path, *, formats: Sequence[str] = ("csv",), prefix: str = "") -> list[Path]:
    """Write every table of a result, one file per table and format, and return their paths.

    Parameters
    ----------
    result : any result of bsynth
    folder : path
        Made when it is not there; files of the same name are replaced.
    formats : sequence of str
        Of ``csv``, ``parquet``, ``latex`` and ``markdown``. Numbers keep full precision in the first two and have
        four significant digits in the others. In CSV a text that a spreadsheet would run as a formula
        (``=…``, ``+…``, ``-…``, ``@…``) gets an apostrophe in front.
    prefix : str
        Begins every file name.

    Raises
    ------
    SpecError
        Unknown format, nothing to export, or a folder that cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=4, seed=1), unit="unit", time="time",
    ...     outcome="outcome", treated=0, start=30)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [file.name for file in bs.export(bs.classical(panel), folder, formats=["csv", "latex"])]
    ['effects.csv', 'effects.tex', 'path.csv', 'path.tex', 'weights.csv', 'weights.tex']
    """
    wanted = names_in(formats, "formats", f"names of {some_of(WRITERS)}")
    check_kind(prefix, str, "prefix", "a text that the names of the files begin with")
    check_formats(wanted)
    found = tables(result)
    target = check_folder(folder, "folder")
    written = []
    for name, table in found.items():
        for kind in wanted:
            ending, write = WRITERS[kind]
            file = target / f"{prefix}{name}.{ending}"
            with writing(file, "table"):
                target.mkdir(parents=True, exist_ok=True)
                with whole(file) as part:
                    write(table, part)
            written.append(file)
    return written


def check_formats(formats: Sequence[str]) -> None:
    """Refuse a format that `export` cannot write.

    Examples
    --------
    >>> check_formats(["csv", "latex"])
    """
    for name in formats:
        if name not in WRITERS:
            raise SpecError(f"unknown format {name!r}{nearest(name, WRITERS)}; allowed: {', '.join(WRITERS)}")


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before texts, column names included, that a spreadsheet would run.

    Examples
    --------
    >>> without_formulas(pd.DataFrame({"unit": ["=cmd()", "Ohio"], "gap": [-1.5, 2.0]})).unit.tolist()
    ["'=cmd()", 'Ohio']
    """

    def harmless(value: object) -> object:
        return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value

    return dated(table).rename(columns=harmless).map(harmless)


def dated(table: pd.DataFrame) -> pd.DataFrame:
    """Write dates in ISO form, without a clock where they are days.

    Examples
    --------
    >>> dated(pd.DataFrame({"time": pd.to_datetime(["2024-01-31", "2024-02-01"]), "gap": [1.0, 2.0]})).time.tolist()
    ['2024-01-31', '2024-02-01']
    """

    def shown(column: "pd.Series[Any]") -> "pd.Series[Any]":
        return column.astype(object).map(show) if column.dtype.kind in "MO" else column

    found: pd.DataFrame = table.apply(shown)
    return found


def latex(table: pd.DataFrame) -> str:
    """Return a ``booktabs`` table (``\\usepackage{booktabs}``); text is escaped, numbers have four digits.

    Examples
    --------
    >>> print(latex(pd.DataFrame({"unit": ["A & B"], "gap": [-1.23456]})))
    \\begin{tabular}{lr}
    \\toprule
    unit & gap \\\\
    \\midrule
    A \\& B & -1.235 \\\\
    \\bottomrule
    \\end{tabular}
    <BLANKLINE>
    """
    plain = dated(table).map(lambda value: " ".join(value.split()) if isinstance(value, str) else value)
    return str(plain.to_latex(index=False, escape=True, float_format=_ascii, na_rep=""))


def _ascii(value: float) -> str:
    """A number as LaTeX takes it in text."""
    return number(value, 4).replace("\u2212", "-").replace("∞", "inf")


def markdown(table: pd.DataFrame) -> str:
    """Return a Markdown pipe table; numbers have four digits.

    Examples
    --------
    >>> print(markdown(pd.DataFrame({"unit": ["A | B"], "gap": [-1.23456]})))
    | unit | gap |
    | :--- | ---: |
    | A \\| B | −1.235 |
    <BLANKLINE>
    """

    def cell(value: object) -> str:
        if isinstance(value, (float, np.floating)):
            return "" if np.isnan(value) else exact(float(value), 4)
        text = " ".join(str(value).split())
        for mark in ("\\", "|", "<", ">", "`", "*", "_", "[", "]"):
            text = text.replace(mark, "\\" + mark)
        return text

    numeric = [pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes]
    rows = [[cell(name) for name in table.columns], ["---:" if one else ":---" for one in numeric]]
    rows += [[cell(value) for value in row] for row in dated(table).itertuples(index=False)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _text_where_mixed(table: pd.DataFrame) -> pd.DataFrame:
    """Parquet columns have one type: a column of mixed objects is written as text."""

    def plain(column: "pd.Series[Any]") -> "pd.Series[Any]":
        kinds = {type(value) for value in column.dropna()}
        return column.map(str, na_action="ignore") if column.dtype == object and len(kinds) > 1 else column

    return table.apply(plain).rename(columns=str)


WRITERS: Mapping[str, tuple[str, Callable[[pd.DataFrame, Path], object]]] = {
    "csv": ("csv", lambda table, file: without_formulas(table).to_csv(file, index=False, encoding="utf-8")),
    "parquet": ("parquet", lambda table, file: _text_where_mixed(table).to_parquet(file, index=False)),
    "latex": ("tex", lambda table, file: file.write_text(latex(table), encoding="utf-8")),
    "markdown": ("md", lambda table, file: file.write_text(markdown(table), encoding="utf-8")),
}
"""Format → file ending and how a table is written."""


def to_xarray(result: Panel | Fit | Estimate) -> xr.Dataset | xr.DataTree:
    """Return a panel, a fit or a classical estimate as a labelled xarray object.

    Parameters
    ----------
    result : Panel, Fit or Estimate

    Returns
    -------
    Dataset or DataTree
        Of a Panel: ``outcome`` (time, unit), ``treated`` (unit) and ``post`` (time). Of an Estimate: ``observed``,
        ``counterfactual`` and ``gap`` (time), ``weights`` (donor). Of a Fit: its ArviZ DataTree.

    Raises
    ------
    SpecError
        For any other object.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=4, seed=1), unit="unit", time="time",
    ...     outcome="outcome", treated=0, start=30)
    >>> dict(to_xarray(panel).sizes)
    {'time': 40, 'unit': 5}
    """
    if isinstance(result, Fit):
        return result.tree
    if isinstance(result, Panel):
        return xr.Dataset(
            {
                "outcome": (("time", "unit"), result.outcome),
                "treated": ("unit", np.arange(len(result.units)) < result.n_treated),
                "post": ("time", np.arange(len(result.times)) >= result.n_pre),
            },
            coords={"time": result.times.rename("time"), "unit": list(result.units)},
            attrs={"outcome": result.source.outcome, "start": str(show(result.start))},
        )
    if isinstance(result, Estimate):
        panel = result.panel
        return xr.Dataset(
            {
                "observed": ("time", panel.treated_series),
                "counterfactual": ("time", panel.treated_series - result.gap),
                "gap": ("time", result.gap),
                "weights": ("donor", result.weights),
            },
            coords={"time": panel.times.rename("time"), "donor": list(panel.donors)},
            attrs={"estimator": result.estimator, "treated": panel.treated_name, "n_pre": panel.n_pre},
        )
    raise SpecError(f"a {type(result).__name__} has no arrays; give a Panel, a Fit or an Estimate")
