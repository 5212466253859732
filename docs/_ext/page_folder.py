"""`import page_folder` as a notebook's first, hidden cell: it works in an empty folder in which `data/` is that of the clone."""

import logging
import os
import tempfile
from pathlib import Path

_folder = tempfile.TemporaryDirectory(prefix="foretell-page-")
os.chdir(_folder.name)
Path("data").symlink_to(Path(__file__).resolve().parents[2] / "data")
logging.getLogger("lightning").setLevel(logging.ERROR)
