"""What a server's configuration changes, and the reset that tests use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from foretell.errors import ForetellError
from foretell.service.amazon.installing import amazon_app
from foretell.service.app import make_app
from foretell.service.database import open_database
from foretell.service.home import open_home
from service.amazon.calls import TARGET
from service.amazon.in_process import call
from service.conftest import Service

DATASET = {
    "DatasetName": "d",
    "Domain": "CUSTOM",
    "DatasetType": "TARGET_TIME_SERIES",
    "DataFrequency": "D",
    "Schema": TARGET,
}


def test_quotas_and_the_account_are_those_of_the_configuration(tmp_path: Path):
    (tmp_path / "config.toml").write_text('[amazon]\naccount = "210987654321"\nquotas = {datasets = 1}\n')
    home = open_home(tmp_path)
    app = amazon_app(home, open_database(home.database))
    assert call(app, "CreateDataset", DATASET)["DatasetArn"].split(":")[4] == "210987654321"
    refused = call(app, "CreateDataset", {**DATASET, "DatasetName": "e"})
    assert refused["__type"] == "LimitExceededException"
    assert "1 datasets" in refused["Message"]


def started(folder: Path) -> None:
    home = open_home(folder)
    amazon_app(home, open_database(home.database))


@pytest.mark.parametrize("line", ['account = "12"', "quotas = {dataset = 1}", "quotas = {datasets = -1}"])
def test_a_configuration_that_cannot_be_is_refused_when_the_server_starts(tmp_path: Path, line: str):
    (tmp_path / "config.toml").write_text(f"[amazon]\n{line}\n")
    with pytest.raises(ForetellError):
        started(tmp_path)


def test_the_reset_forgets_everything_and_is_there_for_tests_alone(tmp_path: Path):
    home = open_home(tmp_path)
    database = open_database(home.database)
    app = amazon_app(home, database, testing=True)
    call(app, "CreateDataset", {**DATASET, "Tags": [{"Key": "a", "Value": "b"}]})
    assert app.reset is not None
    app.reset()
    assert call(app, "ListDatasets", {}) == {"Datasets": []}
    assert amazon_app(home, database).reset is None


def test_a_server_for_tests_answers_the_reset_of_moto(tmp_path: Path):
    home = open_home(tmp_path)
    app = make_app(home, open_database(home.database), testing=True)
    with TestClient(app, base_url="http://127.0.0.1:8800") as client:
        assert client.post("/moto-api/reset").json() == {"status": "ok"}
        assert client.get("/moto-api/reset").status_code == 405


def test_lists_give_the_newest_first_and_none_twice(tmp_path: Path):
    home = open_home(tmp_path)
    database = open_database(home.database)
    app = amazon_app(home, database)
    names = [f"g{number}" for number in range(250)]
    for name in names:
        call(app, "CreateDatasetGroup", {"DatasetGroupName": name, "Domain": "CUSTOM"})
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = call(app, "ListDatasetGroups", {"MaxResults": 100, **token})
        found += [each["DatasetGroupName"] for each in page["DatasetGroups"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert found == names[::-1]


def test_rows_tags_pages_and_filters_are_the_same_on_both_databases(any_service: Service):
    headers = {"content-type": "application/x-amz-json-1.1"}

    def ask(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        target = {"x-amz-target": f"AmazonForecast.{operation}"}
        answer = any_service.client.post("/", content=json.dumps(request), headers=headers | target)
        return dict(answer.json()) if answer.content else {}

    arn = ask("CreateDataset", {**DATASET, "Tags": [{"Key": "a", "Value": "b"}]})["DatasetArn"]
    source = {"S3Config": {"Path": "s3://bucket/x.csv", "RoleArn": "any"}}
    job = {"DatasetImportJobName": "i", "DatasetArn": arn, "DataSource": source}
    imported = ask("CreateDatasetImportJob", job)["DatasetImportJobArn"]
    assert ask("CreateDatasetImportJob", job)["__type"] == "ResourceAlreadyExistsException"
    assert ask("DescribeDataset", {"DatasetArn": arn})["Status"] == "UPDATE_PENDING"
    ask("CreateDataset", {**DATASET, "DatasetName": "e"})
    page = ask("ListDatasets", {"MaxResults": 1})
    rest = ask("ListDatasets", {"MaxResults": 1, "NextToken": page["NextToken"]})
    assert [each["DatasetName"] for each in page["Datasets"] + rest["Datasets"]] == ["e", "d"]
    assert "NextToken" not in rest
    for condition, count in (("IS", 1), ("IS_NOT", 0)):
        wanted = {"Key": "Status", "Value": "CREATE_PENDING", "Condition": condition}
        assert len(ask("ListDatasetImportJobs", {"Filters": [wanted]})["DatasetImportJobs"]) == count
    assert ask("ListTagsForResource", {"ResourceArn": arn})["Tags"] == [{"Key": "a", "Value": "b"}]
    assert (
        ask("DeleteDatasetImportJob", {"DatasetImportJobArn": imported})["__type"] == "ResourceInUseException"
    )
    ask("StopResource", {"ResourceArn": imported})
    assert ask("DescribeDatasetImportJob", {"DatasetImportJobArn": imported})["Status"] == "CREATE_STOPPED"
    assert ask("DeleteResourceTree", {"ResourceArn": arn}) == {}
    assert ask("DescribeDataset", {"DatasetArn": arn})["__type"] == "ResourceNotFoundException"
    any_service.work()
