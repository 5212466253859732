"""Whatever a folder holds: a ForetellError or a forecast, never another exception, a signal, a file elsewhere, or a minute.

Each worker opens folder after folder in a process of its own, so that a crash or a hang is seen as one.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest

import foretell
from stress.scale import seeds, stress

AT_ONCE: Final = 100  # folders of one process
# Seconds that a process may take; one folder may take 60 of the processor's, however busy the machine is: the first folder
# of a process waits for torch to be imported, which took a minute and more beside other work.
LIMIT: Final = 600
RECIPES: Final[dict[str, dict[str, Any]]] = {
    "seasonal_naive": {},
    "ets": {},
    "arima": {},
    "npts": {},
    "ridge": {},
    "level_shape": {},
    "boosting": {"max_steps": 3},
    "lightgbm": {"max_steps": 3},
    "xgboost": {"max_steps": 3},
    "mqrnn": {"hidden_size": 4, "max_steps": 2, "context_length": 14, "batch_size": 4},
    "nhits": {"hidden_size": 4, "max_steps": 2, "context_length": 14, "batch_size": 4},
    "deepar": {"hidden_size": 4, "max_steps": 2, "context_length": 14, "batch_size": 4},
    "tft": {"hidden_size": 4, "max_steps": 2, "context_length": 14, "batch_size": 4},
    "gluonts": {
        "estimator": "SimpleFeedForwardEstimator",
        "settings": "hidden_dimensions=[4]",
        "max_steps": 2,
    },
    "auto": {"members": "seasonal_naive,boosting:max_steps=3", "trials": 0},
}
CALIBRATED: Final = "boosting"
EVIL: Final = "0) AS BIGINT) AS step FROM (SELECT 1 AS moment); COPY (SELECT 'x') TO '../evil.csv'; --"
VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1, 7, 1 << 31, (1 << 63) - 1, -(1 << 63), 1e308, -0.5, 0.5),
    *(
        "",
        "x",
        "D",
        EVIL,
        "../..",
        "/etc/passwd",
        "\u0000",
        "\u202e",
        "a" * 10_000,
        [],
        {},
        [[]],
        [None],
        {"a": 1},
    ),
)
TEXTS: Final = (
    "NaN",
    "Infinity",
    "1e999",
    "9" * 5000,
    "[" * 500 + "]" * 500,
    '"\\ud800"',
    "{'a': 1}",
    "",
    "tru",
)
OPEN: Final = """
def act(folder, sales):
    if "/panel/" in folder:
        data = foretell.Dataset.open(folder)
        foretell.train(data, recipe="seasonal_naive", horizon=3).predict()
    else:
        foretell.load(folder, device="cpu").predict(foretell.Dataset(sales, freq="D"))
