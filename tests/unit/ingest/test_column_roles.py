"""Known or past: what is guessed of columns that nobody declared, what is said of it, and that strict guesses nothing."""

import pandas as pd
import pytest

from foretell.cli.option_names import as_options
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset

ITEMS, DAYS, AHEAD = ("a", "b", "c"), 20, 5


def table(items=ITEMS, days=DAYS + AHEAD, **columns):
    """A row an item and day; a column is a function of the item's and the day's position."""
    rows = [
        {"item_id": item, "timestamp": day, **{name: value(i, t) for name, value in columns.items()}}
        for i, item in enumerate(items)
        for t, day in enumerate(pd.date_range("2024-01-01", periods=days))
    ]
    return pd.DataFrame(rows)


SALES = table(days=DAYS, target=lambda i, t: 5.0 + i + t % 7)


def oil(_, t):
    return 50.0 + t % 9


def notes(data):
    return [f.message for f in data.findings if f.code in ("known", "past")]


def test_a_number_that_is_the_same_for_all_items_is_past_though_it_goes_on():
    data = Dataset(SALES, table(oil_price=oil), freq="D")
    assert data.schema.roles == {"oil_price": "past"}
    (note,) = notes(data)
    assert "'oil_price' counts as past" in note
    assert "--known oil_price" in as_options(note)
    assert Dataset(SALES, table(oil_price=oil), freq="D", known=["oil_price"]).schema.roles == {
        "oil_price": "known"
    }


def test_a_table_by_time_alone_holds_numbers_that_are_the_same_for_all_items():
    by_time = table(items=["x"], oil_price=oil).drop(columns="item_id")
    assert Dataset(SALES, by_time, freq="D").schema.roles == {"oil_price": "past"}


def test_a_table_by_region_is_the_same_for_all_items_where_the_regions_are_alike():
    regions = pd.DataFrame({"item_id": ITEMS, "region": ["n", "n", "s"]})
    related = table(items=["n", "s"], oil_price=oil, rain=lambda i, t: float((i + t) % 5))
    related = related.rename(columns={"item_id": "region"})
    roles = Dataset(SALES, related, regions, freq="D").schema.roles
    assert {c: roles[c] for c in ("oil_price", "rain")} == {"oil_price": "past", "rain": "known"}


def test_flags_texts_and_numbers_that_differ_between_items_stay_known():
    related = table(
        holiday=lambda i, t: t % 7 == 0,
        flag=lambda i, t: float(t % 7 == 0),
        event=lambda i, t: "fair" if t % 5 == 0 else "none",
        price=lambda i, t: 3.0 + (t % 4 if i == 2 else 0),
        fixed=lambda i, t: 3.0,
    )
    data = Dataset(SALES, related, freq="D")
    assert set(data.schema.roles.values()) == {"known"}
    (note,) = notes(data)
    assert note.startswith("'holiday', 'flag', 'event', 'price', 'fixed' count as known")


def test_numbers_of_one_item_stay_known():
    one = Dataset(SALES.query("item_id == 'a'"), table(items=["a"], oil_price=oil), freq="D")
    assert one.schema.roles == {"oil_price": "known"}


def test_numbers_of_items_that_are_never_there_at_once_stay_known():
    apart = table(items=["a", "b"], target=lambda i, t: float(t), oil_price=oil)
    apart.loc[apart["item_id"] == "b", "timestamp"] += pd.Timedelta(days=40)
    sold = apart.groupby("item_id").head(DAYS)[["item_id", "timestamp", "target"]]
    related = apart[["item_id", "timestamp", "oil_price"]]
    assert Dataset(sold, related, freq="D", ends="own").schema.roles == {"oil_price": "known"}


def test_a_column_whose_future_is_filled_was_meant_to_go_on():
    rule = {"oil_price": {"future": "previous"}}
    data = Dataset(SALES, table(oil_price=oil), freq="D", filling=rule)
    assert data.schema.roles == {"oil_price": "known"}


def test_all_columns_of_a_role_are_said_in_one_note():
    related = table(
        promo=lambda i, t: float(i == t % 3), price=lambda i, t: 3.0 + i if t < DAYS else None, oil_price=oil
    )
    related["visitors"] = related["price"]
    said = notes(Dataset(SALES, related, freq="D"))
    assert [note.split(":")[0] for note in said] == [
        "'promo' counts as known",
        "'price', 'visitors' count as past",
        "'oil_price' counts as past",
    ]


def test_a_strict_reading_asks_for_the_roles_of_all_columns_at_once():
    related = table(
        promo=lambda i, t: float(i == t % 3), price=lambda i, t: 3.0 + i if t < DAYS else None, oil_price=oil
    )
    with pytest.raises(ForetellError) as error:
        Dataset(SALES, related, freq="D", strict=True)
    said = as_options(str(error.value))
    assert "'promo', 'oil_price', 'price' are declared neither known nor past" in said
    assert "--known promo, --past oil_price,price" in said
    declared = Dataset(SALES, related, freq="D", strict=True, known=["promo"], past=["price", "oil_price"])
    assert not notes(declared)


def test_a_model_leaves_nothing_to_guess():
    first = Dataset(SALES, table(oil_price=oil), freq="D", known=["oil_price"])
    again = Dataset(SALES, table(oil_price=oil), freq="D", strict=True, schema=first.schema)
    assert again.schema.roles == {"oil_price": "known"}
    assert not notes(again)
