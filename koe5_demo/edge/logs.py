"""How the log is written: lines for people, or a JSON object a line for machines; few lines of one kind."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any, Final

from koe5_demo.edge.requests_log import FIELD, REQUESTS, Frames, RequestRecord, frames

TEXT_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
QUIET: Final = ("httpx", "httpx2", "python_multipart", "httpcore", "mcp")
ADOPTED: Final = ("uvicorn", "uvicorn.error", "uvicorn.access")
CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What moves a terminal's cursor, begins a line or turns the direction of writing."""
MINUTE_S: Final = 60.0
MOST_OF_A_PLACE: Final = 30


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
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True


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
