"""The terms of a change as SQL: each of a kind that is known, made of looked-up columns and checked literals alone."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sqlglot import exp

from foretell.errors import ForetellError
from foretell.explain.plan_columns import Kind, PlanColumn, find_column
from foretell.explain.sql_tree import ALLOWED, Node, column_name, only, refused
from foretell.system.plain_text import printable
from foretell.system.sql_text import integer, literal, quoted, real

_COMPARISONS: Final[dict[type, str]] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_ARITHMETIC: Final[dict[type, str]] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}
_EXTREMES: Final[dict[type, str]] = {exp.Least: "least", exp.Greatest: "greatest"}
_CONNECTIVES: Final[dict[type, str]] = {exp.And: "AND", exp.Or: "OR"}
_PARTS: Final = ("year", "quarter", "month", "week", "day", "dow", "isodow", "doy", "hour", "minute")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?")
_DIGITS: Final = 10  # that round may keep or take
_SPOKEN: Final[Mapping[Kind, str]] = {
    "number": "a number",
    "text": "a text",
    "time": "a time",
    "truth": "a condition",
}


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a change, as SQL."""

    sql: str
    kind: Kind
    spelt: str  # for messages
    constant: str | float | None = None
    column: PlanColumn | None = None


class Terms:
    """Makes SQL of terms over some columns, and notes what they read."""

    def __init__(self, columns: Mapping[str, PlanColumn]) -> None:
        self._columns = columns
        self.read: dict[str, PlanColumn] = {}
        self.times: list[np.datetime64 | float] = []  # that the time is compared with
        self.texts: dict[str, list[str]] = {}  # column -> the texts that it is compared with

    def value_of(self, node: Node, column: PlanColumn) -> Term:
        """What a column is set to; raises ForetellError for a value of another kind."""
        term = self.term(node)
        if term.kind != column.kind:
            raise ForetellError(
                f"{column.name!r} holds {_SPOKEN[column.kind].removeprefix('a ')}s, but {term.spelt} is {_SPOKEN[term.kind]}."
            )
        return term

    def condition_of(self, node: Node) -> str:
        """Where a change takes place; raises ForetellError for what is neither true nor false."""
        return self._truth(node).sql

    def term(self, node: Node) -> Term:
        """Any term that is on the list; raises ForetellError for every other."""
        make = _MAKERS.get(type(node))
        if make is None:
            raise refused(node)
        return make(self, node)

    def _column(self, node: Node) -> Term:
        column = find_column(column_name(node), self._columns)
        if column.role in ("past", "target"):
            raise ForetellError(
                f"{column.name!r} has no value yet at the steps to forecast. Conditions and expressions name the key, the time,"
                " metadata and columns that are known ahead."
            )
        self.read[column.name] = column
        return Term(quoted(column.alias), column.kind, repr(printable(column.name)), column=column)

    def _literal(self, node: Node) -> Term:
        text = str(node.this)
        if node.args.get("is_string"):
            return Term(literal(text), "text", repr(printable(text)), constant=text)
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ForetellError(f"{printable(text)[:40]!r} is no finite number.")
        return Term(real(number), "number", f"{number:g}", constant=number)

    def _boolean(self, node: Node) -> Term:
        number = float(bool(node.this))
        return Term(real(number), "number", f"{number:g}", constant=number)

    def _paren(self, node: Node) -> Term:
        only(node, "this")
        return self.term(node.this)

    def _negative(self, node: Node) -> Term:
        only(node, "this")
        inner = self._number(node.this)
        if isinstance(inner.constant, float):
            return Term(real(-inner.constant), "number", f"-{inner.spelt}", constant=-inner.constant)
        return Term(f"(-{inner.sql})", "number", f"-{inner.spelt}")

    def _arithmetic(self, node: Node) -> Term:
        only(node, "this", "expression", "typed", "safe")
        sign, left, right = _ARITHMETIC[type(node)], self._number(node.this), self._number(node.expression)
        return Term(
            f"({left.sql} {sign} {right.sql})", "number", _shown(f"{left.spelt} {sign} {right.spelt}")
        )

    def _absolute(self, node: Node) -> Term:
        only(node, "this")
        inner = self._number(node.this)
        return Term(f"abs({inner.sql})", "number", _shown(f"abs({inner.spelt})"))

    def _round(self, node: Node) -> Term:
        only(node, "this", "decimals")
        inner, digits = self._number(node.this), 0
        if node.args.get("decimals"):
            asked = self._number(node.args["decimals"]).constant
            if not isinstance(asked, float) or not asked.is_integer() or abs(asked) > _DIGITS:
                raise ForetellError(
                    f"round keeps a whole number of decimals from -{_DIGITS} to {_DIGITS}: round(x, 2)."
                )
            digits = int(asked)
        return Term(f"round({inner.sql}, {integer(digits)})", "number", _shown(f"round({inner.spelt})"))

    def _extreme(self, node: Node) -> Term:
        only(node, "this", "expressions", "ignore_nulls")
        name = _EXTREMES[type(node)]
        inner = [self._number(each) for each in (node.this, *node.expressions)]
        listed = ", ".join(each.sql for each in inner)
        return Term(f"{name}({listed})", "number", name)

    def _part(self, unit: str, node: Node) -> Term:
        moment = self.term(node)
        if moment.kind != "time" or moment.column is None:
            raise ForetellError(f"date_part takes the time's column, got {moment.spelt}.")
        if unit.lower() not in _PARTS:
            raise ForetellError(f"date_part has no {printable(unit)[:40]!r}. It has: {', '.join(_PARTS)}.")
        return Term(
            f"CAST(date_part({literal(unit.lower())}, {moment.sql}) AS DOUBLE)", "number", "date_part"
        )

    def _extract(self, node: Node) -> Term:
        only(node, "this", "expression")
        return self._part(str(node.this.name), node.expression)

    def _function(self, node: Node) -> Term:
        parts = node.expressions
        if str(node.this).lower() != "date_part" or len(parts) != 2 or not _is_text(parts[0]):
            raise refused(node)
        return self._part(str(parts[0].this), parts[1])

    def _comparison(self, node: Node) -> Term:
        only(node, "this", "expression")
        left, right = self._alike(self.term(node.this), self.term(node.expression))
        sign = _COMPARISONS[type(node)]
        if left.kind == "text" and sign not in ("=", "<>"):
            raise ForetellError(f"texts are compared by = <> in like, got {left.spelt} {sign} {right.spelt}.")
        return _truth(f"({left.sql} {sign} {right.sql})", f"{left.spelt} {sign} {right.spelt}")

    def _between(self, node: Node) -> Term:
        only(node, "this", "low", "high")
        inner = self.term(node.this)
        low, high = (self._alike(inner, self.term(node.args[end]))[1] for end in ("low", "high"))
        if inner.kind == "text":
            raise ForetellError(f"between takes numbers or times, got the text {inner.spelt}.")
        return _truth(f"({inner.sql} BETWEEN {low.sql} AND {high.sql})", f"{inner.spelt} between ...")

    def _in(self, node: Node) -> Term:
        if node.args.get("query"):
            raise refused(node.args["query"])
        only(node, "this", "expressions")
        inner = self.term(node.this)
        if not node.expressions:
            raise ForetellError("in needs a list of values: in ('a', 'b').")
        found = [self._alike(inner, self.term(each)) for each in node.expressions]
        listed = ", ".join(each.sql for _, each in found)
        return _truth(f"({found[0][0].sql} IN ({listed}))", f"{inner.spelt} in ...")

    def _is(self, node: Node) -> Term:
        only(node, "this", "expression")
        if type(node.expression) is not exp.Null:
            raise ForetellError(f"is goes with null or not null alone. {ALLOWED}")
        inner = self.term(node.this)
        return _truth(f"({inner.sql} IS NULL)", f"{inner.spelt} is null")

    def _like(self, node: Node) -> Term:
        only(node, "this", "expression", "negate")
        inner, pattern = self.term(node.this), self.term(node.expression)
        if inner.kind != "text" or not isinstance(pattern.constant, str):
            raise ForetellError("like compares a text with a pattern in quotes: item_id like 'A%'.")
        # A regular expression in place of LIKE, whose search may take exponential time
        sql = f"regexp_full_match({inner.sql}, {literal(_as_regex(pattern.constant))}, 's')"
        return _truth(f"(NOT {sql})" if node.args.get("negate") else sql, "like")

    def _not(self, node: Node) -> Term:
        only(node, "this")
        return _truth(f"(NOT {self._truth(node.this).sql})", "not ...")

    def _connective(self, node: Node) -> Term:
        only(node, "this", "expression")
        word = _CONNECTIVES[type(node)]
        left, right = self._truth(node.this), self._truth(node.expression)
        return _truth(f"({left.sql} {word} {right.sql})", word.lower())

    def _number(self, node: Node) -> Term:
        return _of_kind(self.term(node), "number")

    def _truth(self, node: Node) -> Term:
        return _of_kind(self.term(node), "truth")

    def _alike(self, left: Term, right: Term) -> tuple[Term, Term]:
        """Two terms to compare, of one kind; raises ForetellError where they are not."""
        left, right = _as_kind(left, right), _as_kind(right, left)
        if left.kind != right.kind or left.kind == "truth":
            raise ForetellError(
                f"{left.spelt} is {_SPOKEN[left.kind]} and {right.spelt} is {_SPOKEN[right.kind]}: they cannot be compared."
            )
        for one, other in ((left, right), (right, left)):
            if one.column is None or other.constant is None:
                continue
            if one.column.role == "time":
                self.times.append(
                    np.datetime64(str(other.constant), "s") if one.kind == "time" else float(other.constant)
                )
            elif one.kind == "text":
                self.texts.setdefault(one.column.name, []).append(str(other.constant))
        return left, right


