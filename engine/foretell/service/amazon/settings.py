"""`[amazon]` of config.toml: the account, where `s3://` leads, how long an AutoPredictor trains, quotas."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from foretell.errors import ForetellError

DEFAULT_ACCOUNT: Final = "123456789012"
S3_ROOT: Final = "FORETELL_S3_ROOT"  # the variable by which --s3-root reaches the processes of jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class AmazonSettings:
    """What the endpoint that boto3 calls is like; the defaults need no configuration."""

    account: str = DEFAULT_ACCOUNT
    s3_root: str | None = None  # a folder that stands for all buckets; None: the store of AWS_ENDPOINT_URL_S3
    buckets: tuple[str, ...] = ()  # that may be used; none: all
    auto_time_limit: str = (
        "10m"  # of an AutoPredictor's training, once for the back-test and once for the model
    )
    quotas: Mapping[str, int] = field(default_factory=dict)  # by the names of `Quotas`

    def __post_init__(self) -> None:
        """Raises ForetellError for an account that is none."""
        if not (len(self.account) == 12 and self.account.isdecimal()):
            raise ForetellError(f"amazon.account must have 12 digits, got {self.account!r}")

    @property
    def root(self) -> Path | None:
        """The folder that stands for S3: --s3-root, else that of the configuration."""
        found = os.environ.get(S3_ROOT) or self.s3_root
        return None if found is None else Path(found).expanduser().resolve()
