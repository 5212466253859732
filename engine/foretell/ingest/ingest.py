"""Reads the three tables onto a panel: pass one lays out the grid, pass two puts every row on it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.findings import Finding, Findings
from foretell.data.gap_filling import fill, fills
from foretell.data.layout import Layout
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.ingest.column_kinds import check_declared
from foretell.ingest.context import ID_NAMES, IngestContext, Names, argument_of
from foretell.ingest.covariates import (
    Covariates,
    Plan,
    check_finite,
    future_steps,
    make_plan,
    read_covariates,
    report_gaps,
)
from foretell.ingest.fixed_options import report_otherwise
from foretell.ingest.found_frequency import with_found_frequency
from foretell.ingest.holidays_asked import read_holidays
from foretell.ingest.item_metadata import Metadata, Statics, encode_statics, match, read_metadata
from foretell.ingest.keyed_rows import KeyedRows, KeySpans, find_spans, spell_key
from foretell.ingest.listed_days import report_listed_days
from foretell.ingest.options import Options
from foretell.ingest.partial_covariates import without_partial_ends
from foretell.ingest.partial_items import report_partial_items
from foretell.ingest.partial_steps import without_partial_steps
from foretell.ingest.placement import check_size, scatter_rows
from foretell.ingest.related_tables import Related, check_columns, check_names_found, join, read_related
from foretell.ingest.shared_table import SharedTable, same_source
from foretell.ingest.sources import files_of
from foretell.ingest.stamps import report_stamps, settle
from foretell.ingest.store import Store
from foretell.ingest.table import Table
from foretell.ingest.time_zones import describe_zones
from foretell.ingest.uneven_steps import report_transactions
from foretell.system.listener import interruptible

_SPARSE: Final = 50  # steps a row from which a wrong date or frequency is likely


@dataclass(frozen=True, slots=True)
class Ingested:
    """What reading the tables gave."""

    panel: Panel
    names: Names
    findings: tuple[Finding, ...]
    rows: Mapping[str, int]  # of each table, by its label
    fingerprint: str = ""  # of the panel, where it is known already


def ingest(
    target: object,
    related: Sequence[object],
    items: object,
    options: Options,
    *,
    scratch: str | os.PathLike[str] | None = None,
) -> Ingested:
    """The panel of three tables. Raises ForetellError for anything in them that cannot be read.

    `scratch` is the folder for what does not fit into memory; default: the temporary one.
    """
    findings = Findings(tolerant=options.tolerant)
    try:
        files = files_of(target, *related, items)
        with Store(options.timezone, files=files, scratch=scratch) as store, interruptible():
            context = IngestContext(store, options, findings, options.frequency, related=len(related))
            return _ingest(context, target, related, items)
    except ForetellError as error:
        error.findings = findings.all() if options.tolerant else ()
        raise


def _ingest(context: IngestContext, target: object, related: Sequence[object], items: object) -> Ingested:
    report_otherwise(context.options, context.findings)
    table = context.open(target, "target")
    names = context.names(table)
    if context.options.open_frequency:
        context = with_found_frequency(context, table, names)
    options = context.options
    context.report_thousands(table, [names.target])
    context = context.aligned(table, names.timestamp)
    metadata = None if items is None else _read_metadata(context, items, names)
    context, rows, spans = _read_target(context, table, names, related=related, source=target)
    labels = [f"related[{i}]" for i in range(len(related))] if len(related) > 1 else ["related"]
    tables = [
        read_related(context, source, name=label, names=names, metadata=metadata, place=place)
        for place, (label, source) in enumerate(zip(labels, related, strict=False))
    ]
    check_names_found(context, tables)
    tables = [_whole(context, each, spans) for each in tables]
    report_partial_items(context, rows, spans)
    if options.holidays:
        tables.append(read_holidays(context, spans, tables, names=names, metadata=metadata))
    _report_zones(context, [(rows, spans), *((each.rows, each.spans) for each in tables)])
    check_columns(context, tables, table)
    if context.schema is None:
        check_declared(_value_columns(tables, metadata), options)
    panel = _build(context, rows, spans, names=names, tables=tables, metadata=metadata)
    _report_weeks(context)
    report_stamps(context, _apart(context, rows, spans, tables[: len(related)]))
    read = [(rows, spans), *((each.rows, each.spans) for each in tables[: len(related)])]
    counts = {each.table.label: int(of.rows.sum()) for each, of in read}
    if metadata is not None:
        counts[metadata.label] = len(metadata.keys)
    return Ingested(panel, names, context.findings.all(), counts)


def _whole(context: IngestContext, table: Related, target: KeySpans) -> Related:
    """A related table without the values of partial last steps."""
    report_listed_days(context, table.rows, table.spans)
    rows, spans = without_partial_ends(context, table.rows, table.spans, target=target)
    return replace(table, rows=rows, spans=spans)


def _value_columns(tables: Sequence[Related], metadata: Metadata | None) -> list[str]:
    """The columns of the related tables and of the item metadata."""
    related = [column for each in tables for column in each.rows.columns]
    return [*related, *(metadata.texts.columns if metadata is not None else ())]


def _apart(
    context: IngestContext, rows: KeyedRows, spans: KeySpans, tables: Sequence[Related]
) -> list[tuple[KeyedRows, KeySpans]]:
    """The tables that were read apart, each once: the target, and the related ones that are not the target again."""
    twice = set() if context.shared is None else context.shared.views
    others = [(each.rows, each.spans) for each in tables if each.rows.table.view not in twice]
    return [(rows, spans), *others]


def _report_zones(context: IngestContext, tables: Sequence[tuple[KeyedRows, KeySpans]]) -> None:
    for rows, spans in tables:
        if spans.zoned:
            zone = rows.table.zones.get(rows.timestamp)
            described = describe_zones(rows.table.label, spans.zoned, zone, context.options.timezone)
            context.findings.note("time_zone", described, spans.zoned)


def _read_metadata(context: IngestContext, items: object, names: Names) -> Metadata:
    table = context.open(items, "items")
    key = context.key_in(table, names, "items")
    if not key:
        table.require(None, (names.key["item_id"], *ID_NAMES), argument_of("item_id", "items"))
    context.report_lacking(table, table.kinds)
    context.report_kinds(table, [c for c in table.kinds if c not in key.values()])
    return read_metadata(context.store, table, key=key, schema=context.schema, findings=context.findings)


def _read_target(
    context: IngestContext, table: Table, names: Names, *, related: Sequence[object], source: object
) -> tuple[IngestContext, KeyedRows, KeySpans]:
    """The target's rows after pass one, and the context with the steps that they have the timestamps of."""
    shared = find_shared_table(context, table, names, related, source)
    if shared is not None:
        context, all_rows, all_spans = settle(context, shared.rows, shared.spans)
        all_spans = without_partial_steps(context, all_rows, all_spans)
        context = replace(context, shared=replace(shared, rows=all_rows, spans=all_spans))
    asked = [way for column, way in context.options.aggregation.items() if column in ("target", names.target)]
    rows = context.rows(
        table,
        names.key,
        names.timestamp,
        columns=[names.target],
        usual={names.target: "sum"},
        asked={names.target: asked[0]} if asked else {},
    )
    spare = [c for c in table.kinds if c not in (*names.key.values(), names.timestamp, names.target)]
    if spare:
        context.findings.note(
            "unused", f"{table.label}: {', '.join(spare)} not used (covariates go into related)", len(spare)
        )
    if context.shared is not None:
        return context, rows, context.shared.part(rows.columns)
    context, rows, spans = settle(context, rows, find_spans(context.store, rows, context.findings))
    return context, rows, without_partial_steps(context, rows, spans)


