"""Where the page's plain functions meet gradio: errors, progress and words that change with the language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from inspect import isgeneratorfunction
from typing import Any, Final, ParamSpec, TypeVar, cast

import gradio as gr

from koe5_demo.edge.logs import log_bug, told
from koe5_demo.errors import DemoError
from koe5_demo.records import OnProgress
from koe5_demo.ui.gradio_seams import has_left
from koe5_demo.words import WORDS, Language, message

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
C = TypeVar("C", bound=gr.components.Component | gr.blocks.BlockContext)
ERROR_SECONDS: Final = 20
LANGUAGE_ID: Final = "language"
"""Of the page's switch of language."""
MODEL_QUEUE: Final = "model"
"""All events that run a model wait in one queue of this name."""
PLAIN: Final[dict[str, Any]] = {"padding": False, "apply_default_css": False}
"""For HTML components whose look comes from our own style sheet."""
QUIET: Final[dict[str, Any]] = {"api_visibility": "private", "show_progress": "hidden", "show_progress_on": []}
"""An event that shows no progress, nowhere: gradio's page keeps a status of each component that an event of the visit
would show it on, even a hidden one, and goes through all of them several times a click."""
UNQUEUED: Final = QUIET | {"queue": False}
"""The same at once. gradio shows the message of a failed event only when it is queued."""
Maker = Callable[[Language], Any]


def guarded(handler: Callable[P, R]) -> Callable[P, R]:
    """Turn errors into what gradio shows: a DemoError in the visitor's language, a bug as a number to look up.

    The last positional argument must be the language, or the first a dict of values by component with the page's switch
    of language among them. The log gets one line a call, with no text in it. A generator stays one: gradio shows each
    of its steps.
    """
    event = f"page/{getattr(handler, '__name__', 'call').strip('_').removeprefix('on_')}"

    @wraps(handler)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with _shown(event, args):
            return handler(*args, **kwargs)

    @wraps(handler)
    def step_by_step(*args: P.args, **kwargs: P.kwargs) -> Iterator[Any]:
        steps: Any = handler(*args, **kwargs)
        with _shown(event, args):
            yield from steps

    return cast("Callable[P, R]", step_by_step) if isgeneratorfunction(handler) else wrapper


@contextmanager
def _shown(event: str, args: tuple[Any, ...]) -> Iterator[None]:
    values = list(args[0].values()) if args and isinstance(args[0], dict) else list(args)
    language = language_of(_chosen_language(args))
    try:
        with told(event, values):
            yield
    except DemoError as error:
        raise shown_error(for_visitors(error, language)) from error
    except gr.Error:
        raise
    except Exception as error:
        raise unexpected(error, language) from error


def latest(*choices: Callable[..., Any]) -> Callable[..., Any]:
    """Return one event of all in which a visitor chooses or types, such as `box.change`: what came last counts.

    By itself gradio drops a choice that falls into the handling of the one before it, and of two events that run at
    once the one with the older values may be answered last.
    """
    return partial(gr.on, list(choices), trigger_mode="always_last")


def wire(
    event: Callable[..., Any],
    compute: Callable[[dict[Any, Any], Language], dict[Any, Any]],
    inputs: Iterable[Any],
    outputs: list[Any],
    *,
    language: gr.Radio,
    spoken: gr.State | None = None,
    name: str = "",
    **how: Any,
) -> Any:
    """Let an event call `compute` with the values of `inputs` by component, and the visitor's language.

    Args:
        event: A component's event, such as `button.click`, or the `latest` of some.
        compute: Returns the values that change, by component.
        inputs, outputs: Components.
        language: The page's switch.
        spoken: Holds the visitor's `Spoken`: an event that waited while the language was switched, or computed for
            long, answers in the new one, and `compute` is then called again. None where the switch itself is the event,
            and for what must be done once.
        name: What the log calls the event; the name of `compute` when empty.
        how: More of what gradio's events take.

    Returns:
        What gradio returns, to go on with `then` or `success`.
    """

    def handler(values: dict[Any, Any]) -> dict[Any, Any]:
        now = Spoken() if spoken is None else values[spoken]
        return now.said(values[language], partial(compute, values))

    handler.__name__ = name or compute.__name__
    asked = {*inputs, language} if spoken is None else {*inputs, language, spoken}
    return event(guarded(handler), asked, outputs, **QUIET, **how)


