"""The command line `foretell`: its commands, in the order of `foretell --help`."""

from __future__ import annotations

import io
import os
import sys
import warnings
from typing import Annotated

import typer
from typer import Option

from foretell.cli.console import say, show_version
from foretell.cli.data_commands import check, ingest
from foretell.cli.exit_status import say_error
from foretell.cli.hierarchy_command import reconcile
from foretell.cli.monitor_command import monitor
from foretell.cli.option_groups import grouped
from foretell.cli.planning_commands import explain, whatif
from foretell.cli.plot_command import plot
from foretell.cli.recipe_commands import recipes
from foretell.cli.run_command import run
from foretell.cli.scoring_commands import backtest, demo, evaluate
from foretell.cli.service_commands import backup, create_key, list_keys, restore, revoke_key, serve, worker
from foretell.cli.training_commands import predict, train, tune

app = typer.Typer(
    name="foretell",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a bug shows Python's own traceback
)


@app.callback(no_args_is_help=True)
def _program(
    version: Annotated[
        bool,
        Option(
            "--version", is_eager=True, callback=show_version, help="Say which release this is, and of what."
        ),
    ] = False,
) -> None:
    """Self-hosted probabilistic demand forecasting: three tables in, quantiles, scores and a report out."""


for command in (
    backtest,
    train,
    tune,
    predict,
    whatif,
    explain,
    reconcile,
    monitor,
    ingest,
    evaluate,
    plot,
    check,
    recipes,
    demo,
    run,
    serve,
    worker,
    backup,
    restore,
):
    app.command()(grouped(command))
keys = typer.Typer(name="keys", no_args_is_help=True, help="Make, show and revoke the keys of a server.")
keys.command("create")(grouped(create_key))
keys.command("list")(grouped(list_keys))
keys.command("revoke")(grouped(revoke_key))
app.add_typer(keys)


def main() -> None:
    """The entry point `foretell`."""
    if sys.stderr is None:  # closed
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # for the whole program
    if sys.stdout is None:
        say("error: standard output is closed. Send it somewhere: > FILE or > /dev/null.")
        sys.exit(2)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what its encoding lacks is written as an escape: \u0142
            stream.reconfigure(errors="backslashreplace")
    try:
        os.getcwd()
    except FileNotFoundError:
        say("error: the folder that you are in is no more. Change to another one.")
        sys.exit(2)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # upstream libraries' notices to programmers
    try:
        app()
    except OSError as error:  # of what typer itself writes: --help on a full disk
        say_error(error)
        sys.exit(2)
