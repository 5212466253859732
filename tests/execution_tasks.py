"""Tasks that the tests of executors have done in other processes, which import this file."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from foretell.errors import ForetellError
from foretell.execution.executor import Json, own_gpu, task
from foretell.system.listener import tell


@task("add one")
def add_one(arguments: Json) -> Json:
    print("to standard output")  # which is not in the way
    return {"sum": arguments["number"] + 1, "process": os.getpid()}


@task("long result")
def long_result(arguments: Json) -> Json:
    return {"text": "x" * arguments["length"]}


@task("fail")
def fail(arguments: Json) -> Json:
    print("the last line of a crash", file=sys.stderr, flush=True)
    kinds = {"ours": ForetellError, "crash": KeyError, "memory": MemoryError}
    if arguments["how"] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    raise kinds[arguments["how"]]("this is why")


@task("say")
def say(arguments: Json) -> Json:
    logging.getLogger("foretell.tests").warning("%s is heard", arguments["who"])
    tell("train", 3, 7, recipe=arguments["who"])
    return {}


@task("take a while")
def take_a_while(arguments: Json) -> Json:
    """From when to when it took place, and on which GPU."""
    began = time.time()
    time.sleep(arguments["seconds"])
    return {"began": began, "ended": time.time(), "gpu": own_gpu()}


@task("start another")
def start_another(arguments: Json) -> Json:
    """A process that outlives this one, unless it is ended too; its number goes into a file."""
    started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    partial = Path(arguments["file"] + ".part")
    partial.write_text(f"{os.getpid()} {started.pid}")
    partial.rename(arguments["file"])
    time.sleep(600)
    return {}
