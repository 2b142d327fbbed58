"""Several outcomes of one table: a panel of each."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from bsynth.errors import PanelError
from bsynth.text.numbers import count


def each_outcome[R](build: Callable[..., R]) -> Callable[..., R | dict[str, R]]:
    """Have a constructor take a list of outcomes, of which it builds a panel each.

    Examples
    --------
    >>> @each_outcome
    ... def build(*, outcome: str, outcome_label: str | None = None) -> str: return outcome.upper()
    >>> build(outcome="orders"), build(outcome=["orders", "revenue"])
    ('ORDERS', {'orders': 'ORDERS', 'revenue': 'REVENUE'})
    """

    @wraps(build)
    def built(*given: Any, **named: Any) -> R | dict[str, R]:
        outcomes = named.get("outcome")
        if not isinstance(outcomes, list | tuple):
            return build(*given, **named)
        _check(outcomes, named.get("outcome_label"))
        return {name: build(*given, **(named | {"outcome": name})) for name in outcomes}

    return built


def _check(outcomes: list[Any] | tuple[Any, ...], label: object) -> None:
    if not outcomes or not all(isinstance(name, str) for name in outcomes):
        raise PanelError(f"outcome is {outcomes!r:.80}; name at least one column, as text")
    if twice := [name for name in dict.fromkeys(outcomes) if outcomes.count(name) > 1]:
        raise PanelError(f"outcome names {twice[0]!r} twice; name each column once")
    if label is not None and len(outcomes) > 1:
        raise PanelError(
            f"outcome_label is {label!r} and {count(len(outcomes), 'outcome')} came; leave it out, and each is called "
            "by its column"
        )
