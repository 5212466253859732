"""The files by which a project is used, cited, mended and released: each is valid, and says what the code says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from examples import ROOT

FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
CONSTRAINTS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if "==" in line and not line.startswith("#")
)
# https://github.com/citation-file-format/citation-file-format/blob/1.2.0/schema.json
CITATION_NEEDS = {"authors", "cff-version", "message", "title"}
CITATION_TAKES = CITATION_NEEDS | {
    *(
        "abstract",
        "commit",
        "contact",
        "date-released",
        "doi",
        "identifiers",
        "keywords",
        "license",
        "license-url",
    ),
    *(
        "preferred-citation",
        "references",
        "repository",
        "repository-artifact",
        "repository-code",
        "type",
        "url",
    ),
    "version",
}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_citation_has_what_its_schema_needs_and_this_version() -> None:
    citation = read(ROOT / "CITATION.cff")
    assert CITATION_NEEDS <= set(citation) <= CITATION_TAKES
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == VERSION
    assert citation["license"] == "Apache-2.0"
    assert citation["type"] in ("software", "dataset")
    assert citation["authors"]
    assert all("name" in author or "family-names" in author for author in citation["authors"])
    assert len(citation["keywords"]) == len(set(citation["keywords"]))


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_is_whole(path: Path) -> None:
    form = read(path)
    if path.stem == "config":
        assert set(form) == {"blank_issues_enabled"}
        return
    assert {"name", "description", "body"} <= set(form) <= {"name", "description", "labels", "body"}
    ids = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert len(ids) == len(set(ids))
    for field in form["body"]:
        assert set(field) <= {"type", "id", "attributes", "validations"}
        assert field["type"] in ("markdown", "textarea", "input", "dropdown", "checkboxes")
        assert (
            "value" in field["attributes"] if field["type"] == "markdown" else "label" in field["attributes"]
        )


def test_the_forms_ask_for_what_check_says_without_a_name() -> None:
    forms = [read(path) for path in FORMS if path.stem != "config"]
    assert len(forms) >= 2
    for form in forms:
        (asked,) = (field for field in form["body"] if field.get("id") == "check")
        assert re.search(r"`foretell check .*--json --anonymous`", asked["attributes"]["description"])


def test_pre_commit_runs_the_versions_of_the_constraints() -> None:
    hooks = read(ROOT / ".pre-commit-config.yaml")["repos"]
    ruff = next(repo for repo in hooks if repo["repo"].endswith("/ruff-pre-commit"))
    assert ruff["rev"] == f"v{CONSTRAINTS['ruff']}"
    assert [hook["id"] for hook in ruff["hooks"]] == ["ruff-check", "ruff-format"]
    (mypy,) = next(repo for repo in hooks if repo["repo"] == "local")["hooks"]
    assert (
        mypy["entry"] == ".venv/bin/python -m mypy"
    )  # of the environment that make builds with the constraints
    assert "mypy" in CONSTRAINTS


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_pins_its_actions_and_has_no_permission_but_those_it_names(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 180
        assert "permissions" in job
        for step in job["steps"]:
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", step.get("uses", f"a/b@{'0' * 40}"))
            # what a stranger may write never becomes a part of a script
            assert "${{" not in step.get("run", "")
    pinned = re.findall(r"uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", path.read_text(), re.MULTILINE)
    assert len(pinned) == path.read_text().count("uses:")


def test_a_release_is_tested_attested_and_published_without_a_token() -> None:
    workflow = read(ROOT / ".github/workflows/release.yml")
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    assert build["permissions"] == {"contents": "read"}
    assert any(step.get("run") == "make test" for step in build["steps"])
    assert publish["permissions"] == {"id-token": "write", "attestations": "write"}
    assert publish["environment"]["name"] == "pypi"
    used = [step["uses"].partition("@")[0] for step in publish["steps"]]
    assert used == [
        "actions/download-artifact",
        "actions/attest-build-provenance",
        "pypa/gh-action-pypi-publish",
    ]
    assert "secrets." not in (ROOT / ".github/workflows/release.yml").read_text()


def test_commands_that_the_root_pages_name_are_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md"):
        named = re.findall(r"(?:`|^)make ([a-z]+)", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
        assert set(named) <= targets, page
        assert named


def test_paths_that_contributing_names_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for path in re.findall(r"`((?:tests|docs|benchmarks|recipes|engine|data)/[\w./-]+)`", text):
        if "NAME" not in path:
            assert (ROOT / path).exists(), path


def test_contributing_shows_every_package_on_its_floor() -> None:
    from test_layers import LAYERS

    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \d+ \| (.+) \|$", text, re.MULTILINE)
    shown = [{name.removesuffix(".py") for name in re.findall(r"`([\w.]+)`", row)} for row in rows]
    there = [
        {name for name in layer if (ROOT / "engine/foretell" / name).exists() or name == "errors"}
        for layer in LAYERS
    ]
    there = [layer for layer in there if layer]
    assert len(shown) == len(there)
    assert all(layer <= row for layer, row in zip(there, shown, strict=True)), (there, shown)


def test_the_changelog_says_what_is_not_released() -> None:
    heads = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert heads[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", head) for head in heads[1:])