"""
WORKER: Final = """
import sys, time, traceback, warnings
warnings.simplefilter("ignore")
import foretell, pandas as pd
ACT
sales = pd.read_parquet(sys.argv[1])
for folder in sys.argv[2:]:
    print("begin", folder, flush=True)
    began, said = time.process_time(), "forecast"
    try:
        act(folder, sales)
    except foretell.ForetellError as error:
        said = "refused" if str(error).strip() else "an error without words"
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        ours = [each for each in traceback.extract_tb(error.__traceback__) if "foretell" in each.filename][-1]
        where = f"{ours.filename}:{ours.lineno}, in {at.filename}:{at.lineno}"
        said = f"{type(error).__name__}: {error} ({where})".replace(chr(10), " ")[:600]
    if time.process_time() - began > 60:
        said = f"{time.process_time() - began:.0f} seconds"
    print("end", said, flush=True)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sales, and an untouched folder of each kind."""
    root = tmp_path_factory.mktemp("folders")
    days = pd.date_range("2024-01-01", periods=60)
    table = pd.concat(
        [
            pd.DataFrame({"item_id": item, "timestamp": days, "target": np.arange(60.0) % 7 + 1})
            for item in "abc"
        ]
    )
    table.to_parquet(root / "sales.parquet")
    data = foretell.Dataset(table, freq="D", holidays="DE")
    data.save(root / "panel")
    plain = foretell.Dataset(table, freq="D")
    for name, settings in RECIPES.items():
        recipe = foretell.make_recipe(name, settings)
        model = foretell.train(plain, recipe=recipe, horizon=3, device="cpu", calibrate=name == CALIBRATED)
        model.save(root / name)
    return root


def places_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where anything stands in JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(each for key, part in inner for each in places_of(part, (*path, key)))]


def tampered_json(data: bytes, rng: random.Random) -> bytes:
    """The manifest with one to three things changed, removed, added, doubled, or spelt as JSON does not."""
    manifest = json.loads(data)
    raw = ""
    for _ in range(rng.randint(1, 3)):
        *above, last = rng.choice([path for path in places_of(manifest) if path] or [("format",)])
        owner: Any = manifest
        for key in above:
            owner = owner[key]
        what = rng.random()
        if what < 0.15:
            del owner[last]
        elif what < 0.25 and isinstance(owner, dict):
            owner[rng.choice(["colour", "__class__", "format", "phase"])] = deepcopy(rng.choice(VALUES))
        elif what < 0.35:
            owner[last], raw = "\x00raw", rng.choice(TEXTS)
        else:
            owner[last] = deepcopy(rng.choice(VALUES))
    text = json.dumps(manifest).replace(json.dumps("\x00raw"), raw)
    if rng.random() < 0.05:
        text = text.replace("{", '{"format": 1, ', 1)
    return text.encode()


def tampered_bytes(data: bytes, rng: random.Random) -> bytes:
    """A file with bytes changed, cut off, added or repeated."""
    changed = bytearray(data)
    what = rng.random()
    if what < 0.15:
        return bytes(changed[: rng.randrange(len(changed) + 1)])
    if what < 0.25:
        return bytes(changed) + rng.randbytes(rng.randint(1, 64))
    for _ in range(rng.randint(1, 8)):
        # headers, which are what readers trust, stand at both ends
        at = rng.choice([rng.randrange(len(changed)), rng.randrange(min(256, len(changed)))])
        width = rng.choice([1, 4, 8])
        changed[at : at + width] = rng.choice([b"\xff", b"\x00", b"\x7f", rng.randbytes(1)]) * width
    return bytes(changed[: len(data)])


def resealed(folder: Path) -> None:
    """The checksums of the files as they are now: whoever tampers with a folder can do that too."""
    import hashlib

    path = folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    digests = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}
    if manifest.get("kind") == "panel":
        files = {"keys.arrow": manifest["keys"], **{f"{k}.npy": v for k, v in manifest["arrays"].items()}}
        for name, said in files.items():
            said |= {"bytes": (folder / name).stat().st_size, "blocks": [digests[name]]}
    else:
        weights = folder / "weights.safetensors"
        manifest["weights"] = {"bytes": weights.stat().st_size, "sha256": digests[weights.name]}
    path.write_text(json.dumps(manifest))


def tampered(source: Path, target: Path, seed: int, *, manifest: bool) -> None:
    rng = random.Random(seed)
    target.mkdir(parents=True)
    for file in source.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    if manifest:
        path = target / "manifest.json"
        path.write_bytes(tampered_json(path.read_bytes(), rng))
        return
    path = rng.choice(sorted(file for file in target.iterdir() if file.name != "manifest.json"))
    path.write_bytes(tampered_bytes(path.read_bytes(), rng))
    resealed(target)


def listing(root: Path) -> set[str]:
    return {str(path) for path in root.rglob("*")}


def ended_wrongly(sales: Path, folders: list[Path], cwd: Path, *, act: str = OPEN) -> list[str]:
    """What was wrong with what `act` does with the folders: tracebacks, signals, and those that took too long."""
    left, wrong = [str(folder) for folder in folders], []
    while left:
        names = left[:AT_ONCE]
        said, code = worked(act, [str(sales), *names], cwd)
        ends = [line.removeprefix("end ") for line in said.splitlines() if line.startswith("end ")]
        wrong += [
            f"{name}: {end}"
            for name, end in zip(names, ends, strict=False)
            if end not in ("forecast", "refused")
        ]
        if len(ends) < len(names):
            wrong.append(f"{names[len(ends)]}: {code}")
            ends.append("")
        left = left[len(ends) :]
    return wrong


def worked(act: str, arguments: list[str], cwd: Path) -> tuple[str, str]:
    """What a worker printed, and how it ended."""
    command = [sys.executable, "-c", WORKER.replace("ACT", act), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired as late:
        return bytes(late.stdout or b"").decode(), "it took too long"
    return done.stdout, f"exit status {done.returncode}: {done.stderr.strip()[-300:]}"


def run(place: Path, work: Path, full: dict[str, int], *, manifest: bool) -> None:
    """Open `full` tampered copies of each folder; raises AssertionError naming all that end as they must not."""
    made = []
    for name, number in full.items():
        for seed in seeds(number, f"{name} {manifest}"):
            made.append(work / "folders" / name / str(seed))
            tampered(place / name, made[-1], seed, manifest=manifest)
    inside = work / "cwd"
    inside.mkdir()
    before = listing(work)
    wrong = ended_wrongly(place / "sales.parquet", made, inside)
    assert not wrong, f"{len(wrong)} of {len(made)}:\n" + "\n".join(wrong)
    assert listing(work) == before, "a file was written"
    what = "manifests" if manifest else "files"
    print(f"{len(made)} tampered {what} of {', '.join(full)}: all refused with a message, or forecast")


MANIFESTS: Final = {"panel": 1230, **dict.fromkeys(RECIPES, 290)}  # 5,000 in all
FILES: Final = {"panel": 560, **dict.fromkeys(RECIPES, 80)}  # 1,600 in all


@stress
@pytest.mark.slow
def test_a_tampered_manifest_is_refused_or_forecasts(place: Path, tmp_path: Path) -> None:
    run(place, tmp_path, MANIFESTS, manifest=True)


@stress
@pytest.mark.slow
def test_a_tampered_file_is_refused_or_forecasts(place: Path, tmp_path: Path) -> None:
    run(place, tmp_path, FILES, manifest=False)
