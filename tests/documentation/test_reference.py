"""The reference is whole: what it is made from is explained, and what is not is named."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import api_pages
import command_pages
import format_pages
import message_pages
import pytest
import recipe_pages
import typer
import typer.main
from docstrings import Undocumented, checked, parsed

import foretell
from foretell.evaluation.metrics import score_columns
from foretell.system.typed import Within

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
OTHERS = {"--scope", "--fail-on-warning"}  # options of other programs that pages name


def test_every_public_name_has_a_page_and_nothing_private_has_one() -> None:
    pages = dict(api_pages.pages())
    own = {Path(path).stem for path in pages if "." not in Path(path).stem} - {"index"}
    assert own == {name for name in foretell.__all__ if not name.startswith("_")}
    for module in api_pages.MODULES:
        if module != "foretell":
            text = pages[f"api/{module}.md"]
            assert all(f"## {name}\n" in text for name in api_pages.public_names(module))
    assert not re.findall(r"py:\w+\} \S*\._\w", "".join(pages.values()))


def test_an_argument_that_a_docstring_forgets_ends_the_build() -> None:
    def shifted(data: object, *, steps: int) -> None:
        """The data, later.

        Args:
            data: what is shifted.

        Example:
            >>> 1
            1
        """

    with pytest.raises(Undocumented, match=r"mine\.shifted does not explain its argument 'steps'"):
        checked("mine.shifted", shifted, whole=True)


def test_an_argument_that_is_no_more_ends_the_build() -> None:
    def shifted(data: object) -> None:
        """The data, later.

        Args:
            data: what is shifted.
            steps: by how many.

        Example:
            >>> 1
            1
        """

    with pytest.raises(Undocumented, match="explains 'steps', which is no argument"):
        checked("mine.shifted", shifted, whole=True)


def test_a_public_name_without_an_example_or_a_docstring_ends_the_build() -> None:
    def bare() -> None: ...

    def told() -> None:
        """Nothing."""

    with pytest.raises(Undocumented, match=r"mine\.bare has no docstring"):
        checked("mine.bare", bare, whole=True)
    with pytest.raises(Undocumented, match=r"mine\.told has no section Example"):
        checked("mine.told", told, whole=True)


def test_a_docstring_is_read_in_its_sections() -> None:
    found = parsed(foretell.make_recipe.__doc__)
    assert found.text.startswith("The recipe `name`")
    assert list(found.args) == ["name", "settings"]
    assert "that it does not take" in found.raises["ForetellError"]
    assert found.example.startswith(">>> foretell.make_recipe")


def test_an_option_without_an_explanation_ends_the_build() -> None:
    app = typer.Typer()

    @app.command()
    def mend(speed: int = 1) -> None:
        """Mend it."""

    @app.command()
    def other() -> None:
        """Another."""

    with pytest.raises(Undocumented, match="the option --speed of mend has no explanation"):
        command_pages.commands_page(typer.main.get_command(app))


def test_every_option_of_every_command_is_on_the_page() -> None:
    text = command_pages.commands_page(command_pages.parser())
    for name, command in command_pages.commands(command_pages.parser()):
        assert f"## foretell {name}\n" in text
        for parameter in command.params:
            assert "--help" in parameter.opts or f"`{parameter.opts[0]}`" in text or parameter.metavar in text


def test_pages_name_no_option_that_foretell_does_not_have() -> None:
    known = {
        option
        for _, command in command_pages.commands(command_pages.parser())
        for parameter in command.params
        for option in parameter.opts
    } | {option for parameter in command_pages.parser().params for option in parameter.opts}
    for page in PAGES:
        for line in page.read_text(encoding="utf-8").splitlines():
            if "foretell" in line and "benchmarks" not in line:
                for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", line):
                    assert option in known | OTHERS | {"--help"}, f"{page.name}: {line}"


def test_a_hyperparameter_without_a_comment_ends_the_build() -> None:
    @dataclass(frozen=True)
    class Mute:
        """Says nothing."""

        name: ClassVar[str] = "mute"
        steps: int = 3

    with pytest.raises(Undocumented, match=r"hyperparameter mute\.steps has no comment"):
        recipe_pages.recipes_page({"mute": Mute})


def test_a_finding_without_advice_ends_the_build() -> None:
    module = ast.parse('findings.warn("riddle", f"{n} riddles")')
    with pytest.raises(Undocumented, match="the finding 'riddle' has no advice"):
        message_pages.findings_page({"mine": module})


def test_every_finding_has_its_gravity_and_what_it_says() -> None:
    text = message_pages.findings_page(message_pages.source_files())
    for part in text.split("\n## ")[1:]:
        code, *lines = part.splitlines()
        assert re.fullmatch(r"\*(note|warning|error)(, (note|warning|error))*\.\*", lines[1]), code
        assert any(line.startswith("> ") for line in lines) or code == "unreadable", code


def test_a_message_is_followed_through_names_choices_and_functions() -> None:
    module = ast.parse(
        "def f(findings, n, kept):\n"
        "    message = f'{n} rows are late' + ('' if kept else '. Drop them.')\n"
        "    report = findings.note if kept else findings.warn\n"
        "    report('gaps', message, n)\n"
        "    findings.fault('bad_time', told(n), n)\n"
        "def told(n):\n"
        "    return ForetellError(f'{n} rows have no date')\n"
    )
    text = message_pages.findings_page({"mine": module})
    gaps, bad_time = (
        text.partition(f"## {code}\n")[2].partition("\n## ")[0] for code in ("gaps", "bad_time")
    )
    assert "*note, warning.*" in gaps
    assert "> `… rows are late`" in gaps
    assert "> `… rows are late. Drop them.`" in gaps
    assert "*error.*" in bad_time
    assert "> `… rows have no date`" in bad_time


def test_a_field_of_a_manifest_without_a_comment_ends_the_build() -> None:
    @dataclass(frozen=True)
    class SavedThing:
        told: int  # how many
        mute: str

    with pytest.raises(Undocumented, match=r"the field SavedThing\.mute has no comment"):
        format_pages.fields_table(SavedThing)


def test_every_part_of_the_reference_can_be_written_so_that_no_site_is_broken_unseen() -> None:
    """The site itself is built with `make docs`; what is not explained ended that build and no test."""
    for module in (api_pages, command_pages, format_pages, message_pages, recipe_pages):
        assert all(text.strip() for _, text in module.pages()), module.__name__


def test_types_of_manifests_are_spelt_as_json_has_them() -> None:
    assert format_pages.spelt(tuple[Annotated[int, Within(1, 9)], ...]) == "list of whole number, 1 to 9"
    assert format_pages.spelt(Mapping[str, float | None]) == "object of number or null"
    assert format_pages.spelt(tuple[float, float] | None) == "[number, number] or null"


def test_the_index_of_errors_has_messages_with_an_ellipsis_for_each_value() -> None:
    module = ast.parse('raise ForetellError(f"{name!r} is no step. Take" f" {first}.")')
    assert "- `… is no step. Take ….`" in message_pages.errors_page({"mine.part": module})


def test_every_score_has_a_paragraph() -> None:
    text = (ROOT / "docs/reference/scores.md").read_text(encoding="utf-8")
    for column in score_columns([0.1, 0.5, 0.9]):
        assert f"\n## {column.partition('[')[0]}\n" in text
