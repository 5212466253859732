"""Every page of README and docs does what it says: its commands and its Python are run, in order, in a folder with the sample."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from reference import MARK

from page_run import ROOT, Block, PageFault, check_crontab, commands_of, found_in, run_page

PAGES = [
    page
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if MARK not in path.read_text(encoding="utf-8")
    for page in [path.relative_to(ROOT).as_posix()]
]
OWN_TESTS = {
    *("README.md", "docs/how-to/recipes.md"),  # tests/contract/test_examples.py runs their Python
    "docs/how-to/api.md",  # tests/service/test_api_page.py does, beside a server
}
MADE = {"docs/how-to/what-if.md": ["mug.svg", "whatif.csv"]}  # files that a page writes


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: empty but for `data`, as beside a clone."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.slow
@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_what_it_says(page: str) -> None:
    run_page(page, (ROOT / page).read_text(encoding="utf-8"), python=page not in OWN_TESTS)
    assert all(Path(file).exists() for file in MADE.get(page, ()))


def transcript(text: str) -> str:
    return f"# Page\n\n```console\n{text}```\n"


@pytest.mark.usefixtures("folder")
def test_a_command_that_fails_is_named_with_page_and_line() -> None:
    with pytest.raises(PageFault, match=r"page\.md:5: `foretell check none\.csv` ended with status 2:"):
        run_page("page.md", transcript("$ echo fine\n$ foretell check none.csv\n"))
    with pytest.raises(PageFault, match=r"page\.md:4: `false` ended with status 1"):
        run_page("page.md", transcript("$ false\n$ echo $? or so\n"))


@pytest.mark.usefixtures("folder")
def test_a_failure_that_the_page_asks_for_is_none() -> None:
    assert run_page("page.md", transcript("$ foretell check none.csv --freq D\n$ echo $?\n2\n")) == 1
    with pytest.raises(PageFault, match=r"page\.md:5: `echo \$\?` does not print\n3\nbut\n2"):
        run_page("page.md", transcript("$ foretell check none.csv --freq D\n$ echo $?\n3\n"))


@pytest.mark.usefixtures("folder")
def test_shown_output_that_was_not_printed_is_named() -> None:
    with pytest.raises(PageFault, match=r"page\.md:4: `foretell recipes ets` does not print\nets  A season"):
        run_page("page.md", transcript("$ foretell recipes ets\nets  A season\n"))


def test_dots_blanks_and_times_are_not_compared() -> None:
    printed = "first\nin 12.3 s   of work\n\nsecond 17 lines\nthird\nlast\n"
    assert found_in(("in 4.0 s of work", "second ... lines"), printed)
    assert found_in(("first", "...", "last"), printed)
    assert found_in((), printed)
    assert not found_in(("first", "second ... lines"), printed)
    assert not found_in(("last", "...", "first"), printed)
    assert not found_in(("irst",), printed)


def test_a_command_goes_on_after_a_backslash_and_in_a_here_document() -> None:
    text = "$ foretell check a.csv \\\n    --freq D\nData\n$ cat <<END\n> one\n> END\none\n"
    first, second = commands_of(Block("page.md", 4, "console", text))
    assert (first.text, first.shown) == ("foretell check a.csv \\\n    --freq D", ("Data",))
    assert (second.offset, second.text, second.shown) == (3, "cat <<END\none\nEND", ("one",))


def test_files_are_written_and_python_shares_its_names(folder: Path) -> None:
    page = (
        "```{code-block} toml\n:caption: conf/shop.toml\n\nfreq = 'D'\n```\n"
        "```python\nx = 1\n```\n```python\nassert x == 1\n```\n"
        "```console\n$ cat conf/shop.toml | tr a-z A-Z\nFREQ = 'D'\n```\n"
    )
    assert run_page("page.md", page) == 4
    assert (folder / "conf/shop.toml").read_text() == "freq = 'D'\n"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("block", "fault"),
    [
        ("toml\nfreq = D\n", "page.md:2: no TOML"),
        ("toml\nfrequency = 'D'\n", "page.md:2: foretell does not take these options: .*'frequency'"),
        ("bash\nforetell train a.csv --colour red\n", "page.md:2: foretell train: No such option"),
        ("bash\ntrue\nforetell \\\n  forecast a.csv\n", "page.md:3: foretell has no command forecast"),
        ("bash\nif true; then\n", "page.md:2: bash does not take it"),
        ("console\nforetell recipes\n", "page.md:2: a console block begins with a command"),
        ("{code-block} text\n:caption: ../x\n\nx\n", "page.md:2: the file ../x lies outside"),
        ("{code-block} text\n:caption: crontab\n\n0 25 * * * x\n", "page.md:2: no line of a crontab"),
    ],
)
def test_what_is_only_read_is_refused_with_page_and_line(block: str, fault: str) -> None:
    with pytest.raises(PageFault, match=fault):
        run_page("page.md", f"```{block}```\n")


@pytest.mark.usefixtures("folder")
def test_what_foretell_takes_is_taken() -> None:
    page = (
        "```toml\nfreq = 'D'\nhorizon = 28\nwindows = 2\n[set.mqrnn]\nhidden_size = 96\n```\n"
        "```toml\n[project.entry-points.'foretell.recipes']\nflat = 'mine:Flat'\n```\n"
        "```bash\npip install x && foretell train ... --device cuda --out m  # and so on\n```\n"
    )
    assert run_page("page.md", page) == 3
    check_crontab(
        Block("page.md", 1, "text", ""), "MAILTO=me@x.org\n# x\n15 6 * * 1-5 /srv/run.sh\n*/10 * * * * x\n"
    )


def test_every_section_of_the_report_is_explained() -> None:
    code = "".join(
        (ROOT / "engine/foretell/reporting" / f"{name}.py").read_text(encoding="utf-8")
        for name in ("html", "planner_sections")
    )
    titles = re.findall(r'section\(\s*f?"([^"]+)"|<h2>([^<{]+)</h2>', code)
    page = (ROOT / "docs/how-to/report.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \|", page, re.MULTILINE)
    assert len(titles) > 12
    for first, second in titles:
        assert (first or second).replace("{recipe}", "a recipe") in rows
