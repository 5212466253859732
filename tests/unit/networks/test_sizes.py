"""What a network's shape depends on, as models of format 1 hold it and as it is held today."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foretell.errors import ForetellError
from foretell.networks import DirectSizes
from foretell.networks.warm_start import grown_sizes

OF_FORMAT_1 = {  # of a tft, without the widths of embeddings
    "horizon": 6,
    "known": 2,
    "calendar": 3,
    "past": 2,
    "static_real": 1,
    "cardinalities": [3, 8],
    "lags": [[7, 0], [7, 1]],
    "levels": [0.1, 0.5, 0.9],
}


def test_the_sizes_of_a_model_of_format_1_are_read() -> None:
    sizes = DirectSizes.from_json(OF_FORMAT_1)
    assert sizes.lags == ((7, 0), (7, 1))
    assert sizes.embeddings == (2, 4)  # half the number of codes, rounded up
    assert (sizes.covariates, sizes.outputs) == (5, 4)


def test_sizes_come_back_from_json() -> None:
    sizes = DirectSizes.from_json(OF_FORMAT_1)
    assert DirectSizes.from_json(json.loads(json.dumps(sizes.to_json()))) == sizes


def test_a_longer_vocabulary_keeps_the_width_of_its_embedding() -> None:
    old = DirectSizes.from_json(OF_FORMAT_1)
    new = DirectSizes.from_json(OF_FORMAT_1 | {"cardinalities": [3, 20], "levels": [0.5]})
    grown: Any = grown_sizes(old, new)
    assert (grown.cardinalities, grown.embeddings, grown.levels) == ((3, 20), (2, 4), old.levels)


def test_another_number_of_columns_is_refused() -> None:
    old, new = (DirectSizes.from_json(OF_FORMAT_1 | {"past": past}) for past in (2, 4))
    with pytest.raises(ForetellError, match="has past=2, these data ask for 4"):
        grown_sizes(old, new)
