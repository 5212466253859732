"""`s3://` of a real S3 endpoint, which moto plays."""

from __future__ import annotations

from pathlib import Path

import boto3
import pandas as pd
import pytest
from moto.server import ThreadedMotoServer

from foretell.errors import ForetellError
from foretell.service.amazon.exports import write_parts
from foretell.service.amazon.imports import ImportPlan, import_files
from foretell.service.amazon.s3 import Storage
from foretell.service.amazon.schemas import TARGET, check_schema
from service.amazon.calls import TARGET as SCHEMA


def test_files_of_an_object_store_are_imported_and_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    for name, value in {"ENDPOINT_URL_S3": address, "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    try:
        client = boto3.client("s3")
        client.create_bucket(Bucket="demand")
        client.put_object(Bucket="demand", Key="in/1.csv", Body=b"a,2024-01-01 00:00:00,1\n")
        client.put_object(Bucket="demand", Key="in/2.csv", Body=b"a,2024-01-02 00:00:00,2\n")
        plan = ImportPlan("s3://demand/in", check_schema("CUSTOM", TARGET, SCHEMA))
        assert import_files(Storage(), plan, tmp_path / "rows.parquet").rows == 2
        write_parts(Storage(), "s3://demand/out", "job", [pd.DataFrame({"item_id": ["a"], "p50": [1.5]})])
        (made,) = client.list_objects_v2(Bucket="demand", Prefix="out/")["Contents"]
        body = client.get_object(Bucket="demand", Key=made["Key"])["Body"].read()
        assert body == b"item_id,p50\r\na,1.5\r\n"
        with pytest.raises(ForetellError, match="there is nothing at s3://demand/nowhere"):
            Storage().list_files("s3://demand/nowhere")
    finally:
        server.stop()
