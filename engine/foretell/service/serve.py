"""A server process: the application and its workers, from start to a graceful end."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from foretell.errors import ForetellError
from foretell.service.app import make_app
from foretell.service.auth import LOOPBACK, any_keys
from foretell.service.database import Database, open_database
from foretell.service.home import Home, open_home
from foretell.service.pipelines import Clock, ticking
from foretell.service.sweeping import sweep
from foretell.service.worker import Worker

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a server listens and keeps its state."""

    home: str
    host: str = "127.0.0.1"
    port: int = 8800  # 0: any that is free
    database: str | None = None
    workers: int | None = None  # None: the configuration's
    testing: bool = False


class _Quiet(uvicorn.Server):
    """Ends well: uvicorn's own sends itself the signal again once it has ended, and with that ends the process badly."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Started:
    """A server that is ready to listen; `run` serves until a signal or `stop`."""

    def __init__(self, place: Place) -> None:
        """Raises ForetellError where the home or the database cannot be used, the port is taken, or keys are missing."""
        if place.testing and place.host not in LOOPBACK:
            raise ForetellError("--testing works on loopback only: leave --host out")
        self.home: Home = open_home(place.home)
        self.database: Database = open_database(place.database or self.home.database)
        with self.database.read() as connection:
            self._keys = any_keys(connection)
        if place.host not in LOOPBACK and not self._keys:
            raise ForetellError(
                f"a server at {place.host} can be reached by others, and there is no key. Make one first: foretell"
                f" keys create --home {place.home} --role admin --name me"
            )
        self._socket = _listening(place.host, place.port)
        count = self.home.config.workers if place.workers is None else place.workers
        self.workers = [Worker(self.home, self.database) for _ in range(count)]
        self.app = make_app(self.home, self.database, host=place.host, wake=self._wake, testing=place.testing)
        port = self._socket.getsockname()[1]
        self.address = f"http://{f'[{place.host}]' if ':' in place.host else place.host}:{port}"
        config = uvicorn.Config(
            self.app,
            log_config=None,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=20,
        )
        self._server = _Quiet(config)

    @property
    def link(self) -> str | None:
        """The one-time link that opens the page, where no key is needed."""
        return None if self._keys else f"{self.address}/session?link={self.app.state.server.sessions.link}"

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM: requests are finished, and jobs are given back with what they have kept."""
        sweep(self.home, self.database)
        with working(self.workers), ticking(Clock(self.database, self._wake)):
            self._server.run(sockets=[self._socket])
        self.database.close()

    def stop(self) -> None:
        """End `run`, from another thread."""
        self._server.should_exit = True

    def _wake(self) -> None:
        for worker in self.workers:
            worker.wake.set()


@contextmanager
def working(workers: list[Worker]) -> Iterator[None]:
    """Inside, the workers do jobs, a thread each."""
    threads = [threading.Thread(target=worker.run, name=f"worker {k}") for k, worker in enumerate(workers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.stop()
        for thread in threads:
            thread.join()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # with its protocol, by which asyncio knows that it may send without delay (TCP_NODELAY)
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ForetellError(
            f"--host {host} --port {port}: {error.strerror}. Name another port, or end what listens there."
        ) from error
    return listening
