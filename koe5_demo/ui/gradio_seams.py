"""Every place where the page leans on how gradio 6.31 works inside, but for its import (`koe5_demo.ui`).

Each function says why, what it leans on, and what would make it needless. `tests/contract/test_gradio_seams.py` fails
when gradio changes under one of them.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, NoReturn, cast

import gradio as gr
from gradio import processing_utils, queueing, routes, state_holder
from gradio.context import LocalContext
from gradio.exceptions import InvalidPathError
from gradio.queueing import Queue
from gradio.state_holder import SessionState

from koe5_demo.edge.connections import Connections
from koe5_demo.edge.logs import adopt_server_log, frames
from koe5_demo.edge.visitors import is_this_machine, visitor_key
from koe5_demo.ui.sessions import SessionRoom
from koe5_demo.words import Language, message

logger = logging.getLogger(__name__)

SESSIONS_KEPT: Final = 2_000
"""The longest unused are forgotten first: their page then asks for a new ranking."""
MOST_PLACES_OF_A_VISITOR: Final = 32
MOST_PLACES_OF_A_KIND: Final = 32
"""Of the queue's 64; rankings and the like may take all of them."""
LOOKS_FOR_WORK_EVERY_S: Final = 0.01
LEFT: ContextVar[Callable[[], bool] | None] = ContextVar("left", default=None)
"""Tells whether a visitor who did not come through gradio has left; see `koe5_demo.ui.mcp_server`."""


