"""Requests to a server: with the key, once even where the connection breaks, refusals as `ServerError`."""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from foretell.errors import ForetellError

if TYPE_CHECKING:
    import httpx
    import pandas as pd

PARQUET: Final = "application/vnd.apache.parquet"
_TYPES: Final = {".csv": "text/csv", ".parquet": PARQUET, ".arrow": "application/vnd.apache.arrow.stream"}
_TRIES: Final = 4
_PAUSE: Final = 0.5  # seconds after the first try, doubled after each
_BUSY: Final = (429, 503)


class ServerError(ForetellError):
    """What a server refuses, in its own words; `status` of HTTP, and the `field` that is at fault."""

    def __init__(self, message: str, *, status: int, field: str | None = None) -> None:
        super().__init__(message)
        self.status, self.field = status, field


class Wire:
    """A connection to a server."""

    def __init__(self, url: str, *, key: str | None, timeout: float) -> None:
        """Raises ForetellError without httpx, and for an address that is none."""
        try:
            import httpx
        except ModuleNotFoundError as error:
            raise ForetellError("a server is asked by httpx: pip install 'foretell[client]'") from error
        if not url.startswith(("http://", "https://")):
            raise ForetellError(f"the address of a server begins with http:// or https://, got {url!r}")
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        self._client = httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout)

    def get(self, path: str, **query: Any) -> Any:
        """The answer as JSON."""
        return self.send("GET", path, params={k: v for k, v in query.items() if v is not None}).json()

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The answer as JSON; members that are None are left out. It is done once, however often it is sent."""
        told = {name: value for name, value in body.items() if value is not None}
        return self.send("POST", path, json=told, headers={"idempotency-key": uuid.uuid4().hex}).json()

    def delete(self, path: str) -> Any:
        """The answer as JSON."""
        return self.send("DELETE", path).json()

    def upload(self, source: pd.DataFrame | Path) -> str:
        """The identifier of a table that was sent: a frame, or a .csv, .parquet or .arrow file."""
        if isinstance(source, Path):
            if source.suffix.lower() not in _TYPES:
                raise ForetellError(f"a server takes {', '.join(_TYPES)} files, got {str(source)!r}")
            with source.open("rb") as file:
                kind = {"content-type": _TYPES[source.suffix.lower()]}
                return str(self.send("POST", "/uploads", content=file, headers=kind, tries=1).json()["id"])
        data = io.BytesIO()
        source.to_parquet(data, index=False)
        sent = self.send("POST", "/uploads", content=data.getvalue(), headers={"content-type": PARQUET})
        return str(sent.json()["id"])

    def tables(self, path: str, **query: Any) -> Iterator[pd.DataFrame]:
        """The parts of rows."""
        import pandas as pd

        known = {name: value for name, value in query.items() if value is not None}
        while True:
            answer = self.send("GET", path, params=known, headers={"accept": PARQUET})
            yield pd.read_parquet(io.BytesIO(answer.content))
            after = answer.headers.get("x-next-token")
            if after is None:
                return
            known["token"] = after

    def send(self, method: str, path: str, *, tries: int = _TRIES, **more: Any) -> httpx.Response:
        """The answer; raises ServerError for a refusal, ForetellError where the server cannot be reached."""
        import httpx

        for number in range(1, tries + 1):
            try:
                answer = self._client.request(method, f"/api/v1{path}", **more)
            except httpx.TransportError as error:
                if number == tries:
                    raise ForetellError(
                        f"the server {self._client.base_url} does not answer: {error}"
                    ) from error
            else:
                if answer.status_code not in _BUSY or number == tries:
                    return _good(answer)
            time.sleep(_PAUSE * 2 ** (number - 1))
        raise AssertionError("unreachable")

    def close(self) -> None:
        """End the connection."""
        self._client.close()


def _good(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    try:
        told = answer.json()
        detail, field = str(told["detail"]), told.get("field")
    except (ValueError, KeyError, TypeError):
        detail, field = f"the server answered {answer.status_code} {answer.reason_phrase}", None
    raise ServerError(detail, status=answer.status_code, field=field)
