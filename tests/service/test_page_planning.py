"""The screens that go on from a forecast: groups, what-if, why and monitor, by forms."""

from __future__ import annotations

import html
import re
from typing import Any

import pandas as pd
import pytest

from service.running import Service
from service.shop import FIRST, Shop, open_shop, sources, tables
from service.test_page import send, signed_in

pytestmark = pytest.mark.slow


def page(service: Service, path: str) -> str:
    """The text of a screen."""
    answer = service.client.get(path)
    assert answer.status_code == 200, answer.text
    assert not re.search(r"<script>|<style|\sstyle=|\son\w+=", answer.text), path
    return str(answer.text)


def after(service: Service, answer: Any) -> str:
    """The screen that a form leads to, once its job is done."""
    assert answer.status_code == 303, answer.text
    service.work()
    return page(service, answer.headers["location"])


def words(text: str) -> str:
    """A screen without its markup."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text)))


def override_and_take_back(service: Service, token: str, shop: Shop) -> None:
    """A planner's value is in the rows until it is taken back."""
    told = {"forecast": shop.forecast, "item": "mug", "first": FIRST, "last": FIRST, "comment": "<leaflet>"}
    changed = after(service, send(service, "/overrides", token, kind="value", amount="99", **told))
    assert "99 a step from 2024-04-15" in words(changed)
    assert "with overrides" in words(changed)
    rows = service.get(f"forecasts/{shop.forecast}/rows", item_id="mug")
    assert rows[0]["final"] == 99
    taken = re.search(r'action="(/overrides/[^"]+/remove)"', changed)
    assert taken is not None
    assert "with overrides" not in words(after(service, send(service, taken[1], token)))
    assert send(service, "/overrides", token, kind="percent", amount="lots", **told).status_code == 422


def test_a_planner_adds_up_changes_the_plan_asks_why_and_judges(service: Service) -> None:
    token = signed_in(service)
    service.client.headers["x-csrf-token"] = token  # the API is asked in the same session
    assert "There is no forecast yet" in page(service, "/groups")
    shop = open_shop(service)
    rows = [
        row
        for item in ("mug", "cup", "bag", "hat")
        for row in service.get(f"forecasts/{shop.forecast}/rows", item_id=item)
    ]
    whole = sum(row["mean"] for row in rows)

    sums = after(service, send(service, "/groups", token, forecast=shop.forecast, by="family", steps=14))
    for name in ("all items", "MUG", "BAG", "p10", "p90"):
        assert name in words(sums)
    assert f"{whole:,.0f}" in words(sums)

    change = {"column": "promo", "operation": "set", "value": "1", "group": "family", "member": "MUG"}
    shown = after(
        service,
        send(service, "/whatif", token, forecast=shop.forecast, first=FIRST, last="", name="", **change),
    )
    assert "\"promo\" = 1 where \"family\" = 'MUG' and timestamp >= '2024-04-15'" in words(shown)
    assert "Expected sales go from" in words(shown)
    assert re.search(r'href="/item\?of=[^"]*item=mug"', shown)
    wrong = after(
        service, send(service, "/whatif", token, forecast=shop.forecast, **{**change, "member": "it's"})
    )
    assert "matches nothing" in words(wrong)

    why = after(service, send(service, "/why", token, forecast=shop.forecast, items="mug"))
    assert "promo" in words(why)
    identifier = re.search(r'name="explanation" value="([^"]+)"', why)
    assert identifier is not None
    one = page(service, f"/why?explanation={identifier[1]}&item=mug&step={FIRST}")
    assert f"Usual for mug on {FIRST}" in words(one)

    override_and_take_back(service, token, shop)

    found = tables()
    sold = found["related"][lambda t: t["timestamp"] < "2024-04-29"].assign(target=25.0)
    found["target"] = sold[["item_id", "timestamp", "target"]]
    days = pd.date_range("2024-04-29", "2024-05-12")
    ahead = pd.DataFrame(
        [(i, d, 0) for i in found["items"]["item_id"] for d in days],
        columns=["item_id", "timestamp", "promo"],
    )
    found["related"] = pd.concat([found["related"], ahead])
    service.post(
        f"datasets/{shop.data}/versions",
        {**sources(service, found), "options": {"freq": "D", "known": ["promo"]}},
    )
    service.work()
    judged = after(service, send(service, "/monitors", token, model=shop.model))
    assert re.search(r'class="verdict is-(fine|watch|retrain)"', judged)
    item = page(service, f"/item?of={shop.forecast}&item=mug")
    assert "what happened" in item
