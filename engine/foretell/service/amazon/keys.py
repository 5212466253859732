"""Keys for signatures: the secret must be known to check them, so it is stored, encrypted under the home's key."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Connection, insert, select

from foretell.errors import ForetellError
from foretell.service.auth import ROLES
from foretell.service.home import Home
from foretell.service.tables import keys, now

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
PREFIX: Final = "FTLA"  # of an access key id


def create_aws_key(connection: Connection, home: Home, role: str, name: str) -> tuple[str, str]:
    """An access key id and its secret for boto3; the secret is shown once."""
    if role not in ROLES:
        raise ForetellError(f"no role {role!r}. There are: {', '.join(ROLES)}.")
    if not name.strip():
        raise ForetellError("a key needs a name, so that it is known whose it is")
    identifier = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(16))
    secret = secrets.token_urlsafe(30)
    sealed = _box(home).encrypt(secret.encode())
    connection.execute(
        insert(keys).values(id=identifier, name=name, role=role, sealed=sealed, created_at=now())
    )
    return identifier, secret


def secret_and_role(connection: Connection, home: Home, identifier: str) -> tuple[str, str] | None:
    """Of a key that is there and not revoked; None for another."""
    asked = select(keys.c.sealed, keys.c.role).where(keys.c.id == identifier, keys.c.revoked_at.is_(None))
    row = connection.execute(asked).first()
    if row is None or row.sealed is None:
        return None
    try:
        return _box(home).decrypt(row.sealed).decode(), row.role
    except InvalidToken:  # sealed under another home's key
        return None


def _box(home: Home) -> Fernet:
    digest = hashlib.blake2b(home.key(), digest_size=32, person=b"foretell.aws").digest()
    return Fernet(base64.urlsafe_b64encode(digest))
