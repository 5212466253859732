"""Texts of changes from anybody: refused or carried out as written, never more than that."""

from __future__ import annotations

import json
import time

import duckdb
import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretell.errors import ForetellError
from foretell.explain.assignment import parse_assignment
from foretell.explain.plan_columns import PlanColumn
from foretell.ingest.store import Store
from stress.scale import count, stress

COLUMNS = {
    "promo": PlanColumn("promo", "known", "number", "c0"),
    "price": PlanColumn("price", "known", "number", "c1"),
    "event": PlanColumn("event", "known", "text", "c2"),
    "timestamp": PlanColumn("timestamp", "time", "time", "c3"),
    "family": PlanColumn("family", "static", "text", "c4"),
}
TABLE = pd.DataFrame(
    {
        "cell": range(6),
        "promo": [0.0, 1.0, None, 2.0, 0.5, 1.0],
        "price": [4.0, 0.0, 2.0, None, 8.0, 1.0],
        "event": ["fair", "none", None, "fair_", "f%", "none"],
        "timestamp": pd.date_range("2024-02-27", periods=6),
        "family": ["MUG", "MUG", "BOWL", None, "BOWL", "O'Hara"],
    }
)
law = settings(
    deadline=None, derandomize=True, max_examples=count(4000), suppress_health_check=[HealthCheck.too_slow]
)
PLAIN = """
= <> ( ) , where and or not between in is null like + - * / 1 2.5 1e3 'a' '2024-02-28' " ' ; -- /* */ ::int :: select from case when then
end round( abs( least( greatest( cast( as $1 ? { } [ returning over escape collate true date interval \\ union limit * % é
"""
LONGER = """
(select 1)|read_csv('/etc/passwd')|getenv('HOME')|date_part('dow', timestamp)|returning *|over ()|\x00|\ud800|update plan set
drop table plan|copy plan to '/tmp/x'|pragma x
"""
words = st.sampled_from([*COLUMNS, *PLAIN.split(), *LONGER.strip().replace("\n", "|").split("|")])
numbers = st.sampled_from(["0", "1", "2", "0.5", "4", "-1"])
number_columns = st.sampled_from(["promo", "price"])


def larger_terms(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(["least", "greatest"]), inner, inner).map(
            lambda t: f"{t[0]}({t[1]}, {t[2]})"
        ),
        inner.map(lambda t: f"abs({t})"),
        inner.map(lambda t: f"round({t}, 1)"),
        inner.map(lambda t: f"(- {t})"),
    )


def larger_conditions(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda t: f"not ({t})"),
    )


terms = st.recursive(numbers | number_columns, larger_terms, max_leaves=6)
patterns = st.text("fairno_%M", max_size=6).map(lambda p: f"'{p}'")
plain_conditions = st.one_of(
    st.tuples(terms, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), terms).map(" ".join),
    st.tuples(terms, terms, terms).map(lambda t: f"{t[0]} between {t[1]} and {t[2]}"),
    st.tuples(
        st.sampled_from(["event", "family"]), st.sampled_from(["=", "<>", "like", "not like"]), patterns
    ).map(" ".join),
    st.sampled_from(["event in ('fair', 'x')", "family not in ('MUG', 'O''Hara')", "promo in (1, 2, 0.5)"]),
    st.sampled_from(["event is null", "price is not null", "timestamp >= '2024-02-29'"]),
    st.sampled_from(["date_part('month', timestamp) = 3", "timestamp between '2024-02-28' and '2024-03-01'"]),
)
conditions = st.recursive(plain_conditions, larger_conditions, max_leaves=5)


def ours(text: str) -> list[tuple[int, float | None]]:
    """What the change sets, as the SQL made of it says."""
    change = parse_assignment(text, COLUMNS)
    aliases = {name: column.alias for name, column in COLUMNS.items()}
    with Store() as store:
        store.register("plan", TABLE.rename(columns=aliases))
        return store.rows(
            f"SELECT cell, {change.value} FROM plan WHERE coalesce({change.condition}, false) ORDER BY cell"
        )


def rebuilt(text: str) -> str:
    """The SQL that a text becomes; '' where it is refused. Anything but a refusal raises."""
    begun = time.monotonic()
    try:
        change = parse_assignment(text, COLUMNS)
    except ForetellError:
        return ""
    finally:
        assert time.monotonic() - begun < 5
    return f"SELECT {change.value} WHERE {change.condition}"


def functions_in(sql: str) -> set[str]:
    """The functions that DuckDB finds in a statement, which must be one."""
    found = json.loads(duckdb.execute("SELECT json_serialize_sql($1)", [sql]).fetchall()[0][0])
    assert not found["error"]
    assert len(found["statements"]) == 1
    names: set[str] = set()

    def walk(node: object) -> None:
        if isinstance(node, dict):
            assert node.get("class") != "SUBQUERY"
            if "function_name" in node:
                names.add(node["function_name"])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(found)
    return names


ALLOWED = {"+", "-", "*", "/", "abs", "round", "least", "greatest", "date_part", "regexp_full_match"}


@stress
@law
@given(st.lists(words, min_size=1, max_size=25).map(" ".join))
def test_a_soup_of_sql_is_refused_or_is_made_of_what_is_allowed(soup: str) -> None:
    for text in (soup, f"promo = {soup}", f"promo = 1 where {soup}"):
        sql = rebuilt(text)
        assert not sql or functions_in(sql) <= ALLOWED


@stress
@law
@given(st.text(max_size=200))
def test_any_text_is_refused_or_is_made_of_what_is_allowed(text: str) -> None:
    for each in (
        text,
        f"promo = {text}",
        f"promo = 1 where event = '{text}'",
        f"event = '{text}' where {text}",
    ):
        sql = rebuilt(each)
        assert not sql or functions_in(sql) <= ALLOWED


@stress
@law
@given(terms, conditions)
def test_what_is_allowed_means_what_it_means_in_sql(term: str, condition: str) -> None:
    with duckdb.connect() as connection:
        connection.register("plan", TABLE)
        expected = connection.execute(
            f"SELECT cell, CAST({term} AS DOUBLE) FROM plan WHERE coalesce({condition}, false) ORDER BY cell"
        ).fetchall()
    found = ours(f"promo = {term} where {condition}")
    assert [cell for cell, _ in found] == [cell for cell, _ in expected]
    got, wanted = (np.array([value for _, value in each], float) for each in (found, expected))
    np.testing.assert_allclose(got, wanted, rtol=1e-9, equal_nan=True)


def test_deep_and_long_texts_end_soon() -> None:
    opened = [
        "(",
        "not ",
        "- ",
        "abs(",
        "[",
        "{",
        "case when ",
        "(select ",
        "promo in (",
        "f(x -> ",
        "1+",
        "promo.",
        "promo::",
    ]
    for mark in opened:
        text = "promo = 1 where " + mark * (1900 // len(mark))
        assert rebuilt(text) == ""