_MAKERS: Final[dict[type, Callable[[Terms, Any], Term]]] = {
    exp.Column: Terms._column,
    exp.Literal: Terms._literal,
    exp.Boolean: Terms._boolean,
    exp.Paren: Terms._paren,
    exp.Neg: Terms._negative,
    exp.Abs: Terms._absolute,
    exp.Round: Terms._round,
    exp.Extract: Terms._extract,
    exp.Anonymous: Terms._function,
    exp.Between: Terms._between,
    exp.In: Terms._in,
    exp.Is: Terms._is,
    exp.Like: Terms._like,
    exp.Not: Terms._not,
    **dict.fromkeys(_ARITHMETIC, Terms._arithmetic),
    **dict.fromkeys(_EXTREMES, Terms._extreme),
    **dict.fromkeys(_COMPARISONS, Terms._comparison),
    **dict.fromkeys(_CONNECTIVES, Terms._connective),
}


def _of_kind(term: Term, kind: Kind) -> Term:
    if term.kind != kind:
        raise ForetellError(f"{term.spelt} is {_SPOKEN[term.kind]}, expected {_SPOKEN[kind]}.")
    return term


def _as_kind(term: Term, other: Term) -> Term:
    """A constant as the column that it is compared with holds it: a date as a time, a whole number as an id's text."""
    if other.kind == "time" and isinstance(term.constant, str):
        return _as_time(term)
    if other.kind == "text" and isinstance(term.constant, float) and term.constant.is_integer():
        text = str(int(term.constant))
        return Term(literal(text), "text", term.spelt, constant=text)
    return term


def _as_time(term: Term) -> Term:
    text = str(term.constant)
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        moment = np.datetime64(text.replace(" ", "T"), "s")
    except ValueError as error:
        raise ForetellError(
            f"{term.spelt} is no point in time. Write it as '2024-12-31' or '2024-12-31 18:00'."
        ) from error
    return Term(
        f"CAST({literal(str(moment).replace('T', ' '))} AS TIMESTAMP)",
        "time",
        term.spelt,
        constant=str(moment),
    )


def _as_regex(pattern: str) -> str:
    """The pattern of `like` as a regular expression for the whole text."""
    parts: Sequence[str] = re.split(r"(%+|_)", pattern)
    return "".join(".*" if part[:1] == "%" else "." if part == "_" else re.escape(part) for part in parts)


def _truth(sql: str, spelt: str) -> Term:
    return Term(sql, "truth", _shown(spelt))


def _shown(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _is_text(node: Any) -> bool:
    return type(node) is exp.Literal and bool(node.args.get("is_string"))
