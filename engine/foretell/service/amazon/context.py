"""What an operation has at hand: who asks and where, the store, files, quotas."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from foretell.service.amazon.arns import Kind, Place
from foretell.service.amazon.errors import AmazonError, in_use
from foretell.service.amazon.quotas import Quotas
from foretell.service.amazon.s3 import Storage
from foretell.service.amazon.settings import DEFAULT_ACCOUNT
from foretell.service.amazon.store import ACTIVE, Resource, Store, Transaction
from foretell.service.amazon.tokens import Tokens

RESULT: Final = "result.json"  # what a job says of its work, in its folder
FORECAST_FILE: Final = "forecast.parquet"  # of a forecast, what-if or not


@dataclass(frozen=True, slots=True)
class Installation:
    """One server: the same for all requests."""

    store: Store
    folder: Path  # below which each resource has its own
    tokens: Tokens
    storage: Storage = field(default_factory=Storage)
    quotas: Quotas = field(default_factory=Quotas)
    account: str = DEFAULT_ACCOUNT

    def result(self, resource: Resource) -> dict[str, Any]:
        """What the job of a resource has written; empty before it has."""
        try:
            found: dict[str, Any] = json.loads((self.folder / resource.folder / RESULT).read_bytes())
        except FileNotFoundError:
            return {}
        return found


@dataclass(frozen=True, slots=True)
class Context:
    """One request, within its transaction."""

    place: Place
    installation: Installation
    database: Transaction
    removed: list[str] = field(default_factory=list)  # folders whose resources are gone

    def find(self, arn: str, *kinds: Kind) -> Resource:
        """Raises InvalidInput for another kind of resource, ResourceNotFound where there is none in this region."""
        self.place.check(arn, *kinds)
        return self.database.find(arn)

    def active(self, arn: str, *kinds: Kind) -> Resource:
        """As `find`; raises ResourceInUse for one that is not ACTIVE."""
        found = self.find(arn, *kinds)
        if found.status != ACTIVE:
            raise in_use(arn, f"its status is {found.status}, and it must be {ACTIVE}")
        return found

    def result(self, resource: Resource) -> dict[str, Any]:
        """As `Installation.result`."""
        return self.installation.result(resource)

    def check_room(self, kind: Kind) -> None:
        """Raises LimitExceeded where no more of a kind may be made."""
        self.installation.quotas.check(kind, self.database.count(kind, self.place.region))

    def check_running(self) -> None:
        """Raises LimitExceeded where no more long calls may run."""
        self.installation.quotas.check_running(self.database.running())

    def check_path(self, config: Mapping[str, Any]) -> str:
        """The path of an S3Config; raises InvalidInput for one that may not be used."""
        url: str = config["S3Config"]["Path"]
        try:
            self.installation.storage.check(url)
        except ValueError as error:
            raise AmazonError("InvalidInputException", str(error)) from error
        return url

    def remove(self, resource: Resource) -> None:
        """The row at once, its files when the transaction is through."""
        self.database.remove(resource.arn)
        self.removed.append(resource.folder)
