"""Messages of the library in the words of the command line: `item_id=` becomes `--id`."""

from __future__ import annotations

import re
from typing import Final

# arguments of the library that are options of another name
_RENAMED: Final = {
    "item_id": "id",
    "target_column": "target",
    "start": "from",
    "settings": "set",
    "unit": "round",
}
# arguments that are options of the same name
_SAME: Final = (
    *(
        "related",
        "items",
        "freq",
        "known",
        "past",
        "open",
        "categorical",
        "numeric",
        "text_values",
        "dimensions",
        "timestamp",
        "date_format",
        "decimal",
        "thousands",
    ),
    *(
        "season",
        "ends",
        "partial",
        "filling",
        "aggregation",
        "holidays",
        "holiday_days",
        "timezone",
        "strict",
        "partitions",
    ),
    *(
        "horizon",
        "level",
        "permutations",
        "levels",
        "windows",
        "stride",
        "cutoffs",
        "refit",
        "calibrate",
        "trials",
        "recipe",
        "preset",
    ),
    *("forecasts", "backtest", "mean", "by", "method", "run", "table", "to"),
    *(
        "seed",
        "device",
        "devices",
        "precision",
        "threads",
        "processes",
        "time_limit",
        "resume",
        "out",
        "overwrite",
    ),
)
OPTIONS: Final = {name: f"--{_RENAMED.get(name, name).replace('_', '-')}" for name in (*_RENAMED, *_SAME)}
_NOT_HERE: Final = {  # what only the library can do, or spells in its own way -> what the command line has instead
    "scratch= (or the environment variable TMPDIR)": "the environment variable TMPDIR",
    "frequency must be one of": "--freq must be one of",
    "timestamp={'related': ...}": "--related-timestamp",
    "item_id={'related': ...}": "--related-id",
    "item_id={'items': ...}": "--items-id",
}
_NAME: Final = "|".join(OPTIONS)
_FILLING: Final = re.compile(r"filling=\{'([^']+)': (\{[^}]*\})\}")
_PAIR: Final = re.compile(r"'([^']+)': '([^']+)'")
_AGGREGATION: Final = re.compile(r"aggregation=(\{[^}]*\})")
_LIST: Final = re.compile(rf"(?<![.\w'-])({_NAME})=\[('[^\]]*')\]")
_ARGUMENT: Final = re.compile(rf"(?<![.\w'-])({_NAME})=(True\b|'[^']*'|\d+(?:\.\d+)?)?")
_OWN: Final = re.compile(r"""("[^"]*"|\bchange '[^']*')""")
_SUBJECT: Final = re.compile(rf"^({_NAME})(?= must | is missing\b)")


def as_options(message: str) -> str:
    """A message that names arguments of the library, with the options of the command line in their place.

    What a user wrote stands in double quotes, or after the word change, and stays as it is.
    """
    return "".join(part if own % 2 else _in_options(part) for own, part in enumerate(_OWN.split(message)))


def _in_options(message: str) -> str:
    """A part of a message that is the library's own."""
    for text, instead in _NOT_HERE.items():
        message = message.replace(text, instead)
    message = _FILLING.sub(lambda filling: _repeated(f"--filling {filling[1]}.", filling[2]), message)
    message = _AGGREGATION.sub(lambda found: _repeated("--aggregation ", found[1]), message)
    message = _LIST.sub(lambda found: f"{OPTIONS[found[1]]} {_joined(found[2])}", message)
    message = _ARGUMENT.sub(_option, message)
    return _SUBJECT.sub(lambda found: OPTIONS[found[1]], message)


def _repeated(option: str, table: str) -> str:
    """`option` once for each entry of a table of Python: --aggregation price=sum."""
    return " ".join(f"{option}{name}={value}" for name, value in _PAIR.findall(table))


def _joined(names: str) -> str:
    return ",".join(re.findall(r"'([^']*)'", names))


def _option(argument: re.Match[str]) -> str:
    """One argument with its value, if it has one: ends='own' is --ends own, strict=True is --strict."""
    option, value = OPTIONS[argument[1]], argument[2]
    return option if value in (None, "True") else f"{option} {value.strip(chr(39))}"