def for_visitors(error: DemoError, language: Language) -> str:
    """Return what a visitor reads of an error: without causes and options that only the operator can do anything with.

    Such errors have a second text, "hub_unreachable_short" say; the whole one stands under 자세히 in the model's strip.
    """
    key = f"{error.key}_short"
    return message(key, language, **error.values) if key in WORDS else error.text(language)


def unexpected(error: Exception, language: Language) -> gr.Error:
    """Log a bug with its traceback under a number, and return what tells that number."""
    return shown_error(message("unexpected", language, id=log_bug(error)))


def shown_error(text: str) -> gr.Error:
    """Return what gradio shows as a message."""
    return gr.Error(text, duration=ERROR_SECONDS, print_exception=False)


def stop_if_left(*_: object) -> None:
    """End the request under way if nobody waits for it any more; also fit as a progress callback.

    Raises:
        DemoError: If the visitor has left.
    """
    if has_left():
        raise DemoError("visitor_left")


def _chosen_language(args: tuple[Any, ...]) -> Any:
    if not isinstance(args[0], dict):
        return args[-1]
    return next((value for part, value in args[0].items() if getattr(part, "elem_id", None) == LANGUAGE_ID), None)


def language_of(value: Any) -> Language:
    """Return the visitor's language; a program may send anything in its place."""
    return Language.EN if value == Language.EN.value else Language.KO


def reporter(progress: gr.Progress, language: Language) -> OnProgress:
    """Return a library progress callback that moves gradio's bar, and ends the work of a visitor who has left."""

    def report(done: int, total: int) -> None:
        stop_if_left()
        if total:
            progress(min(done / total, 1.0), desc=message("running", language))

    return report


@dataclass
class Spoken:
    """The language that a visitor has chosen by now, for work that takes longer than the visitor stays with one.

    It changes in place, since gradio hands an event the values of the moment it began.

    Attributes:
        language: None as long as none was chosen: the switch then says the one that the page came in.
    """

    language: Language | None = None

    def said(self, switch: Any, make: Callable[[Language], T]) -> T:
        """Return what `make` makes in the language of this moment: anew where another was chosen meanwhile.

        Args:
            switch: What the page's switch said when the event began.
            make: Called with a language.
        """
        while True:
            language = self.now(switch)
            made = make(language)
            if self.now(switch) is language:
                return made

    def now(self, switch: Any) -> Language:
        """Return the language of this moment.

        Args:
            switch: What the page's switch said when the event began.
        """
        return self.language or language_of(switch)


class Words:
    """Components whose words change with the language. Must be made inside a gr.Blocks context.

    Args:
        language: Language of the first view.

    Attributes:
        spoken: Holds a `Spoken` for each visitor.
    """

    def __init__(self, language: Language) -> None:
        self.language = language
        self.spoken = gr.State(Spoken())
        self._made: list[tuple[Any, dict[str, Maker]]] = []

    def make(self, kind: Callable[..., C], makers: dict[str, Maker], **fixed: Any) -> C:
        """Build a component whose properties in `makers` come from the language; the others are fixed."""
        component = kind(**{name: maker(self.language) for name, maker in makers.items()}, **fixed)
        self._made.append((component, makers))
        return component

    def button(self, key: str, **fixed: Any) -> gr.Button:
        """Build a button that says one text of `koe5_demo.words`."""
        return self.make(gr.Button, {"value": label(key)}, **fixed)

    def dropdown(self, key: str, **fixed: Any) -> gr.Dropdown:
        """Build a dropdown whose label is one text of `koe5_demo.words`, and whose choices have no language."""
        return self.make(gr.Dropdown, {"label": label(key)}, **fixed)

    @property
    def components(self) -> list[Any]:
        """Return what `updates` updates, in its order."""
        return [component for component, _ in self._made]

    def updates(self, language: Language) -> list[dict[str, Any]]:
        """Return one gradio update a component."""
        return [gr.update(**{name: maker(language) for name, maker in makers.items()}) for _, makers in self._made]


def label(key: str, **values: object) -> Maker:
    """Return a maker of one text of `koe5_demo.words`."""
    return lambda language: message(key, language, **values)


def choices(pairs: Iterable[tuple[str, str]]) -> Maker:
    """Return a maker of choices from (text key, value) pairs."""
    fixed = tuple(pairs)
    return lambda language: [(message(key, language), value) for key, value in fixed]
