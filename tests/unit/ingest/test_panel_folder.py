"""A panel in a folder: the same panel, refused when it is not whole, and never half there."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import foretell
from foretell.data import panel_files
from foretell.data.columns import columns
from foretell.data.panel_files import ARRAYS
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset, make_future_frame
from foretell.ingest.panel_folder import MANIFEST
from foretell.system.folder_lock import claimed

DAYS = pd.date_range("2024-01-01", periods=60)
AHEAD = pd.date_range("2024-01-01", periods=74)


def tables(items=6):
    """Weekly sales with gaps; a price known ahead, visits that are past, a class and a size."""
    rng = np.random.default_rng(3)
    names = [f"item-{k}" for k in range(items)]
    sales = pd.DataFrame({"item_id": np.repeat(names, 60), "timestamp": np.tile(DAYS, items)})
    sales["target"] = rng.poisson(5 + 3 * (np.arange(len(sales)) % 7 == 5))
    related = pd.DataFrame({"item_id": np.repeat(names, 74), "timestamp": np.tile(AHEAD, items)})
    related["price"] = rng.uniform(1, 2, len(related))
    related["visits"] = np.where(related["timestamp"] <= DAYS[-1], rng.poisson(9, len(related)), np.nan)
    metadata = pd.DataFrame({"item_id": names, "kind": ["a", "b"] * (items // 2), "size": range(items)})
    return sales.drop(index=[5, 6, 70]), related, metadata


def dataset(**options):
    sales, related, metadata = tables()
    return Dataset(sales, related, metadata, freq="D", known=["price"], past=["visits"], **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("saved") / "panel"
    dataset().save(place)
    return place


def copied(folder, tmp_path):
    place = tmp_path / "panel"
    place.mkdir()
    for file in folder.iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    return place


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"filling": {"target": {"middle": "zero", "back": "nan"}, "visits": {"middle": 3.0}}},
        {"season": [7, 30], "ends": "own"},
    ],
)
def test_an_opened_panel_equals_the_one_saved_in_every_array(tmp_path, options):
    data = dataset(**options)
    data.save(tmp_path / "panel")
    opened = Dataset.open(tmp_path / "panel")
    for name in ARRAYS:
        mine, its = getattr(data.panel, name), getattr(opened.panel, name)
        assert (mine is None) == (its is None), name
        if mine is not None:
            np.testing.assert_array_equal(its, mine)
            assert its.dtype == mine.dtype
    pd.testing.assert_frame_equal(opened.panel.keys, data.panel.keys)
    assert opened.schema == data.schema
    assert opened.panel.future == data.panel.future
    assert opened.findings == data.findings
    assert opened.fingerprint == data.fingerprint
    pd.testing.assert_frame_equal(make_future_frame(opened, 3), make_future_frame(data, 3))


def test_large_arrays_are_mapped_and_small_ones_read_and_none_can_be_written(folder, monkeypatch, tmp_path):
    monkeypatch.setattr(panel_files, "SMALL", 1000)
    place = tmp_path / "panel"
    dataset().save(place)
    panel = Dataset.open(place).panel
    np.testing.assert_array_equal(panel.target, dataset().panel.target)
    assert isinstance(panel.target.base, np.memmap)
    assert not isinstance(panel.origin.base, np.memmap)
    for array in (panel.target, panel.origin):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


@pytest.mark.slow
def test_training_and_forecasting_on_a_mapped_panel_equal_those_in_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(panel_files, "SMALL", 1000)
    data = dataset()
    data.save(tmp_path / "panel")
    opened = Dataset.open(tmp_path / "panel")
    settings = {"max_steps": 6, "hidden_size": 8}
    one, other = (
        foretell.train(source, recipe="mqrnn", horizon=7, settings=settings) for source in (data, opened)
    )
    pd.testing.assert_frame_equal(one.predict().to_frame(), other.predict().to_frame(), check_exact=True)
    pd.testing.assert_frame_equal(one.predict().to_frame(), one.predict(opened).to_frame(), check_exact=True)


def test_a_backtest_on_a_saved_panel_gives_the_scores_of_the_tables(folder):
    mine, its = (
        foretell.backtest(data, horizon=7, recipes=["seasonal_naive"]).leaderboard
        for data in (dataset(), Dataset.open(folder))
    )
    assert mine["wQL"].tolist() == its["wQL"].tolist()


def test_a_panel_of_another_schema_is_refused_with_the_way_out(folder):
    schema = replace(Dataset.open(folder).schema, known=columns("other"))
    with pytest.raises(ForetellError, match=r"ingested with other columns.*--model"):
        Dataset.open(folder)._encode(schema)


def test_a_panel_ingested_with_a_models_schema_is_taken_by_that_model(tmp_path):
    sales, related, metadata = tables()
    schema = dataset().schema
    fewer = sales["item_id"].isin(["item-0", "item-1"])
    columns: Any = {"known": ["price"], "past": ["visits"], "freq": "D"}
    Dataset(sales[fewer], related, metadata.iloc[:1], schema=schema, **columns).save(tmp_path / "panel")
    assert Dataset.open(tmp_path / "panel")._encode(schema).schema == schema


def test_the_folder_as_a_table_is_refused_with_the_way_out(folder):
    with pytest.raises(ForetellError, match=r"saved panel: open it with foretell\.Dataset\.open"):
        Dataset(folder, freq="D")


# Damage


@pytest.mark.parametrize("name", ["target.npy", "keys.arrow", MANIFEST, "offsets.npy"])
def test_a_missing_file_is_named(folder, tmp_path, name):
    place = copied(folder, tmp_path)
    (place / name).unlink()
    with pytest.raises(ForetellError, match=rf"{name} is missing: .* holds no whole panel"):
        Dataset.open(place)


@pytest.mark.parametrize("name", ["target.npy", "known.npy", "keys.arrow"])
@pytest.mark.parametrize("small", [1, 1 << 26])
def test_a_file_cut_short_is_named(tmp_path, monkeypatch, name, small):
    monkeypatch.setattr(panel_files, "SMALL", small)
    place = tmp_path / "panel"
    dataset().save(place)
    data = (place / name).read_bytes()
    (place / name).write_bytes(data[:-9])
    with pytest.raises(ForetellError, match=rf"{name} has .* bytes, expected .*: cut short"):
        Dataset.open(place)


@pytest.mark.parametrize("name", ["start.npy", "keys.arrow"])
def test_a_changed_byte_of_a_small_file_is_named(folder, tmp_path, name):
    place = copied(folder, tmp_path)
    data = bytearray((place / name).read_bytes())
    data[-1] ^= 1
    (place / name).write_bytes(data)
    with pytest.raises(ForetellError, match=rf"{name} is damaged: its checksum differs"):
        Dataset.open(place)


def test_a_damaged_header_of_a_large_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(panel_files, "SMALL", 1)
    place = tmp_path / "panel"
    dataset().save(place)
    data = bytearray((place / "target.npy").read_bytes())
    data[:6] = b"nonsen"
    (place / "target.npy").write_bytes(data)
    with pytest.raises(ForetellError, match=r"target\.npy is damaged"):
        Dataset.open(place)


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (\x00, ",
        b"{'descr': '<f4', 'fortran_order': True, 'shape': (357,), }",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (357,), }",
        b"-" * 118,
        b"(" * 118,
        b"print(1)",
    ],
)
def test_the_header_of_an_array_is_matched_and_never_evaluated(folder, tmp_path, header):
    place = copied(folder, tmp_path)
    data = (place / "target.npy").read_bytes()
    (place / "target.npy").write_bytes(data[:10] + header.ljust(118)[:118] + data[128:])
    with pytest.raises(ForetellError, match=r"target\.npy is damaged: it does not begin as an array"):
        Dataset.open(place)


def edited(folder, tmp_path, **changes):
    place = copied(folder, tmp_path)
    manifest = json.loads((place / MANIFEST).read_text())
    (place / MANIFEST).write_text(json.dumps({**manifest, **changes}))
    return place


def test_a_newer_format_is_refused_with_both_versions(folder, tmp_path):
    with pytest.raises(ForetellError, match="panel format 99, this foretell reads up to 3"):
        Dataset.open(edited(folder, tmp_path, format=99))


def test_a_folder_of_format_1_whose_columns_are_names_alone_is_opened(folder, tmp_path):
    schema = json.loads((folder / MANIFEST).read_text())["schema"]
    for name in ("known", "past", "static_real"):
        schema[name] = [column["name"] for column in schema[name]]
    old = Dataset.open(edited(folder, tmp_path, format=1, schema=schema, **of_one_checksum(folder)))
    assert old.schema == Dataset.open(folder).schema


def of_one_checksum(folder):
    """The files of a manifest as formats 1 and 2 had them: one checksum of a small file, none of a large one."""
    said = json.loads((folder / MANIFEST).read_text())
    for file in (said["keys"], *said["arrays"].values()):
        (file["sha256"],) = file.pop("blocks")
    said["arrays"]["target"]["sha256"] = None
    return {"keys": said["keys"], "arrays": said["arrays"]}


def test_a_folder_of_format_2_has_a_checksum_a_small_file(folder, tmp_path):
    place = edited(folder, tmp_path, format=2, **of_one_checksum(folder))
    assert Dataset.open(place).fingerprint == Dataset.open(folder).fingerprint
    assert 0 < Dataset.open(place).verify() < Dataset.open(folder).verify()
    with pytest.raises(ForetellError, match="is damaged"):
        Dataset.open(edited(folder, place, format=3, **of_one_checksum(folder)))


def test_a_large_file_has_a_checksum_a_block_which_a_full_check_compares(tmp_path, monkeypatch):
    for name, size in (("SMALL", 1), ("BLOCK", 64)):
        monkeypatch.setattr(panel_files, name, size)
    dataset().save(tmp_path / "panel")
    path = tmp_path / "panel" / "target.npy"
    data = bytearray(path.read_bytes())
    assert Dataset.open(tmp_path / "panel").verify() == sum(
        file.stat().st_size for file in (tmp_path / "panel").iterdir() if file.name != MANIFEST
    )
    data[-1] ^= 1
    path.write_bytes(data)
    opened = Dataset.open(tmp_path / "panel")
    with pytest.raises(
        ForetellError, match=rf"target\.npy is damaged: .* from byte {(len(data) - 1) // 64 * 64:,} on"
    ):
        opened.verify()
    with pytest.raises(ForetellError, match="only a saved panel has checksums"):
        dataset().verify()


def falsified(folder, tmp_path, name, change):
    """The panel with one array changed, and a checksum that agrees with it."""
    place = copied(folder, tmp_path)
    path = place / f"{name}.npy"
    array = np.load(path)
    change(array)
    np.save(path, array)
    manifest = json.loads((place / MANIFEST).read_text())
    manifest["arrays"][name]["blocks"] = [hashlib.sha256(path.read_bytes()).hexdigest()]
    (place / MANIFEST).write_text(json.dumps(manifest))
    return place


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("offsets", 3, "offsets do not rise"),
        ("offsets", "last", "offsets do not rise"),
        ("start", 1 << 62, "start lies outside"),
        ("origin", -(1 << 62), "origin lies outside"),
        ("static_cat", 99, "codes that its vocabularies have not"),
        ("static_cat", -1, "codes that its vocabularies have not"),
        ("static_real", np.inf, "infinite"),
        ("target", -np.inf, "target has values"),
    ],
)
def test_what_an_item_cannot_have_is_refused_although_its_checksum_agrees(
    folder, tmp_path, name, value, said
):
    def change(array):
        if array.size == 0:
            pytest.skip(f"the panel has no {name}")
        array.flat[-1 if value == "last" else 0] = 0 if value == "last" else value

    with pytest.raises(ForetellError, match=said):
        Dataset.open(falsified(folder, tmp_path, name, change))


def test_keys_whose_offsets_lead_elsewhere_are_refused(folder, tmp_path):
    place = copied(folder, tmp_path)
    whole = (place / "keys.arrow").read_bytes()
    table = pa.ipc.open_file(pa.BufferReader(whole)).read_all()
    offsets = table.column(0).chunk(0).buffers()[1].to_pybytes()
    at = whole.index(offsets)
    for position in range(at, at + len(offsets), 8):
        data = bytearray(whole)
        data[position : position + 8] = (1 << 40).to_bytes(8, "little")
        (place / "keys.arrow").write_bytes(data)
        manifest = json.loads((folder / MANIFEST).read_text())
        manifest["keys"]["blocks"] = [hashlib.sha256(data).hexdigest()]
        (place / MANIFEST).write_text(json.dumps(manifest))
        with pytest.raises(ForetellError, match=r"keys\.arrow is damaged"):
            Dataset.open(place)


@pytest.mark.parametrize("name", [MANIFEST, "target.npy", "keys.arrow"])
def test_links_and_pipes_are_not_opened(folder, tmp_path, name):
    place = copied(folder, tmp_path)
    (place / name).unlink()
    (place / name).symlink_to(folder / name)
    with pytest.raises(ForetellError, match="is a link"):
        Dataset.open(place)
    (place / name).unlink()
    os.mkfifo(place / name)
    with pytest.raises(ForetellError, match="no regular file"):
        Dataset.open(place)


@pytest.mark.parametrize("changes", [{"schema": None}, {"arrays": {}}, {"names": {}}, {"future": 3}])
def test_a_manifest_that_says_nonsense_is_named(folder, tmp_path, changes):
    with pytest.raises(ForetellError, match=r"manifest\.json is damaged"):
        Dataset.open(edited(folder, tmp_path, **changes))


def test_a_model_is_no_panel(folder, tmp_path):
    with pytest.raises(ForetellError, match="holds no panel"):
        Dataset.open(edited(folder, tmp_path, kind="model"))


# Writing


def test_a_folder_of_other_things_is_not_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ForetellError, match=r"holds other things than a panel, such as 'thesis\.txt'"):
        dataset().save(tmp_path)


def test_a_new_panel_replaces_the_old_one_whole(tmp_path):
    dataset(filling={"target": {"middle": "zero"}}).save(tmp_path / "panel")
    assert (tmp_path / "panel" / "filled.npy").is_file()
    before = Dataset.open(tmp_path / "panel").panel.target.copy()
    data = dataset()
    with pytest.raises(ForetellError, match=r"already holds a panel of 6 items, written .*overwrite=True"):
        data.save(tmp_path / "panel")
    data.save(tmp_path / "panel", overwrite=True)
    assert not (tmp_path / "panel" / "filled.npy").exists()
    assert Dataset.open(tmp_path / "panel").fingerprint == data.fingerprint
    assert np.isnan(data.panel.target).any()
    assert not np.isnan(before).any()
    assert [entry.name for entry in tmp_path.iterdir()] == ["panel"]


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path, monkeypatch):
    data = dataset()
    data.save(tmp_path / "old")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(panel_files, "_write_keys", full)
    for name in ("panel", "old"):
        with pytest.raises(ForetellError, match="No space left on device"):
            data.save(tmp_path / name, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["old"]
    assert Dataset.open(tmp_path / "old").fingerprint == data.fingerprint


WRITER = """
import sys, time
from pathlib import Path
from foretell.data import panel_files
from foretell.system.folder_lock import claimed
from foretell.ingest.dataset import Dataset

