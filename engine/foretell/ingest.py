"""Reads the three tables onto a panel: pass one lays out the grid, pass two puts every row on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.covariates import (
    Column,
    Plan,
    Related,
    check_declared,
    check_schema,
    choose_roles,
    future_steps,
    group_of,
    names_of,
    place_columns,
    vocabulary,
    write_column,
)
from foretell.errors import ForetellError
from foretell.filling import Gaps, Rule, fill, fills, parse_rule
from foretell.findings import Finding, Findings
from foretell.frequency import Frequency
from foretell.layout import METHODS, Layout, allocate, place
from foretell.panel import Array, Ends, Panel, Schema
from foretell.rows import Rows, Spans, find_spans, first_row, read_rows, spell_key
from foretell.sources import Store, Table, open_table
from foretell.statics import Metadata, Statics, encode_statics, match, read_metadata

ID_NAMES: Final = ("item_id", "unique_id")
TIME_NAMES: Final = ("timestamp", "ds")
TARGET_NAMES: Final = ("target", "y", "demand", "target_value", "value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the tables are to be read; see `Dataset` for what each means."""

    frequency: Frequency
    item_id: str | None = None
    timestamp: str | None = None
    target: str | None = None
    dimensions: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    open: str | None = None
    seasons: tuple[int, ...] = (1,)
    ends: Ends = "last"
    aggregation: Mapping[str, str] = field(default_factory=dict)
    filling: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    strict: bool = False
    schema: Schema | None = None  # a model's: its columns and vocabularies are reproduced


@dataclass(frozen=True, slots=True)
class Names:
    """The columns of the target table, as the user calls them."""

    key: Mapping[str, str]  # item_id and dimensions -> column
    timestamp: str
    target: str


@dataclass(frozen=True, slots=True)
class Ingested:
    """What reading the tables gave."""

    panel: Panel
    names: Names
    findings: tuple[Finding, ...]
    unseen: NDArray[np.int64]  # items that no table but items or related has: cold start


def ingest(target: object, related: Sequence[object], items: object | None, options: Options) -> Ingested:
    """The panel of three tables. Raises ForetellError for anything in them that cannot be read."""
    with Store() as store:
        return _Ingest(store, options).run(target, related, items)


