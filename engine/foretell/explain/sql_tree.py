"""The tree of `column = expression where condition`; sqlglot reads it, and what is no such assignment is refused by name."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from foretell.errors import ForetellError
from foretell.system.plain_text import printable

Node: TypeAlias = Any  # of sqlglot's trees, whose base class has another name from version to version
ALLOWED: Final = (
    "Allowed are columns, numbers, texts, = <> < <= > >=, and, or, not, between, in (...), is null, like, + - * /,"
    " date_part, least, greatest, round and abs."
)
_SHAPE: Final = "Write it as: column = expression where condition"
_NAMES: Final = {  # of what is refused, where its class alone would not tell a reader
    exp.Subquery: "a subquery",
    exp.Select: "a subquery",
    exp.Exists: "a subquery",
    exp.Cast: "a cast",
    exp.TryCast: "a cast",
    exp.Window: "a window function",
    exp.Star: "*",
    exp.Placeholder: "a parameter",
    exp.Parameter: "a parameter",
    exp.Null: "null",
    exp.Case: "case",
    exp.Lambda: "a function of its own",
    exp.Dot: "a part of a column",
    exp.Struct: "a struct",
    exp.Array: "a list",
    exp.Tuple: "a list",
    exp.Alias: "an alias",
}


def parse_update(text: str) -> tuple[str, Node, Node | None]:
    """The column, the expression and the condition of an assignment; raises ForetellError for anything else."""
    found = _statements(text)
    if len(found) != 1 or type(found[0]) is not exp.Update:
        raise ForetellError(f"it is {len(found)} statements, expected one assignment. {_SHAPE}.")
    update = found[0]
    only(update, "this", "expressions", "where")
    pairs = update.expressions
    if len(pairs) > 1:
        raise ForetellError("it sets several columns. Give a change for each.")
    if not pairs or type(pairs[0]) is not exp.EQ:
        raise ForetellError(f"it sets nothing. {_SHAPE}.")
    where = update.args.get("where")
    return column_name(pairs[0].left), pairs[0].right, None if where is None else where.this


def column_name(node: Node) -> str:
    """The name of a column; raises ForetellError for any other term, and for a part of one."""
    if type(node) is not exp.Column or type(node.this) is not exp.Identifier:
        raise refused(node, "where a column stands")
    if len([value for value in node.args.values() if value]) > 1:
        raise ForetellError(
            f"{printable(node.sql())!r} names a table too. Name the column alone, in double quotes where it has a dot."
        )
    return str(node.name)


def only(node: Node, *parts: str) -> None:
    """Raises ForetellError for a term that has further parts than these."""
    others = [name for name, value in node.args.items() if value and name not in parts]
    if others:
        raise ForetellError(f"{others[0].strip('_').replace('_', ' ')} is not allowed. {ALLOWED}")


def refused(node: Node, where: str = "") -> ForetellError:
    """The error that names a term that is not on the list."""
    return ForetellError(f"{_name(node)} is not allowed{f' {where}' if where else ''}. {ALLOWED}")


def _name(node: Node) -> str:
    for kind, name in _NAMES.items():
        if isinstance(node, kind):
            return name
    if isinstance(node, exp.Anonymous):
        return f"the function {printable(str(node.name))[:40]!r}"
    if isinstance(node, exp.Func):
        return f"the function {node.sql_name().lower()!r}"
    return type(node).__name__.lower()


def _statements(text: str) -> list[Any]:
    """What the parser makes of the text, statement by statement."""
    try:
        if any(token.comments for token in sqlglot.tokenize(text, read="duckdb")):
            raise ForetellError("it holds a comment. Leave it out.")
        found = sqlglot.parse(f"UPDATE plan SET {text}", read="duckdb")
    except (ForetellError, RecursionError):
        raise
    except ParseError as error:
        raise ForetellError(f"it cannot be read{_near(error)}. {_SHAPE}.") from error
    except (SqlglotError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ForetellError(f"it cannot be read. {_SHAPE}, with texts in single quotes.") from error
    return [each for each in found if each is not None]


def _near(error: ParseError) -> str:
    mark = (error.errors[0].get("highlight") or "") if error.errors else ""
    return f" at {printable(mark)[:40]!r}" if mark else ""
