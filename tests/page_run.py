"""The pages of README and docs, carried out from top to bottom as a reader would, in a folder with the sample.

What is done with a block depends on its language:

- `console`: what follows `$ ` is run; what is shown below it must be found in what it printed, whole lines in that order. `...` stands
  for any text within a line, and on a line of its own for any lines; seconds, clock times and blanks are not compared. A command may
  only fail where the next one is `echo $?`. A line that ends with a backslash goes on, and so does one that is followed by `> `.
- `python`: run; all of a page share their names.
- `{code-block} LANGUAGE` with a `:caption:`: written into the folder as a file of that name. One named crontab is read as such.
- `toml`: its keys are options of foretell (or a part of pyproject.toml).
- `bash`: commands that cannot be run here. Bash and foretell's parser must take them.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

import typer
from command_pages import parser
from typer.testing import CliRunner

from foretell.cli.app import app
from foretell.cli.config_file import read_config

ROOT: Final = Path(__file__).parents[1]
SECONDS: Final = 120  # that a command of the shell may take
_FENCE: Final = re.compile(
    r"^(?P<fence>`{3,})(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=fence)[ ]*$", re.DOTALL | re.MULTILINE
)
_CAPTION: Final = re.compile(r"(?::[a-z-]+:.*\n)*?:caption: (?P<name>\S+)\n(?::[a-z-]+:.*\n)*\n?")
_SHELL: Final = re.compile(r"[|&;<>$`*?(){}#\n]|^\w+=")  # what only a shell understands
_TIMES: Final = re.compile(
    r"\b\d+(?:\.\d+)? (?:s|seconds?|minutes?)\b|\d{4}-\d\d-\d\dT[\d:.]+\+00:00|\b\d\d:\d\d:\d\d[.,\d]*"
)
_CRON: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))  # minute, hour, day, month, weekday


class PageFault(AssertionError):
    """What a page says and what happens are two things."""


@dataclass(frozen=True)
class Block:
    """A block of code of a page."""

    page: str
    line: int  # of its first line of text
    language: str
    text: str

    def fault(self, offset: int, what: str) -> PageFault:
        """An error that names page and line."""
        return PageFault(f"{self.page}:{self.line + offset}: {what}")


def blocks_of(page: str, text: str) -> Iterator[Block]:
    """The blocks of a page, in order."""
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start("text")) + 1
        yield Block(page, line, found["language"].strip(), found["text"])


def run_page(page: str, text: str, *, python: bool = True) -> int:
    """Carry out a page in the current folder; returns how many blocks were checked, and raises PageFault for the first that lies."""
    module = ModuleType("page_" + re.sub(r"\W+", "_", page))
    sys.modules[module.__name__] = module  # where dataclasses look their names up
    checked = 0
    try:
        for block in blocks_of(page, text):
            checked += _run(block, module, python=python)
    finally:
        del sys.modules[module.__name__]
    return checked


def _run(block: Block, module: ModuleType, *, python: bool) -> bool:
    named = block.language.startswith("{code-block}") and _CAPTION.match(block.text)
    if named:
        _write(block, named["name"], block.text[named.end() :])
    elif block.language == "console":
        _run_console(block)
    elif block.language == "python" and python:
        code = compile(block.text, f"{block.page}:{block.line}", "exec", dont_inherit=True)
        exec(code, vars(module))
    elif block.language == "toml":
        _check_toml(block)
    elif block.language == "bash":
        _check_bash(block)
    else:
        return False
    return True


def _write(block: Block, name: str, text: str) -> None:
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise block.fault(0, f"the file {name} lies outside of the page's folder")
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")
    if name == "crontab":
        check_crontab(block, text)
    elif name.endswith(".sh"):
        _check_bash(Block(block.page, block.line, "bash", text))


# --- console


@dataclass(frozen=True)
class Command:
    """What stands behind a prompt, and what is shown below it."""

    offset: int  # of its line in the block
    text: str
    shown: tuple[str, ...]


def commands_of(block: Block) -> list[Command]:
    """The commands of a transcript, in order."""
    found: list[Command] = []
    begun: list[str] = []
    for offset, line in enumerate(block.text.splitlines()):
        if line.startswith("$ "):
            begun = [line[2:]]
            found.append(Command(offset, line[2:], ()))
        elif not found:
            raise block.fault(offset, "a console block begins with a command after '$ '")
        elif not found[-1].shown and (begun[-1].endswith("\\") or line.startswith("> ")):
            begun.append(line.removeprefix("> "))
            found[-1] = Command(found[-1].offset, "\n".join(begun), ())
        else:
            found[-1] = Command(found[-1].offset, found[-1].text, (*found[-1].shown, line))
    return found


def _run_console(block: Block) -> None:
    status = 0
    commands = commands_of(block)
    for place, command in enumerate(commands):
        asked = place + 1 < len(commands) and commands[place + 1].text == "echo $?"
        status, printed = run_command(command.text, status)
        if status and not asked:
            raise block.fault(command.offset, f"`{command.text}` ended with status {status}:\n{printed}")
        if not found_in(command.shown, printed):
            shown = "\n".join(command.shown)
            raise block.fault(command.offset, f"`{command.text}` does not print\n{shown}\nbut\n{printed}")


def run_command(text: str, last_status: int = 0) -> tuple[int, str]:
    """(exit status, what it printed) of a command; `foretell` alone runs in this process, whatever else in a shell."""
    plain = text.replace("\\\n", " ")
    if plain.startswith("foretell ") and not _SHELL.search(_unquoted(plain)):
        return _run_here(shlex.split(plain)[1:])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"(exit {last_status})\n{text}"],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


def _unquoted(command: str) -> str:
    return re.sub(r"'[^']*'", "''", re.sub(r'"[^"$`]*"', '""', command))


def _run_here(words: list[str]) -> tuple[int, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as `foretell` itself does
        result = CliRunner(env={"COLUMNS": "100"}).invoke(app, words, prog_name="foretell")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "COLUMNS": "100", "LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "ignore"}


def found_in(shown: tuple[str, ...], printed: str) -> bool:
    """Whether a command printed what is shown."""
    lines = [plain for line in printed.splitlines() if (plain := _plain(line))]
    wanted = ""
    for line in filter(None, map(_plain, shown)):
        if line == "...":
            wanted += r"(?:.*\n)*?"
        else:
            wanted += r".*?".join(map(re.escape, line.split("..."))) + r"\n"
    return re.search(rf"(?:\A|(?<=\n)){wanted}", "".join(f"{line}\n" for line in lines)) is not None


def _plain(line: str) -> str:
    return " ".join(_TIMES.sub("(time)", line).split())


# --- what is only read


def _check_toml(block: Block) -> None:
    try:
        table = tomllib.loads(block.text)
    except tomllib.TOMLDecodeError as error:
        raise block.fault(0, f"no TOML: {error}") from error
    if "project" not in table:
        path = Path("options-of-the-page.toml")
        path.write_text(block.text, encoding="utf-8")
        _read_options(block, path)


def _read_options(block: Block, path: Path) -> None:
    """As `foretell train --config` reads it; keys of other commands are known to it too."""
    root = parser()
    with typer.Context(root, info_name="foretell") as above:
        for command in root.commands.values():
            context = typer.Context(command, parent=above)
            try:
                read_config(context, [path])
            except typer.Exit as error:
                raise block.fault(0, f"foretell does not take these options: {error.__cause__}") from error


def _check_bash(block: Block) -> None:
    done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise block.fault(0, f"bash does not take it: {done.stderr}")
    for offset, line in _logical_lines(block.text):
        for words in re.findall(
            r"(?:^|[;&|(!]\s*|\s)foretell ((?:[^|;&<>\n#'\"]|'[^']*'|\"[^\"]*\")*)", line
        ):
            _check_options(block, offset, words)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """(offset of its first line, line) with lines that go on made one, without comments."""
    begun, first = "", 0
    for offset, line in enumerate(text.splitlines()):
        if not begun:
            first = offset
        begun += line.removesuffix("\\")
        if not line.endswith("\\"):
            if not begun.lstrip().startswith("#"):
                yield first, begun
            begun = ""


def _check_options(block: Block, offset: int, text: str) -> None:
    """Whether foretell's parser takes a command; nothing is run."""
    name, *words = [word for word in shlex.split(text) if word != "..."]
    command = parser().commands.get(name)
    if command is None:
        raise block.fault(offset, f"foretell has no command {name}")
    try:
        command.make_parser(typer.Context(command)).parse_args(args=words)
    except Exception as error:  # typer's base of these is private
        raise block.fault(offset, f"foretell {name}: {error}") from error


def check_crontab(block: Block, text: str) -> None:
    """Raise PageFault for a line that cron would not take: a time of five fields, or a variable."""
    for offset, line in enumerate(text.splitlines()):
        if not line.strip() or line.startswith("#") or re.match(r"\w+ ?=", line):
            continue
        fields = line.split(None, 5)
        if len(fields) < 6 or not all(_in_range(f, *r) for f, r in zip(fields, _CRON, strict=False)):
            raise block.fault(offset, f"no line of a crontab: {line}")


def _in_range(field: str, least: int, most: int) -> bool:
    for part in field.split(","):
        found = re.fullmatch(r"(\*|(\d+)(?:-(\d+))?)(?:/([1-9]\d*))?", part)
        if found is None or any(not least <= int(end) <= most for end in found.group(2, 3) if end):
            return False
    return True
