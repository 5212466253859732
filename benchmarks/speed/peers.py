"""Peers that foretell does not install: an environment of their own, made once, and a process in it that measures itself.

The environment sees the packages of the running one (its torch above all: another one would be gigabytes) and holds what
the peer needs beside them. The process is started once a part, and answers one line of JSON to each it is sent.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.panels import BEGIN, Series
from benchmarks.speed.settings import Settings, Unavailable
from benchmarks.speed.timing import Sample

PACKAGES = {"neuralforecast": "neuralforecast", "autogluon": "autogluon.timeseries"}
VERSIONS = {"neuralforecast": ("neuralforecast",), "autogluon": ("autogluon.timeseries",)}
_MAKING = 3600  # seconds that an installation may take
_ANSWER = 3600  # seconds that one measurement may take


@dataclass(frozen=True, slots=True)
class Peer:
    """A running process of a peer."""

    name: str
    process: subprocess.Popen[str]

    def ask(self, **job: Any) -> Sample:
        """What the peer measured; raises Unavailable with its message when it failed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "its process ended"}
        if "error" in answer:
            raise Unavailable(f"{self.name} failed: {answer['error']}")
        return Sample(answer["work"], answer["seconds"], answer["cpu_seconds"])


@contextmanager
def peer(name: str, series: Series, settings: Settings, **options: Any) -> Iterator[Peer | Unavailable]:
    """The process of `name`, with `series` read; Unavailable, with the reason, where it cannot be had."""
    try:
        python = environment(name, settings)
    except Unavailable as reason:
        yield reason
        return
    with tempfile.TemporaryDirectory(prefix="foretell-speed-") as folder:
        values = Path(folder) / "values.npy"
        np.save(values, series.values)
        about = {"values": str(values), "begin": BEGIN, "unit": series.unit, "threads": settings.threads}
        about |= {"accelerator": settings.accelerator, "folder": folder, **options}
        worker = Path(__file__).parent / f"{name}_worker.py"
        with subprocess.Popen(
            [python, "-W", "ignore", worker, json.dumps(about)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": str(settings.threads)},
        ) as process:
            try:
                yield Peer(name, process)
            finally:
                process.kill()


def environment(name: str, settings: Settings) -> Path:
    """The Python of a peer's environment, which is made where there is none; raises Unavailable with the reason."""
    if name not in settings.peers:
        asked = f"--peer {name}" if name == "autogluon" else "it was --offline"
        raise Unavailable(f"not asked for: {asked}")
    folder = settings.environments.resolve() / name
    python = folder / "bin" / "python"
    if not (folder / "made").exists():
        venv.EnvBuilder(with_pip=True, clear=True).create(folder)
        _see_running_packages(python)
        _install(name, folder, python)
        (folder / "made").touch()
    return python


def versions(name: str, settings: Settings) -> dict[str, str]:
    """Package -> version, as the peer's environment has them; {} where there is none."""
    python = settings.environments.resolve() / name / "bin" / "python"
    if not python.exists():
        return {}
    ask = "import importlib.metadata as m, sys; print(*(m.version(p) for p in sys.argv[1:]))"
    done = subprocess.run([python, "-c", ask, *VERSIONS[name]], capture_output=True, text=True, check=False)
    return dict(zip(VERSIONS[name], done.stdout.split(), strict=False))


def _see_running_packages(python: Path) -> None:
    """A .pth file with the running environment's packages; those that the peer installs itself come first."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    import torch  # its folder, for the running environment may itself see another one's

    shared = {sysconfig.get_path("purelib"), str(Path(torch.__file__).parents[1])}
    (Path(own) / "zz_running.pth").write_text("\n".join(sorted(shared)) + "\n")


def _install(name: str, folder: Path, python: Path) -> None:
    """pip's installation of a peer beside the running torch, which may not be replaced."""
    held = folder / "held.txt"
    held.write_text(f"torch=={importlib.metadata.version('torch')}\n")
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--constraint", held, PACKAGES[name]],
        capture_output=True,
        text=True,
        check=False,
        timeout=_MAKING,
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [
            "pip gave no reason"
        ]
        raise Unavailable(f"could not be installed beside torch here: {lines[0]}")


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        environment(wanted, Settings(peers=(wanted,)))
