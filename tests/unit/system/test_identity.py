"""Keys that are objects."""

from __future__ import annotations

from foretell.system.identity import This


def test_a_key_is_the_object_itself_and_no_equal_one() -> None:
    one, other = [1], [1]
    assert This(one) == This(one)
    assert This(one) != This(other)
    assert {This(one): 1}.get(This(one)) == 1


def test_no_other_object_takes_the_place_of_one_that_is_a_key() -> None:
    kept = {This([k]): k for k in range(100)}  # nothing else holds these lists
    assert len(kept) == 100
