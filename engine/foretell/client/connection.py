"""`connect`: a server whose verbs are those of the library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from foretell.client.things import (
    Made,
    Remote,
    RemoteBacktest,
    RemoteDataset,
    RemoteForecast,
    RemoteModel,
    made,
)
from foretell.client.wire import Wire
from foretell.errors import ForetellError

if TYPE_CHECKING:
    import pandas as pd

    Table = pd.DataFrame | str | Path | Mapping[str, str]


def connect(url: str, *, key: str | None = None, timeout: float = 150.0) -> Connection:
    """A server of `foretell serve`, with the verbs of the library: dataset, train, backtest; models forecast, and so on.

    Args:
        url: of the server: http://127.0.0.1:8800.
        key: that `foretell keys create` printed; a server of this machine may need none.
        timeout: seconds for one request.

    Raises:
        ForetellError: where the package httpx is missing, and from each verb what the server refuses (`ServerError`, with the HTTP
            `status` and the `field`).

    Example:
        >>> foretell.connect("127.0.0.1:8800")
        Traceback (most recent call last):
            ...
        foretell.errors.ForetellError: the address of a server begins with http:// or https://, got '127.0.0.1:8800'
    """
    return Connection(Wire(url, key=key, timeout=timeout))


class Connection:
    """A server. Its verbs wait until what they ask for is there, unless told `wait=False`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wire.close()

    def dataset(
        self,
        name: str,
        target: Table,
        *,
        related: Table | Sequence[Table] | None = None,
        items: Table | None = None,
        wait: bool = True,
        **options: Any,
    ) -> RemoteDataset:
        """A new data set of tables: frames and files are sent; `{"path": ...}` and `{"connection": ..., "query": ...}` the server reads.

        `options` are those of `foretell.Dataset`: freq="D", known=["promo"].
        """
        body = {"name": name, **self._tables(target, related, items), "options": options}
        return made(RemoteDataset, self._wire, body, wait=wait)

    def update(
        self,
        data: RemoteDataset | str,
        target: Table,
        *,
        related: Table | Sequence[Table] | None = None,
        items: Table | None = None,
        append: bool = False,
        **options: Any,
    ) -> RemoteDataset:
        """A further version of a data set: other tables, or rows that come after those that are there."""
        body: dict[str, Any] = {**self._tables(target, related, items)}
        body["mode"] = "append" if append else "replace"
        if options or not append:
            body["options"] = options
        found = self._wire.post(f"/datasets/{_id(data)}/versions", body)
        _Version(self._wire, found, _id(data)).wait()
        return self.get(RemoteDataset, _id(data))

    def train(
        self,
        data: RemoteDataset | str,
        *,
        recipe: str | None = None,
        horizon: int | None = None,
        levels: Sequence[float] | None = None,
        start: RemoteModel | str | None = None,
        wait: bool = True,
        **more: Any,
    ) -> RemoteModel:
        """A model of the newest version of a data set; `start` is one that training goes on from, `more` as in `foretell.train`."""
        body = {"dataset": _id(data), "recipe": recipe, "horizon": horizon, "levels": levels, **more}
        if start is not None:
            body["from"] = _id(start)
        return made(RemoteModel, self._wire, body, wait=wait)

    def backtest(
        self,
        data: RemoteDataset | str,
        *,
        recipes: Sequence[str],
        horizon: int,
        windows: int = 1,
        wait: bool = True,
        **more: Any,
    ) -> RemoteBacktest:
        """Recipes compared on windows of the past; `more` as in `foretell.backtest`."""
        body = {
            "dataset": _id(data),
            "recipes": list(recipes),
            "horizon": horizon,
            "windows": windows,
            **more,
        }
        return made(RemoteBacktest, self._wire, body, wait=wait)

    def get(self, kind: type[Made], identifier: str) -> Made:
        """A resource by its identifier: `server.get(RemoteModel, "mdl_...")`."""
        return kind(self._wire, self._wire.get(f"/{kind.kind}/{identifier}"))

    def model(self, identifier: str) -> RemoteModel:
        """A model by its identifier."""
        return self.get(RemoteModel, identifier)

    def forecast(self, identifier: str) -> RemoteForecast:
        """A forecast by its identifier."""
        return self.get(RemoteForecast, identifier)

    def datasets(self) -> Iterator[RemoteDataset]:
        """All data sets, newest first."""
        return self.all(RemoteDataset)

    def models(self) -> Iterator[RemoteModel]:
        """All models, newest first."""
        return self.all(RemoteModel)

    def forecasts(self) -> Iterator[RemoteForecast]:
        """All forecasts, newest first."""
        return self.all(RemoteForecast)

    def all(self, kind: type[Made], **query: Any) -> Iterator[Made]:
        """All resources of a kind, newest first, asked for in parts as they are looked at."""
        token = None
        while True:
            page = self._wire.get(f"/{kind.kind}", token=token, **query)
            yield from (kind(self._wire, told) for told in page["items"])
            token = page["next"]
            if token is None:
                return

    def _tables(
        self, target: Table, related: Table | Sequence[Table] | None, items: Table | None
    ) -> dict[str, Any]:
        many = related if isinstance(related, (list, tuple)) else [] if related is None else [related]
        told: dict[str, Any] = {
            "target": self._source(target),
            "related": [self._source(each) for each in many],
        }
        return told if items is None else {**told, "items": self._source(items)}

    def _source(self, table: Any) -> Mapping[str, str]:
        if isinstance(table, Mapping):
            return table
        if isinstance(table, (str, Path)):
            return {"upload": self._wire.upload(Path(table))}
        if hasattr(table, "to_parquet"):
            return {"upload": self._wire.upload(table)}
        raise ForetellError(
            f"a table is a frame, a file or where the server reads it, got {type(table).__name__}"
        )


class _Version(Remote):
    """A version of a data set, until it is imported."""

    def __init__(self, wire: Wire, told: Mapping[str, Any], data: str) -> None:
        super().__init__(wire, told)
        self.kind = f"datasets/{data}/versions"  # type: ignore[misc]


def _id(thing: Remote | str) -> str:
    return thing if isinstance(thing, str) else thing.id
