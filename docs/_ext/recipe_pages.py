"""The page of the reference on recipes and their hyperparameters, from the classes themselves."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from api_pages import cell
from docstrings import Undocumented


def pages() -> Iterator[tuple[str, str]]:
    """(path, MyST); raises Undocumented for a hyperparameter without a meaning."""
    from foretell.recipe.registry import installed_recipes

    installed = {
        name: kind
        for name, kind in installed_recipes().recipes.items()
        if kind.__module__.startswith("foretell_recipes")
    }
    yield "recipes.md", recipes_page(installed)


def recipes_page(recipes: dict[str, Any]) -> str:
    """Every recipe with its abilities and hyperparameters."""
    from foretell.cli.recipe_commands import _family, _first_line
    from foretell.recipe.protocols import abilities_of

    parts = [
        "# Recipes and their hyperparameters",
        'At the prompt a hyperparameter is `--set mqrnn.hidden_size=96`; in Python `settings={"hidden_size": 96}`; in TOML a key of the'
        " table `[set.mqrnn]`. `foretell recipes NAME` shows the same. How to choose among them is another page's matter.",
    ]
    rows = ["| recipe | family | time limit | warm start | searched by tune |", "|---|---|---|---|---|"]
    for name, kind in recipes.items():
        can = abilities_of(kind)
        rows.append(
            f"| [`{name}`](#{name}) | {_family(kind)} | {_yes(can.time_limit)} | {_yes(can.warm_start)} | {_yes(bool(can.search))} |"
        )
    parts.append("\n".join(rows))
    for name, kind in recipes.items():
        parts.append(f"({name})=\n## {name}\n\n{_first_line(kind)}\n\n{_table(name, kind)}")
    return "\n\n".join(parts) + "\n"


def _yes(value: bool) -> str:
    return "yes" if value else ""


def _table(name: str, kind: Any) -> str:
    from foretell.recipe.hyperparameters import hyperparameters

    rows = ["| hyperparameter | takes | default | meaning |", "|---|---|---|---|"]
    for parameter in hyperparameters(kind):
        if not parameter.meaning:
            raise Undocumented(
                f"the hyperparameter {name}.{parameter.name} has no comment that says what it means"
            )
        meaning = cell(parameter.meaning.replace("<", "&lt;").replace("*", "\\*"))
        rows.append(
            f"| `{parameter.name}` | {in_words(parameter.kind)} | `{parameter.default}` | {meaning} |"
        )
    return "\n".join(rows) if len(rows) > 2 else "It has no hyperparameters."


def in_words(kind: Any) -> str:
    """The values that a field takes."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(in_words(each) for each in args)
    if origin is Annotated:
        within = args[1]
        number = {int: "a whole number", float: "a number"}.get(args[0], in_words(args[0]))
        return f"{number} from {within.least:,} to {within.most:,}" if hasattr(within, "least") else number
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in args)
    if origin is tuple:
        return f"a list: {in_words(args[0])}"
    return {
        int: "a whole number",
        float: "a number",
        bool: "true, false",
        str: "text",
        type(None): "`none`",
    }.get(kind, f"`{getattr(kind, '__name__', kind)}`")
