"""Nothing at or after an origin reaches what lies before it, and the grid is what pandas makes of the rows."""

from typing import Any

import numpy as np
import pandas as pd
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretell.data.columns import names_of
from foretell.ingest.dataset import Dataset
from foretell.windows.covariate_scale import CovariateScale
from foretell.windows.windows import Windows

STEPS = 24
ORIGIN = pd.Timestamp("2023-12-20")
AHEAD = 4  # steps that known columns go on after the target's end
LOOKING_AHEAD = ["next", "linear"]
CAUSAL = ["nan", "zero", "previous", "mean", "median", "min", "max", 7.5]
law = settings(
    derandomize=True, deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow]
)  # a busy machine is no fault of the law


def series(draw, name, steps=STEPS, gaps=0.4):
    values = draw(st.lists(st.one_of(st.none(), st.integers(-50, 50)), min_size=steps, max_size=steps))
    return pd.DataFrame(
        {"item_id": name, "timestamp": pd.date_range("2023-12-20", periods=steps), "target": values}
    ).astype({"target": float})


@st.composite
def tables(draw):
    """Two gappy series and an anchor that is always there, so that the panel's start and end stay where they are."""
    anchor = series(draw, "z").fillna({"target": 1.0})
    return pd.concat([series(draw, "a"), series(draw, "b"), anchor], ignore_index=True)


@st.composite
def rules(draw):
    method = st.sampled_from(CAUSAL)
    return {
        "front": draw(st.sampled_from(["nan", "zero", 7.5])),
        "middle": draw(method),
        "back": draw(method),
    }


def changed_from(frame, column, step, draw):
    """The table with other values, or none, from a step on (the anchor's stay)."""
    late = (frame["timestamp"] >= pd.Timestamp("2023-12-20") + pd.Timedelta(days=step)) & (
        frame["item_id"] != "z"
    )
    other = draw(
        st.lists(st.one_of(st.none(), st.integers(-999, 999)), min_size=len(frame), max_size=len(frame))
    )
    return frame.assign(**{column: frame[column].where(~late, pd.Series(other, dtype=float))})


def histories(panel):
    """What each item's target and past covariate are before its origin, by ordinal."""
    out = {}
    for item, name in enumerate(panel.names):
        first, stop = panel.offsets[item], panel.stop[item]
        target, past = panel.target[first : first + stop], panel.past[first : first + stop]
        kept = np.flatnonzero(~np.isnan(target)) if name != "z" else np.arange(stop)
        begin = kept[0] if len(kept) else stop  # leading steps without a value say nothing
        out[name] = (panel.start[item] + begin if begin < stop else None, target[begin:], past[begin:])
    return out


@law
@given(tables(), rules(), st.integers(1, STEPS - 1), st.data())
def test_what_happens_from_the_origin_on_leaves_the_history_as_it_was(frame, rule, origin, data):
    price = frame.rename(columns={"target": "price"})
    options: dict[str, Any] = {"freq": "D", "past": ["price"], "filling": {"target": rule, "price": rule}}
    later, later_price = (
        changed_from(frame, "target", origin, data.draw),
        changed_from(price, "price", origin, data.draw),
    )
    before = Dataset(frame, price, **options).panel.until(STEPS - origin)
    after = Dataset(later, later_price, **options).panel.until(STEPS - origin)
    first, second = histories(before), histories(after)
    # an indicator column may come or go with later gaps
    width = min(before.past.shape[1], after.past.shape[1])
    for name in first:
        assert first[name][0] == second[name][0]
        np.testing.assert_array_equal(first[name][1], second[name][1])
        np.testing.assert_array_equal(first[name][2][:, :width], second[name][2][:, :width])


@law
@given(tables(), st.randoms(use_true_random=False), st.sampled_from(["last", "own"]))
def test_the_grid_is_what_pandas_makes_of_the_rows(frame, random, ends):
    rows = frame.dropna() if random.random() < 0.5 else frame
    shuffled = rows.sample(frac=1, random_state=random.randrange(1000))
    panel = Dataset(shuffled, freq="D", ends=ends).panel
    wide = frame.pivot_table(index="timestamp", columns="item_id", values="target", dropna=False).asfreq("D")
    for item, name in enumerate(panel.keys["item_id"]):
        column = wide[name] if name in wide else pd.Series(dtype=float)
        expected = column.loc[column.first_valid_index() :] if column.notna().any() else column.iloc[:0]
        if ends == "own" and len(expected):
            expected = expected.loc[: expected.last_valid_index()]
        np.testing.assert_array_equal(panel.history(item), expected.to_numpy(np.float32))
        if len(expected):
            assert panel.frequency.timestamps(panel.start[item]) == expected.index[0].to_datetime64()