class _Ingest:
    """One reading of the tables, step by step."""

    def __init__(self, store: Store, options: Options) -> None:
        self.store, self.options, self.findings = store, options, Findings()
        self.schema = options.schema
        self.frequency = options.frequency

    def run(self, target: object, related: Sequence[object], items: object | None) -> Ingested:
        table = open_table(self.store, target, name="target")
        names = self._names(table)
        metadata = None if items is None else self._metadata(items, names)
        rows = self._target_rows(table, names)
        spans = find_spans(self.store, rows)
        if self.options.strict:
            self._refuse_off_grid(rows)
        related_tables = [
            self._related(source, i, len(related), names, metadata) for i, source in enumerate(related)
        ]
        self._check_columns(related_tables, table)
        keys, unseen = self._keys(spans, related_tables, metadata)
        layout = self._layout(keys, spans)
        values, filled = self._target(rows, keys, layout)
        statics = encode_statics(metadata, keys, schema=self.schema, findings=self.findings)
        plan, groups = self._plan(related_tables, keys, metadata, layout)
        future = future_steps(related_tables, groups, layout, plan=plan, year=self.frequency.year)
        known, known_names, _ = self._matrix("known", related_tables, groups, keys, layout, future, plan)
        past, past_names, past_filled = self._matrix("past", related_tables, groups, keys, layout, 0, plan)
        schema = self.schema or self._schema(names, statics, plan, known_names, past_names)
        panel = Panel(
            keys=keys, start=layout.start, offsets=layout.offsets, origin=layout.start + layout.lengths,
            target=values, known=known, past=past, static_real=statics.real, static_cat=statics.cat,
            future=future, schema=schema, filled=filled, past_filled=past_filled,
        )  # fmt: skip
        return Ingested(panel, names, self.findings.all(), unseen)

    # ------------------------------------------------------------------ the target

    def _names(self, table: Table) -> Names:
        o = self.options
        key = {"item_id": table.require(o.item_id, ID_NAMES, "item_id=")}
        for dimension in o.dimensions:
            key[dimension] = table.require(dimension, (), "dimensions=")
        names = Names(
            key,
            table.require(o.timestamp, TIME_NAMES, "timestamp="),
            table.require(o.target, TARGET_NAMES, "target_column="),
        )
        if table.kinds[names.target] in ("time", "other"):
            raise ForetellError(f"{names.target!r} of {table.label} must hold numbers. Name the right one with target_column=.")  # fmt: skip
        spare = [c for c in table.kinds if c not in (*key.values(), names.timestamp, names.target)]
        if spare:
            self.findings.note(
                "unused",
                f"{table.label}: {', '.join(spare)} not used (covariates go into related)",
                len(spare),
            )
        return names

    def _target_rows(self, table: Table, names: Names) -> Rows:
        if (
            table.kinds[names.target] == "text"
            and self.store.rows(f"SELECT count(*) FROM {table.view}")[0][0] == 0
        ):
            raise ForetellError(f"{table.label} has no rows.")
        self.frequency = self._aligned(table, names)
        asked = {
            names.target: way for c, way in self.options.aggregation.items() if c in ("target", names.target)
        }
        rows = self._rows(
            table, names.key, names.timestamp, [names.target], [], {names.target: "sum"} | asked
        )
        return replace(rows, allowed=bool(asked))

    def _aligned(self, table: Table, names: Names) -> Frequency:
        """The frequency with its multiples counted from the first timestamp, unless a model fixed them."""
        frequency = self.options.frequency
        if self.schema is not None or frequency.multiple == 1 or frequency.unit in ("min", "h", "step"):
            return frequency
        first = self.store.rows(f"SELECT min({table.moment(names.timestamp, frequency)}) FROM {table.view}")[
            0
        ][0]
        return frequency if first is None else frequency.aligned(np.datetime64(first))

    def _rows(
        self, table: Table, key: Mapping[str, str], timestamp: str, columns: Sequence[str], texts: Sequence[str],
        aggregation: Mapping[str, str],
    ) -> Rows:  # fmt: skip
        return read_rows(
            self.store, table, key=key, timestamp=timestamp, frequency=self.frequency,
            columns=columns, texts=texts, aggregation=aggregation,
        )  # fmt: skip

    def _refuse_off_grid(self, rows: Rows) -> None:
        """Raise for the first timestamp that is not the one its step has."""
        moments = self.store.frame(f"SELECT DISTINCT moment FROM {rows.view} ORDER BY moment")[
            "moment"
        ].to_numpy()
        proper = self.frequency.timestamps(self.frequency.ordinals(moments))
        off = moments[moments.astype(proper.dtype) != proper] if len(moments) else moments
        if len(off):
            first = pd.Timestamp(off[0])
            where, _ = first_row(self.store, rows, f"moment = TIMESTAMP '{first}'", "written")
            raise ForetellError(
                f"{where}: not on the frequency {self.frequency.alias!r} ({len(off)} such timestamps in"
                f" {rows.table.label}). Correct them, choose another freq, or leave strict off to have them aggregated."
            )

    def _layout(self, keys: pd.DataFrame, spans: Spans) -> Layout:
        """Each series from its first observed target to the last timestamp (or its own last observation)."""
        order = match(spans.keys, keys)
        seen = np.zeros(len(keys), bool)
        first, last = np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
        seen[order], first[order], last[order] = spans.seen[:, 0] > 0, spans.first[:, 0], spans.last[:, 0]
        if not seen.any():
            raise ForetellError("the target has no observed value. Name its column with target_column=.")
        end = int(spans.final.max())
        self._report_ends(end, int(last[seen].max()), int((~seen[order]).sum()))
        rule = self.options.filling.get("target")
        if fills(rule, "front"):
            first[seen] = first[seen].min()
        stop = last + 1 if self.options.ends == "own" else np.full(len(keys), end + 1)
        return Layout.of(np.where(seen, first, end + 1), np.where(seen, stop - first, 0))

    def _report_ends(self, end: int, observed: int, empty: int) -> None:
        if observed < end and self.options.ends == "last":
            self.findings.warn(
                "late_rows",
                f"the last {end - observed} steps of the target table have no value in any item; forecasts begin"
                f" after them. Drop these rows if they are what you want forecast.",
                end - observed,
            )
        if empty:
            self.findings.warn(
                "no_history", f"{empty:,} items have rows in the target and no observed value", empty
            )

    def _target(
        self, rows: Rows, keys: pd.DataFrame, layout: Layout
    ) -> tuple[Array, NDArray[np.uint8] | None]:
        name = rows.columns[0]
        values = place(
            self.store, rows, [name], keys=keys, layout=layout, vocabularies={}, findings=self.findings
        )[name]
        if np.isinf(values).any():
            limit = float(np.finfo(np.float32).max)
            offenders = self.store.rows(f"SELECT count(*) FROM {rows.view} WHERE abs(v0) > {limit!r}")[0][0]
            if not offenders:
                raise ForetellError(
                    f"{name!r}: a sum over one step goes beyond 3.4e38. Scale the target down."
                )
            where, value = first_row(self.store, rows, f"abs(v0) > {limit!r}", "v0")
            raise ForetellError(
                f"{where}: {name!r} must be a finite number (below 3.4e38), got {value}."
                f" Correct it, or leave it empty where nothing was observed."
            )
        rule = self.options.filling.get("target")
        codes, gaps = fill(values, layout, rule=rule)
        self._report_gaps("target", gaps, rule)
        return values, codes if rule else None

    # ------------------------------------------------------------------ items and related

    def _metadata(self, items: object, names: Names) -> Metadata:
        table = open_table(self.store, items, name="items")
        key = self._key_in(table, names)
        if not key:
            table.require(self.options.item_id, ID_NAMES, "item_id=")
        return read_metadata(self.store, table, key=key, schema=self.schema, findings=self.findings)

    def _key_in(self, table: Table, names: Names) -> dict[str, str]:
        """Which parts of the item's key a table has, and in which columns."""
        found = table.find(names.key["item_id"], ()) or table.find(None, ID_NAMES)
        key = {} if found is None else {"item_id": found}
        return key | {d: d for d in self.options.dimensions if d in table.kinds}

    def _related(
        self, source: object, position: int, count: int, names: Names, metadata: Metadata | None
    ) -> Related:
        name = "related" if count == 1 else f"related[{position}]"
        table = open_table(self.store, source, name=name)
        timestamp = table.find(names.timestamp, ()) or table.require(None, TIME_NAMES, "timestamp=")
        key = self._key_in(table, names)
        declared = {*self.options.known, *self.options.past, self.options.open}
        if not key and metadata is not None:
            key = {c: c for c in metadata.texts.columns if c in table.kinds and c not in declared}
        columns = self._value_columns(table, {*key.values(), timestamp}, names)
        texts = [c for c in columns if self._is_text(table, c)]
        asked = {c: way for c, way in self.options.aggregation.items() if c in columns}
        ways = {self.options.open: "max"} if self.options.open in columns else {}
        rows = self._rows(table, key, timestamp, columns, texts, ways | asked)  # type: ignore[operator]  # str keys
        rows = replace(rows, allowed=bool(asked))
        whole = tuple(key) == tuple(names.key)
        return Related(rows, find_spans(self.store, rows), whole)

    def _value_columns(self, table: Table, taken: set[str], names: Names) -> list[str]:
        columns = [c for c in table.kinds if c not in taken and c != names.target]
        if self.schema is not None:
            return [c for c in columns if self.schema.roles.get(c) in ("known", "past")]
        for column in columns:
            if table.kinds[column] in ("time", "other"):
                raise ForetellError(
                    f"column {column!r} of {table.label} must hold numbers, true and false, or text; it holds"
                    f" {'dates' if table.kinds[column] == 'time' else 'something else'}. Turn it into a number"
                    f" (days since then) or drop it."
                )
        return columns

    def _is_text(self, table: Table, column: str) -> bool:
        return table.kinds[column] == "text" if self.schema is None else column in self.schema.vocabularies

    def _check_columns(self, tables: Sequence[Related], target: Table) -> None:
        o = self.options
        if self.schema is not None:
            check_schema(tables, self.schema)
            return
        declared = {"known": o.known, "past": o.past, "open": (o.open,) if o.open else ()}
        check_declared(tables, list(target.kinds), declared)
        if o.open and any(o.open in table.rows.texts for table in tables):
            raise ForetellError(f"the open column {o.open!r} must be 0 or 1, but it holds text.")
        columns = {c for table in tables for c in (*table.rows.columns, *target.kinds)}
        for argument, asked in (("aggregation", o.aggregation), ("filling", o.filling)):
            for column in asked:
                if column not in columns | {"target"}:
                    raise ForetellError(
                        f"{argument} names {column!r}, which is neither the target nor a related column."
                        f" There are: target, {', '.join(sorted(columns - {'target'}))}."
                    )

    def _keys(
        self, spans: Spans, related: Sequence[Related], metadata: Metadata | None
    ) -> tuple[pd.DataFrame, NDArray[np.int64]]:
        """The keys of all items, sorted, and the positions of those that the target lacks."""
        names = list(spans.keys.columns)
        frames = [spans.keys]
        frames += [table.spans.keys for table in related if table.item_keyed]
        if metadata is not None and set(metadata.key) == set(names):
            frames.append(metadata.keys[names])
        self._report_incomplete(spans.keys, related, metadata, names)
        keys = pd.concat(frames).drop_duplicates().dropna().sort_values(names, ignore_index=True)
        unseen = np.setdiff1d(np.arange(len(keys)), match(spans.keys, keys))
        if len(unseen):
            first = spell_key(names, list(keys.iloc[unseen[0]]))
            self.findings.note(
                "cold_start", f"{len(unseen):,} items have no target, first {first}: forecast from what else is known",
                len(unseen),
            )  # fmt: skip
        return keys, unseen

    def _report_incomplete(
        self,
        target: pd.DataFrame,
        related: Sequence[Related],
        metadata: Metadata | None,
        names: Sequence[str],
    ) -> None:
        """Items that the target lacks and that a table names by a part of their key only cannot join."""
        tables = [(table.rows.table.label, table.spans.keys) for table in related]
        tables += [(metadata.label, metadata.keys)] if metadata is not None else []
        for label, keys in tables:
            if "item_id" not in keys.columns or set(keys.columns) == set(names):
                continue
            lost = keys[~keys["item_id"].isin(target["item_id"])]
            if len(lost):
                self.findings.warn(
                    "left_out",
                    f"{len(lost):,} items of {label} left out, first {spell_key(['item_id'], [lost['item_id'].iloc[0]])}:"
                    f" the target lacks them and the table does not say their {', '.join(names[1:])}",
                    len(lost),
                )

    def _plan(
        self, tables: Sequence[Related], keys: pd.DataFrame, metadata: Metadata | None, layout: Layout
    ) -> tuple[Plan, list[NDArray[np.int64]]]:
        o = self.options
        identity = _with_metadata(keys, metadata, tables)
        groups = [group_of(table, identity) for table in tables]
        for table, group in zip(tables, groups, strict=True):
            self._report_uncovered(table, group, keys)
        if self.schema is not None:
            text = {
                c: words for c, words in self.schema.vocabularies.items() if c not in self.schema.static_cat
            }
            return Plan(dict(self.schema.roles), text, self.schema.open, o.filling), groups
        known = (*o.known, o.open) if o.open and o.open not in o.known else o.known
        ahead = [c for c, rule in o.filling.items() if isinstance(rule, Mapping) and fills(rule, "future")]
        roles = choose_roles(
            tables, groups, layout.start + layout.lengths, known=[k for k in known if k], past=o.past,
            filled_ahead=ahead, findings=self.findings,
        )  # fmt: skip
        texts = {
            c: vocabulary(self.store, t.rows, c) for t in tables for c in t.rows.columns if c in t.rows.texts
        }
        rules = {
            column: parse_rule(
                column, rule, "known" if roles[column] == "known" else "past", text=column in texts
            )
            for column, rule in o.filling.items()
            if column in roles
        }
        return Plan(roles, texts, o.open, rules), groups

    def _report_uncovered(self, table: Related, group: NDArray[np.int64], keys: pd.DataFrame) -> None:
        absent = np.flatnonzero(group < 0)
        if len(absent):
            first = spell_key(list(keys.columns), list(keys.iloc[absent[0]]))
            self.findings.warn(
                "no_related",
                f"{len(absent):,} items have no rows in {table.rows.table.label}, first {first}: they count as missing",
                len(absent),
            )

    def _matrix(
        self, role: str, tables: Sequence[Related], groups: Sequence[NDArray[np.int64]], keys: pd.DataFrame,
        layout: Layout, future: int, plan: Plan,
    ) -> tuple[Array, tuple[str, ...], NDArray[np.uint8] | None]:  # fmt: skip
        """The columns of one role as [cells, columns], their names, and how gaps were filled."""
        grid = layout.reaching(future)
        wanted = None if self.schema is None else (self.schema.known if role == "known" else self.schema.past)
        columns: list[tuple[Column, list[str]]] = []
        for table, group in zip(tables, groups, strict=True):
            mine = [c for c in table.rows.columns if plan.roles.get(c) == role]
            if not mine:
                continue
            for column in place_columns(
                self.store, table, mine, keys=keys, group=group, layout=grid, future=future, plan=plan,
                findings=self.findings,
            ):  # fmt: skip
                self._report_gaps(column.name, column.gaps, plan.rules.get(column.name))
                columns.append((column, names_of(column, future=future, layout=grid, schema_names=wanted)))
        names = wanted if wanted is not None else tuple(name for _, own in columns for name in own)
        matrix = allocate(grid.cells * len(names)).reshape(grid.cells, len(names))
        codes = np.zeros(matrix.shape, np.uint8) if any(c.codes is not None for c, _ in columns) else None
        for column, own in columns:
            write_column(column, matrix, names)
            if codes is not None and column.codes is not None:
                codes[:, [names.index(name) for name in own]] = column.codes[:, None]
        return matrix, names, codes if role == "past" else None

    def _report_gaps(self, column: str, gaps: Gaps, rule: Rule | None) -> None:
        if gaps.total == 0:
            return
        parts = []
        for where, steps in gaps.steps.items():
            if steps:
                method = (rule or {}).get(where, "nan")
                read = f"filled by {_spoken_method(method)}" if method != "nan" else "not observed"
                parts.append(f"{steps:,} {where} ({read})")
        self.findings.note(
            "gaps",
            f"{column}: {gaps.total:,} missing steps in {gaps.series:,} series: {', '.join(parts)}",
            gaps.total,
        )

    def _schema(
        self, names: Names, statics: Statics, plan: Plan, known: tuple[str, ...], past: tuple[str, ...]
    ) -> Schema:
        both = set(plan.roles) & set(statics.roles)
        if both:
            raise ForetellError(f"column {min(both)!r} is in both items and related. Rename one of them.")
        o = self.options
        rules = {"target": o.filling["target"]} if "target" in o.filling else {}
        return Schema(
            key=tuple(names.key), frequency=self.frequency, seasons=o.seasons, ends=o.ends, known=known, past=past,
            static_real=statics.real_names, static_cat=statics.cat_names, open=o.open,
            vocabularies={**plan.vocabularies, **statics.vocabularies},
            filling={**rules, **{c: dict(rule) for c, rule in plan.rules.items()}},
            roles={**plan.roles, **statics.roles},
        )  # fmt: skip


def _with_metadata(keys: pd.DataFrame, metadata: Metadata | None, tables: Sequence[Related]) -> pd.DataFrame:
    """The keys with those columns of the metadata beside them that a related table is keyed by."""
    needed = {part for table in tables for part in table.rows.key} - set(keys.columns)
    if not needed or metadata is None:
        return keys
    row = match(keys, metadata.keys)
    extra = {name: np.where(row >= 0, metadata.texts[name].to_numpy(object)[row], None) for name in needed}
    return keys.assign(**extra)


def _spoken_method(method: Any) -> str:
    return f"the value {method['value']}" if isinstance(method, Mapping) else str(method)


assert set(METHODS) >= {"sum", "mean", "last"}
