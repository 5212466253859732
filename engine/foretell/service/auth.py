"""Who asks, and what they may do: keys, and the rules for a server of one machine that has none."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from sqlalchemy import Connection, insert, select, update

from foretell.errors import ForetellError
from foretell.service.refusals import Absent, Forbidden, Unknown
from foretell.service.tables import keys, now

Role = Literal["reader", "planner", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)  # each may what those before it may
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_KEY: Final = re.compile(r"ftl_([0-9a-f]{16})_([0-9a-f]{64})")
_NO_DIGEST: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks."""

    id: str  # of the key; local: nobody needs one
    name: str
    role: Role

    def must_be(self, role: Role) -> None:
        """Raises Forbidden where their role is less."""
        if ROLES.index(self.role) < ROLES.index(role):
            raise Forbidden(f"this needs the role {role}, and the key {self.name!r} is of a {self.role}")


LOCAL: Final = Who("local", "this machine", "admin")


def create_key(connection: Connection, role: str, name: str) -> tuple[str, str]:
    """The identifier of a new key, and the key itself, which is shown once: only a digest of it is kept."""
    if role not in ROLES:
        raise ForetellError(f"no role {role!r}. There are: {', '.join(ROLES)}.")
    if not name.strip():
        raise ForetellError("a key needs a name, so that it is known whose it is")
    identifier, secret = secrets.token_hex(8), secrets.token_hex(32)
    digest = _digest(secret)
    connection.execute(
        insert(keys).values(id=identifier, name=name, role=role, sha256=digest, created_at=now())
    )
    return identifier, f"ftl_{identifier}_{secret}"


def revoke_key(connection: Connection, identifier: str) -> None:
    """End a key; raises Absent where there is none."""
    ended = update(keys).where(keys.c.id == identifier, keys.c.revoked_at.is_(None)).values(revoked_at=now())
    if connection.execute(ended).rowcount == 0:
        raise Absent(
            f"there is no key {identifier!r}, or it is revoked already. foretell keys list shows them."
        )


def list_keys(connection: Connection) -> Sequence[Any]:
    """All keys, oldest first: rows with id, name, role, created_at, revoked_at."""
    columns = (keys.c.id, keys.c.name, keys.c.role, keys.c.created_at, keys.c.revoked_at)
    return connection.execute(select(*columns).order_by(keys.c.created_at)).all()


def any_keys(connection: Connection) -> bool:
    """Whether there is a key that is not revoked."""
    return (
        connection.execute(select(keys.c.id).where(keys.c.revoked_at.is_(None)).limit(1)).scalar() is not None
    )


def is_good(connection: Connection, identifier: str) -> bool:
    """Whether there is such a key, and it is not revoked."""
    asked = select(keys.c.id).where(keys.c.id == identifier, keys.c.revoked_at.is_(None))
    return connection.execute(asked).scalar() is not None


def who_has(connection: Connection, key: str) -> Who:
    """Whose key it is; raises Unknown. It takes as long for a key that is not there as for one that is."""
    match = _KEY.fullmatch(key)
    identifier, secret = match.groups() if match else ("", "")
    row = connection.execute(select(keys).where(keys.c.id == identifier)).first()
    stored = row.sha256 if row is not None and row.sha256 and row.revoked_at is None else _NO_DIGEST
    same = hmac.compare_digest(_digest(secret), stored)
    if row is None or not same:
        raise Unknown("the key is not known, or revoked. Send one that is: Authorization: Bearer ftl_...")
    return Who(row.id, row.name, row.role)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
