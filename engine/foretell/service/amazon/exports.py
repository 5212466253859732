"""Files of exports: CSV with CRLF, or Parquet, in parts, named after the job and the time."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from foretell.service.amazon.algorithms import name_of_level
from foretell.service.amazon.s3 import Storage
from foretell.system.csv_text import write_csv

if TYPE_CHECKING:  # the server, which takes the names of columns from here, loads no pandas
    import pandas as pd

Format = Literal["CSV", "PARQUET"]
ROWS: Final = 1_000_000  # of a part


def write_parts(
    storage: Storage,
    url: str,
    job: str,
    frames: Iterable[pd.DataFrame],
    *,
    format: Format = "CSV",
    folder: str = "",
) -> list[str]:
    """Write `frames` as parts below `url`; their names."""
    now = datetime.now(UTC)
    # As the service names them; the seconds keep the exports of one job to one folder apart.
    stamp = f"{now:%Y-%m-%dT%H-%M-%SZ}"
    names = []
    for part, frame in enumerate(_pieces(frames)):
        name = f"{folder}{job}_{stamp}_Part{part}.{format.lower()}"
        with storage.writing(url, name) as stream:
            stream.write(_csv(frame) if format == "CSV" else _parquet(frame))
        names.append(name)
    return names


def _pieces(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for frame in frames:
        for first in range(0, len(frame), ROWS):
            yield frame.iloc[first : first + ROWS]


def _csv(frame: pd.DataFrame) -> bytes:
    text = io.StringIO(newline="")
    write_csv(frame, text, line_end="\r\n")
    return text.getvalue().encode()


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), buffer)
    return buffer.getvalue()


def forecast_frame(
    frame: pd.DataFrame, *, item: str, dimensions: Sequence[str], types: Sequence[str], mean_is_median: bool
) -> pd.DataFrame:
    """A forecast's rows as an export has them: the item, date, dimensions, then what was asked for.

    `frame` is `Forecast.to_frame()`: the key, timestamp, mean and p10, p50, ...
    """
    import pandas as pd

    found: dict[str, Any] = {item: frame["item_id"], "date": _dates(frame["timestamp"])}
    found |= {name: frame[name] for name in dimensions}
    found |= {
        name: frame[column] for name, column in asked_columns(types, mean_is_median=mean_is_median).items()
    }
    return pd.DataFrame(found)


def asked_columns(types: Sequence[str], *, mean_is_median: bool) -> dict[str, str]:
    """For each name in an export or a query (p10, ..., mean) the column of a forecast's frame, quantiles first."""
    levels = sorted(float(each) for each in types if each != "mean")
    found = {name_of_level(level): name_of_level(level) for level in levels}
    if "mean" in types:
        found["mean"] = "p50" if mean_is_median else "mean"
    return found


def _dates(stamps: pd.Series[Any]) -> pd.Series[Any]:
    import pandas as pd

    return pd.to_datetime(stamps).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
