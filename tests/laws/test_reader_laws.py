"""Whatever the table: it lands on the grid as plain pandas says, or a ForetellError tells what is wrong with it."""

import datetime
import math
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset

law = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FIRST = datetime.datetime(2023, 12, 25)
WAYS = [  # how the rows come, and how those of one step become one
    ("csv", None),
    ("parquet", None),
    ("pandas", None),
    ("arrow", None),
    ("glob", None),
    ("csv", "max"),
    ("parquet", "min"),
    ("pandas", "mean"),
    ("glob", "sum"),
    ("arrow", "sum"),
    ("arrow", "mean"),
    ("arrow", "median"),
    ("arrow", "min"),
    ("arrow", "max"),
]


def spelt(moment, how):
    """A moment as the table has it."""
    return {
        "stamp": pd.Timestamp(moment),
        "date": moment.strftime("%Y-%m-%d"),
        "iso": moment.isoformat(),
        "spaced": moment.strftime("%Y-%m-%d %H:%M:%S"),
    }[how]


@st.composite
def tables(draw):
    """Rows (item, moment as datetime, value or None), how each is spelt, and the options."""
    names = draw(
        st.sampled_from([["a", "b", "ä ö"], [7, 8, 10**17 + 1], ["7", "007", 'q"x', "x,y"], [-1, 0, 3]])
    )
    hours = draw(st.booleans())
    days = st.integers(0, draw(st.sampled_from([0, 1, 4, 11])))  # few: many rows of one step
    moment = (
        days.map(lambda d: FIRST + datetime.timedelta(days=d))
        if not hours
        else st.builds(
            lambda d, h: FIRST + datetime.timedelta(days=d, hours=h), days, st.sampled_from([0, 9, 23])
        )
    )
    value = st.one_of(st.integers(-99, 99), st.floats(-1e6, 1e6, width=32), st.none(), st.just(math.nan))
    rows = draw(
        st.lists(
            st.tuples(st.sampled_from(names), moment, value),
            min_size=draw(st.sampled_from([1, 8])),
            max_size=30,
        )
    )
    ways = ["stamp", "iso", "spaced"] + ([] if hours else ["date"])
    mixed = draw(st.booleans())
    how = st.sampled_from(ways[1:]) if mixed else st.just(draw(st.sampled_from(ways)))
    return rows, [draw(how) for _ in rows]


options = st.fixed_dictionaries(
    {"ends": st.sampled_from(["last", "own"]), "strict": st.sampled_from([False, False, True])}
)


def expected(rows, ends, aggregation, strict):
    """Item name -> (first day, values) by pandas alone; None where the table must be refused."""
    frame = pd.DataFrame(rows, columns=["item", "moment", "value"]).assign(
        value=lambda f: f["value"].astype(float)
    )
    frame["day"] = frame["moment"].dt.normalize()
    if strict and (frame["day"] != frame["moment"]).any():
        return None
    if aggregation is None and _within_series(frame, ends).duplicated(["item", "moment"]).any():
        return None
    if frame["value"].notna().sum() == 0:
        return None
    method = (aggregation or {"target": "sum"})["target"]
    least = {"min_count": 1} if method == "sum" else {}
    daily = getattr(frame.groupby(["item", "day"])["value"], method)(**least)
    last, out = frame["day"].max(), {}
    for item in frame["item"].unique():
        series = daily[item].dropna()
        if series.empty:
            out[str(item)] = (None, np.zeros(0, np.float32))
            continue
        stop = last if ends == "last" else series.index.max()
        grid = daily[item].reindex(pd.date_range(series.index.min(), stop))
        out[str(item)] = (series.index.min(), grid.to_numpy(np.float32))
    return out


def _within_series(frame, ends):
    """The rows from each item's first value on (and up to its last where each ends on its own)."""
    seen = frame[frame["value"].notna()].groupby("item")["day"].agg(["min", "max"])
    first, last = frame["item"].map(seen["min"]), frame["item"].map(seen["max"])
    return frame[(frame["day"] >= first) & ((ends == "last") | (frame["day"] <= last))]


def handed_over(rows, ways, route, folder):
    """The rows by one of the routes into foretell."""
    table = {
        "item_id": [item for item, _, _ in rows],
        "timestamp": [spelt(moment, how) for (_, moment, _), how in zip(rows, ways, strict=True)],
        "target": [value for _, _, value in rows],
    }
    frame = pd.DataFrame(table)
    if route == "pandas":
        return frame.astype({"target": object}) if len(rows) % 2 else frame
    if route == "arrow":
        return pa.table(
            {**table, "target": pa.array(table["target"], pa.float64(), from_pandas=len(rows) % 2 == 0)}
        )
    if route == "csv":
        frame.to_csv(folder / "t.csv", index=False, na_rep="" if len(rows) % 2 else "NaN")
        return folder / "t.csv"
    if route == "parquet":
        frame.to_parquet(folder / "t.parquet", index=False)
        return folder / "t.parquet"
    for part in range(3):
        frame.iloc[part::3, :: 1 - 2 * (part % 2)].to_csv(
            folder / f"t{part}.csv", index=False, sep=",;\t"[part]
        )
    return str(folder / "t?.csv")


