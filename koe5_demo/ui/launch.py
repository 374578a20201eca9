"""How the page is served: queue, theme, style sheet, script, fonts, and what guards them. Everything offline."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import gradio as gr
from starlette.middleware import Middleware
from starlette.routing import Route

from koe5_demo.catalog import ASSETS
from koe5_demo.edge.gate import DEFAULT_RATE, Gate, GateRules
from koe5_demo.edge.headers import SecurityHeaders, inline_scripts
from koe5_demo.edge.health import Health
from koe5_demo.edge.uploads import make_folder
from koe5_demo.encoding.host import ModelHost
from koe5_demo.inputs import UPLOADED
from koe5_demo.settings import Settings
from koe5_demo.ui.api import ENDPOINTS
from koe5_demo.ui.fair_queue import share_places
from koe5_demo.ui.light_sessions import SESSIONS_KEPT, keep_sessions_light
from koe5_demo.ui.mcp_answers import answer_in_json
from koe5_demo.ui.no_fetching import fetch_nothing
from koe5_demo.ui.tracebacks import keep_texts_out_of_tracebacks
from koe5_demo.words import Language, message

QUEUE_SIZE: Final = 64
QUEUE_OPTIONS: Final[dict[str, Any]] = {
    "max_size": QUEUE_SIZE,
    "default_concurrency_limit": 2,
    "api_open": False,  # nobody goes round the queue
}
BYTES_PER_CHAR: Final = 12  # as JSON: \\uXXXX, twice for a character beyond U+FFFF
SLACK_BYTES: Final = 1_000_000
SANS: Final = (
    "KoE5 Sans",
    "Pretendard",
    "Noto Sans KR",
    "Apple SD Gothic Neo",
    "Malgun Gothic",
    "system-ui",
    "sans-serif",
)
MONO: Final = ("ui-monospace", "SFMono-Regular", "D2Coding", "Consolas", "monospace")


def keep_no_statistics() -> None:
    """Keep gradio from summing up its last 10,000 events after each one; /metrics tells what operators ask for.

    Gradio reads this when it makes the queue, so it must be called before the page is built.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))


def launch_options(settings: Settings, host: ModelHost) -> dict[str, Any]:
    """Return the arguments of `Blocks.launch`.

    Raises:
        MissingExtraError: If MCP is asked for and not installed.
    """
    gr.set_static_paths([ASSETS / "fonts"])
    keep_texts_out_of_tracebacks()
    keep_sessions_light()
    fetch_nothing()
    if settings.mcp:
        answer_in_json()
    # Whether to believe X-Forwarded-For is our setting; uvicorn would believe it of every local process.
    os.environ.setdefault("FORWARDED_ALLOW_IPS", "")
    uploads = make_folder()
    rules = _gate_rules(settings, uploads)
    share_places(behind_proxy=rules.behind_proxy, spares_this_machine=rules.spares_this_machine)
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    head = f"<style>{_font_faces()}</style>" + "".join(f"<script>{code}</script>" for code in _scripts())
    return {
        "server_name": settings.host,
        "server_port": settings.port,
        "theme": _theme(),
        "css_paths": [ASSETS / "style.css"],
        "head": head,
        "ssr_mode": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": [],  # gradio words its own in the browser's language
        "max_file_size": int(settings.limits.file_mb * 1_000_000) + 1_000_000,
        "show_error": True,
        "state_session_capacity": SESSIONS_KEPT,
        "mcp_server": settings.mcp,
        "app_kwargs": {
            "middleware": [
                Middleware(SecurityHeaders, added_scripts=tuple(inline_scripts(head))),
                Middleware(Gate, rules=rules),
            ],
            "routes": _routes(settings, host),
        },
    }


def _scripts() -> list[str]:
    """Return the page's own scripts; the words that one of them says come from `koe5_demo.words`."""
    words = {
        language.value: {
            "queue": message("queue_place", language, place="{place}", size="{size}"),
            "working": message("queue_working", language),
        }
        for language in Language
    }
    files = [(ASSETS / name).read_text("utf-8") for name in ("page.js", "queue.js")]
    return [f"window.koe5Words = {json.dumps(words, ensure_ascii=False)}", *files]


def _gate_rules(settings: Settings, uploads: Path) -> GateRules:
    limits = settings.limits
    largest = max(limits.chars_in_all * BYTES_PER_CHAR, int(limits.file_mb * 1_000_000))
    return GateRules(
        per_minute=DEFAULT_RATE if settings.rate_limit is None else settings.rate_limit,
        # The machine itself: whoever tries the page there, and gradio's MCP server, which calls the page's endpoints.
        spares_this_machine=settings.rate_limit is None or settings.mcp,
        behind_proxy=settings.behind_proxy,
        language=settings.language,
        body_bytes=largest + SLACK_BYTES,
        kinds=(*UPLOADED, "json"),  # a saved state is json
        uploads=uploads,
        uploads_bytes=settings.uploads_mb * 1_000_000,
        readable=(ASSETS / "fonts", uploads),
        endpoints=ENDPOINTS,
    )


def _routes(settings: Settings, host: ModelHost) -> list[Route]:
    metrics = None
    if settings.metrics:
        from koe5_demo.edge.metrics import Metrics

        metrics = Metrics().attach()
    health = Health(host, metrics)
    return [Route("/healthz", health.healthz), Route("/metrics", health.metrics)]


def _theme() -> gr.themes.Base:
    """Return gradio's base theme with text dark enough to read: 4.5:1 on its background, in light and dark."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.blue, neutral_hue=gr.themes.colors.slate, font=SANS, font_mono=MONO
    )
    return theme.set(
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        block_label_text_color="*neutral_700",
        block_label_text_color_dark="*neutral_200",
        block_title_text_color="*neutral_800",
        block_title_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        input_placeholder_color="*neutral_500",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
    )


def _font_faces() -> str:
    weights = {"Regular": 400, "Bold": 700}
    return "".join(
        f"@font-face{{font-family:'KoE5 Sans';font-weight:{weight};font-display:swap;"
        f"src:url('/gradio_api/file={ASSETS}/fonts/NotoSansKR-{name}-subset.woff2') format('woff2')}}"
        for name, weight in weights.items()
    )
