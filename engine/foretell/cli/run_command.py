"""The command that runs a pipeline once: run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from typer import Argument, Option

from foretell.cli.console import say

STOPPED: Final = 3  # 2 is an error


def run(
    pipeline: Annotated[Path, Argument(metavar="FILE", help="The pipeline, in TOML.")],
    config: Annotated[
        Path | None,
        Option(
            "--config",
            metavar="FILE",
            help="Connections, hooks and mail, as a server's config.toml. Default: config.toml beside FILE.",
        ),
    ] = None,
    state: Annotated[
        Path | None,
        Option(
            metavar="FOLDER", help="What is kept between runs. Default: FILE with .state in place of .toml."
        ),
    ] = None,
    retrain: Annotated[bool, Option("--retrain", help="Train, whether it is time or not.")] = False,
) -> None:
    """Run a pipeline once: read, check, train if it is time, forecast, write. Exit status 3 where a gate stops it."""
    from foretell.service.home import read_config
    from foretell.workflows.pipeline import run_pipeline
    from foretell.workflows.pipeline_places import Places
    from foretell.workflows.pipeline_text import read_pipeline

    asked = read_pipeline(pipeline)
    found = read_config(pipeline.with_name("config.toml") if config is None else config)
    folder = pipeline.resolve().parent

    def allowed(path: str) -> str:
        """Relative paths start where the pipeline lies."""
        return path if "://" in path else str(folder / path)

    places = Places(connections=found.connections, hooks=found.hooks, mail=found.mail, allowed=allowed)
    result = run_pipeline(
        asked, pipeline.with_suffix(".state") if state is None else state, places, retrain=retrain
    )
    say(f"run {result.number} of {asked.name}: {result.message}")
    for place, rows in result.rows.items():
        say(f"{rows:,} rows in {place}")
    if result.verdict:
        say(f"the monitor says: {result.verdict}")
    if result.outcome == "stopped":
        raise typer.Exit(STOPPED)
