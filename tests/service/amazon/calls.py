"""What tests of the Amazon endpoint say again and again: schemas, paths, waiting, and resources made in one line."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

ROLE = "arn:aws:iam::123456789012:role/Forecast"
ACCOUNT = "arn:aws:forecast:us-east-1:123456789012:"
ALGORITHM = "arn:aws:forecast:::algorithm/"
FINISHED = ("ACTIVE", "CREATE_FAILED", "CREATE_STOPPED")


def schema(**types: str) -> dict[str, Any]:
    """A schema of these attributes, in their order."""
    return {"Attributes": [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]}


TARGET = schema(item_id="string", timestamp="timestamp", target_value="float")


def s3(path: str) -> dict[str, Any]:
    """A DataSource or DataDestination."""
    return {"S3Config": {"Path": path, "RoleArn": ROLE}}


@dataclass(frozen=True)
class Amazon:
    """Two clients of a running server, and the folder that stands for S3."""

    forecast: Any
    query: Any
    s3: Path

    def write(self, path: str, frame: pd.DataFrame) -> str:
        """A CSV without header; its path."""
        file = self.s3 / path
        file.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(file, index=False, header=False)
        return f"s3://{path}"

    def wait(self, kind: str, arn: str, status: str = "ACTIVE") -> dict[str, Any]:
        """What Describe says when the resource is finished, which must be in `status`."""
        words = "".join(word.capitalize() for word in kind.split("_"))
        parameter = f"{words.replace('AutoPredictor', 'Predictor')}Arn"
        until = time.monotonic() + 300
        while time.monotonic() < until:
            found: dict[str, Any] = getattr(self.forecast, f"describe_{kind}")(**{parameter: arn})
            if found["Status"] in FINISHED:
                assert found["Status"] == status, found.get("Message")
                return found
            time.sleep(0.1)
        raise AssertionError(f"{arn} is still {found['Status']}")

    def dataset(self, name: str, **changes: Any) -> str:
        """The ARN of a new dataset, a daily target of the CUSTOM domain unless changed."""
        asked: dict[str, Any] = {
            "DatasetName": name,
            "Domain": "CUSTOM",
            "DatasetType": "TARGET_TIME_SERIES",
            "DataFrequency": "D",
            "Schema": TARGET,
        }
        arn: str = self.forecast.create_dataset(**{**asked, **changes})["DatasetArn"]
        return arn

    def imported(self, dataset: str, name: str, url: str, **changes: Any) -> dict[str, Any]:
        """An import that is ACTIVE."""
        asked = {"DatasetImportJobName": name, "DatasetArn": dataset, "DataSource": s3(url)}
        made = self.forecast.create_dataset_import_job(
            **{**asked, "TimestampFormat": "yyyy-MM-dd", **changes}
        )
        return self.wait("dataset_import_job", made["DatasetImportJobArn"])

    def group(self, name: str, frame: pd.DataFrame, **changes: Any) -> str:
        """The ARN of a dataset group with one dataset and these rows."""
        dataset = self.dataset(name, **changes)
        fine = changes.get("DataFrequency", "D").endswith(("H", "min"))
        stamp = "yyyy-MM-dd HH:mm:ss" if fine else "yyyy-MM-dd"
        self.imported(dataset, "first", self.write(f"bucket/{name}.csv", frame), TimestampFormat=stamp)
        domain = changes.get("Domain", "CUSTOM")
        made = self.forecast.create_dataset_group(DatasetGroupName=name, Domain=domain, DatasetArns=[dataset])
        arn: str = made["DatasetGroupArn"]
        return arn


def predictor(name: str, group: str, **changes: Any) -> dict[str, Any]:
    """A request of CreatePredictor: NPTS, a week ahead."""
    asked: dict[str, Any] = {
        "PredictorName": name,
        "AlgorithmArn": f"{ALGORITHM}NPTS",
        "ForecastHorizon": 7,
        "InputDataConfig": {"DatasetGroupArn": group},
        "FeaturizationConfig": {"ForecastFrequency": "D"},
    }
    return {**asked, **changes}


def sales(items: int = 3, days: int = 60) -> pd.DataFrame:
    """Rows of a target with a weekly pattern, and more that is not weekly."""
    dates = pd.date_range("2024-01-01", periods=days)
    rows = [
        (f"item_{k}", day, 10 * (k + 1) + day.dayofweek + day.dayofyear % 5)
        for k in range(items)
        for day in dates
    ]
    return pd.DataFrame(rows, columns=["item_id", "timestamp", "target_value"])


def code_of(call: Any, request: Mapping[str, Any]) -> tuple[str, str]:
    """The error code and the message that a call ends with."""
    from botocore.exceptions import ClientError

    try:
        call(**request)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    raise AssertionError(f"it was taken: {dict(request)}")
