"""The endpoint of a server: made of its home and its database."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from sqlalchemy import delete

from foretell.service.amazon.asgi import AmazonApp
from foretell.service.amazon.context import Installation
from foretell.service.amazon.endpoint import Endpoint
from foretell.service.amazon.errors import AmazonError
from foretell.service.amazon.keys import secret_and_role
from foretell.service.amazon.quotas import Quotas
from foretell.service.amazon.s3 import Storage
from foretell.service.amazon.service_jobs import KIND, ServiceJobs
from foretell.service.amazon.signing import Caller, SecretOf
from foretell.service.amazon.store import RUNNING, Store
from foretell.service.amazon.tables import resources, tags
from foretell.service.amazon.tokens import Tokens
from foretell.service.auth import any_keys
from foretell.service.database import Database
from foretell.service.home import Home


def amazon_app(
    home: Home, database: Database, *, wake: Callable[[], None] = lambda: None, testing: bool = False
) -> AmazonApp:
    """What answers `POST /`; with `testing` also the reset."""
    settings = home.config.amazon
    installation = Installation(
        Store(database, ServiceJobs()),
        home.path / "files" / KIND,
        Tokens(hashlib.blake2b(home.key(), digest_size=32, person=b"foretell.tok").digest()),
        Storage(settings.root, settings.buckets),
        Quotas.of(settings.quotas),
        settings.account,
    )
    keys = _Keys(home, database)
    endpoint = Endpoint(installation, keys.secret_of, keys.permit, wake)
    return AmazonApp(endpoint, _reset(installation) if testing else None)


class _Keys:
    """The keys of a server, looked up for each request."""

    def __init__(self, home: Home, database: Database) -> None:
        self._home, self._database = home, database

    def secret_of(self) -> SecretOf | None:
        """What finds the secret of a key; None where there are no keys at all."""
        with self._database.read() as connection:
            return self._secret if any_keys(connection) else None

    def _secret(self, access_key: str) -> str | None:
        with self._database.read() as connection:
            found = secret_and_role(connection, self._home, access_key)
        return None if found is None else found[0]

    def permit(self, caller: Caller, writes: bool) -> None:
        """Raises AccessDenied where a reader's key would change something."""
        if not writes or caller.access_key is None:
            return
        with self._database.read() as connection:
            found = secret_and_role(connection, self._home, caller.access_key)
        if found is not None and found[1] == "reader":
            raise AmazonError("AccessDeniedException", "The key is of a reader, who may not change anything.")


def _reset(installation: Installation) -> Callable[[], None]:
    def reset() -> None:
        with installation.store.transaction() as database:
            found = [each for kind in Quotas.kinds() for each in database.of_kind(kind, None)]
            for each in found:
                if each.status in RUNNING and each.job is not None:
                    database.cancel(each.job)
            database.connection.execute(delete(tags))
            database.connection.execute(delete(resources))
            database.remove_folders([each.folder for each in found])

    return reset
