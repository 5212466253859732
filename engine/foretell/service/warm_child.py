"""The process that answers inline forecasts: `python -m foretell.service.warm_child`. It holds the models used last.

Standard input brings a line of JSON a request, followed by its tables as Arrow streams; standard output takes a line of JSON and an
Arrow stream. It ends when standard input closes.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections import OrderedDict
from collections.abc import Mapping
from typing import IO, Any, Final

import pandas as pd
import pyarrow as pa

from foretell.errors import ForetellError
from foretell.models.model import Model
from foretell.system.strict_json import parse_json
from foretell.workflows.train import load

TABLES: Final = ("target", "related", "metadata")


def main() -> None:
    """Answer until standard input closes."""
    channel, source = os.fdopen(os.dup(1), "wb"), sys.stdin.buffer
    os.dup2(2, 1)  # what libraries print
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    models = _Models()
    while line := source.readline():
        told = parse_json(line)
        parts = {name: source.read(size) for name, size in told.pop("bytes").items()}
        try:
            table = _forecast(models, told, {name: _read(name, part) for name, part in parts.items()})
        except (ForetellError, OSError, MemoryError) as error:
            traceback.print_exc()
            _say(channel, {"refused": str(error) or type(error).__name__}, b"")
        else:
            _say(channel, {}, table)


class _Models:
    """The models used last, the oldest of them first."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Model] = OrderedDict()

    def get(self, folder: str, most: int) -> Model:
        """The model of a folder; those used longest ago go where there are more than `most`."""
        model = self._held.pop(folder, None) or load(folder)
        self._held[folder] = model
        while len(self._held) > most:
            self._held.popitem(last=False)
        return model


def _forecast(models: _Models, told: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> bytes:
    model = models.get(told["model"], told["most"])
    forecast = model.predict(
        tables["target"],
        related=tables.get("related"),
        metadata=tables.get("metadata"),
        items=told["items"],
        levels=told["levels"],
        horizon=told["horizon"],
    )
    table = pa.Table.from_pandas(forecast.to_frame(), preserve_index=False).replace_schema_metadata(None)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def _read(name: str, stream: bytes) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = pa.ipc.open_stream(stream).read_pandas()
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise ForetellError(f"{name}: the table cannot be read: {error}") from error
    return frame


def _say(channel: IO[bytes], told: Mapping[str, Any], table: bytes) -> None:
    channel.write(json.dumps({**told, "bytes": len(table)}).encode() + b"\n" + table)
    channel.flush()


if __name__ == "__main__":
    main()
