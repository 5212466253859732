"""What a child is told to do, and where what it makes goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from foretell.errors import ForetellError
from foretell.service.home import Home

RESULT: Final = "result.json"
WORKS: Final = (  # files of this folder
    *(
        "amazon",
        "backtest",
        "delete",
        "explanation",
        "forecast",
        "import_",
        "monitor",
        "pipeline",
        "scenario",
        "totals",
        "train",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One job, in the process that does it."""

    home: Home
    job: str
    work: str
    kind: str
    resource: str
    spec: Mapping[str, Any]  # what was asked, and `links`: what it is made from

    @property
    def folder(self) -> Path:
        """Of the job."""
        return self.home.job(self.job)

    @property
    def kept(self) -> Path:
        """Of checkpoints: what is in it when the work begins was left by a child that was killed. Made by the work."""
        return self.folder / "work"

    @property
    def target(self) -> Path:
        """What the work makes, a folder that it writes whole or not at all; an earlier child may have written it."""
        return self.home.folder(self.kind, self.resource)

    def source(self, link: str, kind: str) -> Path:
        """The folder of a resource that this one is made from: `order.source("version_id", "dataset_versions")`."""
        return self.home.folder(kind, self.spec["links"][link])


def work_named(name: str) -> Callable[[Order], Mapping[str, Any]]:
    """The function that does a kind of work."""
    if name not in WORKS:
        raise ForetellError(f"this foretell does not know the work {name!r}")
    run: Callable[[Order], Mapping[str, Any]] = import_module(f"foretell.service.work.{name}").run
    return run
