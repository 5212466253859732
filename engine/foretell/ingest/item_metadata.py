"""Item metadata: one row a key, as numbers and categories of every item of the panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.columns import Column
from foretell.data.findings import Findings
from foretell.data.schema import Schema
from foretell.errors import ForetellError, nearest
from foretell.ingest.keyed_rows import report_commas, report_twins, spell_key, within
from foretell.ingest.store import Store
from foretell.ingest.table import Table
from foretell.ingest.unseen import report_unseen_items

_CROWD: Final = 50  # a text with more distinct values than this, and
_SHARE: Final = 0.5  # more than this share of the items apart, describes rather than groups


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata table in memory: M rows."""

    label: str
    key: tuple[str, ...]  # the parts of the item's key that the table has
    keys: pd.DataFrame  # [M] text
    texts: pd.DataFrame  # [M] every column as text, None where missing
    numbers: dict[str, NDArray[np.float64]]  # columns that are numbers, NaN where missing
    words: tuple[str, ...]  # columns that are text


def read_metadata(
    store: Store, table: Table, *, key: Mapping[str, str], schema: Schema | None, findings: Findings
) -> Metadata:
    """The metadata, with columns of other types left out and reported.

    Raises ForetellError for an empty table, a row without a key of its own, and a column of a model that is not there.
    """
    columns = _usable(table, key, schema, findings)
    frame = _read(store, table, key, columns)
    if frame.empty:
        raise ForetellError(f"{table.label} has no rows.")
    keys = frame[[f"k{i}" for i in range(len(key))]].set_axis(list(key), axis=1)
    report_twins(store, table, key, keys, findings)
    good = _keyed(keys, table, frame["file"], findings)
    if not good.any():
        raise ForetellError(f"{table.label} has no rows that can be read.")
    frame, keys = frame[good].reset_index(drop=True), keys[good].reset_index(drop=True)
    words = tuple(c for c in columns if _is_text(c, table, schema))
    numbers = {}
    for i, column in enumerate(columns):
        if column not in words:
            numbers[column] = np.array(frame[f"n{i}"].to_numpy(np.float64, na_value=np.nan))
            _check_words(table, column, keys, frame[f"w{i}"], numbers[column], findings)
    texts = frame[[f"t{i}" for i in range(len(columns))]].set_axis(columns, axis=1)
    return Metadata(table.label, tuple(key), keys, texts, numbers, words)


def _usable(table: Table, key: Mapping[str, str], schema: Schema | None, findings: Findings) -> list[str]:
    """The columns that are text or numbers, or those that a model's schema asks for; others are reported."""
    columns = [c for c in table.kinds if c not in key.values()]
    if schema is not None:
        columns = _wanted(table, columns, schema)
    trained = () if schema is None else schema.static_cat  # a model's text may be spelt like a date
    odd = [c for c in columns if table.kinds[c] in ("time", "other") and c not in trained]
    if odd and schema is not None:
        raise ForetellError(
            f"column {odd[0]!r} of {table.label} must hold numbers, as when the model was trained. Give it as it was then."
        )
    if odd:
        listed = ", ".join(map(repr, odd))
        findings.warn("left_out", f"{table.label}: {listed} left out, neither text nor number", len(odd))
    return [c for c in columns if c not in odd]


def _wanted(table: Table, columns: Sequence[str], schema: Schema) -> list[str]:
    """The columns that a model's schema asks for; raises ForetellError when one is not there."""
    wanted = [column for column, role in schema.roles.items() if role == "static"]
    for column in wanted:
        if column not in columns:
            raise ForetellError(
                f"{table.label} has no column {column!r}, which the model was trained with."
                f"{nearest(column, columns)} It has: {', '.join(columns)}."
            )
    return wanted


def _is_text(column: str, table: Table, schema: Schema | None) -> bool:
    return table.is_text(column) if schema is None else column in schema.static_cat


