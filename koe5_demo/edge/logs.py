"""The log: one record a request, bugs by number, and how both are written.

Who may read it learns how many, how long and how it ended, and never what was typed. Lines for people, or a JSON object
a line for machines; few lines of one kind.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from koe5_demo.errors import DemoError

REQUESTS: Final = "koe5_demo.requests"
FIELD: Final = "request"
POLLS: Final = frozenset({"page/tick", "page/count"})
TEXT_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
QUIET: Final = ("httpx", "httpx2", "python_multipart", "httpcore", "mcp")
ADOPTED: Final = ("uvicorn", "uvicorn.error", "uvicorn.access")
CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What moves a terminal's cursor, begins a line or turns the direction of writing."""
MINUTE_S: Final = 60.0
MOST_OF_A_PLACE: Final = 30

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
    items = (item for argument in arguments for item in (argument if isinstance(argument, list) else [argument]))
    texts = [item for item in items if isinstance(item, str) and item]
    return len(texts), sum(map(len, texts))


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


def configure_logging(log_format: str) -> None:
    """Write the log to standard error.

    Args:
        log_format: text or json.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if log_format == "json" else TextLines(TEXT_FORMAT))
    handler.addFilter(FewOfAKind())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in QUIET:  # they tell addresses of requests, and a share link holds texts
        logging.getLogger(name).setLevel(logging.WARNING)


def adopt_server_log() -> None:
    """Send what the server says through this log; it has handlers of its own once it has started."""
    for name in ADOPTED:
        adopted = logging.getLogger(name)
        adopted.handlers.clear()
        adopted.propagate = True


def one_line(text: str) -> str:
    """Return a text whose control characters are written out, backslash and letter."""
    return CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def clean_message(record: logging.LogRecord) -> str:
    """Return a record's message on one line, whatever a visitor's words do to it; only `Frames` have more lines."""
    if not isinstance(record.args, tuple) or not record.args:
        return one_line(record.getMessage())
    plain = (Frames, int, float)
    return str(record.msg) % tuple(arg if isinstance(arg, plain) else one_line(str(arg)) for arg in record.args)


class FewOfAKind(logging.Filter):
    """Lets one line a minute through of each text, and thirty from each place in the code; requests are not counted.

    Args:
        clock: Tells seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._minute = -1
        self._texts: dict[tuple[str, str], int] = {}
        self._places: dict[tuple[str, int], int] = {}
        self._before: dict[tuple[str, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write a record; one that comes again after a minute says how many were left out."""
        if record.name == REQUESTS:
            return True
        minute = int(self._clock() // MINUTE_S)
        if minute != self._minute:
            self._before = self._texts if minute == self._minute + 1 else {}
            self._minute, self._texts, self._places = minute, {}, {}
        place, text = (record.pathname, record.lineno), record.getMessage()
        kind = (record.name, text)
        self._places[place] = self._places.get(place, 0) + (kind not in self._texts)
        if self._places[place] > MOST_OF_A_PLACE:
            return False
        self._texts[kind] = self._texts.get(kind, 0) + 1
        if self._texts[kind] > 1:
            return False
        left_out = self._before.get(kind, 1) - 1
        if left_out:
            record.msg, record.args = "%s (and %d more in the minute before)", (text, left_out)
        return True


class TextLines(logging.Formatter):
    """A line a record; a request's fields as name=value, the frames of a traceback in lines below."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 the library's name
        """Return the line."""
        told = _request(record)
        fields = "" if told is None else " " + " ".join(f"{k}={v}" for k, v in asdict(told).items() if k != "endpoint")
        record.message = clean_message(record)
        return super().formatMessage(record) + fields

    def formatException(self, ei: Any) -> str:  # noqa: N802 the library's name
        """Return a traceback without the error's words: they may quote a visitor."""
        return frames(ei[1])


class JsonLines(logging.Formatter):
    """A JSON object a record, on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": clean_message(record),
        }
        told = _request(record)
        if told is not None:
            line |= asdict(told)
        if record.exc_info and record.exc_info[1] is not None:
            line["traceback"] = frames(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


def _request(record: logging.LogRecord) -> RequestRecord | None:
    told = getattr(record, FIELD, None)
    return told if isinstance(told, RequestRecord) else None
