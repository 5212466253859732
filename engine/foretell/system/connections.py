"""Databases under names: whoever configures a machine gives their addresses, a pipeline or a request only their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from foretell.errors import ForetellError
from foretell.system.typed import Within


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A database that may be used under a name; callers never give an address."""

    url: str  # postgresql://user@host/shop, sqlite:///shop.db
    access: Literal["read", "write"] = "read"
    tables: tuple[str, ...] = ()  # that a write connection may write
    timeout: Annotated[float, Within(0.1, 86400)] = 300.0  # seconds of a statement
    max_rows: Annotated[int, Within(1, 1 << 40)] = 100_000_000

    @property
    def limited(self) -> str:
        """The address, with the limit of a statement where the database has one."""
        if self.url.startswith("sqlite"):
            return self.url
        mark = "&" if "?" in self.url else "?"
        return f"{self.url}{mark}options=-c%20statement_timeout%3D{round(self.timeout * 1000)}"


def connection_named(
    connections: Mapping[str, Connection], name: str, access: Literal["read", "write"]
) -> Connection:
    """The connection of that name; raises ForetellError where there is none, or none with this access."""
    if name not in connections:
        known = ", ".join(sorted(connections)) or "none"
        raise ForetellError(f"no connection {name!r}. There are: {known}. They stand in the configuration.")
    found = connections[name]
    if found.access != access:
        raise ForetellError(
            f"the connection {name!r} is there to {found.access}, not to {access}. Name another one."
        )
    return found
