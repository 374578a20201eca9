"""How the log is written: lines for people, or one JSON object a line for machines."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone
from typing import Any, Final

from koe5_demo.edge.requests_log import FIELD, RequestRecord, frames

TEXT_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
QUIET: Final = ("httpx", "httpx2", "python_multipart", "httpcore")


def configure_logging(log_format: str) -> None:
    """Write the log to standard error.

    Args:
        log_format: text or json.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if log_format == "json" else TextLines(TEXT_FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in QUIET:  # they tell addresses of requests, and a share link holds texts
        logging.getLogger(name).setLevel(logging.WARNING)


class TextLines(logging.Formatter):
    """A line a record; a request's fields as name=value."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        told = _request(record)
        fields = "" if told is None else " " + " ".join(f"{k}={v}" for k, v in told.fields().items() if k != "endpoint")
        return super().format(record) + fields

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
            "message": record.getMessage(),
        }
        told = _request(record)
        if told is not None:
            line |= told.fields()
        if record.exc_info and record.exc_info[1] is not None:
            line["traceback"] = frames(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


def _request(record: logging.LogRecord) -> RequestRecord | None:
    told = getattr(record, FIELD, None)
    return told if isinstance(told, RequestRecord) else None
