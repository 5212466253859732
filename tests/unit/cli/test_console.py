"""What is said at the prompt names the options of the prompt."""

from __future__ import annotations

import inspect
import re

import pytest

from foretell.cli.console import as_options
from foretell.cli.data_commands import check
from foretell.cli.option_groups import DataOptions
from foretell.data.finding_advice import ADVICE


@pytest.mark.parametrize(
    ("advice", "spelt"),
    [
        ("correct them, or date_format=", "correct them, or --date-format"),
        ("drop them, or ends='own'", "drop them, or --ends own"),
        ("item_id=, where a column of it names the item", "--id, where a column of it names the item"),
        (
            "freq=, aggregation=, or strict=True to refuse them",
            "--freq, --aggregation, or --strict to refuse them",
        ),
        (
            "filling={'target': {'middle': 'zero', 'back': 'zero'}}, or a coarser freq=",
            "--filling target.middle=zero --filling target.back=zero, or a coarser --freq",
        ),
        ("complete the table", "complete the table"),
    ],
)
def test_arguments_of_the_library_become_options(advice: str, spelt: str) -> None:
    assert as_options(advice) == spelt


def test_every_option_that_advice_names_is_one_of_check() -> None:
    there = {
        f"--{name.replace('_', '-')}"
        for name in (*DataOptions.__dataclass_fields__, *inspect.signature(check).parameters)
    }
    named = {
        name for advice in ADVICE.values() for name in re.findall(r"--[a-z-]+", as_options(advice.option))
    }
    assert len(named) > 8
    assert named <= there
