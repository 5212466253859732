"""What ends the program, and how."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOSPC

import typer

from foretell.cli.console import say
from foretell.cli.option_names import as_options
from foretell.errors import ForetellError


def say_error(error: ForetellError | OSError) -> None:
    """The one line that a failed command ends with."""
    if isinstance(error, ForetellError):
        say(f"error: {as_options(str(error))}")
        return
    place = "" if error.filename is None else f"{error.filename!r}: "
    full = " where standard output or a temporary file goes. Free some space, or send it elsewhere."
    more = full if error.errno == ENOSPC and not place else ""
    say(f"error: {place}{error.strerror or error}{more}")


@contextmanager
def user_errors() -> Iterator[None]:
    """A ForetellError or OSError inside ends the program with its message and exit status 2, Ctrl-C with 130."""
    try:
        yield
    except BrokenPipeError:  # the reader of our output has seen enough; typer ends quietly
        raise
    except (ForetellError, OSError) as error:
        say_error(error)
        raise typer.Exit(2) from error
    except KeyboardInterrupt as error:
        say(str(error) or "interrupted")
        raise typer.Exit(130) from error
