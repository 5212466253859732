"""Nothing at or after an origin reaches what lies before it, and the grid is what pandas makes of the rows."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.dataset import Dataset

STEPS = 24
CAUSAL = ["nan", "zero", "previous", "mean", "median", "min", "max", 7.5]
law = settings(derandomize=True, deadline=None, max_examples=20)


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
    options = {"freq": "D", "past": ["price"], "filling": {"target": rule, "price": rule}}
    later, later_price = (
        changed_from(frame, "target", origin, data.draw),
        changed_from(price, "price", origin, data.draw),
    )
    before = Dataset(frame, price, **options).panel.until(STEPS - origin)
    after = Dataset(later, later_price, **options).panel.until(STEPS - origin)
    first, second = histories(before), histories(after)
    width = min(
        before.past.shape[1], after.past.shape[1]
    )  # an indicator column may come or go with later gaps
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
