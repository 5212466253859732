"""Models as folders: what is written, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.errors import ForetellError
from foretell.models.model import Model, fitted_of
from foretell.models.model_folder import MANIFEST, WEIGHTS, _pack, plain
from foretell.models.saved_model import FORMAT
from foretell.workflows.train import load, train


@pytest.fixture(scope="module")
def data() -> foretell.Dataset:
    days = pd.date_range("2024-01-01", periods=40)
    sales = pd.concat(
        [pd.DataFrame({"item_id": i, "timestamp": days, "target": np.arange(40) % 7 + 1}) for i in "ab"]
    )
    return foretell.Dataset(
        sales, items=pd.DataFrame({"item_id": ["a", "b"], "family": ["bag", None]}), freq="D"
    )


@pytest.fixture(scope="module")
def model(data: foretell.Dataset) -> Model:
    return train(data, recipe="seasonal_naive", horizon=5)


@pytest.fixture
def folder(model: Model, tmp_path: Path) -> Path:
    model.save(tmp_path / "model", scores={"wQL": 0.25})
    return tmp_path / "model"


def change(folder: Path, **fields: Any) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | fields))


def test_a_loaded_model_forecasts_as_before_and_keeps_its_facts(
    model: Model, data: foretell.Dataset, folder: Path
) -> None:
    loaded = load(folder)
    pd.testing.assert_frame_equal(loaded.predict(data).to_frame(), model.predict().to_frame())
    assert (loaded.recipe, loaded.task, loaded.schema) == (model.recipe, model.task, model.schema)
    assert (fitted_of(loaded).floor, loaded.fingerprint, loaded.fit_seconds) == (
        0.0,
        data.fingerprint,
        model.fit_seconds,
    )
    assert loaded.scores == {"wQL": 0.25}


def test_a_model_is_one_json_and_one_safetensors_file(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [MANIFEST, WEIGHTS]
    manifest = json.loads((folder / MANIFEST).read_text())
    assert (manifest["format"], manifest["recipe"]) == (FORMAT, "seasonal_naive")
    assert manifest["schema"]["vocabularies"] == {"family": ["bag"]}
    assert manifest["libraries"]["foretell"] == foretell.__version__


def test_the_same_model_is_saved_as_the_same_bytes(model: Model, folder: Path) -> None:
    def saved() -> bytes:
        model.save(folder, overwrite=True)
        return (folder / WEIGHTS).read_bytes()

    assert len({saved() for _ in range(8)}) == 1


def test_saving_replaces_a_model_where_that_is_asked_and_nothing_else(model: Model, folder: Path) -> None:
    before = (folder / MANIFEST).read_bytes()
    with pytest.raises(
        ForetellError, match=r"already holds a model of seasonal_naive, written .*overwrite=True"
    ):
        model.save(folder, scores={"wQL": 0.5})
    assert (folder / MANIFEST).read_bytes() == before
    model.save(folder, scores={"wQL": 0.5}, overwrite=True)
    assert load(folder).scores == {"wQL": 0.5}
    (folder.parent / "notes").mkdir()
    (folder.parent / "notes" / "diary.txt").write_text("dear diary")
    with pytest.raises(ForetellError, match=r"holds other things than a model, such as 'diary\.txt'"):
        model.save(folder.parent / "notes", overwrite=True)
    assert (folder.parent / "notes" / "diary.txt").read_text() == "dear diary"


def test_a_failing_save_leaves_the_old_model(
    model: Model, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ForetellError, match="No space left"):
        model.save(folder, scores={"wQL": 0.5}, overwrite=True)
    monkeypatch.undo()
    assert load(folder).scores == {"wQL": 0.25}
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_newer_format_is_refused_with_both_numbers(folder: Path) -> None:
    change(folder, format=FORMAT + 2, libraries={"foretell": "9.1"})
    with pytest.raises(
        ForetellError, match=rf"model format {FORMAT + 2} \(written by foretell 9\.1\).*up to {FORMAT}"
    ):
        load(folder)


def test_a_missing_folder_or_file_is_named(folder: Path) -> None:
    with pytest.raises(ForetellError, match=r"no model folder .*nowhere"):
        load(folder.parent / "nowhere")
    (folder / WEIGHTS).unlink()
    with pytest.raises(ForetellError, match=r"weights\.safetensors is missing"):
        load(folder)
    (folder / MANIFEST).unlink()
    with pytest.raises(ForetellError, match=r"manifest\.json is missing"):
        load(folder)


@pytest.mark.parametrize("name", [MANIFEST, WEIGHTS])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_a_file_cut_short_is_named(folder: Path, name: str, share: float) -> None:
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ForetellError, match=rf"{name}.*(damaged|missing|no foretell)"):
        load(folder)


@pytest.mark.parametrize("content", ["[]", "{}", "null", '{"format": "1", "recipe": "ets"}'])
def test_json_that_is_no_manifest_is_refused(folder: Path, content: str) -> None:
    (folder / MANIFEST).write_text(content)
    with pytest.raises(ForetellError, match="is no foretell manifest"):
        load(folder)


def test_the_weights_of_another_recipe_are_refused(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(_pack("deepar", {"w": np.zeros(3)}))
    with pytest.raises(ForetellError, match=r"holds the weights of recipe 'deepar', but .* 'seasonal_naive'"):
        load(folder)


def test_the_weights_of_another_model_are_refused(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(_pack("seasonal_naive", {"w": np.zeros(3)}))
    with pytest.raises(ForetellError, match="checksum differs"):
        load(folder)


@pytest.mark.parametrize("name", ["os.system", "seasonal_naiv", "foretell_recipes.ets:ETS", "../ets"])
def test_only_a_registered_recipe_is_ever_loaded(folder: Path, name: str) -> None:
    change(folder, recipe=name)
    with pytest.raises(ForetellError, match=r"manifest\.json: no recipe"):
        load(folder)


@pytest.mark.parametrize(
    "fields",
    [{"task": {"horizon": 0, "levels": [0.5]}}, {"task": None}, {"schema": {"colour": 1}}, {"schema": {}}],
)
def test_a_manifest_with_broken_parts_is_named(folder: Path, fields: dict[str, Any]) -> None:
    change(folder, **fields)
    with pytest.raises(ForetellError, match=r"manifest\.json is damaged"):
        load(folder)


def test_arrays_of_every_kind_come_back_as_they_were() -> None:
    from safetensors.numpy import load as unpack

    arrays = {
        "0-d": np.array(2.5),
        "empty": np.zeros((0, 3)),
        "flags": np.array([True, False]),
        "i8": np.array([-1], "i1"),
        "big": np.arange(3, dtype=">i8"),
        "view": np.arange(6.0).reshape(2, 3).T,
        "half": np.array([1.5], np.float16),
    }
    back = unpack(_pack("toy", arrays))
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].shape == array.shape
        assert back[name].dtype == array.dtype.newbyteorder("=")


def test_text_and_objects_are_no_arrays_of_a_state() -> None:
    for array in (np.array(["a"]), np.array([None]), np.array(["2024-01-01"], "M8[D]")):
        with pytest.raises(ForetellError, match="array 'x' of toy's state has dtype"):
            _pack("toy", {"x": array})


def test_a_state_is_made_plain_and_what_cannot_be_is_named() -> None:
    state = {"n": np.int64(3), "x": (np.float32(0.5), None), "deep": {"on": np.bool_(True)}}
    assert plain(state, "state") == {"n": 3, "x": [0.5, None], "deep": {"on": True}}
    with pytest.raises(ForetellError, match=r"state\.deep\[1\] is a ndarray"):
        plain({"deep": [1, np.zeros(2)]}, "state")
    with pytest.raises(ForetellError, match="state has the key 7"):
        plain({7: "seven"}, "state")
