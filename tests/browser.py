"""A real page in real Chromium: the server runs as a program, the browser makes no request beyond it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from doubles import until

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 180
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=60_000)


BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")
"""The first that is installed is taken: the shell is the same Chromium without windows, a third cheaper a page."""


def chromium() -> str:
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed: the browser tests are never skipped in CI")
        pytest.skip("Chromium is not installed")
    return path


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Use the machine's Chromium; Playwright's own is never downloaded."""
    return {**browser_type_launch_args, "executable_path": chromium(), "args": CHROMIUM_FLAGS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {
        **browser_context_args,
        "viewport": {"width": 1280, "height": 900},
        "locale": "ko-KR",
        "accept_downloads": True,
        "permissions": ["clipboard-read", "clipboard-write"],
    }


@contextmanager
def run_app(**environment: str) -> Iterator[str]:
    """Start `python app.py` on KOE5_PORT, or on a free port, and yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = environment.get("KOE5_PORT", probe.getsockname()[1])
    env = {name: value for name, value in os.environ.items() if not name.startswith("KOE5_")}
    env |= {"KOE5_PORT": str(port), **environment}
    log = Path(environment.get("KOE5_TEST_LOG", os.devnull)).open("ab")  # noqa: SIM115 closed below
    server = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait(f"http://127.0.0.1:{port}/", server)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(10)
        log.close()


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    def is_up() -> bool:
        assert server.poll() is None, "the server ended at its start"
        try:
            with urllib.request.urlopen(url, timeout=2):
                return True
        except OSError:
            return False

    until(is_up, START_SECONDS)


@dataclass(frozen=True)
class Served:
    """A running page.

    Attributes:
        url: Address without a slash at its end.
        log: What it wrote.
        temporary: Where its temporary files go.
    """

    url: str
    log: Path
    temporary: Path


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One page for all who only visit: the embedded model, no hub, nothing saved before."""
    log = tmp_path_factory.mktemp("log") / "app.log"
    data, temporary = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("tmp")
    places = {"KOE5_TEST_LOG": str(log), "KOE5_DATA_DIR": str(data), "TMPDIR": str(temporary)}
    options = {"KOE5_MODEL": "mini", "HF_HUB_OFFLINE": "1", "KOE5_LOG_FORMAT": "json", "KOE5_METRICS": "1"}
    with run_app(**places, **options) as url:
        yield Served(url.rstrip("/"), log, temporary)


@pytest.fixture(scope="session")
def app(served: Served) -> str:
    """The address of the page with the embedded model."""
    return f"{served.url}/"


@pytest.fixture
def opened(app: str, page: Page) -> Iterator[Page]:
    """The page, opened; a request to anywhere else and an error in its scripts fail the test."""
    with watched(page, app):
        page.goto(app)
        expect(page.locator("#made-by")).to_be_visible()  # the first example's result is there
        yield page


@contextmanager
def watched(page: Page, url: str) -> Iterator[None]:
    """Fail on requests beyond the server and on errors of the page's own scripts."""
    foreign: list[str] = []
    errors: list[str] = []
    page.on(
        "request",
        lambda request: foreign.append(request.url) if not request.url.startswith((url, "data:", "blob:")) else None,
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield
    assert foreign == []
    assert errors == []


def upload(page: Page, file: str | FilePayload) -> None:
    """Open the box for files and hand one in."""
    page.locator("#file-box").get_by_role("button").first.click()
    page.locator("#file input[type=file]").set_input_files(file)


@pytest.fixture
def fill(opened: Page) -> Callable[[str, str], None]:
    """Type a query and passages, one a line; a phone's folded passages are opened first."""

    def type_in(queries: str, passages: str) -> None:
        if opened.locator("#fold button").is_visible():
            opened.locator("#fold button").click()
        opened.locator("#layout").get_by_text("줄바꿈", exact=True).click()
        opened.locator("#queries textarea").fill(queries)
        opened.locator("#passages textarea").fill(passages)

    return type_in
