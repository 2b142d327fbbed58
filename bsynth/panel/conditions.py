"""A condition on rows, written in SQL and carried out by whatever engine holds them.

It is read here and becomes an Ibis expression, so it means the same on every engine; text that is compared with a
number is read as one, since a text file has nothing else.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bsynth.errors import PanelError

if TYPE_CHECKING:
    import ibis.expr.types as ir

_ALLOWED = "give columns, numbers, 'text', =, <>, <, <=, >, >=, AND, OR, NOT, IN, BETWEEN, LIKE, IS NULL, + - * /"


def columns_in(where: str) -> tuple[str, ...]:
    """Names of the columns that a condition speaks of.

    Examples
    --------
    >>> columns_in("country = 'US' AND amount > 0")
    ('country', 'amount')
    """
    from sqlglot import exp

    return tuple(dict.fromkeys(column.name for column in _parsed(where).find_all(exp.Column)))


def filtered(table: "ir.Table", where: str, places: Mapping[str, str]) -> "ir.Table":
    """The rows of a table that meet a condition; ``places`` says in which of its columns each named one is.

    Raises
    ------
    PanelError
        A condition that cannot be read, of another vocabulary, or that does not go with the types of its columns.
    """
    parsed = _parsed(where)
    try:
        condition = _Translation(table, where, places).of(parsed)
    except PanelError:
        raise
    except Exception as error:  # each operation has its own
        kinds = [f"{name!r} holds {_kind(table[place].type())}" for name, place in places.items()]
        raise PanelError(
            f"where is {where!r}, which does not go with the types of its columns ({', '.join(kinds)}); compare "
            "numbers with numbers, text with 'text', times with 'YYYY-MM-DD', and use LIKE on text"
        ) from error
    if not (hasattr(condition, "type") and condition.type().is_boolean()):
        raise PanelError(f"where is {where!r}, which is no condition; compare something, as in \"country = 'US'\"")
    return table.filter(condition)


def _parsed(where: str) -> Any:
    import sqlglot

    try:
        found = sqlglot.parse(where, dialect="duckdb")
    except sqlglot.errors.SqlglotError as error:
        said = " ".join(str(error).replace("\033[4m", "").replace("\033[0m", "").split())
        said = re.sub(r"Required keyword: '\w+' missing for <class '[\w.]+'>", "something is missing", said)[:120]
        raise PanelError(f"where is {where!r}, which cannot be read: {said}") from error
    if len(found) != 1 or found[0] is None:
        raise PanelError(f"where is {where!r}; give one condition")
    return found[0]


class _Translation:
    """One condition as an expression on one table."""

    def __init__(self, table: "ir.Table", where: str, places: Mapping[str, str]) -> None:
        self.table, self.where, self.places = table, where, places

    def of(self, node: Any) -> Any:
        """The expression of a node and those below it."""
        from sqlglot import exp

        if isinstance(node, exp.Column):
            return self.table[self.places[node.name]]
        if isinstance(node, exp.Literal):
            return node.this if node.is_string else float(node.this) if "." in node.this else int(node.this)
        if isinstance(node, exp.Boolean):
            return bool(node.this)
        if isinstance(node, exp.Paren):
            return self.of(node.this)
        if isinstance(node, exp.Neg):
            return -self.of(node.this)
        if isinstance(node, exp.Not):
            return ~self.of(node.this)
        if isinstance(node, exp.And | exp.Or):
            one, other = self.of(node.left), self.of(node.right)
            return one & other if isinstance(node, exp.And) else one | other
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            return self.of(node.this).isnull()
        if isinstance(node, exp.In) and node.expressions:
            return _any_of([_compared("eq", self.of(node.this), self.of(each)) for each in node.expressions])
        if isinstance(node, exp.Between):
            low, high = self.of(node.args["low"]), self.of(node.args["high"])
            return _compared("ge", self.of(node.this), low) & _compared("le", self.of(node.this), high)
        if isinstance(node, exp.Like):
            return self.of(node.this).like(self.of(node.expression))
        operation = type(node).__name__
        if operation in ("EQ", "NEQ", "GT", "GTE", "LT", "LTE"):
            return _compared(_OPERATORS[operation], self.of(node.left), self.of(node.right))
        if operation in ("Add", "Sub", "Mul", "Div"):
            one, other = _numeric(self.of(node.left)), _numeric(self.of(node.right))
            return getattr(one, _ARITHMETIC[operation])(other)
        raise PanelError(f"where is {self.where!r}, and {node.sql()!r} in it cannot be used; {_ALLOWED}")


_OPERATORS = {"EQ": "eq", "NEQ": "ne", "GT": "gt", "GTE": "ge", "LT": "lt", "LTE": "le"}
_ARITHMETIC = {"Add": "__add__", "Sub": "__sub__", "Mul": "__mul__", "Div": "__truediv__"}


def _any_of(conditions: Sequence[Any]) -> Any:
    found = conditions[0]
    for each in conditions[1:]:
        found = found | each
    return found


def _compared(name: str, one: Any, other: Any) -> Any:
    compare: Callable[[Any, Any], Any] = getattr(operator, name)
    if _is_number(one) or _is_number(other):
        one, other = _numeric(one), _numeric(other)
    return compare(one, other)


def _is_number(value: Any) -> bool:
    if hasattr(value, "type"):
        return bool(value.type().is_numeric())
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(dtype: Any) -> str:
    """What a column holds, in words."""
    kinds = {"text": dtype.is_string(), "true or false": dtype.is_boolean(), "numbers": dtype.is_numeric()}
    return next((kind for kind, is_it in kinds.items() if is_it), "times" if dtype.is_temporal() else str(dtype))


def _numeric(value: Any) -> Any:
    """Text as a number, null where it is none; a text that was typed has to be one."""
    if isinstance(value, str):
        return float(value)
    return value.try_cast("float64") if hasattr(value, "type") and value.type().is_string() else value
