"""A child that does small works instead of the library's, by `do` of its order: python -m service.small_works."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from foretell.errors import ForetellError
from foretell.service import child
from foretell.service.work.order import Order
from foretell.system.atomic_files import new_folder, write_text
from foretell.system.listener import heed, tell


def steps(order: Order) -> Mapping[str, Any]:
    """Count to `steps`, going on from what is kept, and say where each try began."""
    order.kept.mkdir(exist_ok=True)
    mark, wanted = order.kept / "step", int(order.spec["steps"])
    done = int(mark.read_text()) if mark.exists() else 0
    with (order.folder / "began").open("a") as file:
        file.write(f"{done}\n")
    while done < wanted:
        heed()
        time.sleep(0.05)
        done += 1
        write_text(mark, str(done))
        tell("train", done, wanted)
    return _made(order, {"steps": done})


def die(order: Order) -> Mapping[str, Any]:
    """End badly, at once or `after` so many checkpoints."""
    order.kept.mkdir(exist_ok=True)
    tries = order.folder / "tries"
    number = int(tries.read_text()) + 1 if tries.exists() else 1
    tries.write_text(str(number))
    if number <= order.spec.get("moves", 0):
        write_text(order.kept / "step", str(number))
    print(f"about to die, try {number}", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}


def grow(order: Order) -> Mapping[str, Any]:
    """Take memory until stopped, in a process of its own."""
    taking = "import time\nhold = []\nwhile True: hold.append(bytearray(b'x') * (8 << 20)); time.sleep(0.02)"
    subprocess.run([sys.executable, "-c", taking], check=False)
    return {}


def full(order: Order) -> Mapping[str, Any]:
    """Meet a full disk `times` times."""
    tries = order.folder / "tries"
    number = int(tries.read_text()) + 1 if tries.exists() else 1
    tries.write_text(str(number))
    if number <= order.spec["times"]:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise ForetellError("cannot write to 'x'") from error
    return _made(order, {"tries": number})


def deaf(order: Order) -> Mapping[str, Any]:
    """Write some of the target, start a process, and hear nothing."""
    order.target.mkdir(parents=True)
    (order.target / "half").touch()
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    while True:
        time.sleep(0.1)


def _made(order: Order, result: Mapping[str, Any]) -> Mapping[str, Any]:
    with new_folder(order.target) as folder:
        (folder / "made").write_text(order.job)
    return result


WORKS = {each.__name__: each for each in (steps, die, grow, full, deaf)}
COMMAND = (sys.executable, str(Path(__file__).resolve()))

if __name__ == "__main__":
    with mock.patch.object(child, "work_named", return_value=lambda order: WORKS[order.spec["do"]](order)):
        child.main()
