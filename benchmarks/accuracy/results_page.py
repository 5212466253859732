"""The results as Markdown: what was measured here beside what others published."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from benchmarks.accuracy.naive import TOLERANCE, agrees
from benchmarks.accuracy.suites import NAIVE, SUITES, BenchmarkTask
from benchmarks.accuracy.task_results import TaskResults, geometric_mean, task_results

INTRODUCTION = f"""# Accuracy on public data

Written by `python -m benchmarks.accuracy --table` from `results.csv`; the tasks are in `suites/`. Lower is better; the best of a
column is bold. Recipes of foretell stand in `this type`, published systems in *italics*. A score is the mean over a task's windows,
the median over seeds. Seconds are sums over the windows. p10 and p90 are the shares of actuals at or below these quantiles, 80 % the
share inside their interval.

A published row counts where Seasonal Naive, made and scored here the published way (not cut off at 0), comes within
{100 * TOLERANCE:g} % of the published figure; otherwise it is *provisional*: never bold, and no win over it is counted. A system
with ° is pretrained on far more data than a task has, one with † has also seen the task's data and need not be beaten. A recipe that
failed with any seed of a task has no score for it and is counted as failed."""

_COVERAGE = {"coverage[0.1]": "p10", "coverage[0.9]": "p90", "interval[0.8]": "80 %"}
_COSTS = {"fit_seconds": "fit s", "predict_seconds": "predict s", "fallbacks": "fallbacks"}


def render(rows: pd.DataFrame, tasks: Mapping[str, BenchmarkTask], about: Mapping[str, str]) -> str:
    """All suites that have results."""
    boards = [task_results(rows, task) for task in tasks.values()]
    parts = [INTRODUCTION]
    for suite, sentence in about.items():
        mine = [each for each in boards if each.task.suite == suite and (each.recipes or each.check)]
        if mine:
            parts += [f"## {suite}", sentence, *(_compared(mine) if suite in SUITES else [])]
            parts += [_details(each) for each in mine]
    versions = sorted(set(rows["version"].dropna())), sorted(set(rows["machine"].dropna()))
    parts.append(f"foretell {', '.join(versions[0])}; {'; '.join(versions[1])}.")
    return "\n\n".join(parts) + "\n"


def _compared(boards: Sequence[TaskResults]) -> list[str]:
    """A suite in a few tables: where its published figures are from, every system on every task, and pair by pair."""
    names = list(dict.fromkeys(name for each in boards for name in each.recipes))
    systems = list(dict.fromkeys(name for each in boards for name in each.task.published.get("wQL", {})))
    sources: dict[str, list[str]] = {}
    for each in boards:
        if each.task.published:
            sources.setdefault(each.task.source, []).append(each.task.name)
    listed = [f"- {', '.join(tasks)}: {source}" for source, tasks in sources.items()]
    return [
        "Published figures are from:",
        "\n".join(listed),
        _overview(boards, names, systems),
        "`vs naive` is the geometric mean of wQL over Seasonal Naive's (made the published way, for rows of both kinds) on `tasks`"
        " tasks; `wins` the tasks on which a recipe is below every published figure that counts.",
        _pairs(boards, names, systems),
        "Geometric mean of a recipe's wQL over a published system's, and the number of tasks that have both and count: below 1,"
        " in bold, the recipe is better on them.",
    ]


def _pairs(boards: Sequence[TaskResults], names: Sequence[str], systems: Sequence[str]) -> str:
    """Each recipe against each published system, on the tasks that have both."""
    return markdown(
        ["wQL over", *(f"*{system}*" for system in systems)],
        [[f"`{name}`", *(_pair(boards, name, system) for system in systems)] for name in names],
    )


def _pair(boards: Sequence[TaskResults], name: str, system: str) -> str:
    ratios = []
    for each in boards:
        figure = each.task.published.get("wQL", {}).get(system)
        mine = each.recipes[name].scores.get("wQL") if name in each.recipes else None
        if figure is not None and mine is not None and each.counts("wQL"):
            ratios.append(mine / figure)
    if not ratios:
        return ""
    mean = geometric_mean(ratios)
    return f"**{mean:.3f}** ({len(ratios)})" if mean < 1 else f"{mean:.3f} ({len(ratios)})"


def _overview(boards: Sequence[TaskResults], names: Sequence[str], systems: Sequence[str]) -> str:
    """wQL of every system on every task of a suite, and the geometric mean over the tasks it has a figure for."""
    head = ["wQL", *(each.task.name + ("" if _settled(each) else " (provisional)") for each in boards)]
    lines = [[f"`{name}`", *_recipe_line(name, boards)] for name in names]
    lines += [[f"*{name}*", *_published_line(name, boards)] for name in systems]
    for column, each in enumerate(boards, start=1):
        counted = len(lines) if each.counts("wQL") else len(names)
        _embolden(lines[:counted], column)
    return markdown([*head, "vs naive", "tasks", "failed", "wins"], lines)


def _recipe_line(name: str, boards: Sequence[TaskResults]) -> list[str]:
    cells, relative, failed, wins, contests = [], [], 0, 0, 0
    for each in boards:
        measured = each.recipes.get(name)
        value = math.nan if measured is None else measured.scores.get("wQL", math.nan)
        failed += measured is not None and bool(measured.errors)
        cells.append("failed" if measured is not None and measured.errors else _number(value))
        if math.isnan(value):
            continue
        relative.append(each.relative(value))
        rivals = each.task.rivals("wQL")
        if rivals and each.counts("wQL"):
            contests += 1
            wins += value < min(rivals.values())
    known = [ratio for ratio in relative if not math.isnan(ratio)]
    return [*cells, _number(geometric_mean(known)), str(len(known)), str(failed), f"{wins} of {contests}"]


def _published_line(name: str, boards: Sequence[TaskResults]) -> list[str]:
    figures = [each.task.published.get("wQL", {}).get(name, math.nan) for each in boards]
    relative = [
        each.relative(figure)
        for each, figure in zip(boards, figures, strict=True)
        if each.counts("wQL") and not math.isnan(figure)
    ]
    return [*map(_number, figures), _number(geometric_mean(relative)), str(len(relative)), "", ""]


def _details(each: TaskResults) -> str:
    """A task's heading, facts, table and failures."""
    task = each.task
    shown = list(dict.fromkeys([*task.shown]))
    costs = _COVERAGE | _COSTS
    ours, theirs = _our_lines(each, [*shown, *costs]), _published_lines(task, shown, blank=len(costs))
    lines = ours + theirs
    for column, score in enumerate(shown, start=2):
        _embolden(lines if each.counts(score) else ours, column)
    errors = [
        f"- `{name}` failed with {len(m.errors)} of {m.seeds} seeds: {m.errors[0]}"
        for name, m in each.recipes.items()
        if m.errors
    ]
    head = ["", "seeds", *shown, *costs.values()]
    return "\n\n".join(
        [f"### {task.name}", _facts(each), markdown(head, lines), *["\n".join(errors)] * bool(errors)]
    )


