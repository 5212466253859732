"""Whether a column's values are numbers or texts: as declared, as a model has them, or guessed from how they are spelt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from foretell.data.findings import Findings
from foretell.data.schema import Schema
from foretell.errors import ForetellError, nearest
from foretell.ingest.options import Options
from foretell.ingest.store import Store
from foretell.ingest.table import Kind, Table, missing_words
from foretell.system.sql_text import integer, quoted

_MOSTLY: Final = 0.8  # share of a text's values that are numbers, from which the others look like mistakes
_FIRST_ROWS: Final = 100_000  # of a table, by which a note is made


def as_declared(table: Table, options: Options) -> Table:
    """`table` with the kinds that the options give its columns."""
    numbers = {c for c in options.numeric if c in table.kinds and c in table.textual}
    kinds: dict[str, Kind] = {c: "number" if c in numbers else kind for c, kind in table.kinds.items()}
    codes = (table.categorical | set(options.categorical)) - set(options.numeric)
    return replace(table, kinds=kinds, categorical=codes)


def as_trained(table: Table, schema: Schema) -> Table:
    """`table` with the kinds that its columns had when a model was trained."""
    kinds = dict(table.kinds)
    for column in schema.roles:
        if column in kinds and column not in schema.vocabularies and column in table.textual:
            kinds[column] = "boolean" if kinds[column] == "boolean" else "number"
    return replace(table, kinds=kinds, categorical=frozenset(schema.vocabularies))


def report_kinds(
    store: Store, table: Table, columns: Sequence[str], *, options: Options, findings: Findings
) -> None:
    """Say which columns of text spell whole numbers, which may be codes, and which nearly spell numbers.

    Raises ForetellError where the reading is strict and whole numbers, which may be codes, are not declared.
    """
    declared = {*options.categorical, *options.numeric, options.open}
    spelt = [c for c in columns if c in table.textual and c not in declared and c not in table.categorical]
    numbers = [c for c in spelt if table.kinds[c] == "number"]
    codes = _perhaps_codes(store, table, numbers, whole=options.strict)
    if codes and options.strict:
        raise ForetellError(
            f"{table.label}: {_listed(codes)} {'hold' if len(codes) > 1 else 'holds'} whole numbers, which may be codes, and"
            f" strict=True guesses nothing. Declare them: categorical={codes!r} for codes, numeric={codes!r} for numbers."
        )
    if codes:
        findings.note(
            "kinds",
            f"{table.label}: {_listed(codes)} {_are(codes)} read as numbers, by what the rows spell: categorical={codes!r} if"
            " these whole numbers are codes",
            len(codes),
        )
    for column in spelt:
        if table.kinds[column] == "text":
            if table.decimal == ",":
                _refuse_points(store, table, column, findings)
            _report_mixture(store, table, column, findings)


def _perhaps_codes(store: Store, table: Table, numbers: Sequence[str], *, whole: bool) -> list[str]:
    """Those of `numbers` that hold whole numbers other than 0 and 1, or zeros before a digit; by all rows, or the first ones."""
    if not numbers:
        return []
    parts = []
    for column in numbers:
        value = table.number(column)
        parts.append(
            f"coalesce(bool_and({value} = floor({value})) AND bool_or({value} NOT IN (0, 1)"
            f" OR regexp_matches({quoted(column)}, '^\\s*0\\d')), false)"
        )
    rows = table.view if whole else f"(SELECT * FROM {table.view} LIMIT {integer(_FIRST_ROWS)})"
    flags = store.rows(f"SELECT {', '.join(parts)} FROM {rows}")[0]
    return [column for column, flag in zip(numbers, flags, strict=True) if flag]


def _report_mixture(store: Store, table: Table, column: str, findings: Findings) -> None:
    """Warn of a text that holds numbers but for a few values."""
    number = table.number(column)
    wrong = table.misspelt(column)
    numbers, words, first = store.rows(
        f"SELECT count({number}), count(*) FILTER (WHERE {wrong}), min({quoted(column)}) FILTER (WHERE {wrong})"
        f" FROM {table.view}"
    )[0]
    rows = numbers + words
    if words and numbers >= _MOSTLY * rows:
        findings.warn(
            "mixture",
            f"{table.label}: {column!r} is read as text, though {numbers:,} of its {rows:,} values are numbers; {first!r} is"
            " not",
            words,
        )


def _refuse_points(store: Store, table: Table, column: str, findings: Findings) -> None:
    """A text of which all values are numbers with a decimal point is a fault where the mark is a comma: they are no categories."""
    text = f"trim({quoted(column)})"
    total, numbers, points, first = store.rows(
        f"SELECT count(*), count(TRY_CAST({text} AS DOUBLE)), count(*) FILTER (WHERE contains({text}, '.')),"
        f" min({text}) FILTER (WHERE contains({text}, '.')) FROM {table.view} WHERE {text} NOT IN {missing_words()}"
    )[0]
    if points and numbers == total:
        error = ForetellError(
            f"{table.label}: {column!r} must hold numbers with a decimal comma, as decimal=',' says, got {first!r} ({points:,} such"
            f" rows). Write all tables with one mark, or declare the column, if these are no numbers: categorical=[{column!r}]."
        )
        findings.fault("bad_number", error, points)


def check_declared(have: Sequence[str], options: Options) -> None:
    """Raises ForetellError for a column that is declared categorical or numeric and that no table has."""
    for argument, names in (("categorical", options.categorical), ("numeric", options.numeric)):
        for name in names:
            if name not in have:
                raise ForetellError(
                    f"{argument} column {name!r} is in no related table and not in the item metadata.{nearest(name, have)}"
                    f" They have: {', '.join(have) or 'no columns'}."
                )


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(map(repr, columns))


def _are(columns: Sequence[str]) -> str:
    return "is" if len(columns) == 1 else "are"
