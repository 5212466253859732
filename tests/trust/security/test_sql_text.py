"""Every text that is formatted into SQL goes through a function that makes it safe, or is SQL itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import foretell
from foretell.errors import ForetellError
from foretell.ingest.store import Store
from foretell.system.sql_text import integer, literal, literals, quoted, real

ENGINE = Path(foretell.__file__).parent
CALLS = {"execute", "rows", "frame", "batches"}  # of a Store: what they are given is SQL
SAFE = {"quoted", "literal", "literals", "file_patterns", "integer", "real"}
# Functions and methods whose result is SQL, made of safe parts: their own f-strings are walked too.
MAKERS = {
    *(
        "text",
        "raw_text",
        "number",
        "spelt",
        "misspelt",
        "moment",
        "instant",
        "sql",
        "stamped_sql",
        "value",
        "format",
    ),
    *(
        "_words",
        "_with_point",
        "_encoded",
        "_read_csv",
        "_hive",
        "_rows_on_grid",
        "_span_query",
        "_row_counts",
        "_spans_of",
        "_number_of",
        "_column",
    ),
    *("_by", "missing_words"),
    *("carries_zone", "_marked", "spelt_wall", "spelt_instant", "_part", "stored_wall", "_identifier"),
    *(
        "rows_sql",
        "_aggregate_query",
        "_value_parts",
        "_time_parts",
        "_formatted_moment",
        "_stored_moment",
        "_wrapped",
        "_single",
    ),
}
# Attributes that hold SQL, or names that we make ourselves: of Table, KeyedRows, SqlTableWriter and the loops over keys.
HELD = {"view", "file", "keys", "stamped", "sql", "_place"}
# Parameters and loop variables that hold SQL by their function's contract: file -> names.
GIVEN = {
    "data/frequency.py": {"column"},  # SQL of the moment
    "ingest/time_zones.py": {"text", "column", "part"},
    "ingest/table.py": {"name", "text", "real", "whole", "zoned", "moment"},
    "ingest/store.py": {"setting"},
    "ingest/uneven_steps.py": {"source"},
    "ingest/stamps.py": {"place"},
    "ingest/partial_steps.py": {"parts", "times", "on", "only", "way", "part", "counted"},
    "ingest/listed_days.py": {"ends", "by", "keys", "each", "apart"},  # of the view's own columns
    "ingest/partial_covariates.py": {
        "outer",
        "inner",
        "by",
        "value",
        "source",
        "where",
        "replace_values",
        "view",
    },
    "ingest/partial_items.py": {"keys", "time", "times", "on", "within", "cycle"},
    "ingest/repeated_rows.py": {"counts", "columns", "value"},
    "ingest/keyed_rows.py": {
        "view",
        "i",
        "limits",
        "part",
        "condition",
        "value",
        "query",
        "there",
        "group",
        "keys",
        "moment",
        "instant",
    },
    "ingest/placement.py": {
        "source",
        "query",
        "inner",
        "outer",
        "part",
        "words",
        "join",
        "picked",
        "moments",
        "listed",
        "value",
    },
    "ingest/sources.py": {
        "view",
        "selects",
        "form",
        "dated",
    },  # views are called raw_ and our own name of the table
    "ingest/covariates.py": {"value", "beyond"},
    "ingest/column_kinds.py": {"value", "text"},
    "ingest/column_roles.py": {"value", "at", "inner", "outer"},
    # terms that the checked tree made: looked-up columns and checked literals
    "explain/text_changes.py": {"value", "condition", "select"},
    "explain/sql_tree.py": {"text"},  # is parsed into that tree, and never runs
    # the user's own query of the user's database, which never comes from a folder
    "ingest/sql_source.py": {"columns", "real", "name", "query", "tail", "mark", "kind", "examples", "casts"},
    # an operator of our own four, and conditions that are made of quoted names, checked literals and our comparisons
    "service/amazon/work/scenarios.py": {"operator", "where"},
    "evaluation/forecast_table.py": {"listed", "sql", "moment", "values", "limits"},
}
SQL = re.compile(
    r"\b(SELECT|FROM|WHERE|CAST|TRY_CAST|CASE|WHEN|CREATE|COPY|GROUP BY|ORDER BY|BETWEEN|FILTER|SET|TIMESTAMP|DESCRIBE)\b"
    r"|\bAS (k|v|t|n|w|c|wrong|spelt|first|last|seen)\b|\b(timezone|floor|least|coalesce|nullif|try_strptime|contains)\("
)
MESSAGES = ("ForetellError", "note", "warn", "error", "fault")


def files() -> list[Path]:
    return [path for path in sorted(ENGINE.rglob("*.py")) if SQL.search(path.read_text(encoding="utf-8"))]


def spoken(tree: ast.AST) -> set[ast.AST]:
    """What is inside of messages, docstrings and comments: words, not SQL."""
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in MESSAGES
    ]
    raises = [node for node in ast.walk(tree) if isinstance(node, (ast.Raise, ast.Assert))]
    return {inner for node in (*calls, *raises) for inner in ast.walk(node)}


def constants(node: ast.JoinedStr) -> str:
    return "{}".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))


class Walk:
    """Which expressions of a function are SQL made of safe parts."""

    def __init__(self, function: ast.AST, given: set[str]) -> None:
        self.given = given  # names that are trusted by contract
        self.assigned: dict[str, list[ast.expr]] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self.assign(target, node.value)
            if (
                isinstance(node, (ast.AugAssign, ast.AnnAssign))
                and isinstance(node.target, ast.Name)
                and node.value
            ):
                self.assigned.setdefault(node.target.id, []).append(node.value)
        counted = [
            *(
                n.target.elts[0]
                for n in ast.walk(function)
                if isinstance(n, (ast.For, ast.comprehension))
                and isinstance(n.target, ast.Tuple)
                and getattr(getattr(n.iter, "func", None), "id", "") == "enumerate"
            ),
            *(
                n.target
                for n in ast.walk(function)
                if isinstance(n, (ast.For, ast.comprehension))
                and getattr(getattr(n.iter, "func", None), "id", "") == "range"
            ),
        ]
        self.counters = {node.id for node in counted if isinstance(node, ast.Name)}

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.assigned.setdefault(target.id, []).append(value)
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for each, its in zip(target.elts, value.elts, strict=True):
                self.assign(each, its)

    def safe(self, node: ast.expr, seen: frozenset[str] = frozenset()) -> bool:
        if isinstance(node, ast.Name):
            name, values = node.id, self.assigned.get(node.id, [])
            known = name in self.given | self.counters | seen or name.isupper() or name[0] == "_"
            return known or (bool(values) and all(self.safe(value, seen | {name}) for value in values))
        if isinstance(node, ast.Call) and called(node) in SAFE | MAKERS:
            return True
        parts = parts_of(node)
        return parts is not None and all(self.safe(part, seen) for part in parts)


def called(node: ast.Call) -> str:
    return str(getattr(node.func, "attr", getattr(node.func, "id", "")))


def parts_of(node: ast.expr) -> list[ast.expr] | None:
    """The expressions that must be safe for `node` to be; None where it is none of those that put SQL together."""
    match node:
        case ast.Constant():
            return []
        case ast.JoinedStr():
            return [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        case ast.Call(func=ast.Attribute(attr="join" | "strip" | "rstrip", value=owner)):
            return [owner, *node.args]
        case ast.Call(func=ast.Name(id="map"), args=[ast.Name(id=name), *_]) if name in SAFE:
            return []
        case ast.Attribute(attr=name) if name in HELD:
            return []
        case ast.IfExp():
            return [node.body, node.orelse]
        case ast.BinOp(op=ast.Add()):
            return [node.left, node.right]
        case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            return list(parts)
        case ast.Starred(value=part) | ast.GeneratorExp(elt=part) | ast.ListComp(elt=part):
            return [part]
    return None


def unsafe(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    words, given = spoken(tree), GIVEN.get(path.relative_to(ENGINE).as_posix(), set())
    found = []
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    for function in functions:
        walk = Walk(function, given)
        for node in ast.walk(function):
            if isinstance(node, ast.JoinedStr) and node not in words and SQL.search(constants(node)):
                parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
            elif isinstance(node, ast.Call) and is_asked(node):
                parts = node.args[:1]
            else:
                continue
            found += [
                f"{path.name}:{part.lineno}: {ast.unparse(part)}" for part in parts if not walk.safe(part)
            ]
    return found


def is_asked(call: ast.Call) -> bool:
    """Whether a call hands SQL to a Store."""
    owner = getattr(call.func, "value", None)
    name = getattr(owner, "id", getattr(owner, "attr", ""))
    return getattr(call.func, "attr", "") in CALLS and name in ("store", "_connection") and bool(call.args)


def test_every_interpolation_into_sql_is_quoted_or_sql_itself() -> None:
    found = [line for path in files() for line in unsafe(path)]
    assert not found, "wrap it in quoted, literal, literals, integer or real:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "code", ["f'SELECT {given}'", "f'CAST({self.phase} AS BIGINT)'", "'SELECT ' + f'FROM {given}'"]
)
def test_the_walk_finds_what_is_formatted_bare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setitem(globals(), "ENGINE", tmp_path)
    (tmp_path / "new.py").write_text(f"def ask(self, store, given):\n    store.execute({code})\n")
    assert unsafe(tmp_path / "new.py")


def test_names_texts_and_numbers_stay_what_they_are_in_sql() -> None:
    assert quoted('a" b') == '"a"" b"'
    assert literals(["it's", "x"]) == "['it''s', 'x']::VARCHAR[]"
    assert (integer(7), integer(-7), real(0.5)) == ("7", "(-7)", "(0.5::DOUBLE)")
    for wrong in ("0", True, 1.0, 2**64, None):
        with pytest.raises(ForetellError, match="whole number"):
            integer(wrong)  # type: ignore[arg-type]
    for half in ("a\0b", "\ud800", 7):
        with pytest.raises(ForetellError, match="expected a text"):
            literal(half)  # type: ignore[arg-type]
    with pytest.raises(ForetellError, match="finite"):
        real(float("inf"))


def test_a_store_takes_one_statement_and_opens_nothing_but_its_files(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("a\n1\n")
    (tmp_path / "other.csv").write_text("a\n2\n")
    with Store(files=[str(tmp_path / "mine.csv")], scratch=tmp_path) as store:
        assert store.rows(f"SELECT a FROM read_csv({literal(str(tmp_path / 'mine.csv'))})") == [(1,)]
        with pytest.raises(ForetellError, match="one thing at a time, got 2"):
            store.execute("SELECT 1; SELECT 2")
        for evil in (
            f"SELECT * FROM read_csv({literal(str(tmp_path / 'other.csv'))})",
            f"COPY (SELECT 1) TO {literal(str(tmp_path / 'evil.csv'))}",
            f"ATTACH {literal(str(tmp_path / 'evil.db'))}",
            "INSTALL httpfs",
            "SET enable_external_access = true",
            "SELECT * FROM glob('/etc/*')",
        ):
            with pytest.raises(ForetellError, match="data cannot be read"):
                store.execute(evil)
        store.execute(f"COPY (SELECT 1) TO {literal(store.spooled('kept.parquet'))} (FORMAT parquet)")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.csv", "other.csv"]
