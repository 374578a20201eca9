"""What a visitor does while a ranking is under way stands when the ranking comes: its values are older than that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from doubles import WordCountEncoder
from koe5_demo.edge.bodies import make_folder
from koe5_demo.encoding.cache import VectorCache
from koe5_demo.encoding.host import ModelHost
from koe5_demo.figures.of_ranking import ScaleChoice
from koe5_demo.records import Encoded, OnProgress, Role
from koe5_demo.settings import load_settings
from koe5_demo.ui.boundary import Spoken, Words, wire
from koe5_demo.ui.ranking_form import build_examples, build_form
from koe5_demo.ui.ranking_results import Desk, build_results
from koe5_demo.ui.ranking_tab import RankingEvents
from koe5_demo.words import Language, message


class Interrupted(WordCountEncoder):
    """Does something else the first time that it is asked for passages."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], object] = lambda: None

    def encode(self, texts: Sequence[str], role: Role, *, on_progress: OnProgress | None = None) -> Encoded:
        if role is Role.PASSAGE:
            meanwhile, self.meanwhile = self.meanwhile, lambda: None
            meanwhile()
        return super().encode(texts, role, on_progress=on_progress)


class Visit:
    """A visitor's form, and what the page shows them by component."""

    def __init__(self, folder: Path, encoder: Interrupted) -> None:
        settings = replace(load_settings(), model="mini", data_dir=folder)
        host = ModelHost(settings, VectorCache(1_000_000), warm_up=lambda _: None)
        host.encoder = lambda _: encoder  # type: ignore[method-assign]
        make_folder()
        with gr.Blocks(analytics_enabled=False):
            words = Words(Language.KO)
            model = gr.Dropdown(["mini"], value="mini")
            self.language = gr.Radio(["ko", "en"], value="ko", elem_id="language")
            self.form = build_form(host, settings.limits, words, model, build_examples(words))
            self.results, self.desk = build_results(words), gr.State(Desk())
        parts = (self.form, self.results, self.desk, self.language, words.spoken)
        self.events = RankingEvents(host, settings, *parts)
        self.values: dict[Any, Any] = {part: getattr(part, "value", None) for part in self.form.inputs}
        self.values |= {self.desk: Desk(), self.language: "ko", self.results.unfolded: None}
        self.values[words.spoken] = self.spoken = Spoken()
        self.seen: dict[Any, Any] = {}

    def does(self, handler: Callable[..., dict[Any, Any]], *event: Any, **changed: Any) -> None:
        """Let an event happen with the values of this moment, and take what it shows."""
        self.values |= {getattr(self, name, None) or getattr(self.form, name): to for name, to in changed.items()}
        self.seen |= handler(dict(self.values), *event)


class Press:
    def __init__(self, pick: str) -> None:
        self.pick = pick


@pytest.fixture
def encoder() -> Interrupted:
    return Interrupted()


@pytest.fixture
def visit(tmp_path: Path, encoder: Interrupted) -> Visit:
    visit = Visit(tmp_path, encoder)
    visit.does(visit.events.on_run, queries="서울", passages="서울\n\n바다")
    return visit


def test_a_fold_that_is_opened_meanwhile_shows_the_new_result(visit: Visit, encoder: Interrupted) -> None:
    assert visit.results.sent not in visit.seen

    def unfolds() -> None:
        visit.does(visit.events.on_unfold("sent"))
        assert visit.results.sent not in visit.seen  # or it might arrive after what the ranking shows

    encoder.meanwhile = unfolds
    visit.does(visit.events.on_run, passages="서울\n\n산")
    assert "산" in visit.seen[visit.results.sent]
    assert "바다" not in visit.seen[visit.results.sent]


def test_what_is_pressed_meanwhile_stays(visit: Visit, encoder: Interrupted) -> None:
    encoder.meanwhile = lambda: visit.does(visit.events.on_look, Press("scale:fixed"))
    visit.does(visit.events.on_run, passages="서울\n\n산")
    assert visit.values[visit.desk].kept.look.scale is ScaleChoice.FIXED
    assert visit.values[visit.desk].kept.result.comparison.passages == ("서울", "산")


def test_a_language_that_is_chosen_meanwhile_is_what_the_result_comes_in(visit: Visit, encoder: Interrupted) -> None:
    def switches() -> None:
        visit.spoken.language = Language.EN
        visit.does(visit.events.on_language, language="en")

    encoder.meanwhile = switches
    visit.does(visit.events.on_run, passages="서울\n\n산")
    assert "Passage" in visit.seen[visit.results.ranking]
    assert "문단" not in visit.seen[visit.results.ranking]


def test_what_is_typed_meanwhile_makes_the_result_that_of_another_form(visit: Visit, encoder: Interrupted) -> None:
    assert visit.seen[visit.results.stale] == ""
    encoder.meanwhile = lambda: visit.does(visit.events.on_count, passages="서울\n\n산\n\n책")
    visit.does(visit.events.on_run, passages="서울\n\n산")
    assert message("stale_form", Language.KO) in visit.seen[visit.results.stale]
    visit.does(visit.events.on_run)
    assert visit.seen[visit.results.stale] == ""
    assert visit.values[visit.desk].form is None


def test_folds_that_are_open_are_filled_after_a_restart_too(visit: Visit) -> None:
    visit.values |= {visit.desk: None, visit.results.unfolded: "sent code sent"}
    visit.does(visit.events.on_run, passages="서울\n\n산")
    assert "산" in visit.seen[visit.results.sent]
    assert visit.results.code in visit.seen
    assert visit.results.map_table not in visit.seen


def test_what_is_made_while_the_language_is_switched_is_made_anew() -> None:
    spoken = Spoken()

    def make(language: Language) -> str:
        spoken.language = Language.EN  # the visitor switches while this is made
        return message("empty", language)

    assert spoken.said("ko", make) == message("empty", Language.EN)
    assert spoken.said("ko", lambda language: language.value) == "en"


def test_an_event_that_takes_long_answers_in_the_language_chosen_meanwhile() -> None:
    with gr.Blocks():
        switch, spoken, told = gr.Radio(["ko", "en"]), gr.State(Spoken()), gr.Textbox()
    wired: list[Any] = []

    def event(handler: Any, *_: object, **__: object) -> None:
        wired.append(handler)

    def look(values: dict[Any, Any], language: Language) -> dict[Any, Any]:
        values[spoken].language = Language.EN  # the visitor switches while this is computed
        return {told: message("empty", language)}

    wire(event, look, set(), [told], language=switch, spoken=spoken)
    assert wired[0]({switch: "ko", spoken: Spoken()}) == {told: message("empty", Language.EN)}
