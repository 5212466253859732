"""What a server holds: data sets, models, back-tests, forecasts and what is made of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeVar

from foretell.client.wire import Wire
from foretell.errors import ForetellError

if TYPE_CHECKING:
    import pandas as pd

_PAUSE: Final = 0.2  # seconds between two looks, doubled up to the most
_MOST_PAUSE: Final = 5.0


Made = TypeVar("Made", bound="Remote")


class Remote:
    """A resource of a server: what was told of it last, and what can be asked."""

    kind: ClassVar[str]

    def __init__(self, wire: Wire, told: Mapping[str, Any]) -> None:
        self._wire, self._told = wire, dict(told)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id}: {self.name!r}, {self.state})"

    @property
    def id(self) -> str:
        """Its identifier."""
        return str(self._told["id"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self._told["name"])

    @property
    def state(self) -> str:
        """As it was told last: CREATE_PENDING, CREATE_IN_PROGRESS, ACTIVE, CREATE_FAILED, ..."""
        return str(self._told["state"])

    @property
    def result(self) -> Mapping[str, Any]:
        """What its job found."""
        result: Mapping[str, Any] = self._told["result"]
        return result

    @property
    def told(self) -> Mapping[str, Any]:
        """All that the server says of it."""
        return self._told

    def refresh(self) -> Self:
        """Ask again how it is."""
        self._told = self._wire.get(f"/{self.kind}/{self.id}")
        return self

    def wait(self, timeout: float | None = None) -> Self:
        """Until it is ACTIVE; raises ForetellError with the reason where its job fails, and where `timeout` seconds are over."""
        began, pause = time.monotonic(), _PAUSE
        while self.refresh().state in ("CREATE_PENDING", "CREATE_IN_PROGRESS", "CREATE_STOPPING"):
            if timeout is not None and time.monotonic() - began > timeout:
                raise ForetellError(f"{self!r} is not ready after {timeout:g} s. Wait again, or cancel() it.")
            time.sleep(pause)
            pause = min(pause * 1.5, _MOST_PAUSE)
        if self.state != "ACTIVE":
            raise ForetellError(f"{self.kind} {self.id}: {self._told['message'] or self.state}")
        return self

    def cancel(self) -> None:
        """End its job."""
        if self._told["job"] is not None:
            self._wire.post(f"/jobs/{self._told['job']}/cancel", {})

    def delete(self) -> None:
        """Delete it, with its files, by a job."""
        self._wire.delete(f"/{self.kind}/{self.id}")


class WithRows(Remote):
    """A resource with a table."""

    def to_frame(
        self,
        item: str | None = None,
        *,
        start: str | None = None,
        end: str | None = None,
        levels: Sequence[float] | None = None,
    ) -> pd.DataFrame:
        """Rows of an item, or of all."""
        import pandas as pd

        spelt = None if levels is None else ",".join(map(str, levels))
        parts = self._wire.tables(
            f"/{self.kind}/{self.id}/rows",
            item_id=item,
            start=start,
            end=end,
            levels=spelt,
            limit=None if item is not None else 100_000,
        )
        return pd.concat(list(parts), ignore_index=True)


class RemoteDataset(Remote):
    """A data set; training goes by its newest version."""

    kind = "datasets"


class RemoteModel(Remote):
    """A trained model."""

    kind = "models"

    def predict(
        self,
        data: pd.DataFrame | None = None,
        *,
        related: pd.DataFrame | None = None,
        metadata: pd.DataFrame | None = None,
        items: Sequence[str | Sequence[str]] | None = None,
        levels: Sequence[float] | None = None,
        horizon: int | None = None,
    ) -> pd.DataFrame:
        """The forecast of history that is sent along, at once, as `Forecast.to_frame` has it; `forecast` keeps one at the server."""
        import pandas as pd

        if data is None:
            raise ForetellError(
                "predict(data) forecasts what is sent. forecast() forecasts the server's data."
            )
        body = {
            "target": _rows(data),
            "related": None if related is None else _rows(related),
            "items": None if metadata is None else _rows(metadata),
            "only": items,
            "levels": levels,
            "horizon": horizon,
        }
        frame = pd.DataFrame(self._wire.post(f"/models/{self.id}/predict", body))
        if frame["timestamp"].dtype == object or str(frame["timestamp"].dtype).startswith("str"):
            frame["timestamp"] = pd.to_datetime(frame["timestamp"])
        return frame

    def forecast(
        self,
        *,
        levels: Sequence[float] | None = None,
        horizon: int | None = None,
        name: str | None = None,
        wait: bool = True,
    ) -> RemoteForecast:
        """A forecast of the newest version of the data, which stays at the server."""
        body = {"model": self.id, "levels": levels, "horizon": horizon, "name": name}
        return made(RemoteForecast, self._wire, body, wait=wait)

    def monitor(
        self, *, backtest: RemoteBacktest | None = None, by: Sequence[str] = (), wait: bool = True
    ) -> RemoteMonitor:
        """Its forecasts, judged by what has come since."""
        usual = None if backtest is None else backtest.id
        return made(
            RemoteMonitor, self._wire, {"model": self.id, "backtest": usual, "by": list(by)}, wait=wait
        )


class RemoteForecast(WithRows):
    """A forecast: `to_frame` has the columns model and final, which planners may override."""

    kind = "forecasts"

    def total(
        self,
        *,
        by: Sequence[str] = (),
        steps: int | None = None,
        levels: Sequence[float] | None = None,
        wait: bool = True,
    ) -> RemoteTotals:
        """Sums over groups of items, from joint paths."""
        body = {"forecast": self.id, "by": list(by), "steps": steps, "levels": levels}
        return made(RemoteTotals, self._wire, body, wait=wait)

    def whatif(
        self,
        scenarios: Mapping[str, str | Sequence[str]],
        *,
        items: Sequence[str | Sequence[str]] | None = None,
        by: str | None = None,
        wait: bool = True,
    ) -> RemoteScenario:
        """The forecast beside those of other plans."""
        changes = {name: [each] if isinstance(each, str) else list(each) for name, each in scenarios.items()}
        body = {"forecast": self.id, "changes": changes, "items": items, "by": by}
        return made(RemoteScenario, self._wire, body, wait=wait)

    def explain(
        self,
        *,
        items: Sequence[str | Sequence[str]] | None = None,
        by: Sequence[str] | None = None,
        level: float | None = None,
        permutations: int | None = None,
        wait: bool = True,
    ) -> RemoteExplanation:
        """What each driver adds."""
        body = {"forecast": self.id, "items": items, "by": by, "level": level, "permutations": permutations}
        return made(RemoteExplanation, self._wire, body, wait=wait)

    def override(
        self,
        item: str | Mapping[str, str],
        first: str,
        last: str,
        *,
        value: float | None = None,
        percent: float | None = None,
        comment: str = "",
    ) -> Mapping[str, Any]:
        """Say otherwise for an item and the steps from `first` to `last`: a value, or a percentage on top."""
        key = {"item_id": item} if isinstance(item, str) else dict(item)
        change: dict[str, Any] = {"item": key, "first": first, "last": last, "comment": comment}
        change |= {name: each for name, each in (("value", value), ("percent", percent)) if each is not None}
        found = self._wire.post("/overrides", {"forecast": self.id, "overrides": [change]})
        override: Mapping[str, Any] = found["items"][0]
        return override


class RemoteBacktest(Remote):
    """A back-test."""

    kind = "backtests"

    @property
    def leaderboard(self) -> pd.DataFrame:
        """A row a recipe, the best first."""
        import pandas as pd

        return pd.DataFrame(self.result["leaderboard"])


class RemoteTotals(WithRows):
    """Totals of a forecast."""

    kind = "totals"


class RemoteScenario(WithRows):
    """Scenarios of a forecast; `result` has their totals."""

    kind = "scenarios"


class RemoteExplanation(WithRows):
    """Contributions of drivers; `result` has impact scores."""

    kind = "explanations"


class RemoteMonitor(Remote):
    """A judgement of a model."""

    kind = "monitors"

    @property
    def verdict(self) -> str:
        """fine, watch or retrain."""
        return str(self.result["verdict"])


def made(kind: type[Made], wire: Wire, body: Mapping[str, Any], *, wait: bool) -> Made:
    """What a POST makes, once it is there unless that is not waited for."""
    found = kind(wire, wire.post(f"/{kind.kind}", body))
    return found.wait() if wait else found


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A table as JSON has it: times as texts, what is missing as null."""
    import json

    rows: list[dict[str, Any]] = json.loads(
        frame.to_json(orient="records", date_format="iso", double_precision=15)
    )
    return rows
