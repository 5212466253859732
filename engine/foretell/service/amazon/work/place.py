"""Where a job works: the folder of its resource, those of others, and S3."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foretell.service.amazon.context import RESULT
from foretell.service.amazon.s3 import Storage
from foretell.system.atomic_files import write_text


@dataclass(frozen=True, slots=True)
class Workplace:
    """Of one job."""

    root: Path  # below which every resource has its folder
    storage: Storage
    parameters: Mapping[str, Any]
    auto_time_limit: str = "10m"  # in which an AutoPredictor is trained

    @property
    def folder(self) -> Path:
        """Of the resource that the job makes."""
        return self.of(self.parameters["folder"])

    def beside(self, folder: str) -> Workplace:
        """Of another resource that the same job makes."""
        place = replace(self, parameters={**self.parameters, "folder": folder})
        place.folder.mkdir(parents=True, exist_ok=True)
        return place

    def of(self, folder: str) -> Path:
        """Of another resource."""
        return self.root / folder

    def result(self, folder: str) -> dict[str, Any]:
        """What the job of another resource said."""
        found: dict[str, Any] = json.loads((self.of(folder) / RESULT).read_bytes())
        return found

    def finish(self, **said: Any) -> None:
        """Say what is to be known of the work; the last thing that a job does."""
        write_text(self.folder / RESULT, json.dumps(said))
