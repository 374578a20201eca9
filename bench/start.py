"""From `python app.py` to the page, its first ranking, and the ranking after a click, in Chromium.

    python -m bench.start
    python -m bench.start --model FOLDER --repeats 5
    python -m bench.start --command                    # one `rank` on the command line, without a browser

The browser is open before the page is started, and loads it as soon as it answers. With a model that has to be loaded,
the click falls into the time in which that happens. CPU seconds are those of the process and of all its threads.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 60
N_PACKAGES = 12
HEAVY = ("torch", "transformers", "sentence_transformers", "scipy", "sklearn", "pandas", "pyarrow", "huggingface_hub")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
QUERY, PASSAGES = (
    "대한민국의 수도는 어디인가요?",
    "부산은 항구 도시이다.\n서울은 대한민국의 수도이다.\n김치는 발효 음식이다.",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--command", action="store_true", help="measure a command and what it imports")
    options = parser.parse_args()
    if options.command:
        measure_command(options.model, options.repeats)
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-headless-shell")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for _ in range(options.repeats):
            with browser.new_page() as page:
                times = measure(page, options.model)
            print("  ".join(f"{name} {seconds:.2f} s" for name, seconds in times.items()), flush=True)


def measure_command(model: str, repeats: int) -> None:
    """Print CPU seconds of a ranking, of importing torch alone, and in words what the ranking imports."""
    rank = ["-m", "koe5_demo", "rank", "--model", model, "--query", QUERY]
    rank += [part for passage in PASSAGES.splitlines() for part in ("--passage", passage)]
    programs = {"rank": rank, "import torch": ["-c", "import torch"], "bare python": ["-c", ""]}
    for _ in range(repeats):
        print("  ".join(f"{name} {cpu_seconds(program):.2f} CPU s" for name, program in programs.items()), flush=True)
    print(imports_in_words(rank))


def cpu_seconds(program: list[str]) -> float:
    with subprocess.Popen([sys.executable, *program], cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{program} failed")
    return usage.ru_utime + usage.ru_stime


def imports_in_words(program: list[str]) -> str:
    """Return the packages that a program imports, each with its own seconds, and which of the heavy ones it does not.

    `-X importtime` writes a line a module: its own microseconds, those with what it imports, and its name.
    """
    told = subprocess.run(
        [sys.executable, "-X", "importtime", *program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stderr
    own: dict[str, int] = {}
    for microseconds, module in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", told):
        package = module.split(".")[0]
        own[package] = own.get(package, 0) + int(microseconds)
    largest = sorted(own.items(), key=lambda item: -item[1])[:N_PACKAGES]
    lines = [f"  {package}: {microseconds / 1e6:.2f} s" for package, microseconds in largest]
    absent = ", ".join(name for name in HEAVY if name not in own) or "none"
    present = ", ".join(name for name in HEAVY if name in own) or "none"
    return "\n".join(["imports, by package:", *lines, f"heavy ones imported: {present}; not imported: {absent}"])


def measure(page: Page, model: str) -> dict[str, float]:
    from playwright.sync_api import expect

    port = free_port()
    env = os.environ | {"KOE5_MODEL": model, "KOE5_PORT": str(port), "HF_HUB_OFFLINE": "1"}
    start = time.monotonic()
    with subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=env, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for_page(f"http://127.0.0.1:{port}/")
            answered = time.monotonic()
            rows = page.locator("#ranking tbody tr")
            page.goto(f"http://127.0.0.1:{port}/")
            expect(rows.first).to_be_visible(timeout=PATIENCE_S * 1_000)
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