@law
@given(tables(), rules(), st.integers(0, STEPS), st.integers(0, STEPS))
def test_the_way_to_an_origin_does_not_matter(frame, rule, one, two):
    panel = Dataset(frame, freq="D", filling={"target": rule}).panel
    direct, around = panel.until(two), panel.until(one).until(two)
    np.testing.assert_array_equal(direct.target, around.target)
    np.testing.assert_array_equal(direct.filled, around.filled)


# The three tables at once: every place, method and kind of column


WORDS = ["north", "south", "other", "x"]
OF_TEXT = ["nan", "previous", {"value": "north"}, {"value": "nowhere"}]


def column(draw, rng, name, values, *, steps=STEPS):
    """A gappy column of the items a, b and c; rows of nothing are there or not. (The anchor z has every value.)"""
    frames = []
    for item in "abc":
        cells = values(rng, steps)
        cells[rng.random(steps) < draw(st.sampled_from([0.1, 0.5, 0.9]))] = None
        frames.append(
            pd.DataFrame({"item_id": item, "timestamp": pd.date_range(ORIGIN, periods=steps), name: cells})
        )
    frame = pd.concat(frames, ignore_index=True)
    return frame.dropna() if draw(st.booleans()) else frame


def numbers(rng, steps):
    return rng.integers(-50, 50, steps).astype(float)


def words(rng, steps):
    return rng.choice(np.array(WORDS, object), steps)


@st.composite
def shops(draw):
    """Target, past (a number and a text) and known (a number, past the end) with a filling of each column."""
    # hypothesis would take seconds to draw each cell
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    anchor = pd.DataFrame({"item_id": "z", "timestamp": pd.date_range(ORIGIN, periods=STEPS), "target": 1.0})
    price = column(draw, rng, "price", numbers)
    past = price.merge(column(draw, rng, "tag", words), how="outer", on=["item_id", "timestamp"])
    anchored = anchor.rename(columns={"target": "price"}).assign(tag="x")
    method, front = st.sampled_from(CAUSAL), st.sampled_from(["nan", "zero", 7.5])
    filling = {
        name: {"front": draw(front), "middle": draw(method), "back": draw(method)}
        for name in ("target", "price")
    }
    filling["tag"] = {place: draw(st.sampled_from(OF_TEXT)) for place in ("middle", "back")}
    filling["promo"] = {
        place: draw(st.sampled_from([*CAUSAL, *LOOKING_AHEAD])) for place in ("middle", "back", "future")
    }
    return {
        "target": pd.concat([column(draw, rng, "target", numbers), anchor], ignore_index=True),
        "past": pd.concat([past, anchored], ignore_index=True),
        "known": column(draw, rng, "promo", numbers, steps=STEPS + AHEAD),
        "filling": filling,
    }


def read(target, past, known, filling):
    have = {"target", *past.columns, *known.columns}
    return Dataset(
        target,
        [past, known],
        freq="D",
        known=["promo"],
        past=["price", "tag"],
        filling={name: rule for name, rule in filling.items() if name in have},
        aggregation={"target": "sum", "price": "mean", "tag": "last"},
    ).panel


def shown(panel, origin):
    """What stands before an origin (a step counted from the first day), by item: target, and each column by its name."""
    end = int((panel.start + panel.lengths).max())
    ordinal = panel.frequency.ordinal(ORIGIN) + origin
    panel, out = panel.until(end - ordinal), {}
    for item, name in enumerate(panel.names):
        assert panel.stop[item] == 0 or panel.origin[item] == ordinal
        target = panel.history(item)
        kept = np.flatnonzero(~np.isnan(target))
        if len(kept) == 0:
            continue  # nothing was sold yet: it is a new item there
        steps = slice(panel.offsets[item] + kept[0], panel.offsets[item] + panel.stop[item])
        reach = slice(*(edge + item * panel.future for edge in (steps.start, steps.stop)))
        columns = dict(zip(names_of(panel.schema.past), panel.past[steps].T, strict=True))
        columns |= dict(zip(names_of(panel.schema.known), panel.known[reach].T, strict=True))
        out[name] = (int(panel.start[item] + kept[0]), {"target": target[kept[0] :], **columns})
    return out


