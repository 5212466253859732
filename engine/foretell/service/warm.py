"""Inline forecasts, from a child that holds the models used last; the server itself never loads torch."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from foretell.service.refusals import Invalid, Late
from foretell.system.strict_json import parse_json

logger = logging.getLogger(__name__)

IDLE: Final = 600.0  # seconds without a request after which the child ends
MOST_MODELS: Final = 8  # that it holds
_WAIT: Final = 60.0  # seconds for those before
_LONGEST: Final = 120.0  # seconds for one


class Warm:
    """One child, started with the first request; requests are answered one after the other."""

    def __init__(self, *, idle: float = IDLE, most: int = MOST_MODELS, longest: float = _LONGEST) -> None:
        self._idle, self._most, self._longest = idle, most, longest
        self._turn = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._timer: threading.Timer | None = None

    @property
    def pid(self) -> int | None:
        """Of the child that lives."""
        child = self._child
        return child.pid if child is not None and child.poll() is None else None

    def predict(
        self,
        model: Path,
        tables: Mapping[str, pa.Table],
        *,
        items: Sequence[Any] | None = None,
        levels: Sequence[float] | None = None,
        horizon: int | None = None,
    ) -> pa.Table:
        """The rows of a forecast of `tables`: target, related, metadata.

        Raises Invalid for what the library refuses, Late where it takes too long or the child ends.
        """
        streams = {name: _stream(table) for name, table in tables.items()}
        told = {"model": str(model), "most": self._most, "items": items, "levels": levels, "horizon": horizon}
        head = json.dumps({**told, "bytes": {name: len(data) for name, data in streams.items()}}).encode()
        if not self._turn.acquire(timeout=_WAIT):
            raise Late("too many inline forecasts wait. Try again.")
        try:
            return self._asked(b"".join((head, b"\n", *streams.values())))
        finally:
            self._turn.release()

    def close(self) -> None:
        """End the child."""
        with self._turn:
            self._end()

    def _asked(self, request: bytes) -> pa.Table:
        child = self._living()
        late = threading.Timer(self._longest, _kill, (child,))
        late.start()
        began = time.monotonic()
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(request)
            child.stdin.flush()
            answer = parse_json(child.stdout.readline())
            body = child.stdout.read(answer["bytes"])
            if len(body) != answer["bytes"]:
                raise EOFError
        except Exception as error:  # it has ended, or was ended: the next request starts another
            self._end()
            over = time.monotonic() - began >= self._longest
            text = (
                f"the forecast took more than {self._longest:g} s"
                if over
                else "the process that forecasts ended"
            )
            logger.warning("%s: %r", text, error)
            raise Late(f"{text}. Try again, or make a forecast by a job: POST /api/v1/forecasts.") from error
        finally:
            late.cancel()
            self._rest()
        if "refused" in answer:
            raise Invalid(answer["refused"])
        return pa.ipc.open_stream(body).read_all()

    def _living(self) -> subprocess.Popen[bytes]:
        if self._timer is not None:
            self._timer.cancel()
        if self._child is None or self._child.poll() is not None:
            self._end()
            self._child = subprocess.Popen(
                [sys.executable, "-m", "foretell.service.warm_child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        return self._child

    def _rest(self) -> None:
        """End the child once it has had nothing to do for a while."""
        self._timer = threading.Timer(self._idle, self._idled)
        self._timer.daemon = True
        self._timer.start()

    def _idled(self) -> None:
        if self._turn.acquire(blocking=False):
            try:
                if threading.current_thread() is self._timer:
                    self._end()
            finally:
                self._turn.release()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._child is not None:
            _kill(self._child)
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout):
                with suppress(OSError):
                    if pipe is not None:
                        pipe.close()
        self._child = None


def _kill(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue().to_pybytes())
