"""Other libraries' log records and warnings kept from the host program; several threads may ask for it at once."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock

_lock = Lock()
_levels: dict[str, tuple[int, int]] = {}  # logger -> how many threads keep it quiet, its level before
_ignored: dict[tuple[str, type[Warning]], int] = {}  # (package, category) -> how many threads ignore it


@contextmanager
def quieted(*loggers: str) -> Iterator[None]:
    """Inside, these loggers say nothing below an error; afterwards they have their levels again."""
    with _lock:
        for name in loggers:
            count, level = _levels.get(name, (0, logging.getLogger(name).level))
            _levels[name] = count + 1, level
            logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    finally:
        with _lock:
            for name in loggers:
                count, level = _levels.pop(name)
                if count > 1:
                    _levels[name] = count - 1, level
                else:
                    logging.getLogger(name).setLevel(level)


@contextmanager
def unwarned(packages: Mapping[str, type[Warning]]) -> Iterator[None]:
    """Inside, warnings of these categories that modules of the packages issue are not shown.

    Unlike `warnings.catch_warnings`, which puts back the filters that it found, it takes away its own: what other threads do to
    the filters meanwhile stays.
    """
    with _lock:
        for package in packages.items():
            _ignored[package] = _ignored.get(package, 0) + 1
            _filter(*package)
    try:
        yield
    finally:
        with _lock:
            for package in packages.items():
                _ignored[package] -= 1
                if not _ignored[package]:
                    del _ignored[package]
                    _unfilter(*package)


def _filter(package: str, category: type[Warning]) -> None:
    warnings.filterwarnings("ignore", module=_modules(package), category=category)


def _unfilter(package: str, category: type[Warning]) -> None:
    """Remove what `_filter` added. Nothing else need be told: an ignored warning leaves no trace in any registry."""
    ours = [
        each
        for each in warnings.filters
        if each[0] == "ignore"
        and each[2] is category
        and getattr(each[3], "pattern", "") == _modules(package)
    ]
    for each in ours:
        warnings.filters.remove(each)  # type: ignore[attr-defined]


def _modules(package: str) -> str:
    return rf"{package}\..*"