def assert_equal_shows(one, other, *, without=()):
    assert one.keys() == other.keys()
    for name in one:
        assert one[name][0] == other[name][0], name
        # a later word is a column of one of them
        common = (one[name][1].keys() & other[name][1].keys()) - set(without)
        assert {"target", "price"} <= common
        for what in common:
            np.testing.assert_array_equal(one[name][1][what], other[name][1][what], err_msg=f"{name}: {what}")


def early(frame, origin):
    return frame[frame["timestamp"] < ORIGIN + pd.Timedelta(days=origin)]


@law
@given(shops(), st.integers(2, STEPS - 1))
def test_what_stands_before_an_origin_is_what_the_rows_before_it_make(shop, origin):
    whole = read(**shop)
    then = read(**(shop | {name: early(shop[name], origin) for name in ("target", "past")}))
    # Known columns are the same tables in both, but are stored no farther than the longest history is long.
    assert_equal_shows(shown(whole, origin), shown(then, origin), without=["promo", "promo is missing"])


@law
@given(shops(), shops(), st.integers(2, STEPS - 1), st.data())
def test_whatever_happens_from_an_origin_on_the_panel_before_it_stays(shop, other, origin, data):
    """Other values, rows that come and go, rows that are there twice, and items that nobody had heard of."""
    changed = dict(shop)
    for name in ("target", "past"):
        late = other[name][other[name]["timestamp"] >= ORIGIN + pd.Timedelta(days=origin)]
        late = pd.concat([late, late.sample(frac=0.2, random_state=data.draw(st.integers(0, 99)))])
        late.loc[late["item_id"] == "b", "item_id"] = "new"
        changed[name] = pd.concat([early(shop[name], origin), late], ignore_index=True)
    assert_equal_shows(shown(read(**shop), origin), shown(read(**changed), origin))


@law
@given(shops(), shops(), st.integers(2, STEPS - 1), st.sampled_from(CAUSAL))
def test_a_known_column_looks_ahead_only_where_its_method_does(shop, other, origin, method):
    alike = shop["filling"] | {"promo": {"middle": method, "back": method, "future": method}}
    late = other["known"][other["known"]["timestamp"] >= ORIGIN + pd.Timedelta(days=origin)]
    changed = pd.concat([early(shop["known"], origin), late])
    one, two = (read(**(shop | {"known": known, "filling": alike})) for known in (shop["known"], changed))
    assert_equal_shows(shown(one, origin), shown(two, origin))


@law
@given(tables(), rules(), st.integers(1, STEPS - 1))
def test_windows_of_an_earlier_origin_read_what_the_panel_was_then(frame, rule, steps):
    price = frame.rename(columns={"target": "price"})
    filling = {"target": rule, "price": rule}
    panel = Dataset(frame, price, freq="D", past=["price"], filling=filling).panel
    windows, then = Windows(panel, CovariateScale.of(panel), horizon=3).before(steps), panel.before(steps)
    assert windows.panel.origin.tolist() == then.origin.tolist()
    for item in range(len(panel)):
        first, stop = panel.offsets[item], then.stop[item]
        reach = torch.arange(panel.start[item], panel.start[item] + panel.lengths[item])[None]
        values, observed = windows.target(torch.tensor([item]), reach)
        seen = torch.where(observed, values, torch.nan)[0].numpy()
        np.testing.assert_array_equal(seen[:stop], then.history(item))
        assert np.isnan(seen[stop:]).all()
        columns = windows.past(torch.tensor([item]), reach)[0].numpy()
        flags = columns[:, -then.past.shape[1] :]  # whether it was observed
        np.testing.assert_array_equal(flags[:stop], ~np.isnan(then.past[first : first + stop]))
        assert not flags[stop:].any()
