"""`Task` and `Run`."""

from __future__ import annotations

from pathlib import Path

import pytest

from foretell.errors import ForetellError
from foretell.recipe.levels import DEFAULT_LEVELS, check_levels
from foretell.recipe.task import Run, Task


def test_levels_are_sorted_and_without_repeats() -> None:
    assert check_levels([0.9, 0.1, 0.5, 0.1]) == (0.1, 0.5, 0.9)


def test_a_task_has_the_default_levels() -> None:
    assert Task(7).levels == DEFAULT_LEVELS == (0.1, 0.5, 0.9)


@pytest.mark.parametrize("level", [0, 1, 50, -0.1, float("nan"), "0.5", None])
def test_a_level_outside_of_0_and_1_is_refused_and_named(level: object) -> None:
    with pytest.raises(ForetellError, match=f"strictly between 0 and 1, got {level!r}"):
        check_levels([0.5, level])  # type: ignore[list-item]


@pytest.mark.parametrize("levels", [[], 0.5, "0.5"])
def test_levels_that_are_no_list_are_refused(levels: object) -> None:
    with pytest.raises(ForetellError, match="levels must be a list"):
        check_levels(levels)  # type: ignore[arg-type]


@pytest.mark.parametrize("horizon", [0, -1, 2.5, True, "7", None])
def test_a_horizon_that_is_no_count_of_steps_is_refused(horizon: object) -> None:
    with pytest.raises(ForetellError, match="horizon must be a whole number of steps, at least 1"):
        Task(horizon)  # type: ignore[arg-type]


def test_resuming_needs_a_folder() -> None:
    with pytest.raises(ForetellError, match="resume= needs the folder"):
        Run(resume=True)
    assert Run(resume=True, out=Path("runs")).resume
