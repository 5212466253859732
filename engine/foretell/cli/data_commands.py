"""Commands that read data and train nothing: ingest, check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from foretell.cli.console import say, say_replaced, show_checkup, show_json
from foretell.cli.option_groups import CommonOptions, DataOptions, LikeModel, Overwrite, Sales
from foretell.cli.tables import open_dataset
from foretell.cli.values import required
from foretell.errors import ForetellError

if TYPE_CHECKING:
    from foretell.checks.check import Checkup


def ingest(
    sales: Sales,
    data: DataOptions,
    common: CommonOptions,
    model: LikeModel = None,
    out: Annotated[Path | None, Option(metavar="FOLDER", help="Where the panel goes.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Read the tables once and save them as a panel, which every command takes in their place."""
    from foretell.system.folder_lock import claimed
    from foretell.system.results import may_replace
    from foretell.workflows.train import load

    common.begin()
    folder = required("--out", out, "the folder that the panel goes to")
    schema = None if model is None else load(model, device="cpu").schema
    with claimed(folder):
        old = may_replace(folder, "panel", overwrite=overwrite)
        tables = open_dataset(sales, data, schema, scratch=folder.resolve().parent)
        tables.save(folder, overwrite=overwrite)
    say_replaced(old)
    size = sum(file.stat().st_size for file in folder.iterdir())
    say(f"{len(tables.panel)} items, {len(tables.panel.target):,} steps, {size / 1e6:,.1f} MB: {folder}")


def check(
    sales: Sales,
    data: DataOptions,
    common: CommonOptions,
    horizon: Annotated[
        int | None, Option(metavar="STEPS", help="Check that known columns reach so far.")
    ] = None,
    full: Annotated[
        bool, Option("--full", help="Read a saved panel whole, and compare the checksums of all its files.")
    ] = False,
    as_json: Annotated[bool, Option("--json", help="Print it for programs.")] = False,
    anonymous: Annotated[
        bool,
        Option(
            "--anonymous", help="Print it for strangers: as --json, without any name or value of the tables."
        ),
    ] = False,
) -> None:
    """Say what is in the data and what is wrong with them, before anything is trained."""
    common.begin()
    checkup = _checkup(sales, data, horizon, full=full, as_json=as_json or anonymous)
    if anonymous:
        show_json(checkup.to_anonymous_json())
    elif as_json:
        show_json(checkup.to_json())
    else:
        show_checkup(checkup)
    errors = checkup.errors
    if errors:
        first = errors[0].code if anonymous else errors[0].message
        raise ForetellError(f"{len(errors)} of the findings must be put right, first: {first}")


def _checkup(
    sales: list[str], data: DataOptions, horizon: int | None, *, full: bool, as_json: bool
) -> Checkup:
    """All findings; where reading ends early, those up to there and the reason as the last one.

    Raises ForetellError where nothing but that reason would be shown to a person.
    """
    from foretell.checks.check import Checkup
    from foretell.checks.check import check as run_check
    from foretell.data.findings import Finding, gravest_first

    try:
        opened = open_dataset(sales, data, quiet=True, tolerant=True)
        if full:
            compared = opened.verify()
            if not as_json:
                say(f"all files are as they were written: the checksums of {compared:,} bytes agree")
        return run_check(opened, horizon=horizon)
    except ForetellError as error:
        if not (as_json or error.findings):
            raise
        last = Finding("error", "unreadable", str(error))
        return Checkup(gravest_first((*error.findings, last)))
