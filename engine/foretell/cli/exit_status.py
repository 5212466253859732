"""What ends the program, and how."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from foretell.cli.console import say
from foretell.cli.option_names import as_options
from foretell.errors import ForetellError


@contextmanager
def user_errors() -> Iterator[None]:
    """A ForetellError or OSError inside ends the program with its message and exit status 2, Ctrl-C with 130."""
    try:
        yield
    except BrokenPipeError:  # the reader of our output has seen enough; typer ends quietly
        raise
    except (ForetellError, OSError) as error:
        say(f"error: {as_options(str(error))}")
        raise typer.Exit(2) from error
    except KeyboardInterrupt as error:
        say(str(error) or "interrupted")
        raise typer.Exit(130) from error
