"""A service of processes of its own that are killed at random moments, and a database that goes away."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from foretell.service.home import Home
from service.jobs_at_work import children


class Fire:
    """Server and worker of a home, started again when they are killed, and who kills them."""

    def __init__(self, home: Home, address: str, seed: int) -> None:
        self._home, self._address = home, address
        self._draws = random.Random(seed)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.kills: Counter[str] = Counter()
        self._of_children: Counter[str] = Counter()  # kills of the children of a job
        self._ended = threading.Event()

    @contextlib.contextmanager
    def burning(self, kills: int) -> Iterator[None]:
        """Inside, the service runs and so many processes are killed; after it, the service runs in peace until `stop`."""
        for name in ("server", "worker"):
            self._start(name)
        thread = threading.Thread(target=self._kill, args=(kills,))
        thread.start()
        try:
            yield
        finally:
            if sys.exc_info()[0] is not None:
                self._ended.set()
            thread.join()

    def tend(self) -> bool:
        """Start again what ended by itself, as a supervisor does: a start without a database is refused."""
        for name, process in self._running.items():
            if process.poll() is not None:
                self._start(name)
        return True

    def stop(self) -> list[int]:
        """End both as an operator does; their exit statuses."""
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        return [process.wait(120) for process in self._running.values()]

    def kill_all(self) -> None:
        """At the end of a test that failed."""
        for process in self._running.values():
            process.kill()
            process.wait()

    def _start(self, name: str) -> None:
        where = ["--home", str(self._home.path), "--database", self._address]
        how = ["serve", "--port", str(self.port), *where] if name == "server" else ["worker", *where]
        with (self._home.path / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "foretell", *how], stdout=log, stderr=log
            )

    def _kill(self, kills: int) -> None:
        while self.kills.total() < kills and not self._ended.wait(self._draws.uniform(0.1, 3)):
            self.tend()
            kind = self._draws.choice(["server", "worker", "child", "child", "child"])
            if kind == "child":
                self._kill_child()
                continue
            self._running[kind].kill()
            self._running[kind].wait()
            self.kills[kind] += 1
            self._start(kind)

    def _kill_child(self) -> None:
        found = children(self._home)
        if not found:
            return
        process = self._draws.choice(found)
        with contextlib.suppress(OSError):
            job = Path(f"/proc/{process}/cwd").readlink().name
            if self._of_children[job] < 2:  # a third at the same checkpoint rightly fails the job
                os.kill(process, signal.SIGKILL)
                self._of_children[job] += 1
                self.kills["child"] += 1


class Cut:
    """A way to a PostgreSQL server that can be cut."""

    def __init__(self, address: str) -> None:
        url = urlsplit(address)
        self._to = (str(url.hostname), int(url.port or 5432))
        self._open: list[socket.socket] = []
        self._away = False
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = self._listening.getsockname()[1]
        who = url.netloc.rpartition("@")[0]
        self.address = urlunsplit(url._replace(netloc=f"{who}@127.0.0.1:{port}"))
        threading.Thread(target=self._accept, daemon=True).start()

    def away(self, seconds: float) -> None:
        """Nobody reaches the server for so long; who was connected is cut off."""
        self._away = True
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._open.clear()
        time.sleep(seconds)
        self._away = False

    def close(self) -> None:
        self._listening.close()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listening.accept()
            except OSError:
                return
            if self._away:
                here.close()
                continue
            there = socket.create_connection(self._to)
            self._open += [here, there]
            for one, other in ((here, there), (there, here)):
                threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def lock_sqlite(path: Path, seconds: float) -> None:
    """Nobody writes the database for so long."""
    with contextlib.closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        connection.execute("ROLLBACK")


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(1 << 16):
            other.sendall(data)
    for each in (one, other):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