def _build(
    context: IngestContext,
    rows: KeyedRows,
    spans: KeySpans,
    *,
    names: Names,
    tables: Sequence[Related],
    metadata: Metadata | None,
) -> Panel:
    keys = _item_keys(context, spans, tables, metadata)
    layout = _lay_out(context, keys, spans)
    target, filled = _place_target(context, rows, keys, layout)
    statics = encode_statics(metadata, keys, schema=context.schema, findings=context.findings)
    joined = join(context, tables, keys, metadata)
    plan = make_plan(context, joined, _ends_of_rows(layout, spans, keys), cells=layout.cells)
    future = future_steps(joined, layout, plan=plan, year=context.frequency.year, ahead=context.options.ahead)
    known = read_covariates(context, joined, "known", keys=keys, layout=layout, future=future, plan=plan)
    past = read_covariates(context, joined, "past", keys=keys, layout=layout, future=0, plan=plan)
    return Panel(
        keys=keys,
        start=layout.start,
        offsets=layout.offsets,
        origin=layout.start + layout.lengths,
        target=target,
        known=known.values,
        past=past.values,
        static_real=statics.real,
        static_cat=statics.cat,
        future=future,
        filled=filled,
        past_filled=past.filled,
        schema=context.schema or _make_schema(context, names, statics, plan=plan, known=known, past=past),
    )


