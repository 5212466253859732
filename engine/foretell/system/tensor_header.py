"""The header of a safetensors file, checked before a library reads the file."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from math import prod
from typing import Annotated, Any, BinaryIO, Final, Literal

from foretell.errors import ForetellError
from foretell.system.strict_json import MOST_BYTES, parse_json
from foretell.system.typed import Within, typed

_WIDTHS: Final = {
    **{"BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2},
    **{"U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8},
}
_LENGTH: Final = 8  # bytes before the header, which say how long it is

Count = Annotated[int, Within(0, 1 << 50)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tensor:
    dtype: Literal["BOOL", "U8", "I8", "U16", "I16", "F16", "BF16", "U32", "I32", "F32", "U64", "I64", "F64"]
    shape: tuple[Count, ...]
    data_offsets: tuple[Count, Count]


def checked_header(data: bytes) -> dict[str, str]:
    """The metadata of a safetensors file whose bytes are `data`.

    Raises ForetellError unless every array has a known type and the size that its shape says, and all lie end to end.
    """
    return _checked(BytesIO(data), len(data))[0]


def checked_file(file: BinaryIO, size: int) -> dict[str, tuple[int, ...]]:
    """The shape of each array of an open safetensors file of `size` bytes, of which the header alone is read.

    Raises ForetellError as `checked_header`.
    """
    return {name: tensor.shape for name, tensor in _checked(file, size)[1].items()}


def _checked(file: BinaryIO, size: int) -> tuple[dict[str, str], dict[str, _Tensor]]:
    length = int.from_bytes(file.read(_LENGTH), "little")
    if size < _LENGTH or length > min(size - _LENGTH, MOST_BYTES):
        raise ForetellError(f"its header would be {length:,} bytes long, of {size:,}")
    header: Any = parse_json(file.read(length))
    if not isinstance(header, dict):
        raise ForetellError("its header is no object")
    metadata = typed(dict[str, str], header.pop("__metadata__", {}), "metadata")
    tensors = {name: typed(_Tensor, said, name) for name, said in header.items()}
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda each: each[1].data_offsets):
        first, last = tensor.data_offsets
        if first != end or last - first != prod(tensor.shape) * _WIDTHS[tensor.dtype]:
            raise ForetellError(f"array {name!r} does not have the size that its shape says")
        end = last
    if end != size - _LENGTH - length:
        raise ForetellError(f"its arrays take {end:,} bytes, of {size - _LENGTH - length:,}")
    return metadata, tensors
