"""What a stranger types never runs, and a busy server says so in the visitor's language."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from browser import run_app

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
    expect(opened.locator("#ranking tbody tr")).to_have_count(2)
    expect(opened.locator("#heatmap .js-plotly-plot")).to_be_visible()
    assert refused == []


@pytest.mark.parametrize(
    "markup",
    [
        "<script>window.hacked = 1</script>",
        "<img src=x onerror='window.hacked = 1'>",
        "<svg onload='window.hacked = 1'></svg>",
        "<iframe srcdoc='<script>parent.hacked = 1</script>'></iframe>",
    ],
)
def test_even_markup_that_got_into_the_page_would_not_run(opened: Page, markup: str) -> None:
    with opened.expect_console_message(lambda said: "Content Security Policy" in said.text):
        opened.evaluate(INSERT, markup)
    assert opened.evaluate("window.hacked") is None


@pytest.mark.parametrize(("locale", "words"), [("ko-KR", "요청이 너무 잦습니다"), ("en-US", "Too many requests")])
def test_a_visitor_beyond_the_limit_is_told_in_words(page: Page, locale: str, words: str) -> None:
    with run_app(KOE5_MODEL="mini", HF_HUB_OFFLINE="1", KOE5_RATE_LIMIT="1") as url:
        page.context.set_extra_http_headers({"Accept-Language": locale})
        page.goto(url)
        expect(page.locator("#run")).to_be_visible()
        page.locator("#run").click()  # the page's own first ranking used up what is allowed
        expect(page.locator(".toast-wrap").first).to_contain_text(words)
        expect(page.locator("#queries textarea")).not_to_have_value("")