def _item_keys(
    context: IngestContext, spans: KeySpans, related: Sequence[Related], metadata: Metadata | None
) -> pd.DataFrame:
    """The keys of all items, sorted: those of the target, and those that only other tables have (cold start)."""
    names = list(spans.keys.columns)
    others = [table.spans.keys for table in related if table.item_keyed]
    if metadata is not None and set(metadata.key) == set(names):
        others.append(metadata.keys[names])
    _report_nameless(context, spans.keys, related, metadata)
    keys = pd.concat([spans.keys, *others]).drop_duplicates().sort_values(names, ignore_index=True)
    unseen = np.setdiff1d(np.arange(len(keys)), match(spans.keys, keys))
    if len(unseen):
        first = spell_key(names, list(keys.iloc[unseen[0]]))
        context.findings.note(
            "cold_start",
            f"{len(unseen):,} items have no target, first {first}: forecast from what else is known",
            len(unseen),
        )
    return keys


def _report_nameless(
    context: IngestContext, target: pd.DataFrame, related: Sequence[Related], metadata: Metadata | None
) -> None:
    """Items that the target lacks, in a table that names them by a part of their key only, cannot join."""
    tables = [(table.rows.table.label, table.spans.keys) for table in related]
    tables += [(metadata.label, metadata.keys)] if metadata is not None else []
    for label, keys in tables:
        if "item_id" in keys.columns:
            _report_unlike(context, label, keys["item_id"], target["item_id"])
    for label, keys in tables:
        if "item_id" not in keys.columns or set(keys.columns) == set(target.columns):
            continue
        lost = keys["item_id"][~keys["item_id"].isin(target["item_id"])]
        if len(lost):
            missing = ", ".join(name for name in target.columns if name not in keys.columns)
            context.findings.warn(
                "left_out",
                f"{len(lost):,} items of {label} left out, first {spell_key(['item_id'], [lost.iloc[0]])}:"
                f" the target lacks them and the table does not say their {missing}",
                len(lost),
            )


def _report_weeks(context: IngestContext) -> None:
    """Say where weeks begin when rows of several days were put into one: pandas ends them on the day of that name."""
    joined = sum(finding.code == "aggregated" for finding in context.findings.all())
    if joined and context.frequency.unit == "W":
        alias = context.frequency.alias
        message = (
            f"rows of several days became one week: a week of {alias!r} begins on its day and is named by it (in pandas"
            " it ends there)"
        )
        # the day was chosen where it has a name
        report = context.findings.note if context.options.anchored else context.findings.warn
        report("weeks", message, joined)


def _report_unlike(context: IngestContext, label: str, ids: pd.Series[Any], target: pd.Series[Any]) -> None:
    """Ids that the target lacks, but for leading zeros or a `.0`: another program wrote them as numbers."""
    lost = ids[~ids.isin(target)]
    if lost.empty:
        return
    bare, known = (part.str.replace(r"\.0+$", "", regex=True).str.lstrip("0") for part in (lost, target))
    alike = np.flatnonzero(bare.isin(known))
    if len(alike):
        other = target[known == bare.iloc[alike[0]]].iloc[0]
        context.findings.warn(
            "unlike_ids",
            f"{len(alike):,} ids of {label} are the target's but for zeros: {lost.iloc[alike[0]]!r} there is {other!r}"
            f" in the target table. Ids are compared as text: write them in one way.",
            len(alike),
        )


def _lay_out(context: IngestContext, keys: pd.DataFrame, spans: KeySpans) -> Layout:
    """Each series from its first observed target to the last timestamp (or its own last observation)."""
    where = match(spans.keys, keys)
    seen, first, last = (np.zeros(len(keys), np.int64) for _ in range(3))
    seen[where], first[where], last[where] = spans.seen[:, 0], spans.first[:, 0], spans.last[:, 0]
    have = seen > 0
    if not have.any():
        raise ForetellError("the target has no observed value. Name its column with target_column=.")
    end = int(spans.final.max())
    own = context.options.ends == "own"
    _report_ends(context, end - int(last[have].max()), int((spans.seen[:, 0] == 0).sum()))
    if fills(context.options.filling.get("target"), "front"):
        first[have] = first[have].min()
    _report_dates(context, int(first[have].min()), end)
    stop = last + 1 if own else np.full(len(keys), end + 1)
    layout = Layout.of(np.where(have, first, end + 1), np.where(have, stop - first, 0))
    _check_extent(context, keys, layout, int(spans.rows.sum()))
    return layout


