"""What a table's schema says of its columns beside their types: categories, and indexes that pandas wrote."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

_ARROW: Final = (
    b"ARROW:schema"  # the entry of a Parquet file's metadata that holds the schema it was written from
)


@dataclass(frozen=True, slots=True)
class Declared:
    """Columns of a table by what was declared of them."""

    categories: frozenset[str] = frozenset()  # pandas, polars or Arrow call them so
    indexes: frozenset[str] = frozenset()  # they were the index of a pandas frame

    def __or__(self, other: Declared) -> Declared:
        return Declared(self.categories | other.categories, self.indexes | other.indexes)


def declared_by(schema: Any) -> Declared:
    """What an Arrow schema declares, by its types or by the metadata that pandas leaves in it."""
    import pyarrow as pa

    said: Any = {}
    with suppress(ValueError, RecursionError):  # metadata may be anything
        said = schema.pandas_metadata or {}
    said = said if isinstance(said, dict) else {}
    named = {field.name for field in schema}
    categories = {field.name for field in schema if pa.types.is_dictionary(field.type)}
    categories |= {
        each.get("name") for each in _rows(said, "columns") if each.get("pandas_type") == "categorical"
    }
    indexes = said.get("index_columns")
    texts = {each for each in indexes if isinstance(each, str)} if isinstance(indexes, list) else set()
    return Declared(frozenset(categories & named), frozenset(texts & named))


def declared_in_file(schema: Any, metadata: Mapping[bytes, bytes] | None) -> Declared:
    """As `declared_by`, of a Parquet file: dictionaries of numbers are such in the schema it was written from alone."""
    import pyarrow as pa

    declared = declared_by(schema)
    written = (metadata or {}).get(_ARROW)
    if written is not None:
        with suppress(pa.ArrowException, binascii.Error, OSError, ValueError):
            first = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(written)))
            there = set(schema.names)
            more = declared_by(first)
            declared |= Declared(more.categories & there, more.indexes & there)
    return declared


def _rows(said: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    rows = said.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
