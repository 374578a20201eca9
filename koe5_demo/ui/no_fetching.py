"""Keeps a visitor from sending this server to fetch a file from some address: nothing here bounds what would come."""

from __future__ import annotations

from typing import NoReturn

import gradio as gr
from gradio import processing_utils

from koe5_demo.words import Language, message


def fetch_nothing() -> None:
    """Refuse addresses where gradio expects an uploaded file; its own guard only keeps private networks out."""
    processing_utils.async_ssrf_protected_download = _refuse


async def _refuse(*_: object, **__: object) -> NoReturn:
    raise gr.Error(message("file_not_fetched", Language.EN), print_exception=False)
