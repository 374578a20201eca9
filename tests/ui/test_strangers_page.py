"""What a stranger types never runs, and a busy server says so in the visitor's language."""

from __future__ import annotations

import json
import random
import re
import socket
import urllib.request
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from browser import run_app, upload, watched
from koe5_demo.inputs import Layout
from koe5_demo.share import SharedState, to_file, to_link

INSERT = """(markup) => {
  const box = document.createElement("div");
  box.innerHTML = markup;
  document.body.append(box);
  for (const old of box.querySelectorAll("script")) {
    const script = document.createElement("script");
    script.textContent = old.textContent;
    old.replaceWith(script);
  }
}"""


def test_the_page_works_under_its_own_policy(opened: Page) -> None:
    refused: list[str] = []
    opened.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    opened.locator("#run").click()
    expect(opened.locator("#ranking tbody tr")).to_have_count(6)
    expect(opened.locator("#heatmap [role=gridcell]").first).to_be_visible()
    assert refused == []


def test_even_markup_that_got_into_the_page_would_not_run(opened: Page) -> None:
    for markup in (
        "<script>window.hacked = 1</script>",
        "<img src=x onerror='window.hacked = 1'>",
        "<svg onload='window.hacked = 1'></svg>",
        "<iframe srcdoc='<script>parent.hacked = 1</script>'></iframe>",
    ):
        with opened.expect_console_message(lambda said: "Content Security Policy" in said.text):
            opened.evaluate(INSERT, markup)
        assert opened.evaluate("window.hacked") is None, markup


NASTY = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>${window.hacked=1}{{window.hacked=1}}"


def assert_harmless(page: Page) -> None:
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src=x]").count() == 0
    assert page.locator("script", has_text="window.hacked").count() == 0


def test_names_headers_and_cells_of_a_file_are_text(opened: Page) -> None:
    table = f'"{NASTY}",둘째\n"{NASTY} 서울",가\n부산,나\n'
    file: FilePayload = {"name": f"{NASTY}.csv".replace("/", "_"), "mimeType": "text/csv", "buffer": table.encode()}
    upload(opened, file)
    expect(opened.locator("#count")).to_contain_text("2")
    opened.locator("#column input").click()
    opened.get_by_role("option").first.click()
    opened.locator("#run").click()
    expect(opened.locator("#ranking")).to_contain_text("window.hacked=1")
    assert_harmless(opened)


@pytest.mark.parametrize("where", ["link", "file"])
def test_what_a_shared_state_holds_is_text(app: str, page: Page, where: str) -> None:
    state = SharedState((f"{NASTY} 질의",), (f"{NASTY} 하나", f"[x](javascript:hacked) {NASTY}"), Layout.BLOCKS, "mini")
    with watched(page, app):
        page.goto(app + (f"#s={to_link(state)}" if where == "link" else ""))
        expect(page.locator("#made-by")).to_be_visible()
        if where == "file":
            file: FilePayload = {"name": "a.json", "mimeType": "application/json", "buffer": to_file(state)}
            with page.expect_file_chooser() as chooser:
                page.locator("#share-open").click()
            chooser.value.set_files(file)
        expect(page.locator("#ranking")).to_contain_text("window.hacked=1")
        assert_harmless(page)


@pytest.mark.parametrize(
    "address",
    ["?q=NASTY&p=NASTY", "?view=NASTY", "?__theme=NASTY", "?__lang=NASTY", "?deep_link=NASTY", "#s=NASTY", "#NASTY"],
)
def test_an_address_runs_nothing(app: str, page: Page, address: str) -> None:
    page.goto(app + address.replace("NASTY", quote(NASTY)))
    expect(page.locator("#run")).to_be_visible()
    expect(page.locator("#ranking tbody tr").first).to_be_visible()
    assert_harmless(page)


def occupy(app: str, n: int, about: str) -> list[socket.socket]:
    """Ask the endpoint for so many long rankings; returns the open lines on which their answers are waited for."""
    lines = []
    for number in range(n):
        rng = random.Random(f"{about} {number}")  # other words each time: nothing of it is in the cache
        passages = ["".join(rng.choices("가나다라마바사아자차카타파하 ", k=1_900)) for _ in range(1_000)]
        body = json.dumps({"queries": ["수도"], "passages": passages}).encode()
        request = urllib.request.Request(f"{app}gradio_api/call/v2/rank", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            event = json.load(answer)["event_id"]
        line = socket.create_connection(("127.0.0.1", urlsplit(app).port))
        line.sendall(f"GET /gradio_api/call/rank/{event} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        lines.append(line)
    return lines


@pytest.fixture(scope="module")
def english_app() -> Iterator[str]:
    """A page whose operator speaks English."""
    with run_app(KOE5_MODEL="mini", HF_HUB_OFFLINE="1", KOE5_LANG="en") as url:
        yield url


@pytest.mark.parametrize(
    ("served_in", "locale", "place"),
    [("app", "ko-KR", "대기 3번째 (모두 3명)"), ("english_app", "en-US", "Number 3 of 3 in the queue")],
)
def test_who_waits_sees_the_place_in_the_queue_and_who_leaves_gives_it_up(
    request: pytest.FixtureRequest, browser: Browser, served_in: str, locale: str, place: str
) -> None:
    app = request.getfixturevalue(served_in)
    page = browser.new_page(locale=locale)
    page.goto(app)
    expect(page.locator("#made-by")).to_be_visible()
    lines = occupy(app, 20, locale)  # two are worked on at once, the others wait, and this visitor behind them
    page.locator("#run").click()
    told = re.compile(re.escape(place).replace("3", r"\d+"))  # the place moves on while it is looked at
    expect(page.locator("#queue-note")).to_have_text(told)
    expect(page.locator("#ranking .progress-text")).to_have_attribute("data-told", told)
    for line in lines:
        line.close()
    expect(page.locator("#queue-note")).to_have_text("")
    expect(page.locator("#ranking tbody tr").first).to_be_visible()
    page.close()


@pytest.fixture(scope="module")
def strict_url() -> Iterator[str]:
    """A page behind a proxy where a visitor may ask once a minute."""
    options = {"KOE5_MODEL": "mini", "HF_HUB_OFFLINE": "1", "KOE5_RATE_LIMIT": "1", "KOE5_BEHIND_PROXY": "1"}
    with run_app(**options) as url:
        yield url


@pytest.mark.parametrize(
    ("visitor", "locale", "words"),
    [("9.9.9.1", "ko-KR", "요청이 너무 잦습니다"), ("9.9.9.2", "en-US", "Too many requests")],
)
def test_a_visitor_beyond_the_limit_is_told_in_words(
    strict_url: str, page: Page, visitor: str, locale: str, words: str
) -> None:
    page.context.set_extra_http_headers({"Accept-Language": locale, "X-Forwarded-For": visitor})
    page.goto(strict_url)
    expect(page.locator("#run")).to_be_visible()
    page.locator("#run").click()  # the page's own first ranking used up what is allowed
    expect(page.locator(".toast-wrap").first).to_contain_text(words)
    expect(page.locator("#queries textarea")).not_to_have_value("")
