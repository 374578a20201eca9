"""Keeps what visitors typed out of the tracebacks that gradio itself prints.

Errors of gradio's own checks quote values ("... is not in the list of choices"), and its queue prints them as they are.
"""

from __future__ import annotations

import logging
import sys

from gradio import queueing, routes

from koe5_demo.edge.requests_log import frames

logger = logging.getLogger(__name__)


class WordlessTraceback:
    """Stands where gradio's modules expect `traceback`."""

    @staticmethod
    def print_exc() -> None:
        """Log where the current error happened, without its words."""
        error = sys.exc_info()[1]
        if error is not None:
            logger.warning("gradio refused a request\n%s", frames(error))


def keep_texts_out_of_tracebacks() -> None:
    """Replace the printer of tracebacks in gradio's request handling."""
    for module in (queueing, routes):
        module.traceback = WordlessTraceback  # type: ignore[attr-defined]
