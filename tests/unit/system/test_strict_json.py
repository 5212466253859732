"""JSON that others may have written: strict, then typed."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from foretell.errors import ForetellError
from foretell.system.regular_files import open_regular, read_regular
from foretell.system.strict_json import DEEPEST, parse_json, refuse_special
from foretell.system.typed import Within, typed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "name 'c' twice"),
        ('{"a": NaN}', "NaN where JSON"),
        ("[-Infinity]", "-Infinity where JSON"),
        ("[1e999]", "beyond all bounds"),
        (f"[{1 << 63}]", "beyond 64 bits"),
        (f"[{'9' * 10_000}]", "beyond 64 bits"),
        ("[" * 200 + "]" * 200, "nested deeper"),
        ("[" * 200_000, "nested deeper"),
        ('{"a": "\\ud800"}', "half a character"),
        ('{"\\udfff": 1}', "half a character"),
        ("{'a': 1}", "no JSON"),
        ("", "no JSON"),
        (b"\xff\xfe", "no UTF-8"),
    ],
)
def test_what_json_leaves_open_is_refused(text: str | bytes, said: str) -> None:
    with pytest.raises(ForetellError, match=said):
        parse_json(text)


def test_what_is_json_is_read_as_it_is() -> None:
    assert parse_json(b'{"a": [1, -2.5, null, true, "\\u00e9\\ud83d\\ude00"], "b": 9223372036854775807}') == {
        "a": [1, -2.5, None, True, "é😀"],
        "b": 2**63 - 1,
    }
    deepest = "[" * DEEPEST + "]" * DEEPEST
    assert parse_json(deepest)
    assert math.isnan(parse_json("[NaN]", special=True)[0])
    with pytest.raises(ForetellError, match="NaN or an infinite"):
        refuse_special(parse_json('{"a": [{"b": Infinity}]}', special=True))


@dataclass(frozen=True)
class Inner:
    kind: Literal["x", "y"]
    size: Annotated[int, Within(1, 9)] = 1

    def __post_init__(self) -> None:
        if self.kind == "y" and self.size == 7:
            raise ForetellError("no y is 7")


@dataclass(frozen=True)
class Outer:
    inner: Inner
    pairs: tuple[tuple[int, float], ...] = ()
    words: Mapping[str, str | None] | None = None
    anything: Any = None


def test_objects_become_dataclasses_and_lists_tuples() -> None:
    value = {"inner": {"kind": "y"}, "pairs": [[1, 2], [3, 0.5]], "words": {"a": None}, "anything": [1]}
    assert typed(Outer, value) == Outer(Inner("y"), ((1, 2.0), (3, 0.5)), {"a": None}, [1])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "it must be an object"),
        ({}, "inner is missing"),
        ({"inner": {"kind": "z"}}, r"inner\.kind must be 'x' or 'y', got 'z'"),
        ({"inner": {"kind": "x", "size": True}}, r"inner\.size must be a whole number, got True"),
        ({"inner": {"kind": "x", "size": 1.0}}, r"inner\.size must be a whole number"),
        ({"inner": {"kind": "x", "size": 10}}, r"inner\.size must be from 1 to 9, got 10"),
        ({"inner": {"kind": "y", "size": 7}}, "inner: no y is 7"),
        ({"inner": {"kind": "x"}, "more": 1}, "it has fields that this version does not know: more"),
        ({"inner": {"kind": "x"}, "pairs": [[1]]}, r"pairs\[0\] must be a list of 2"),
        ({"inner": {"kind": "x"}, "pairs": [[1, "2"]]}, r"pairs\[0\]\[1\] must be a finite number"),
        ({"inner": {"kind": "x"}, "words": {"a": 1}}, r"words\.a must be"),
    ],
)
def test_the_first_field_that_is_wrong_is_named(value: Any, said: str) -> None:
    with pytest.raises(ForetellError, match=said):
        typed(Outer, value)


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_bytes(b"abc")
    (tmp_path / "link").symlink_to(real)
    os.mkfifo(tmp_path / "pipe")
    assert read_regular(real, most=3) == b"abc"
    with pytest.raises(ForetellError, match="has 3 bytes, expected 2 at most"):
        read_regular(real, most=2)
    for path, said in (
        (tmp_path / "link", "is a link"),
        (tmp_path / "pipe", "no regular file"),
        (tmp_path, "no regular file"),
        (Path("/dev/zero"), "no regular file"),
        (Path("a\0b"), "no name of a file"),
    ):
        with pytest.raises(ForetellError, match=said):
            open_regular(path)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "nowhere")
