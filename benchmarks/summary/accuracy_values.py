"""What `accuracy/results.csv` and `accuracy/volume.csv` say, as texts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import pandas as pd

from benchmarks.accuracy.naive import TOLERANCE
from benchmarks.accuracy.results_page import markdown
from benchmarks.accuracy.spread import LEVEL_WITHIN, is_level
from benchmarks.accuracy.suites import NAIVE
from benchmarks.accuracy.task_results import TaskResults, geometric_mean

CHRONOS: Final = (
    "chronos_zeroshot"  # in the source of the tasks that Chronos Benchmark II and nobody else publishes
)
DEEPAR, GLUONTS = "deepar:max_steps=600,batch_size=32", "gluonts:estimator=DeepAR,max_steps=600"
ALONE: Final = {  # the recipes, with their defaults, that are shown by themselves
    "rossmann": ("mqrnn", "deepar"),
    "m4_hourly": ("mqrnn", "deepar", "seasonal_naive:intervals=none"),
    "rossmann_1D": ("mqrnn", "boosting"),
    "rossmann_cold": ("mqrnn", "historical_quantiles"),
}
AMAZON: Final = ("mqrnn", "deepar", "auto:time_limit=2m", "seasonal_naive:season=168")
Boards = Mapping[str, TaskResults]
Verdict = Literal["ahead", "level", "behind"]


def of_auto(boards: Boards, spreads: Mapping[str, float]) -> dict[str, str]:
    """`auto` beside the published systems: a table over all tasks, and how it goes on the sets of Chronos Benchmark II."""
    lines, verdicts, ratios, runs, waiting = [], {}, [], [], []
    for name, each in boards.items():
        rivals, recipe = each.task.rivals("wQL"), _auto(each)
        if not rivals or not each.counts("wQL") or each.task.suite == "amazon":
            continue
        if recipe is None:
            waiting.append(name)
            continue
        ours = each.recipes[recipe].scores["wQL"]
        ratio = ours / min(rivals.values())
        verdicts[name] = _standing(ratio, spreads.get(name))
        ratios.append(ratio)
        runs.append((each.recipes[recipe].seeds, float(_minutes(recipe).split()[0])))
        cells = [_rival(each, place) for place in (0, 1)]
        lines.append([name, _minutes(recipe), number(ours), *cells, f"{ratio:.3f}", verdicts[name]])
    classic = [name for name in verdicts if CHRONOS in boards[name].task.source]
    head = ["task", "`auto`", "its wQL", "best published", "next", "ratio", "`auto` is"]
    return {
        "auto_table": markdown(head, lines),
        "auto_count": str(len(lines)),
        "auto_wins": str(list(verdicts.values()).count("ahead")),
        "auto_ties": str(list(verdicts.values()).count("level")),
        "auto_ratio": f"{geometric_mean(ratios):.3f}",
        "auto_spreads": str(sum(name in spreads for name in verdicts)),
        "auto_waiting": ", ".join(waiting) or "none",
        "level_within": f"{100 * LEVEL_WITHIN:g} %",
        "auto_seeds": str(min(seeds for seeds, _ in runs)),
        "auto_minutes": f"{max(minutes for _, minutes in runs):g}",
        "naive_tolerance": f"{100 * TOLERANCE:g} %",
        **_classic(boards, classic, verdicts),
        **_rows(boards),
    }


def of_left_out(boards: Boards) -> dict[str, str]:
    """The tasks whose published figures do not count, with Seasonal Naive here and there, and why."""
    lines = [
        [
            name,
            number(each.check.scores["wQL"] if each.check else math.nan),
            number(each.task.published["wQL"][NAIVE]),
            each.task.left_out,
        ]
        for name, each in boards.items()
        if each.task.left_out
    ]
    return {"left_out_table": markdown(["task", "Seasonal Naive here", "published", "why"], lines)}


def _classic(boards: Boards, names: Sequence[str], verdicts: Mapping[str, Verdict]) -> dict[str, str]:
    """The sets of one table of published figures together: geometric means, and where `auto` is not ahead."""
    systems = boards[names[0]].task.rivals("wQL")
    theirs = {s: geometric_mean(boards[name].task.published["wQL"][s] for name in names) for s in systems}
    ours = geometric_mean(_auto_wql(boards[name]) for name in names)
    order = sorted(theirs, key=lambda system: theirs[system])
    return {
        "classic_count": str(len(names)),
        "classic_auto": number(ours),
        "classic_best": f"{number(theirs[order[0]])} ({boards[names[0]].task.marked(order[0])})",
        "classic_next": f"{number(theirs[order[1]])} ({boards[names[0]].task.marked(order[1])})",
        "classic_means": ", ".join(
            f"{boards[names[0]].task.marked(system)} {number(theirs[system])}" for system in order
        ),
        **{
            f"classic_{verdict}": ", ".join(name for name in names if verdicts[name] == verdict) or "none"
            for verdict in ("ahead", "level", "behind")
        },
        "classic_ahead_count": str(sum(verdicts[name] == "ahead" for name in names)),
    }


def _rows(boards: Boards) -> dict[str, str]:
    """For each task with `auto`: its wQL, and the best and the second of the published figures."""
    found = {}
    for name, each in boards.items():
        if _auto(each) is None or not each.task.rivals("wQL"):
            continue
        found[f"{name}_auto"] = number(_auto_wql(each))
        found[f"{name}_best"] = _rival(each, 0)
        found[f"{name}_next"] = _rival(each, 1)
    return found


def _rival(each: TaskResults, place: int) -> str:
    """The published figure at a place, 0 being the best, and whose it is."""
    system, figure = list(each.task.rivals("wQL").items())[place]
    return f"{number(figure)} ({each.task.marked(system)})"


def _standing(ratio: float, spread: float | None) -> Verdict:
    """How `auto` stands to the best published figure, whose losses by item nobody has."""
    if is_level(ratio, spread):
        return "level"
    return "ahead" if ratio < 1 else "behind"


def of_recipes(boards: Boards) -> dict[str, str]:
    """Single recipes with their defaults, and Amazon's example."""
    alone = []
    for name, recipes in ALONE.items():
        for recipe in recipes:
            measured = boards[name].recipes[recipe]
            scores = measured.scores
            cells = [
                _spelt(scores, "wQL", ".4f"),
                _spelt(scores, "MASE", ".3f"),
                _spelt(scores, "fit_seconds", ",.0f"),
            ]
            alone.append([name, f"`{recipe}`", str(measured.seeds), *cells])
    before = boards["amazon_before"].recipes
    amazon = [
        [
            f"`{r}`",
            str(m.seeds),
            f"{m.scores['RMSE']:.2f}",
            number(m.scores["wQL[0.5]"]),
            f"{before[r].scores['RMSE']:.2f}",
        ]
        for r, m in ((recipe, boards["amazon"].recipes[recipe]) for recipe in AMAZON)
    ]
    published = boards["amazon"].task.published
    amazon += [
        [f"*{system}* (published)", "", f"{rmse:.2f}", number(published["wQL[0.5]"][system]), ""]
        for system, rmse in published["RMSE"].items()
        if system != NAIVE
    ]
    return {
        "alone_table": markdown(["task", "recipe", "seeds", "wQL", "MASE", "fit s"], alone),
        "rossmann_mqrnn_p90": _spelt(boards["rossmann_1D"].recipes["mqrnn"].scores, "coverage[0.9]", ".2f"),
        "alone_tasks": "\n".join(f"- `{name}`: {boards[name].task.about}" for name in ALONE),
        "amazon_table": markdown(["", "seeds", "RMSE", "wQL[0.5]", "RMSE of the 20 windows before"], amazon),
    }