def _our_lines(each: TaskResults, columns: Sequence[str]) -> list[list[str]]:
    """A line a recipe, the best by the first of `columns` on top."""
    lines = [
        [f"`{name}`", str(m.seeds), *(_number(m.scores.get(column, math.nan)) for column in columns)]
        for name, m in each.recipes.items()
    ]
    return sorted(lines, key=lambda line: float(line[2]) if line[2] else math.inf)


def _published_lines(task: BenchmarkTask, scores: Sequence[str], *, blank: int) -> list[list[str]]:
    """A line a system that others published scores of, with `blank` empty cells at its end."""
    systems = dict.fromkeys(name for score in scores for name in task.published.get(score, {}))
    return [
        [f"*{task.marked(name)}*" + " (published)" * (name == NAIVE), ""]
        + [_number(task.published.get(score, {}).get(name, math.nan)) for score in scores]
        + [""] * blank
        for name in systems
    ]


def _facts(each: TaskResults) -> str:
    """What the task is, and what the check said."""
    task = each.task
    trained = "trained in each" if task.refit == "every" else "trained once, before the first"
    windows = (
        f"{task.windows} windows of {task.horizon} steps, {trained}"
        if task.windows > 1
        else f"{task.horizon} steps"
    ) + (", the last window not scored" if task.skip_last else "")
    about = task.about[0].upper() + task.about[1:]
    said = [
        f"{about}. {windows[0].upper() + windows[1:]}; {len(task.levels)} levels; data {', '.join(each.fingerprints)}."
    ]
    if task.published:
        said.append(_verdict(each))
    if task.left_out:
        said.append(f"Left out: {task.left_out}.")
    return " ".join(said)


def _verdict(each: TaskResults) -> str:
    if each.check is None or each.check.errors:
        why = each.check.errors[0] if each.check else "it was not run"
        return f"**Provisional**: Seasonal Naive was not checked ({why})."
    parts = []
    for score, ratio in each.ratios.items():
        here, there = each.check.scores[score], each.task.published[score][NAIVE]
        verdict = "agrees" if agrees(ratio) else "**provisional**"
        parts.append(
            f"{score} {_number(here)} here, {_number(there)} published ({100 * abs(ratio - 1):.1f} % off: {verdict})"
        )
    return (
        "Seasonal Naive: " + "; ".join(parts) + "."
        if parts
        else "No published Seasonal Naive: **provisional**."
    )


def _settled(each: TaskResults) -> bool:
    return not each.task.published or each.counts("wQL")


def _embolden(lines: Sequence[list[str]], column: int) -> None:
    """Make the least number of a column bold, where there are several."""
    numbers = {k: float(line[column]) for k, line in enumerate(lines) if line[column] not in ("", "failed")}
    for k, number in numbers.items():
        if len(numbers) > 1 and number == min(numbers.values()):
            lines[k][column] = f"**{lines[k][column]}**"


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in rows)


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4g}"
