"""The page of the service in Chromium: the story by clicks, by keyboard, narrow, dark, without scripts, and by axe-core."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pytest

from browser.chromium import PROGRAM, Tab, tab
from foretell.service.serve import Place, Started

pytestmark = [pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium here"), pytest.mark.slow]
_AXE: Final = "axe-core@4.10.2"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """A server with one worker."""
    started = Started(Place(home=str(tmp_path_factory.mktemp("home")), port=0, workers=1))
    running = threading.Thread(target=started.run)
    running.start()
    yield started
    started.stop()
    running.join(60)


@pytest.fixture(scope="module")
def sales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three items of 150 days, one of which is called like markup."""
    days = pd.date_range("2024-01-01", periods=150)
    rng = np.random.default_rng(0)
    frames = [
        pd.DataFrame(
            {"item_id": name, "timestamp": days, "target": rng.poisson(3.0 + k, 150) + days.dayofweek}
        )
        for k, name in enumerate(("apples", "pears", "<b>plums</b>"))
    ]
    path = tmp_path_factory.mktemp("tables") / "sales.csv"
    pd.concat(frames).to_csv(path, index=False)
    ahead = pd.date_range("2024-01-01", periods=200)
    promo = pd.DataFrame({"timestamp": ahead, "promo": (np.arange(200) // 3) % 2})
    promo.to_csv(path.with_name("promo.csv"), index=False)
    names = [frame["item_id"].iloc[0] for frame in frames]
    families = pd.DataFrame({"item_id": names, "family": ["fruit", "fruit", "other"]})
    families.to_csv(path.with_name("items.csv"), index=False)
    return path


@pytest.fixture(scope="module")
def seen(
    server: Started, sales: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Tab, list[str]]]:
    """A tab in which somebody has gone the whole way by clicks, and the addresses of all screens on it."""
    with tab(tmp_path_factory.mktemp("browser")) as found:
        found.sized(1280)
        assert server.link is not None
        found.go(server.link)
        screens = [found.value("location.href")]
        _upload(found, sales)
        screens.append(found.value("location.href"))
        data = screens[-1]
        found.until("document.querySelector(\"form[action$='/models']\")")
        found.value("document.querySelector(\"[value='seasonal_naive']\").checked = true")
        found.value("document.querySelector('input[name=horizon]').value = 7")
        found.submit("form[action$='/backtests'] button")
        found.until("document.querySelector('table.board')")
        screens.append(found.value("location.href"))
        found.go(data)
        found.value("document.querySelector(\"form[action$='/models'] input[name=horizon]\").value = 7")
        found.submit("form[action$='/models'] button")
        found.until("document.querySelector(\"form[action$='/forecasts']\")")
        screens.append(found.value("location.href"))
        found.submit("form[action$='/forecasts'] button")
        screens.append(found.value("location.href"))
        found.until("document.querySelector(\"a.button[href*='/items']\")")
        found.submit("a.button[href*='/items']")
        screens.append(found.value("location.href"))
        found.submit("table.list tbody a")
        screens.append(found.value("location.href"))
        _plan(found, server.address, screens)
        base = server.address
        yield found, [*screens, base + "/jobs", base + "/backtests", base + "/items"]


def _plan(found: Tab, base: str, screens: list[str]) -> None:
    """An override of the item, a change of the plan, sums and drivers, by clicks."""
    found.value("document.querySelector('input[name=amount]').value = '+20'")
    found.value("document.querySelector('input[name=comment]').value = 'leaflet'")
    found.submit("form[action='/overrides'] button")
    found.until("document.querySelector('ul.overrides')?.innerText.includes('+20')")
    for path, fields, seen in (
        ("/whatif", {"value": "1", "name": "always"}, "svg.item path.mean"),
        ("/groups", {}, "svg.interval"),
        ("/why", {"items": "apples"}, "svg.signed"),
    ):
        found.go(base + path)
        for name, value in fields.items():
            field = f"document.querySelector(\"form[action='{path}'] input[name={name}]\")"
            found.value(f"{field}.value = '{value}'")
        found.submit(f"form[action='{path}'][method=post] button")
        found.until(f"document.querySelector('main {seen}')")
        screens.append(found.value("location.href"))
    screens.append(base + "/monitors")


def _upload(found: Tab, sales: Path) -> None:
    found.value("document.querySelector('input[name=name]').value = 'shop'")
    found.choose("input[name=target]", sales)
    found.choose("input[name=related]", sales.with_name("promo.csv"))
    found.choose("input[name=items]", sales.with_name("items.csv"))
    found.value("document.querySelector('input[name=known]').value = 'promo'")
    found.submit("form[action='/data'] button")


def test_the_story_ends_at_one_item_with_its_fan_and_nothing_was_refused_or_fetched_elsewhere(
    seen: tuple[Tab, list[str]], server: Started
) -> None:
    found, screens = seen
    found.go(screens[6])
    assert found.value("document.querySelectorAll('svg.item path.fan').length") == 1
    assert "Forecast" in found.value("document.body.innerText") or "Expected" in found.value(
        "document.body.innerText"
    )
    assert found.complaints == []
    assert {address.split("/")[2] for address in found.asked if address.startswith("http")} == {
        server.address.split("/")[2]
    }


def test_every_screen_fits_a_telephone_in_light_and_dark(seen: tuple[Tab, list[str]]) -> None:
    found, screens = seen
    found.sized(390)
    for dark in (False, True):
        found.dark(dark)
        for screen in screens:
            found.go(screen)
            assert found.value("document.documentElement.scrollWidth - window.innerWidth") <= 0, screen
    found.dark(False)
    found.sized(1280)
    assert found.complaints == []


def test_every_screen_reads_without_scripts(seen: tuple[Tab, list[str]]) -> None:
    found, screens = seen
    texts = []
    for screen in screens:
        found.go(screen)
        texts.append(
            found.value("document.querySelector('main').innerText.replace(/\\d+ \\w+ ago|just now/g, '')")
        )
    found.scripts(False)
    try:
        for screen, text in zip(screens, texts, strict=True):
            found.go(screen)
            again = "document.querySelector('main').innerText.replace(/\\d+ \\w+ ago|just now/g, '')"
            assert found.value(again) == text, screen
    finally:
        found.scripts(True)


def test_the_keyboard_reaches_the_content_and_the_navigation(
    seen: tuple[Tab, list[str]], server: Started
) -> None:
    found, _ = seen
    found.go(server.address + "/data")
    found.press("Tab")
    assert found.value("document.activeElement.getAttribute('href')") == "#main"
    names = []
    for _ in range(6):
        found.press("Tab")
        names.append(found.value("document.activeElement.innerText"))
    assert names[1:3] == ["Data", "Jobs"]
    found.go(server.address + "/data")
    for _ in range(4):
        found.press("Tab")
    found._loaded = False
    found.press("Enter")
    found.wait_loaded()
    assert found.value("document.querySelector('h1').innerText") == "Jobs"


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, fetched for this run and kept nowhere."""
    folder = tmp_path_factory.mktemp("axe")
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm here")
    words = [npm, "install", "--no-save", "--ignore-scripts", "--prefix", str(folder), _AXE]
    done = subprocess.run(words, capture_output=True, timeout=120, cwd=folder, check=False)
    source = folder / "node_modules/axe-core/axe.min.js"
    if done.returncode or not source.exists():
        pytest.skip("axe-core cannot be fetched here")
    return source.read_text(encoding="utf-8")


def test_axe_finds_nothing_serious_on_any_screen(seen: tuple[Tab, list[str]], axe: str) -> None:
    found, screens = seen
    faults = []
    for dark in (False, True):
        found.dark(dark)
        for screen in screens:
            found.go(screen)
            found.value(axe + "; 1")
            said = found.value(
                "axe.run().then((r) => r.violations.filter((v) => ['serious', 'critical'].includes(v.impact))"
                ".map((v) => v.id + ': ' + v.nodes.map((n) => n.html.slice(0, 200)).slice(0, 3).join(' | ')))"
            )
            faults += [f"{screen} dark={dark}: {each}" for each in said]
    found.dark(False)
    assert faults == []