def _report_dates(context: IngestContext, first: int, last: int) -> None:
    """Warn of whole numbers that are dates without marks: 20240131 and 20240201 are 70 steps apart."""
    if context.frequency.unit != "step" or not all(1900_00_00 < time < 2100_00_00 for time in (first, last)):
        return
    if all(1 <= time // 100 % 100 <= 12 and 1 <= time % 100 <= 31 for time in (first, last)):
        context.findings.warn(
            "dates",
            f"the times run from {first} to {last}, which look like dates: freq='1' counts {last - first + 1:,} steps"
            " between them",
            last - first + 1,
        )


def _ends_of_rows(layout: Layout, spans: KeySpans, keys: pd.DataFrame) -> NDArray[np.int64]:
    """[N] the step behind each series, or behind its partial last step, to which its rows reach."""
    ends = layout.start + layout.lengths
    if spans.ends is None:
        return ends
    where = match(spans.keys, keys)
    ends[where] = np.maximum(ends[where], spans.ends)
    return ends


def _check_extent(context: IngestContext, keys: pd.DataFrame, layout: Layout, rows: int) -> None:
    """Raises ForetellError for a grid too large for memory; reports one that hardly any row is in."""
    longest = int(np.argmax(layout.lengths))
    ends = layout.start[longest] + np.array([0, layout.lengths[longest] - 1])
    begin, finish = context.frequency.timestamps(ends)
    name = spell_key(list(keys.columns), list(keys.iloc[longest]))
    extent = f"{name} alone runs from {str(begin)[:10]} to {str(finish)[:10]}"
    check_size(layout.cells, extent)
    if layout.cells > _SPARSE * rows:
        context.findings.warn(
            "sparse",
            f"{layout.cells:,} steps hold {rows:,} rows, {extent}: look for a wrong date or freq=",
            layout.cells,
        )


def _report_ends(context: IngestContext, late: int, empty: int) -> None:
    if late and context.options.ends == "last":
        context.findings.warn(
            "late_rows",
            f"the last {late} steps of the target table have no value in any item; forecasts begin after them."
            f" Drop these rows if they are what you want forecast.",
            late,
        )
    if empty:
        context.findings.warn(
            "no_history", f"{empty:,} items have rows in the target and no observed value", empty
        )


def _place_target(
    context: IngestContext, rows: KeyedRows, keys: pd.DataFrame, layout: Layout
) -> tuple[Array, NDArray[np.uint8] | None]:
    name = rows.columns[0]
    shared = context.shared
    values = None if shared is None else shared.scatter(context.store, name, keys=keys, layout=layout)
    if values is None:
        placed = scatter_rows(
            context.store, rows, [name], keys=keys, layout=layout, vocabularies={}, findings=context.findings
        )
        values = placed[name]
    check_finite(context, rows, name, values)
    rule = context.options.filling.get("target")
    codes, gaps = fill(values, layout, rule=rule)
    report_gaps(context.findings, "target", gaps, rule)
    if gaps.steps["middle"] and not fills(rule, "middle"):
        report_transactions(context.findings, values, codes, layout, context.frequency)
    return values, codes if rule else None


def _make_schema(
    context: IngestContext, names: Names, statics: Statics, *, plan: Plan, known: Covariates, past: Covariates
) -> Schema:
    both = set(plan.roles) & set(statics.roles)
    if both:
        raise ForetellError(f"column {min(both)!r} is in both items and related. Rename one of them.")
    options = context.options
    rules = {"target": options.filling["target"]} if "target" in options.filling else {}
    return Schema(
        key=tuple(names.key),
        frequency=context.frequency,
        seasons=options.seasons,
        ends=options.ends,
        partial=options.partial,
        known=known.columns,
        past=past.columns,
        static_real=statics.real_columns,
        static_cat=statics.cat_names,
        open=plan.open,
        vocabularies={**plan.vocabularies, **statics.vocabularies},
        merged=plan.merged,
        filling={**rules, **{column: dict(rule) for column, rule in plan.rules.items()}},
        roles={**plan.roles, **statics.roles},
        timezone=options.timezone,
        reading=options.reading(),
        holidays=options.holidays,
        holiday_days=options.holiday_days,
    )


def find_shared_table(
    context: IngestContext, table: Table, names: Names, related: Sequence[object], source: object
) -> SharedTable | None:
    """The target table read as a related table too; None where it is given once, where items end apart, or where a model sets the columns."""
    options = context.options
    if (
        context.schema is not None
        or options.ends != "last"
        or not any(same_source(other, source) for other in related)
        or options.item_id.related  # which may be other columns than the target's
        or options.timestamp.related
    ):
        return None
    store, kinds = context.store, table.kinds
    taken = (*names.key.values(), names.timestamp, names.target)
    columns = [c for c in kinds if c not in taken and kinds[c] in ("number", "boolean", "text")]
    store.execute(f"CREATE VIEW raw_shared AS SELECT * FROM {table.view}")
    rows = context.rows(
        replace(table, view="raw_shared"),
        names.key,
        names.timestamp,
        columns=[names.target, *columns],
        texts=[c for c in columns if table.is_text(c)],
    )
    return SharedTable(source, rows, find_spans(store, rows, context.findings))
