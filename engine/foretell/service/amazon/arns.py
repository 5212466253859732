"""Names of resources as Amazon spells them: `arn:aws:forecast:us-east-1:123456789012:dataset/sales`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

import regex

from foretell.service.amazon.errors import invalid_input, not_found
from foretell.service.amazon.settings import DEFAULT_ACCOUNT

Kind = Literal[
    "dataset-group",
    "dataset",
    "dataset-import-job",
    "predictor",
    "predictor-backtest-export-job",
    "forecast",
    "forecast-export-job",
    "explainability",
    "explainability-export",
    "what-if-analysis",
    "what-if-forecast",
    "what-if-forecast-export",
    "monitor",
]
KINDS: Final = get_args(Kind)
# Their names stand behind their parent's: dataset-import-job/sales/first.
UNDER_PARENT: Final = ("dataset-import-job", "predictor-backtest-export-job", "forecast-export-job")
# Their ARNs end in _ and a ULID.
SUFFIXED: Final = ("monitor", "what-if-analysis", "what-if-forecast", "what-if-forecast-export")
_PARTITIONS: Final[Mapping[str, str]] = {"cn": "aws-cn", "us-gov": "aws-us-gov"}
_ARN: Final = regex.compile(
    r"arn:(?P<partition>[a-z\d-]+):forecast:(?P<region>[^:]*):(?P<account>[^:]*):(?P<path>.+)"
)
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request is at home."""

    region: str
    account: str = DEFAULT_ACCOUNT

    @property
    def prefix(self) -> str:
        """What the ARNs of all its resources begin with."""
        partition = next(
            (p for start, p in _PARTITIONS.items() if self.region.startswith(f"{start}-")), "aws"
        )
        return f"arn:{partition}:forecast:{self.region}:{self.account}:"

    def arn(self, kind: Kind, name: str, *, parent: str | None = None, suffix: bool = False) -> str:
        """Of a new resource; `parent` is the name that it stands under, where its kind has one."""
        path = f"{parent}/{name}" if kind in UNDER_PARENT else name
        return f"{self.prefix}{kind}/{path}" + (f"_{ulid()}" if suffix or kind in SUFFIXED else "")

    def check(self, arn: str, *kinds: Kind) -> Kind:
        """The kind of resource that `arn` names.

        Raises AmazonError: InvalidInput for another kind than asked, ResourceNotFound for another account's or region's.
        """
        parts = _ARN.fullmatch(arn)
        kind = parts["path"].partition("/")[0] if parts else ""
        if kind not in (kinds or KINDS):
            wanted = " or ".join(kinds or KINDS)
            raise invalid_input(f"The ARN {arn} is not valid here: it must name a {wanted}.")
        if not arn.startswith(self.prefix):
            raise not_found(arn)
        return next(each for each in KINDS if each == kind)


def tail(arn: str) -> str:
    """What stands behind the kind: the name by which export jobs stand under their parent."""
    return arn.rpartition(":")[2].partition("/")[2]


def ulid(now: float | None = None) -> str:
    """26 characters that sort by time."""
    number = (int((time.time() if now is None else now) * 1000) << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))