inner = panel_files._write_keys
def slow(path, *rest):
    Path(sys.argv[2]).touch()
    time.sleep(60)
    return inner(path, *rest)

panel_files._write_keys = slow
Dataset(sys.argv[1], freq="D").save(sys.argv[3])
"""


@pytest.fixture
def writer(tmp_path):
    """Another process that is in the middle of writing `panel`."""
    tables()[0].to_csv(tmp_path / "sales.csv", index=False)
    paths = [str(tmp_path / name) for name in ("sales.csv", "begun", "panel")]
    process = subprocess.Popen([sys.executable, "-c", WRITER, *paths])
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "begun").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_killed_writer_leaves_no_panel_and_the_next_one_clears_up(writer, tmp_path):
    with pytest.raises(ForetellError, match=r"another process is writing .*: process \d+ on .*, since 20"):
        dataset().save(tmp_path / "panel")
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert not (tmp_path / "panel").exists()
    assert list(tmp_path.glob(".panel.*.tmp"))  # what it had written so far
    data = dataset()
    data.save(tmp_path / "panel")
    assert Dataset.open(tmp_path / "panel").fingerprint == data.fingerprint
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["begun", "panel", "sales.csv"]


def test_a_claim_may_be_made_again_by_its_owner_and_ends_with_an_error(tmp_path):
    place: Path = tmp_path / "panel"
    with pytest.raises(RuntimeError), claimed(place), claimed(place):
        raise RuntimeError("in the middle")
    with claimed(place):
        assert (tmp_path / ".panel.lock").exists()
    assert list(tmp_path.iterdir()) == []
