"""From `python app.py` to the page, its first ranking, and the ranking after a click, in Chromium.

    python -m bench.start
    python -m bench.start --model FOLDER --repeats 5

The browser is open before the page is started, and loads it as soon as it answers. With a model that has to be loaded,
the click falls into the time in which that happens.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 60
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
QUERY, PASSAGES = (
    "대한민국의 수도는 어디인가요?",
    "부산은 항구 도시이다.\n서울은 대한민국의 수도이다.\n김치는 발효 음식이다.",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with sync_playwright() as playwright:
        path = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for _ in range(options.repeats):
            with browser.new_page() as page:
                times = measure(page, options.model)
            print("  ".join(f"{name} {seconds:.2f} s" for name, seconds in times.items()), flush=True)


def measure(page: Page, model: str) -> dict[str, float]:
    port = free_port()
    env = os.environ | {"KOE5_MODEL": model, "KOE5_PORT": str(port), "HF_HUB_OFFLINE": "1"}
    start = time.monotonic()
    with subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=env, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for_page(f"http://127.0.0.1:{port}/")
            answered = time.monotonic()
            rows = page.locator("#ranking tbody tr")
            page.goto(f"http://127.0.0.1:{port}/")
            expect(rows).to_have_count(2, timeout=PATIENCE_S * 1_000)
            ranked = time.monotonic()
            page.locator("#queries textarea").fill(QUERY)
            page.locator("#layout").get_by_role("radio").first.check()
            page.locator("#passages textarea").fill(PASSAGES)
            clicked = time.monotonic()
            page.locator("#run").click()
            expect(rows).to_have_count(3, timeout=PATIENCE_S * 1_000)
            done = time.monotonic()
        finally:
            server.terminate()
    return {"first 200": answered - start, "example ranked": ranked - start, "click to ranking": done - clicked}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_page(url: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not answers(url):
        if time.monotonic() > end:
            raise TimeoutError(url)
        time.sleep(0.02)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            answer.read()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
