"""`import page_folder` as a notebook's first, hidden cell: it works in an empty folder in which `data/` is that of the clone."""

import logging
import os
import subprocess
import tempfile
from pathlib import Path

from IPython import get_ipython

_folder = tempfile.TemporaryDirectory(prefix="foretell-page-")
os.chdir(_folder.name)
Path("data").symlink_to(Path(__file__).resolve().parents[2] / "data")
logging.getLogger("lightning").setLevel(logging.ERROR)


def _bash(line: str, cell: str) -> None:
    """As IPython's own `%%bash`, but what is printed comes in one piece and as it looks in a file.

    IPython passes on what it reads at any moment, and asks for colours: tables came out with lines cut in two.
    """
    environment = {
        name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "CLICOLOR_FORCE")
    }
    done = subprocess.run(
        ["bash", "-c", cell],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    print(done.stdout, end="")
    if "--no-raise-error" not in line:
        done.check_returncode()


if shell := get_ipython():
    shell.register_magic_function(_bash, "cell", "bash")
