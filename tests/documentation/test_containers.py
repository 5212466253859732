"""Dockerfile and compose.yaml, read without Docker."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from command_pages import parser

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
OURS = ("server", "worker")


def instructions(name: str) -> list[str]:
    """The arguments of an instruction, continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", DOCKERFILE)
    return re.findall(rf"^{name} (.*)$", joined, re.MULTILINE)


def test_the_image_runs_as_nobody_and_builds_for_a_cpu_unless_asked() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert instructions("USER") == ["10001"]
    assert last.index("\nUSER ") < last.index("\nENTRYPOINT ")
    assert "ARG TORCH=cpu" in DOCKERFILE


def test_what_the_image_copies_is_there() -> None:
    copied = [word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]]
    assert copied
    assert [path for path in copied if not (ROOT / path).exists()] == []


def test_images_are_of_a_named_version() -> None:
    images = [line.split()[0] for line in instructions("FROM")]
    images += [each["image"] for each in COMPOSE["services"].values() if "build" not in each]
    assert [image for image in images if ":" not in image or image.endswith(":latest")] == []


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_ours_starts_with_a_command_that_foretell_takes(name: str) -> None:
    service = COMPOSE["services"][name]
    command = [str(word) for word in service["command"]]
    found = parser().commands[command[0]]
    found.make_parser(typer.Context(found)).parse_args(
        args=command[1:]
    )  # raises for an option that is not there
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]


def test_every_volume_and_dependency_is_declared_and_no_secret_is_written_down() -> None:
    services = COMPOSE["services"]
    for service in services.values():
        assert {each.split(":")[0] for each in service.get("volumes", ())} <= set(COMPOSE["volumes"])
        assert set(service.get("depends_on", ())) <= set(services)
        for key, value in service["environment"].items() if "environment" in service else ():
            assert "PASSWORD" not in key or value.startswith("${"), key


def test_only_this_machine_reaches_the_server() -> None:
    ports = [port for each in COMPOSE["services"].values() for port in each.get("ports", ())]
    assert ports == ["127.0.0.1:8800:8800"]
