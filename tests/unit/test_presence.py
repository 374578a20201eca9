"""Who has left frees the worker: long work asks between batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from inspect import isgeneratorfunction
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from gradio.context import LocalContext

from doubles import WordCountEncoder
from koe5_demo.errors import DemoError, HubError
from koe5_demo.ranking import compare
from koe5_demo.ui.boundary import guarded, stop_if_left
from koe5_demo.ui.gradio_seams import has_left


@dataclass
class Visit:
    closed: bool = False
    alive: bool = True


@dataclass
class Page:
    events: dict[str, Visit] = field(default_factory=dict)

    @property
    def _queue(self) -> Any:
        return SimpleNamespace(event_ids_to_events=self.events)


@pytest.fixture
def visit() -> Any:
    page, visit = Page(), Visit()
    page.events["e"] = visit
    tokens = LocalContext.blocks.set(page), LocalContext.event_id.set("e")
    yield visit, page
    LocalContext.blocks.reset(tokens[0])
    LocalContext.event_id.reset(tokens[1])


def test_outside_a_request_nobody_has_left() -> None:
    assert not has_left()
    stop_if_left(1, 2)


def test_a_closed_page_a_broken_off_request_and_a_cancelled_one_end_the_work(visit: Any) -> None:
    there, page = visit
    assert not has_left()
    there.closed = True
    assert has_left()
    there.closed, there.alive = False, False
    assert has_left()
    page.events.clear()
    assert has_left()


def test_a_ranking_stops_at_the_next_batch(visit: Any) -> None:
    there, _ = visit
    encoder = WordCountEncoder()
    there.closed = True
    with pytest.raises(DemoError, match="has left"):
        compare(["서울"], ["부산", "바다"], encoder, on_progress=stop_if_left)
    assert len(encoder.calls) <= 2


def test_any_language_argument_is_answered(visit: Any) -> None:
    @guarded
    def on_nothing(*_: Any) -> str:
        raise DemoError("no_query")

    for tongue in ("ko", "en", "", None, {"a": 1}):
        with pytest.raises(Exception, match=r"질의|query"):
            on_nothing(tongue)


@pytest.mark.parametrize(("tongue", "words"), [("ko", "받지 못했습니다"), ("en", "cannot be reached")])
def test_a_run_that_shows_its_steps_ends_in_the_visitors_words_as_any_other_event(
    visit: Any, tongue: str, words: str
) -> None:
    @guarded
    def on_steps(_: Any) -> Iterator[int]:
        yield 1
        raise HubError("hub_unreachable", endpoint="http://inner:9", name="koe5", reason="[Errno 111]")

    assert isgeneratorfunction(on_steps)  # what gradio asks
    steps = on_steps(tongue)
    assert next(steps) == 1
    with pytest.raises(gr.Error) as shown:
        next(steps)
    assert words in shown.value.message
    assert "Errno" not in shown.value.message
    assert "inner" not in shown.value.message


def test_a_bug_in_a_run_that_shows_its_steps_keeps_its_traceback_in_the_log(
    visit: Any, caplog: pytest.LogCaptureFixture
) -> None:
    @guarded
    def on_steps(_: Any) -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    with pytest.raises(gr.Error) as shown:
        list(on_steps("en"))
    assert "ZeroDivisionError" not in shown.value.message
    assert any(
        "ZeroDivisionError" in record.getMessage() + str(record.exc_text or record.exc_info)
        for record in caplog.records
    )
