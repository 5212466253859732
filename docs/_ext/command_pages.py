"""The page of the reference on the command line, and on TOML, from the parser itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from api_pages import cell
from docstrings import Undocumented


def pages() -> Iterator[tuple[str, str]]:
    """(path, MyST); raises Undocumented for a command or an option without an explanation."""
    yield "commands.md", commands_page(parser())


def parser() -> Any:
    """The command line as its parser sees it."""
    import typer.main

    from foretell.cli.app import app

    return typer.main.get_command(app)


def commands(root: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """(name, command) of all, those of a group after it with its name in front: `keys`, `keys create`."""
    for name, command in root.commands.items():
        yield f"{before}{name}", command
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")


def commands_page(root: Any) -> str:
    """All commands with their options; what several commands share stands once."""
    groups: dict[str, list[Any]] = {}
    parts = [
        "# Command line and TOML",
        "`foretell COMMAND --help` shows the same at the prompt. Results go to standard output, remarks to standard error. The exit"
        " status is 0, or 2 with one message that names the first thing to put right. `foretell --version` says which release it is, and"
        " on which libraries it stands.",
    ]
    for name, command in commands(root):
        own, shared = _split(name, command, groups)
        if not command.help:
            raise Undocumented(f"the command foretell {name} has no explanation")
        parts.append(f"## foretell {name}\n\n{command.help}")
        usage = " ".join(p.metavar or p.name.upper() for p in command.params if not _is_option(p))
        parts.append(f"```text\nforetell {name} {usage}{' ' if usage else ''}[OPTIONS]\n```")
        if own:
            parts.append(_table(name, own))
        if shared:
            links = ", ".join(
                f"[{_title(group)}](#{_title(group).lower().replace(' ', '-')})" for group in shared
            )
            parts.append(f"It takes also the options under {links}.")
    for group, options in groups.items():
        parts.append(f"## {_title(group)}\n\n{_table(group, options)}")
    parts.append(_TOML)
    return "\n\n".join(parts) + "\n"


def _title(group: str) -> str:
    return f"Options: {group.lower()}".replace(": ", " of the group ")


def _split(name: str, command: Any, groups: dict[str, list[Any]]) -> tuple[list[Any], list[str]]:
    own, shared = [], []
    for parameter in command.params:
        group = getattr(parameter, "rich_help_panel", None)
        if "--help" in parameter.opts:
            continue
        if group is None:
            own.append(parameter)
            continue
        if group not in shared:
            shared.append(group)
        known = groups.setdefault(group, [])
        if parameter.name not in [other.name for other in known]:
            known.append(parameter)
    return own, shared


def _is_option(parameter: Any) -> bool:
    return bool(parameter.opts[0].startswith("-"))


def _table(where: str, parameters: list[Any]) -> str:
    rows = ["| option | TOML key | meaning | default |", "|---|---|---|---|"]
    for parameter in parameters:
        shown = (
            ", ".join(f"`{each}`" for each in parameter.opts)
            if _is_option(parameter)
            else f"`{parameter.metavar}`"
        )
        if not parameter.help:
            raise Undocumented(f"the option {parameter.opts[-1]} of {where} has no explanation")
        value = _value(parameter)
        rows.append(
            f"| {shown}{f' {value}' if value and _is_option(parameter) else ''} | `{toml_key(parameter)}` |"
            f" {cell(_plain(parameter.help))} | {_default(parameter)} |"
        )
    return "\n".join(rows)


def toml_key(parameter: Any) -> str:
    """What the option is called in TOML, as the reader of configurations has it."""
    long = [name[2:].replace("-", "_") for name in parameter.opts if name.startswith("--")]
    return str((long or [parameter.name])[0])


def _value(parameter: Any) -> str:
    kind = parameter.type_descriptor.annotation
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    if getattr(parameter, "is_flag", False):
        return ""
    return (
        "\\|".join(map(str, choices)) if choices else (parameter.metavar or {int: "NUMBER"}.get(kind, "TEXT"))
    )


def _plain(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")


def _default(parameter: Any) -> str:
    default = parameter.default
    if (
        getattr(parameter, "is_flag", False)
        or default in (None, [], ())
        or callable(default)
        or "UNSET" in repr(default)
    ):
        return ""
    return f"`{default}`"


_TOML = """## TOML

`--config FILE` reads options from a TOML file; the command line wins over it. It may be given twice: of a key that is in both files
the later one counts, as in `--config shop.toml --config tuned/best.toml`. A key is the option's long name with `_` in place of `-`,
or, of an argument, its name in small letters (`sales`). One file serves all commands: keys of other commands are passed over, and a key
that no command has is an error. Lists may be lists, and what is written `NAME=VALUE` at the prompt may be a table:

```toml
sales = "sales.csv"
freq = "D"
known = ["open", "promo"]
recipe = ["mqrnn", "ets"]

[set.mqrnn]
hidden_size = 96

[filling.target]
middle = "zero"
```"""
