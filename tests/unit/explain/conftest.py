"""The planned shop, and a model of it."""

from __future__ import annotations

import pytest

import foretell
from foretell.ingest.dataset import Dataset
from foretell.models.model import Model
from planned_shop import KNOWN, shop


@pytest.fixture(scope="session")
def data() -> Dataset:
    sales, plan, items = shop()
    return Dataset(sales, plan, items, freq="D", known=KNOWN, open="open")


@pytest.fixture(scope="session")
def model(data: Dataset) -> Model:
    return foretell.train(data, recipe="seasonal_naive", horizon=7, settings={"covariates": "pooled"})
