"""Below what no item goes."""

from __future__ import annotations

import numpy as np
import pytest

from foretell.data.item_floors import floor_of_new_items, item_floors
from panels import daily

NAN = np.nan


def test_each_item_has_the_floor_of_its_own_history() -> None:
    panel = daily([[1.0, 0.0, 3.0], [1.0, -1.0, 3.0], [NAN, NAN, NAN], []])
    assert item_floors(panel, new=None).tolist() == [0, -np.inf, -np.inf, -np.inf]
    assert item_floors(panel, new=0.0).tolist() == [0, -np.inf, 0, 0]


def test_a_negative_value_that_is_rounding_beside_the_items_others_does_not_count() -> None:
    panel = daily([[5.0, -1e-9, 0.0], [1e-9, -1e-9, 0.0]])
    assert item_floors(panel, new=None).tolist() == [0, -np.inf]


def test_what_lies_beyond_the_origin_does_not_count() -> None:
    panel = daily([[1.0, 2.0, -3.0], [-1.0]])
    assert item_floors(panel.until(1), new=0.0).tolist() == [0, 0]


@pytest.mark.parametrize(("negative", "floor"), [(0, 0.0), (1, 0.0), (2, None)])
def test_new_items_have_a_floor_where_nearly_all_others_were_never_negative(negative, floor) -> None:
    series = [[1.0, -1.0 if k < negative else 1.0] for k in range(10)]
    assert floor_of_new_items(daily([*series, []])) == floor
