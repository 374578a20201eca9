"""One record a request: who may read logs learns how many, how long and how it ended, and never what was typed."""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from koe5_demo.errors import DemoError

REQUESTS: Final = "koe5_demo.requests"
FIELD: Final = "request"
POLLS: Final = frozenset({"page/tick", "page/count"})
logger = logging.getLogger(REQUESTS)
bugs = logging.getLogger(__name__)


@dataclass(frozen=True)
class RequestRecord:
    """What is told of a request.

    Attributes:
        id: Random.
        endpoint: Name of the endpoint, or of the page's event.
        outcome: "ok", "bug", or the key of the message that the visitor got.
        milliseconds: Wall time in our code, without waiting in the queue.
        n_texts: Texts in its arguments.
        n_chars: Characters of all of them.
    """

    id: str
    endpoint: str
    outcome: str
    milliseconds: float
    n_texts: int
    n_chars: int


@contextmanager
def told(endpoint: str, arguments: Sequence[object]) -> Iterator[None]:
    """Log one request when it is over; what the page asks by itself, over and over, is logged at a lower level."""
    start = time.perf_counter()
    outcome = "bug"
    try:
        yield
        outcome = "ok"
    except DemoError as error:
        outcome = error.key
        raise
    except GeneratorExit:
        outcome = "left"
        raise
    finally:
        n_texts, n_chars = counts(arguments)
        milliseconds = round((time.perf_counter() - start) * 1_000, 2)
        record = RequestRecord(secrets.token_hex(8), endpoint, outcome, milliseconds, n_texts, n_chars)
        logger.log(logging.DEBUG if endpoint in POLLS else logging.INFO, "%s", endpoint, extra={FIELD: record})


def counts(arguments: Sequence[object]) -> tuple[int, int]:
    """Return how many texts arguments hold, in lists or alone, and their characters."""
    texts = [item for argument in arguments for item in (argument if isinstance(argument, list) else [argument])]
    texts = [text for text in texts if isinstance(text, str) and text]
    return len(texts), sum(len(text) for text in texts if isinstance(text, str))


def log_bug(error: BaseException) -> str:
    """Log a bug with its traceback under a number; return the number, for whoever met it to tell the operator.

    The number is made from where the bug happened: the same one again has the same number, and needs no second line.
    """
    told_frames = frames(error)
    number = hashlib.sha256(told_frames.encode("utf-8", "replace")).hexdigest()[:8]
    bugs.error("unexpected error %s\n%s", number, told_frames)
    return number


class Frames(str):
    """Lines of our own making, which the log writes as they are; everything else becomes one line."""

    __slots__ = ()


def frames(error: BaseException) -> Frames:
    """Return a traceback without the errors' own words, which may quote what a visitor typed."""
    lines = []
    current: BaseException | None = error
    while current is not None:
        kind = type(current)
        lines.append(f"{kind.__module__}.{kind.__qualname__}")
        lines += [
            f"  {Path(frame.filename).name}:{frame.lineno} {frame.name}: {frame.line}"
            for frame in traceback.extract_tb(current.__traceback__)
        ]
        current = current.__cause__ or current.__context__
    return Frames("\n".join(lines))