def keep_no_statistics() -> None:
    """Keep gradio from summing up its last 10,000 events after each one; /metrics tells what operators ask for.

    `Queue.__init__` reads two environment variables, so this comes before the page is built. Needless when
    `Blocks.queue` has an option for it.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))


def keep_uploads_in(folder: Path) -> None:
    """Name the folder for uploads, before the page is built.

    Each component notes it as it is made (`Block.GRADIO_CACHE`) and copies there what was uploaded elsewhere: a second
    copy that nobody counts and nobody deletes. Needless when `Blocks` takes the folder as an argument.
    """
    os.environ["GRADIO_TEMP_DIR"] = str(folder)


def leave_no_empty_files() -> None:
    """Keep gradio from making an empty file each time that an event reads an upload; nothing ever deletes them.

    `File` and `UploadButton` make one for its name alone and then give it another. Needless when they do not.
    """
    nothing = SimpleNamespace(NamedTemporaryFile=lambda **_: SimpleNamespace())
    for module in ("file", "upload_button"):
        importlib.import_module(f"gradio.components.{module}").tempfile = nothing  # type: ignore[attr-defined]


def keep_sessions_light(room: SessionRoom) -> None:
    """Let a session hold what its `gr.State`s hold, in a room of bounded size, and nothing else.

    For deep links, which this page does not use, `SessionState` writes out the whole page for each session (a third of
    a megabyte, and each call of an endpoint is a session), and keeps the last value of every input and output in it
    (20-30 MB for a large ranking; gradio#11602). Its expiry by time frees states alone. Needless when gradio keeps deep
    links' values only where deep links are used.
    """

    class LightSession(SessionState):
        def __init__(self, blocks: gr.Blocks) -> None:
            nothing_to_write_out = SimpleNamespace(default_config=blocks.default_config, blocks={})
            super().__init__(cast("gr.Blocks", nothing_to_write_out))
            self.state_data = room.session()
            self.blocks_config.config_for_block = lambda *_, **__: {}  # type: ignore[method-assign]

    state_holder.SessionState = LightSession  # type: ignore[misc]


def keep_texts_out_of_tracebacks() -> None:
    """Log where an error of gradio's own checks happened, without its words: they quote what visitors typed.

    The queue and the routes print such errors by `traceback.print_exc`. Needless when gradio logs through `logging`.
    """

    class WordlessTraceback:
        @staticmethod
        def print_exc() -> None:
            error = sys.exc_info()[1]
            if error is not None:
                logger.warning("gradio refused a request\n%s", frames(error))

    for module in (queueing, routes):
        module.traceback = WordlessTraceback  # type: ignore[attr-defined]


def in_both(key: str) -> str:
    """Return a message in both languages: gradio prepares arguments where no request tells the visitor's.

    The page's script then leaves the half that the visitor reads.
    """
    return " / ".join(message(key, language) for language in Language)


def fetch_nothing() -> None:
    """Refuse addresses where gradio expects an uploaded file: nothing here bounds what would come.

    Its own guard, `async_ssrf_protected_download`, only keeps private networks out. Needless when fetching can be
    switched off.
    """

    async def refuse(*_: object, **__: object) -> NoReturn:
        raise gr.Error(in_both("file_not_fetched"), print_exception=False)

    processing_utils.async_ssrf_protected_download = refuse


def name_no_server_paths() -> None:
    """Tell a visitor whose upload is gone so, instead of where on this server it should have been.

    `processing_utils._check_allowed` says "Cannot move /tmp/… to the gradio cache dir because …" of every file that it
    does not know, as after a restart. Needless when its words name no path.
    """
    original = getattr(processing_utils._check_allowed, "original", processing_utils._check_allowed)  # noqa: SLF001

    def check(path: Any, check_in_upload_folder: bool) -> None:
        try:
            original(path, check_in_upload_folder)
        except InvalidPathError as error:
            raise gr.Error(in_both("file_gone"), print_exception=False) from error

    check.original = original  # type: ignore[attr-defined]
    processing_utils._check_allowed = check  # noqa: SLF001


def share_places(open_kind: str, *, behind_proxy: int, spares_this_machine: bool) -> None:
    """Share the queue by visitor: half of its places, half of what runs at once, and the turn goes round.

    Who already has half of the places is refused as if the queue were full. Of what waits, the next is that of the
    visitor with the least under way, so one who orders a lot waits for the others and not they for him.

    `Queue.push` is the one way into the queue and `Queue.get_events` the one out of it, and only the queue knows who
    waits in it. Needless when gradio bounds places by visitor.

    Args:
        open_kind: The `concurrency_id` of work that may take all places.
        behind_proxy, spares_this_machine: As `koe5_demo.edge.gate.GateRules`; who is spared is not counted.
    """
    shares = _Shares(open_kind, behind_proxy, spares_this_machine)
    original = getattr(Queue.push, "original", Queue.push)

    async def push(self: Queue, body: Any, request: Any, username: str | None) -> Any:
        if not shares.has_room(self, body.fn_index, request):
            return False, "queue is full", "queue_full"
        return await original(self, body, request, username)

    def get_events(self: Queue) -> tuple[list[Any], bool, str] | None:
        return shares.next_events(self)

    push.original = original  # type: ignore[attr-defined]
    Queue.push = push  # type: ignore[method-assign]
    Queue.get_events = get_events  # type: ignore[method-assign]


def has_left() -> bool:
    """Return whether the visitor closed the page, broke off the request or pressed stop.

    Gradio cancels what waits in the queue by itself; a plain function that runs it lets run on, so long work asks here
    between batches. `Queue.event_ids_to_events` is where it is told. Outside a request the answer is no. Needless when
    gradio hands a cancellation to functions.
    """
    left = LEFT.get()
    if left is not None:
        return left()
    page: Any = LocalContext.blocks.get(None)
    event_id = LocalContext.event_id.get(None)
    if page is None or event_id is None:
        return False
    event = page._queue.event_ids_to_events.get(event_id)  # noqa: SLF001 gradio tells it nowhere else
    return event is None or bool(event.closed) or not event.alive


def is_waited_for(page: gr.Blocks, kind: str) -> bool:
    """Return whether work of a `concurrency_id` waits or runs; long runs let it go first.

    `Queue.event_queue_per_concurrency_id` alone tells what waits; a count of the models' host would miss it, and would
    count the long run's own calls.
    """
    # app.py makes the queue after the page: ask for it each time.
    events = page._queue.event_queue_per_concurrency_id.get(kind)  # noqa: SLF001 told nowhere else
    return events is not None and bool(events.queue or events.current_concurrency)


def endpoint_functions(page: gr.Blocks, names: tuple[str, ...]) -> dict[str, Callable[..., Any]]:
    """Return the functions behind a page's named endpoints, so that MCP tools are the same.

    `Blocks.fns` holds each event with its function. Needless when `gr.api` returns what it registered.
    """
    found = {event.api_name: event.fn for event in page.fns.values() if event.api_name in names}
    return {name: found[name] for name in names}  # type: ignore[misc, return-value]


def look_for_work_calmly(page: gr.Blocks) -> None:
    """Let the queue look a hundred times a second for something to do, not a thousand times.

    `Queue.sleep_when_free` has no setting. A page that nobody visits took 7 % of a core, and one with many visitors as
    much from those who compute. Needless when the queue is woken by what comes in.
    """
    page._queue.sleep_when_free = LOOKS_FOR_WORK_EVERY_S  # noqa: SLF001


def guard_server(page: gr.Blocks, connections: Connections) -> None:
    """Bound the connections of the server that a launched page runs in, and take over its log.

    `Blocks.server` is gradio's uvicorn server, made inside `launch` without a way to set its protocol or its log.
    Needless when `launch` passes options on to uvicorn.
    """
    server: Any = page.server
    connections.guard(server.config)
    adopt_server_log()


@dataclass(frozen=True)
class _Shares:
    """Who may wait in gradio's queue, and who is next; see `share_places`."""

    open_kind: str
    behind_proxy: int
    spares_this_machine: bool

    def has_room(self, queue: Queue, function: int | None, request: Any) -> bool:
        """Return whether the kind of work, and the visitor, has less than all the places it may have."""
        waiting = [event for kind in queue.event_queue_per_concurrency_id.values() for event in kind.queue]
        known = queue.blocks.fns.get(function) if function is not None else None
        kind = known.concurrency_id if known is not None else self.open_kind
        of_kind = sum(event.concurrency_id == kind for event in waiting)
        if kind != self.open_kind and of_kind >= MOST_PLACES_OF_A_KIND:
            return False
        visitor = self._visitor(request)
        return self._count(waiting)[visitor] < MOST_PLACES_OF_A_VISITOR

    def next_events(self, queue: Queue) -> tuple[list[Any], bool, str] | None:
        """Take what may run now out of the queue, as `Queue.get_events` does; None where nothing may."""
        running = [event for job in queue.active_jobs if job for event in job]
        for name, kind in queue.event_queue_per_concurrency_id.items():
            places = kind.concurrency_limit or len(queue.active_jobs)
            if kind.queue and kind.current_concurrency < places:
                under_way = self._count([event for event in running if event.concurrency_id == name])
                loads = [under_way[self._visitor_behind(event)] for event in kind.queue]
                if min(loads) < max(1, places // 2):
                    return [kind.queue.pop(loads.index(min(loads)))], False, name
        return None

    def _count(self, events: list[Any]) -> Counter[str | None]:
        """Return how many of some events are each visitor's; who is spared, under None, has none."""
        counted = Counter(self._visitor_behind(event) for event in events)
        del counted[None]
        return counted

    def _visitor_behind(self, event: Any) -> str | None:
        if not hasattr(event, "visitor"):  # looked for a thousand times a second while somebody waits
            event.visitor = self._visitor(event.request)
        visitor: str | None = event.visitor
        return visitor

    def _visitor(self, request: Any) -> str | None:
        if self.spares_this_machine and is_this_machine(request.scope):
            return None
        return visitor_key(request.scope, behind_proxy=self.behind_proxy)
