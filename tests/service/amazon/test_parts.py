"""The parts of the endpoint that need no server: imports, statistics, storage, tokens, names, the model's exceptions."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from foretell.errors import ForetellError
from foretell.service.amazon.algorithms import ALGORITHMS, echoed, transformed
from foretell.service.amazon.arns import Place
from foretell.service.amazon.errors import AmazonError
from foretell.service.amazon.imports import ImportPlan, import_files
from foretell.service.amazon.model import operations
from foretell.service.amazon.operations import OPERATIONS
from foretell.service.amazon.quotas import Quotas
from foretell.service.amazon.s3 import Storage
from foretell.service.amazon.schemas import TARGET, check_schema, frequency_alias
from foretell.service.amazon.statistics import field_statistics
from foretell.service.amazon.tokens import Tokens
from foretell.service.amazon.validation import EXCEPTIONS
from service.amazon.calls import TARGET as SCHEMA

COLUMNS = check_schema("CUSTOM", TARGET, SCHEMA)


def imported(folder: Path, text: str, **changes: str) -> pd.DataFrame:
    (folder / "bucket").mkdir(exist_ok=True)
    (folder / "bucket/rows.csv").write_text(text)
    plan = ImportPlan("s3://bucket/rows.csv", COLUMNS, **changes)  # type: ignore[arg-type]
    import_files(Storage(folder), plan, folder / "out.parquet")
    return pd.read_parquet(folder / "out.parquet")


def test_there_is_an_operation_for_each_of_the_model_and_no_other():
    assert {each.name for each in operations().values()} == set(OPERATIONS)
    assert len(OPERATIONS) == 65


def test_each_exception_to_the_model_has_its_reason():
    assert all(len(each.reason) > 20 for each in EXCEPTIONS.values())


def test_the_statistics_of_a_public_table_are_those_of_its_real_import(real_data: Path, tmp_path: Path):
    frame = pd.read_parquet(real_data / "electricity_small/target.parquet")
    ten = frame["item_id"].isin([f"client_{k}" for k in range(1, 11)])
    rows = frame[ten & (frame["timestamp"] <= "2014-09-30 23:00:00")]
    imported(tmp_path, rows[["item_id", "timestamp", "target"]].to_csv(index=False, header=False))
    found = field_statistics([tmp_path / "out.parquet"], COLUMNS.types)
    assert found["target_value"]["Count"] == 65_510
    assert found["target_value"]["Avg"] == pytest.approx(77.553091400706, abs=1e-6)
    assert found["item_id"]["CountDistinct"] == 10


def test_a_row_of_headers_that_repeats_the_schema_is_no_data(tmp_path: Path):
    text = "item_id,timestamp,target_value\na,2024-01-01 00:00:00,1\n"
    assert imported(tmp_path, text)["target_value"].tolist() == [1.0]


def test_an_empty_number_is_null_and_nan_is_nan(tmp_path: Path):
    imported(tmp_path, "a,2024-01-01 00:00:00,\na,2024-01-02 00:00:00,NaN\na,2024-01-03 00:00:00,2\n")
    found = field_statistics([tmp_path / "out.parquet"], COLUMNS.types)["target_value"]
    assert (found["Count"], found["CountNull"], found["CountNan"], found["Avg"]) == (3, 1, 1, 2.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,2024-01-01,1\n", "rows.csv, row 1: timestamp is no time like yyyy-MM-dd HH:mm:ss: '2024-01-01'"),
        ("a,2024-13-01 00:00:00,1\n", "row 1: timestamp is no time"),
        ("a,2024-01-01 00:00:00,1\na,2024-01-02 00:00:00,x\n", "row 2: target_value is no double: 'x'"),
        (",2024-01-01 00:00:00,1\n", "row 1: item_id is missing"),
        ("a,2024-01-01 00:00:00\n", "Expected 3 columns, got 2"),
        ("", "there are no rows"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, text: str, said: str):
    with pytest.raises(ForetellError, match=said.replace("(", r"\(")):
        imported(tmp_path, text)


def test_a_folder_of_s3_is_read_in_the_order_of_its_names_without_hidden_files(tmp_path: Path):
    folder = tmp_path / "bucket/in"
    folder.mkdir(parents=True)
    for name in ("b.csv", "a.csv", "_SUCCESS", ".a.crc"):
        (folder / name).write_text("x")
    assert [file.name for file in Storage(tmp_path).list_files("s3://bucket/in/")] == ["a.csv", "b.csv"]


@pytest.mark.parametrize(
    "url", ["s3://bucket/../x", "s3://../x", "s3://bucket/a/../../../etc/passwd", "file:///etc/passwd"]
)
def test_no_path_leads_out_of_the_folder_that_stands_for_s3(tmp_path: Path, url: str):
    with pytest.raises(ForetellError, match=r"leads out|no path of S3"):
        Storage(tmp_path).list_files(url)


def test_a_symbolic_link_out_of_the_folder_is_not_followed(tmp_path: Path):
    (tmp_path / "secret.csv").write_text("x")
    (tmp_path / "root/bucket").mkdir(parents=True)
    (tmp_path / "root/bucket/link.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(ForetellError, match="symbolic link"):
        Storage(tmp_path / "root").list_files("s3://bucket/link.csv")


def test_a_bucket_that_the_configuration_does_not_name_is_refused(tmp_path: Path):
    with pytest.raises(ForetellError, match="not among those of the configuration"):
        Storage(tmp_path, ("ours",)).check("s3://theirs/x")


def test_a_token_is_good_for_its_own_question_alone():
    tokens = Tokens(b"k" * 32)
    token = tokens.make(["ListDatasets", {}], [1.5, "arn"])
    assert tokens.read(["ListDatasets", {}], token) == [1.5, "arn"]
    for question, text in ((["ListForecasts", {}], token), (["ListDatasets", {}], token[:-2] + "AA")):
        with pytest.raises(AmazonError) as refused:
            tokens.read(question, text)
        assert refused.value.code == "InvalidNextTokenException"


def test_names_carry_region_account_and_the_partition_of_the_region():
    assert Place("us-east-1").arn("dataset", "a") == "arn:aws:forecast:us-east-1:123456789012:dataset/a"
    assert Place("cn-north-1").arn("forecast", "a").startswith("arn:aws-cn:forecast:cn-north-1:")
    assert Place("us-east-1").arn("forecast-export-job", "x", parent="f").endswith(":forecast-export-job/f/x")
    stem, _, suffix = Place("us-east-1").arn("monitor", "m").rpartition("_")
    assert stem.endswith(":monitor/m")
    assert len(suffix) == 26


@pytest.mark.parametrize(
    ("text", "alias"),
    [("D", "D"), ("3D", "3D"), ("H", "h"), ("W", "W-MON"), ("M", "MS"), ("Y", "YS"), ("15min", "15min")],
)
def test_frequencies_become_foretells(text: str, alias: str):
    assert frequency_alias(text) == alias


def test_a_boundary_moves_the_beginning_of_weeks():
    assert frequency_alias("W", {"DayOfWeek": "SUNDAY"}) == "W-SUN"


def test_describe_echoes_the_hyperparameters_that_the_service_had():
    found = echoed(ALGORITHMS["arn:aws:forecast:::algorithm/Deep_AR_Plus"], {"epochs": "3"}, 72)
    assert found == {
        "context_length": "144",
        "epochs": "3",
        "learning_rate": "1E-3",
        "learning_rate_decay": "0.5",
        "likelihood": "student-t",
        "max_learning_rate_decays": "0",
        "num_averaged_models": "1",
        "num_cells": "40",
        "num_layers": "2",
        "prediction_length": "72",
    }


def test_a_filling_is_read_at_its_places():
    found = transformed(
        "y", {"middlefill": "value", "middlefill_value": "2.5", "aggregation": "avg"}, target=True
    )
    assert found.filling == {"middle": {"value": 2.5}, "back": "zero"}
    assert found.aggregation == "mean"


def test_a_quota_that_is_used_up_is_a_limit():
    with pytest.raises(AmazonError) as refused:
        Quotas.of({"datasets": 3}).check("dataset", 3)
    assert refused.value.code == "LimitExceededException"
    with pytest.raises(ForetellError, match=r"Did you mean 'datasets'"):
        Quotas.of({"dataset": 3})