def check(rows, ways, route, given_options):
    truth = expected(rows, **given_options)
    with tempfile.TemporaryDirectory() as folder:
        source = handed_over(rows, ways, route, Path(folder))
        if truth is None:
            with pytest.raises(ForetellError):
                Dataset(source, freq="D", **given_options)
            return
        panel = Dataset(source, freq="D", **given_options).panel
    assert panel.names == sorted(truth)
    for item, name in enumerate(panel.names):
        begin, values = truth[name]
        np.testing.assert_allclose(panel.history(item), values, rtol=1e-6, atol=1e-3, err_msg=name)
        if begin is not None:
            assert panel.frequency.timestamps(panel.start[item : item + 1])[0] == begin.to_datetime64()


@pytest.mark.parametrize(("route", "method"), WAYS)
def test_a_table_lands_on_the_grid_as_pandas_says(route, method):
    aggregation = None if method is None else {"target": method}

    @settings(law, max_examples=30 if method is None else 20)
    @given(tables(), options)
    def holds(table, given_options):
        rows, ways = table
        check(rows, ways, route, {**given_options, "aggregation": aggregation})

    holds()


ROWS = 8
CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=6),
    st.dates(),
    st.datetimes(),
    st.sampled_from(
        ["2024-01-01", "2024-02-30", "NaN", "", "7", "7.0", "inf", "1e400", "0x1", "\x00", "9999-12-31"]
    ),
)
IDS = st.sampled_from(["a", "b", "7", 7, 7.0])
DATES = st.sampled_from(["2024-01-01", "2024-01-02", "2024-01-05 10:00", datetime.date(2024, 1, 3)])
STEPS = st.one_of(st.integers(-3, 9), st.sampled_from([2.0, "4", 2019, 2020]))


@st.composite
def columns_of(draw, likely):
    """A column of likely cells, all of one kind or mixed, in which up to two are anything at all."""
    one = draw(st.booleans())
    cells = draw(st.lists(likely, min_size=ROWS, max_size=ROWS))
    if one:
        cells = [cell for cell in cells if type(cell) is type(cells[0])]
    odd = draw(st.lists(CELLS, min_size=1, max_size=2)) if draw(st.integers(0, 5)) == 0 else []
    return (odd + cells * ROWS)[:ROWS]


@st.composite
def anything(draw):
    """A table that could nearly be read, one of items, and the options."""
    freq = draw(st.sampled_from(["D", "1", "W", "MS", "h", "YS"]))
    table = {
        "item_id": draw(columns_of(IDS)),
        "timestamp": draw(columns_of(STEPS if freq in ("1", "YS") else DATES)),
        "target": draw(
            columns_of(st.one_of(st.integers(0, 5), st.floats(-9, 9), st.sampled_from(["3", None])))
        ),
        "price": draw(columns_of(st.one_of(st.integers(0, 5), st.floats(-9, 9), st.text(max_size=2)))),
    }
    items = {"item_id": draw(columns_of(IDS)), "size": draw(columns_of(st.integers(0, 5)))}
    sums = draw(
        st.sampled_from([None, {"target": "sum", "price": "last"}, {"target": "mean", "price": "max"}])
    )
    given_options = {
        "freq": freq,
        "aggregation": sums,
        "date_format": draw(st.sampled_from([None, "%d.%m.%Y"])),
        "ends": draw(st.sampled_from(["last", "own"])),
        "strict": draw(st.integers(0, 9)) == 0,
    }
    rows = pd.DataFrame(items, dtype=object)
    once = ~rows["item_id"].map(lambda name: str(name).removesuffix(".0")).duplicated()
    return pd.DataFrame(table, dtype=object), rows[once], given_options


def stored(frame, route, path):
    """The frame itself, or the file of it."""
    if route == "pandas":
        return frame
    if route == "csv":
        path.with_suffix(".csv").write_bytes(frame.to_csv(index=False).encode(errors="replace"))
        return path.with_suffix(".csv")
    texts = frame.map(lambda cell: None if cell is None else str(cell).encode(errors="replace").decode())
    texts.to_parquet(path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


@pytest.mark.parametrize("route", ["csv", "pandas", "parquet"])
def test_any_cells_at_all_are_read_or_refused_with_a_message(route):
    @settings(law, max_examples=30)
    @given(anything())
    def holds(tables):
        table, items, given_options = tables
        with tempfile.TemporaryDirectory() as folder:
            source = stored(table, route, Path(folder) / "t")
            others = stored(items, route, Path(folder) / "i")
            try:
                panel = Dataset(source, source, others, **given_options).panel
            except ForetellError:
                return
        assert len(panel) >= 1
        assert np.isfinite(panel.target[~np.isnan(panel.target)]).all()

    holds()
