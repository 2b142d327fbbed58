"""Panels of published studies."""

from importlib.resources import as_file, files
from typing import Any, Literal, overload

import pandas as pd

from bsynth._base.request import check_flags
from bsynth.panel import Panel

PROP99: dict[str, Any] = {
    "unit": "state", "time": "year", "outcome": "cigsale", "treated": "California", "start": 1989,
    "outcome_label": "cigarette sales", "unit_label": "state",
}  # fmt: skip
BASQUE: dict[str, Any] = {
    "unit": "region", "time": "year", "outcome": "gdpcap", "treated": "Basque Country (Pais Vasco)", "start": 1975,
    "exclude": ["Spain (Espana)"], "outcome_label": "GDP per head", "unit_label": "region", "higher_is": "better",
}  # fmt: skip
GERMANY: dict[str, Any] = {
    "unit": "country", "time": "year", "outcome": "gdp", "treated": "West Germany", "start": 1990,
    "outcome_label": "GDP per head", "unit_label": "country", "higher_is": "better",
}  # fmt: skip
"""Arguments of `Panel.from_long` for each."""


@overload
def load_prop99(*, as_frame: Literal[False] = False) -> Panel: ...
@overload
def load_prop99(*, as_frame: Literal[True]) -> pd.DataFrame: ...
def load_prop99(*, as_frame: bool = False) -> Panel | pd.DataFrame:
    """Load the cigarette sales of 39 US states, 1970–2000: California raised its tax in 1989 (Proposition 99).

    Parameters
    ----------
    as_frame : bool
        Return the tidy table instead of the panel.

    Returns
    -------
    Panel or DataFrame
        California from 1989 on against 38 states, packs per head and year. The table has one row per ``state`` and
        ``year`` with ``cigsale``, and of the study's covariates ``lnincome``, ``beer``, ``age15to24``, ``retprice``
        (cents), which are missing in some years.

    Notes
    -----
    Study: Abadie, Diamond and Hainmueller 2010. Copied from tidysynth, MIT licence, © 2020 Eric Dunford; see
    ``LICENSES.md`` beside the file. The 11 states that the study left out are not in it.

    Examples
    --------
    >>> import bsynth as bs
    >>> bs.datasets.load_prop99()
    Panel(California against 38 donors, 1970 to 2000, start 1989: 19 pre + 12 post)
    >>> frame = bs.datasets.load_prop99(as_frame=True)
    >>> panel = bs.Panel.from_long(frame, unit="state", time="year", outcome="cigsale", treated="California",
    ...     start=1989)
    >>> frame.shape, panel.n_donors
    ((1209, 7), 38)
    """
    return _loaded("prop99.csv", PROP99, as_frame=as_frame)


@overload
def load_basque(*, as_frame: Literal[False] = False) -> Panel: ...
@overload
def load_basque(*, as_frame: Literal[True]) -> pd.DataFrame: ...
def load_basque(*, as_frame: bool = False) -> Panel | pd.DataFrame:
    """Load GDP per head of 17 Spanish regions, 1955–1997: terrorism in the Basque Country from the 1970s on.

    Parameters
    ----------
    as_frame : bool
        Return the tidy table instead of the panel.

    Returns
    -------
    Panel or DataFrame
        The Basque Country from 1975 on against 16 regions, thousand US dollars of 1986. The table has one row per
        ``region`` and ``year`` with ``gdpcap``; Spain as a whole is a region of it, and no donor of the panel.

    Notes
    -----
    Study: Abadie and Gardeazabal 2003, who let it start in 1970; many replications do in 1975, and the answers differ.
    Copied from pysyncon, MIT licence, © 2025 Stiofán Fordham; see ``LICENSES.md`` beside the file.

    Examples
    --------
    >>> import bsynth as bs
    >>> bs.datasets.load_basque().n_donors, bs.datasets.load_basque(as_frame=True).shape
    (16, (774, 3))
    """
    return _loaded("basque.csv", BASQUE, as_frame=as_frame)


@overload
def load_germany(*, as_frame: Literal[False] = False) -> Panel: ...
@overload
def load_germany(*, as_frame: Literal[True]) -> pd.DataFrame: ...
def load_germany(*, as_frame: bool = False) -> Panel | pd.DataFrame:
    """Load GDP per head of 17 OECD countries, 1960–2003: West Germany was reunified in 1990.

    Parameters
    ----------
    as_frame : bool
        Return the tidy table instead of the panel.

    Returns
    -------
    Panel or DataFrame
        West Germany from 1990 on against 16 countries, US dollars at purchasing power parity. The table has one row
        per ``country`` and ``year`` with ``gdp``.

    Notes
    -----
    Study: Abadie, Diamond and Hainmueller 2015. Copied from pysyncon, MIT licence, © 2025 Stiofán Fordham; see
    ``LICENSES.md`` beside the file. Packages call the dollars those of 2002; a replication of 2025 says that they are
    nominal.

    Examples
    --------
    >>> import bsynth as bs
    >>> bs.datasets.load_germany().n_donors, bs.datasets.load_germany(as_frame=True).shape
    (16, (748, 3))
    """
    return _loaded("germany.csv", GERMANY, as_frame=as_frame)


def _loaded(name: str, roles: dict[str, Any], *, as_frame: bool) -> Panel | pd.DataFrame:
    check_flags(as_frame=as_frame)
    with as_file(files("bsynth.datasets") / name) as file:
        return pd.read_csv(file) if as_frame else Panel.from_long(file, **roles)
