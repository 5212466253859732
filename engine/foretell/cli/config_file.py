"""Options read from a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import typer

from foretell.cli.exit_status import user_errors
from foretell.errors import ForetellError, nearest

_NOT_FROM_A_FILE: Final = {
    "predict": ("horizon",)
}  # command -> keys that mean the training's option in a file


def read_config(context: typer.Context, paths: list[Path]) -> list[Path]:
    """`paths`, with the keys of these TOML files made the defaults of the command's other options; a later file wins."""
    with user_errors():
        for path in paths:
            context.default_map = {**(context.default_map or {}), **_config_values(context, path)}
    return paths


def _config_values(context: typer.Context, path: Path) -> dict[str, Any]:
    """Parameter name -> value, for the command at hand; raises ForetellError for a key that no command has."""
    table = _read_toml(path)
    mine = _keys(context.command)
    everyones = {key for command in _commands(context) for key in _keys(command)}
    for key in _NOT_FROM_A_FILE.get(context.command.name or "", ()):
        mine.pop(key, None)
    values = {}
    for key, value in table.items():
        plain = key.replace("-", "_")
        if plain not in everyones:
            raise ForetellError(f"{path} has the key {key!r}, which is no option.{nearest(plain, everyones)}")
        if plain in mine:  # one file serves all commands: the options of other commands are ignored
            values[mine[plain].name] = _value(f"{path}: {key}", mine[plain], value)
    return values


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ForetellError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # TOML's own and UTF-8's
        raise ForetellError(f"{path} is no TOML: {error}") from error


def _commands(context: typer.Context) -> list[Any]:
    parent = context.parent
    return [context.command] if parent is None else list(getattr(parent.command, "commands", {}).values())


def _keys(command: Any) -> dict[str, Any]:
    """TOML key -> parameter: an option's long name, with underscores; an argument's name."""
    keys = {}
    for parameter in command.params:
        long = [name[2:].replace("-", "_") for name in parameter.opts if name.startswith("--")]
        for key in long or [parameter.name]:
            keys[key] = parameter
    return {key: parameter for key, parameter in keys.items() if key not in ("help", "config")}


def _value(where: str, parameter: Any, value: Any) -> Any:
    """A TOML value as the command line would have it: lists joined by commas, tables as NAME=VALUE."""
    many = getattr(parameter, "multiple", False) or parameter.nargs == -1
    if isinstance(value, Mapping):
        if not many:
            raise ForetellError(f"{where} takes one value, got a table")
        return [f"{name}={text}" for name, text in _flat(value)]
    if isinstance(value, bool) != getattr(parameter, "is_flag", False):
        raise ForetellError(
            f"{where} {'takes no' if isinstance(value, bool) else 'must be'} true or false, got {value!r}"
        )
    if isinstance(value, bool):
        return value
    parts = [str(part) for part in value] if isinstance(value, list) else [str(value)]
    return parts if many else ",".join(parts)


def _flat(table: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", text) for inner, text in _flat(value))
        else:
            yield name, str(value)
