"""What a caller gives a trained model to forecast from: a data set, or tables that are read as those of its training."""

from __future__ import annotations

from typing import Any

from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset
from foretell.ingest.panel_folder import is_panel


def given_data(
    schema: Schema, data: object, *, related: object = None, metadata: object = None
) -> Dataset | None:
    """`data` if it is a data set or None; tables, and the folder of a saved panel, as one.

    Raises ForetellError for other tables beside a data set, which has its own, and for what cannot be read.
    """
    whole = Dataset.open(str(data)) if is_panel(data) else data
    if not (whole is None or isinstance(whole, Dataset)):
        return read_as_trained(schema, data, related=related, metadata=metadata)
    beside = "related" if related is not None else "metadata" if metadata is not None else None
    if beside is not None:
        what = "no target table is given" if data is None else "the data set has its own tables"
        raise ForetellError(
            f"{beside}= goes with a target table, and {what}. Give the tables: predict(sales, {beside}=...)."
        )
    return whole


def read_as_trained(
    schema: Schema, target: object, *, related: object = None, metadata: object = None, **options: Any
) -> Dataset:
    """Tables as a data set, with the columns of a model, and read as those of its training but for `options` of `Dataset`.

    Raises ForetellError for an option that training has fixed otherwise, and for tables that cannot be read.
    """
    return Dataset(target, related, metadata, schema=schema, **options)
