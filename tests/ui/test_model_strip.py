"""The strip that tells which model answers, while KoE5 is downloaded, missing, or ready."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser import run_app, watched
from hub_stand_in import HubStandIn, serve
from koe5_demo.catalog import KOE5


@pytest.fixture
def slow_hub(tiny_folder: Path) -> Iterator[HubStandIn]:
    with serve({"nlpai-lab/KoE5": tiny_folder}, {"nlpai-lab/KoE5": KOE5.revision}) as stand_in:
        yield stand_in


def test_koe5_downloads_in_the_background_and_the_visitor_switches(
    slow_hub: HubStandIn, tmp_path: Path, page: Page
) -> None:
    slow_hub.delay = 0.4
    with run_app(HF_ENDPOINT=slow_hub.url, HF_HOME=str(tmp_path)) as url, watched(page, url):
        page.goto(url)
        expect(page.locator("#banner")).to_contain_text("mini는 KoE5가 아닙니다")
        expect(page.locator("#model input")).to_have_value("mini")
        expect(page.locator("#switch-model")).to_be_visible(timeout=60_000)
        page.locator("#switch-model").click()
        expect(page.locator("#model input")).to_have_value("koe5")
        page.locator("#example-card").click()
        expect(page.locator("#made-by")).to_contain_text("nlpai-lab/KoE5")
        expect(page.locator("#made-by")).to_contain_text(KOE5.revision[:12])
        expect(page.locator("#notices")).not_to_contain_text("KoE5의 점수가 아닙니다")


@pytest.mark.parametrize("fault", ["hang", "500", None])
def test_a_bad_hub_never_keeps_the_page_from_working(
    slow_hub: HubStandIn, tmp_path: Path, page: Page, fault: str | None
) -> None:
    slow_hub.fault = fault
    endpoint = slow_hub.url if fault else "http://127.0.0.1:9"
    start = time.monotonic()
    with run_app(HF_ENDPOINT=endpoint, HF_HOME=str(tmp_path), KOE5_HUB_TIMEOUT="2") as url, watched(page, url):
        page.goto(url)
        expect(page.locator("#run")).to_be_visible()
        assert time.monotonic() - start < 60
        expect(page.locator("#banner")).to_contain_text(endpoint)
        expect(page.locator("#retry-model")).to_be_visible()
        page.locator("#example-card").click()
        expect(page.locator("#made-by")).to_contain_text("mini")
        expect(page.locator("#notices")).to_contain_text("KoE5의 점수가 아닙니다")