def of_deepar(boards: Boards, rows: pd.DataFrame) -> dict[str, str]:
    """`deepar` beside GluonTS' own, trained for as many steps of the same batches: where it is ahead, level, behind."""
    found: dict[Verdict, list[str]] = {"ahead": [], "level": [], "behind": []}
    for name, each in boards.items():
        if {DEEPAR, GLUONTS} <= set(each.recipes):
            theirs = each.recipes[GLUONTS].scores["wQL"]
            verdict = _verdict(rows, name, DEEPAR, theirs, against=GLUONTS)
            figures = f"{number(each.recipes[DEEPAR].scores['wQL'])} against {number(theirs)}"
            found[verdict].append(f"{name} ({figures})")
    return {
        "deepar_ahead_count": str(len(found["ahead"])),
        "deepar_count": str(sum(map(len, found.values()))),
        "deepar_level": ", ".join(found["level"]) or "none",
        "deepar_behind": ", ".join(found["behind"]) or "none",
    }


def of_volume(rows: pd.DataFrame) -> dict[str, str]:
    """wQL of two recipes on two tasks, trained on a hundredth of the series, a tenth, and all."""
    series = rows[rows["of"] == "series"]
    wide = series.pivot_table(index=["task", "recipe"], columns="share", values="wQL", aggfunc="median")
    shares = [0.01, 0.1, 1.0]
    found = {tuple(index): row for index, row in zip(wide.index, wide[shares].to_numpy(float), strict=True)}
    lines = [
        [task, f"`{recipe}`", *map(number, row)]
        for (task, recipe), row in found.items()
        if recipe != "seasonal_naive"
    ]
    return {"volume_table": markdown(["task", "recipe", "1 % of the series", "10 %", "all"], lines)}


def number(value: float) -> str:
    """A wQL as it is written everywhere: four decimals; a dash for none."""
    return "-" if math.isnan(value) else f"{value:.4f}"


def _spelt(scores: Mapping[str, float], name: str, how: str) -> str:
    value = scores.get(name, math.nan)
    return "-" if math.isnan(value) else format(value, how)


def _auto(each: TaskResults) -> str | None:
    """The run of `auto` that counts: of the most seeds, the uncalibrated one where there are two."""
    names = [name for name in each.recipes if name.startswith("auto")]
    return max(names, key=lambda name: (each.recipes[name].seeds, "+" not in name), default=None)


def _auto_wql(each: TaskResults) -> float:
    name = _auto(each)
    return math.nan if name is None else each.recipes[name].scores["wQL"]


def _minutes(recipe: str) -> str:
    limit = recipe.partition("time_limit=")[2]
    time, calibrated, _ = limit.partition("+calibrated")
    return f"{time.rstrip('m')} min" + (", calibrated" if calibrated else "")


def _verdict(
    rows: pd.DataFrame, task: str, recipe: str, other: float, *, against: str | None = None
) -> Verdict:
    """How `recipe` stands to a figure, by its median; level where the seeds of the two do not lie apart."""
    mine = _seeds(rows, task, recipe)
    theirs = _seeds(rows, task, against) if against else pd.Series([other])
    if len(mine) > 1 and mine.min() <= theirs.max() and theirs.min() <= mine.max():
        return "level"
    return "ahead" if mine.median() < other else "behind"


def _seeds(rows: pd.DataFrame, task: str, recipe: str) -> pd.Series:
    return rows.loc[(rows["task"] == task) & (rows["recipe"] == recipe), "wQL"]