def _read(store: Store, table: Table, key: Mapping[str, str], columns: Sequence[str]) -> pd.DataFrame:
    parts = [f"{table.text(column)} AS k{i}" for i, column in enumerate(key.values())]
    parts.append(f"{table.file} AS file")
    for i, column in enumerate(columns):
        misspelt = table.misspelt(column) or "false"
        parts += [
            f"{table.text(column)} AS t{i}",
            f"{_number_of(table, column)} AS n{i}",
            f"{misspelt} AS w{i}",
        ]
    frame = store.frame(f"SELECT {', '.join(parts)} FROM {table.view}")
    return frame.sort_values([*(f"k{i}" for i in range(len(key))), "file"], kind="stable", ignore_index=True)


def _number_of(table: Table, column: str) -> str:
    named = table.is_text(column) or table.kinds[column] in ("time", "other")
    return f"TRY_CAST({table.spelt(column)} AS DOUBLE)" if named else table.number(column)


def _keyed(keys: pd.DataFrame, table: Table, files: pd.Series[Any], findings: Findings) -> NDArray[np.bool_]:
    """[M] which rows have a key of their own; those without, and those there twice, are faults."""
    named = files.notna().all()
    nameless = keys.isna().any(axis=1)
    if nameless.any():
        first = f", first{within(files[nameless].iloc[0])}" if named else ""
        error = ForetellError(
            f"{table.label}: {int(nameless.sum())} rows lack a part of their key"
            f" ({', '.join(keys.columns)}){first}. Fill it in or drop these rows."
        )
        findings.fault("no_key", error, int(nameless.sum()))
    twice = keys.duplicated() & ~nameless
    again = np.flatnonzero(twice)
    if len(again):
        first = keys.iloc[again[0]]
        same = (keys == first).all(axis=1)
        where = f" ({within(*files[same]).strip()})" if named else ""
        error = ForetellError(
            f"{spell_key(tuple(keys.columns), list(first))}: {int(same.sum())} rows in {table.label}, expected one a"
            f" key{where}."
            f" Keep one of them."
        )
        findings.fault("repeated_key", error, len(again))
    return np.asarray(~nameless & ~twice)


def _check_words(
    table: Table,
    column: str,
    keys: pd.DataFrame,
    wrong: pd.Series[Any],
    numbers: NDArray[np.float64],
    findings: Findings,
) -> None:
    """Words and infinities among numbers are a fault; where it is found, they become NaN."""
    bad = wrong.to_numpy(bool, na_value=False) | np.isinf(numbers)
    bad |= np.abs(np.nan_to_num(numbers)) > np.finfo(np.float32).max
    if bad.any():
        first = keys.iloc[int(np.flatnonzero(bad)[0])]
        error = ForetellError(
            f"{spell_key(tuple(keys.columns), list(first))}: {column!r} of {table.label} must be a finite number"
            f" ({int(bad.sum())} rows are not). Correct it, or leave it empty where it is unknown."
        )
        findings.fault("bad_number", error, int(bad.sum()))
        numbers[bad] = np.nan


@dataclass(frozen=True, slots=True)
class Statics:
    """What the panel holds of the metadata."""

    real: Array  # [N, R]
    real_columns: tuple[Column, ...]
    cat: NDArray[np.int32]  # [N, C], 0 = unknown
    cat_names: tuple[str, ...]
    vocabularies: dict[str, tuple[str, ...]]
    roles: dict[str, str]


