"""`check`: everything wrong or noteworthy about a data set, before anything is trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from foretell.checks.column_coverage import Coverage, static_coverages
from foretell.checks.panel_findings import Looked, name_of
from foretell.checks.target_profile import Profile
from foretell.data.findings import Finding as Finding
from foretell.data.findings import gravest_first
from foretell.data.panel import Panel
from foretell.ingest.dataset import Dataset, encoded
from foretell.system.listener import interruptible
from foretell.system.whole_numbers import whole_number


@dataclass(frozen=True, slots=True)
class Checkup:
    """What is in a data set and what is wrong with it; iterating gives its findings, errors first."""

    findings: tuple[Finding, ...]  # errors, warnings, notes
    facts: dict[str, Any] = field(default_factory=dict)  # JSON: sizes, times, shares
    frequencies: list[dict[str, Any]] = field(default_factory=list)  # a row a frequency found
    # a row a column of the related and the item tables
    columns: list[dict[str, Any]] = field(default_factory=list)

    def __repr__(self) -> str:
        kinds = ("error", "warning", "note")
        counts = [sum(finding.severity == kind for finding in self.findings) for kind in kinds]
        said = ", ".join(
            f"{many} {kind}{'' if many == 1 else 's'}" for many, kind in zip(counts, kinds, strict=True)
        )
        return f"Checkup({said})"

    def _repr_html_(self) -> str:
        from foretell.reporting.notebook import checkup_html

        return checkup_html(self)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __getitem__(self, position: int) -> Finding:
        return self.findings[position]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What a run would fail on."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What should be looked at."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    @property
    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """The facts, frequencies and columns as tables by their titles, for people to read."""
        return {
            title: rows
            for title, rows in (
                (
                    "Data",
                    [
                        {"fact": name.replace("_", " "), "value": _in_words(value)}
                        for name, value in _flat(self.facts)
                    ],
                ),
                ("Frequency of the observations", self.frequencies),
                (
                    "Columns",
                    [
                        {name: _in_words(value, share=True) for name, value in row.items()}
                        for row in self.columns
                    ],
                ),
            )
            if rows
        }

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types: everything, each finding with its meaning and option."""
        return {
            "errors": len(self.errors),
            "warnings": len(self.warnings),
            "facts": self.facts,
            "frequencies": self.frequencies,
            "columns": self.columns,
            "findings": [finding.to_json() for finding in self.findings],
        }

    def to_anonymous_json(self) -> dict[str, Any]:
        """As `to_json`, to be shown to strangers: no name of a file, an item, a column or a category, and no value of a table.

        Sizes, times, shares and the codes of findings are left; columns are called after their roles, tables after theirs.
        """
        roles: Counter[str] = Counter()
        columns = []
        for row in self.columns:
            roles[row["role"]] += 1
            columns.append({**row, "column": f"{row['role']} {roles[row['role']]}"})
        rows = {_table_role(name): count for name, count in self.facts.get("rows", {}).items()}
        return {
            "errors": len(self.errors),
            "warnings": len(self.warnings),
            "facts": {**self.facts, **({"rows": rows} if rows else {})},
            "frequencies": [{"found": row["found"], "items": row["items"]} for row in self.frequencies],
            "columns": columns,
            "findings": [_without_names(finding) for finding in self.findings],
        }


def _table_role(name: str) -> str:
    """What a table is to foretell, of the name that messages give it: 'the related[0] table' of one with its file behind it."""
    return name.partition(" (")[0]


def _without_names(finding: Finding) -> dict[str, Any]:
    told = finding.to_json()
    table = None if finding.table is None else _table_role(finding.table)
    return {**{key: told[key] for key in ("severity", "code", "count", "meaning", "option")}, "table": table}


@interruptible()
def check(data: Dataset, *, horizon: int | None = None) -> Checkup:
    """What reading the tables found, and what would stop or harm a run over `horizon` steps; errors first.

    Every item and column is looked at, in a pass over the panel by chunks. Each of its `findings` has a `severity`, a `code`, a `message`,
    what it means (`meaning`) and the option that changes it (`option`).

    Args:
        data: the tables, a `foretell.Dataset`.
        horizon: steps to forecast; without it, what depends on them is not looked at.

    Raises:
        ForetellError: for a horizon below 1.

    Example:
        >>> sales = pd.read_csv("data/retail/sales.csv", nrows=2952)  # four items
        >>> data = foretell.Dataset(sales, freq="D")
        >>> [finding.code for finding in foretell.check(data, horizon=28).findings if finding.severity == "error"]
        []
    """
    horizon = None if horizon is None else whole_number("horizon", horizon, least=1, of=" of steps")
    panel = encoded(data, data.schema, horizon=horizon or 0)
    looked = Looked.at(data, panel, horizon)
    return Checkup(
        findings=gravest_first((*data.findings, *looked.findings)),
        facts=_facts(data, panel, looked.profile, horizon),
        frequencies=[
            {"found": each.found, "items": len(each.items), "first item": name_of(panel, int(each.items[0]))}
            for each in looked.spacings
        ],
        columns=[*(_column_row(column, horizon) for column in looked.coverages), *_static_rows(panel)],
    )


def _facts(data: Dataset, panel: Panel, profile: Profile, horizon: int | None) -> dict[str, Any]:
    lengths = panel.lengths[panel.lengths > 0]
    last = int((panel.start + panel.lengths).max()) - 1
    steps = int(panel.lengths.sum())
    return {
        "rows": dict(data.rows),
        "items": len(panel),
        "items_without_history": int((profile.seen == 0).sum()),
        "first_timestamp": _moment(panel, int(panel.start[panel.lengths > 0].min())),
        "last_timestamp": _moment(panel, last),
        "frequency_asked": panel.frequency.alias,
        "season": list(panel.schema.seasons),
        "steps": steps,
        "steps_observed": int(profile.seen.sum()),
        "shortest_history": int(lengths.min()),
        "longest_history": int(lengths.max()),
        "horizon": horizon,
    }


def _column_row(column: Coverage, horizon: int | None) -> dict[str, Any]:
    ahead = column.role == "known" and horizon is not None
    return {
        "column": column.name,
        "role": column.role,
        "history": _share(column.history),
        "horizon": _share(column.horizon) if ahead else None,
        "items": _share(float(np.mean(column.items > 0))),
        "categories": None,
    }


def _static_rows(panel: Panel) -> list[dict[str, Any]]:
    return [
        {
            "column": column.name,
            "role": "metadata",
            "history": None,
            "horizon": None,
            "items": _share(column.known / max(len(panel), 1)),
            "categories": column.categories,
        }
        for column in static_coverages(panel)
    ]


def _moment(panel: Panel, ordinal: int) -> str | int:
    """A step as text; where time is integer, the integer."""
    return ordinal if panel.frequency.unit == "step" else panel.frequency.spell(ordinal)


def _share(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 6)


def _flat(facts: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        if isinstance(value, dict):
            yield from ((f"{name} of {inner}", number) for inner, number in value.items())
        else:
            yield name, value


def _in_words(value: Any, *, share: bool = False) -> str:
    """A value for people: shares in percent, thousands apart, a dash for none."""
    if value is None:
        return "-"
    if share and isinstance(value, float):
        return "100 %" if value == 1 else f"{min(value * 100, 99.9):.1f} %"
    if isinstance(value, int):
        return f"{value:,}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
