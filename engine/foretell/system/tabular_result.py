"""`Tabular`: a result that is a table, in the forms that other libraries take."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from foretell.errors import ForetellError

if TYPE_CHECKING:
    import pandas as pd


class Tabular:
    """A result with `to_frame`, and what follows from it."""

    __slots__ = ()

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """The result as a pandas table."""

    def to_arrow(self) -> Any:
        """`to_frame` as a `pyarrow.Table`, without an index."""
        import pyarrow as pa

        return pa.Table.from_pandas(self.to_frame(), preserve_index=False).replace_schema_metadata(None)

    def to_polars(self) -> Any:
        """`to_frame` as a `polars.DataFrame`; raises ForetellError where polars is not installed."""
        try:
            import polars
        except ImportError as error:
            raise ForetellError(
                "to_polars needs polars, which is not installed: pip install polars"
            ) from error
        return polars.from_arrow(self.to_arrow())