def encode_statics(
    metadata: Metadata | None, keys: pd.DataFrame, *, schema: Schema | None, findings: Findings
) -> Statics:
    """The statics of the items `keys`; with a model's schema its columns and vocabularies, otherwise from the data.

    Raises ForetellError where a model was trained with metadata and there are none.
    """
    if metadata is None:
        _refuse_absence(schema)
        return Statics(_beside([], len(keys)), (), np.zeros((len(keys), 0), np.int32), (), {}, {})
    row = match(keys, metadata.keys)
    _report_absence(row, keys, metadata, findings)
    vocabularies = _vocabularies(metadata, len(keys), schema, findings)
    cat_names = tuple(vocabularies) if schema is None else schema.static_cat
    cat = np.zeros((len(keys), len(cat_names)), np.int32)
    for c, name in enumerate(cat_names):
        codes = 1 + pd.Index(vocabularies[name], dtype=object).get_indexer(
            pd.Index(metadata.texts[name], dtype=object)
        )
        cat[:, c] = np.where(row >= 0, codes[row], 0)
        if schema is not None:
            texts = pd.Series(metadata.texts[name].to_numpy(object)[row[row >= 0]])
            report_unseen_items(findings, metadata.label, name, texts, vocabularies[name])
    real = _real(metadata, row, schema)
    roles = dict.fromkeys((*metadata.numbers, *cat_names), "static")
    return Statics(_beside(list(real.values()), len(keys)), tuple(real), cat, cat_names, vocabularies, roles)


def _beside(columns: Sequence[Array], rows: int) -> Array:
    """[rows, R] the columns [rows] side by side, also where there is none."""
    return np.stack(columns, axis=1) if columns else np.zeros((rows, 0), np.float32)


def _refuse_absence(schema: Schema | None) -> None:
    if schema is not None and (schema.static_cat or schema.static_real):
        names = ", ".join(column for column, role in schema.roles.items() if role == "static")
        raise ForetellError(
            f"the model was trained with item metadata ({names}). Give the items table as well."
        )


def _report_absence(
    row: NDArray[np.int64], keys: pd.DataFrame, metadata: Metadata, findings: Findings
) -> None:
    absent = np.flatnonzero(row < 0)
    if len(absent):
        first = spell_key(tuple(keys.columns), list(keys.iloc[absent[0]]))
        findings.warn(
            "no_metadata",
            f"{len(absent):,} items are not in {metadata.label}, first {first}: their metadata counts as unknown",
            len(absent),
        )


def _vocabularies(
    metadata: Metadata, items: int, schema: Schema | None, findings: Findings
) -> dict[str, tuple[str, ...]]:
    if schema is not None:
        return {name: schema.vocabularies[name] for name in schema.static_cat}
    vocabularies = {}
    for name in metadata.words:
        values = sorted({str(value) for value in metadata.texts[name].dropna()})
        report_commas(findings, name, values)
        if len(values) > _CROWD and len(values) > _SHARE * items:
            findings.warn(
                "left_out",
                f"{metadata.label}: {name!r} left out, {len(values):,} different texts for {items:,} items group"
                f" nothing. Make a category of it (its first word, a product family).",
                len(values),
            )
        else:
            vocabularies[name] = tuple(values)
    return vocabularies


def _real(metadata: Metadata, row: NDArray[np.int64], schema: Schema | None) -> dict[Column, Array]:
    """The numeric columns, each followed by its indicator where values are missing."""
    found: dict[Column, Array] = {}
    for name, numbers in metadata.numbers.items():
        values = np.where(row >= 0, numbers[row], np.nan).astype(np.float32)
        found[Column(name)] = values
        if schema is not None or np.isnan(values).any():
            found[Column.missing(name)] = np.isnan(values).astype(np.float32)
    return found if schema is None else {column: found[column] for column in schema.static_real}


def match(keys: pd.DataFrame, table: pd.DataFrame) -> NDArray[np.int64]:
    """[N] the row of `table` (unique, a subset of the columns of `keys`) that each of `keys` has; -1 for none."""
    names = list(table.columns)
    if not names:
        return np.zeros(len(keys), np.int64) if len(table) else np.full(len(keys), -1, np.int64)
    if len(names) == 1:
        found = pd.Index(table[names[0]], dtype=object).get_indexer(pd.Index(keys[names[0]], dtype=object))
    else:
        found = pd.MultiIndex.from_frame(table).get_indexer(pd.MultiIndex.from_frame(keys[names]))
    return np.asarray(found, np.int64)
