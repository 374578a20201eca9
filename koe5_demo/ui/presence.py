"""Whether the visitor whose request is being worked on is still there: who has left frees the worker."""

from __future__ import annotations

from typing import Any

from gradio.context import LocalContext


def has_left() -> bool:
    """Return whether the visitor closed the page, broke off the request or pressed stop.

    Gradio cancels what waits in the queue by itself; a plain function that runs it lets run on, so long work asks here
    between batches. Outside a queued request the answer is no.
    """
    page: Any = LocalContext.blocks.get(None)
    event_id = LocalContext.event_id.get(None)
    if page is None or event_id is None:
        return False
    event = page._queue.event_ids_to_events.get(event_id)  # noqa: SLF001 gradio tells it nowhere else
    return event is None or bool(event.closed) or not event.alive
