"""How the page is served: queue, theme, style sheet, script, fonts, and what guards them. Everything offline."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any, Final

import gradio as gr
from starlette.middleware import Middleware
from starlette.routing import Route

from koe5_demo.catalog import ASSETS
from koe5_demo.edge.bodies import BodyBounds
from koe5_demo.edge.connections import MOST_OF_AN_ADDRESS, Connections, most_connections
from koe5_demo.edge.gate import DEFAULT_RATE, Gate, GateRules
from koe5_demo.edge.headers import SecurityHeaders, inline_scripts
from koe5_demo.edge.health import Health, Metrics
from koe5_demo.encoding.host import ModelHost
from koe5_demo.errors import SettingError
from koe5_demo.inputs import UPLOADED
from koe5_demo.settings import Settings
from koe5_demo.ui import gradio_seams
from koe5_demo.ui.api import ENDPOINTS
from koe5_demo.ui.boundary import MODEL_QUEUE
from koe5_demo.ui.build import DELETE_EVERY_S, UPLOADS_KEPT_S
from koe5_demo.ui.mcp_server import McpServer, is_local
from koe5_demo.ui.sessions import SessionRoom
from koe5_demo.words import Language, message

QUEUE_SIZE: Final = 64
QUEUE_OPTIONS: Final[dict[str, Any]] = {
    "max_size": QUEUE_SIZE,
    "default_concurrency_limit": 6,  # their texts share batches: beyond 4 nothing is gained, but one visitor may hold 3
    "api_open": False,  # nobody goes round the queue
}
BYTES_PER_CHAR: Final = 12  # as JSON: \\uXXXX, twice for a character beyond U+FFFF
SLACK_BYTES: Final = 1_000_000
SLACK_CHARS: Final = 1.1  # blanks between texts, which the limits do not count, and the other fields of a request
SLACK_TEXTS: Final = 10_000
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


def launch(page: gr.Blocks, settings: Settings, host: ModelHost) -> None:
    """Start to serve a page; returns when it is up.

    Raises:
        MissingExtraError: If MCP is asked for and not installed.
        SettingError: If the address or port cannot be had.
    """
    require_free(settings.host, settings.port)
    connections = Connections(most_connections(), None if settings.behind_proxy else MOST_OF_AN_ADDRESS)
    page.queue(**QUEUE_OPTIONS)
    gradio_seams.look_for_work_calmly(page)
    page.launch(**launch_options(page, settings, host, connections), prevent_thread_lock=True)
    gradio_seams.guard_server(page, connections)


def require_free(host: str, port: int) -> None:
    """Try whether this program may listen at an address: gradio would try for seconds and then name another setting.

    Raises:
        SettingError: If it may not.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingError("port_taken", host=host, port=port, reason=reason) from error


def launch_options(page: gr.Blocks, settings: Settings, host: ModelHost, connections: Connections) -> dict[str, Any]:
    """Return the arguments of `Blocks.launch`.

    Raises:
        MissingExtraError: If MCP is asked for and not installed.
    """
    gr.set_static_paths([ASSETS / "fonts"])
    gradio_seams.keep_texts_out_of_tracebacks()
    gradio_seams.keep_sessions_light(SessionRoom(settings.sessions_mb * 1_000_000))
    gradio_seams.fetch_nothing()
    gradio_seams.leave_no_empty_files()
    gradio_seams.name_no_server_paths()
    # Whether to believe X-Forwarded-For is our setting; uvicorn would believe it of every local process.
    os.environ.setdefault("FORWARDED_ALLOW_IPS", "")
    rules = _gate_rules(settings, Path(page.GRADIO_CACHE))
    gradio_seams.share_places(
        MODEL_QUEUE, behind_proxy=rules.behind_proxy, spares_this_machine=rules.spares_this_machine
    )
    served: dict[str, Any] = {"routes": _routes(settings, host)}
    if settings.mcp:
        functions = gradio_seams.endpoint_functions(page, ENDPOINTS)
        local = is_local(settings.host, settings.behind_proxy)
        mcp = McpServer(functions, rules.body.n_bytes, is_local=local)
        served = {"routes": [*served["routes"], *mcp.routes], "lifespan": mcp.lifespan}
    head = f"<style>{_font_faces()}</style>" + "".join(f"<script>{code}</script>" for code in _scripts())
    return {
        "server_name": settings.host,
        "server_port": settings.port,
        "theme": _theme(),
        "css_paths": [ASSETS / "style.css", ASSETS / "benchmark.css"],
        "head": head,
        "ssr_mode": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": [],  # gradio words its own in the browser's language
        "max_file_size": int(settings.limits.file_mb * 1_000_000) + 1_000_000,
        "show_error": False,  # of gradio's own: they quote values and name folders. A gr.Error is always shown
        "state_session_capacity": gradio_seams.SESSIONS_KEPT,
        "mcp_server": False,  # an own one, see `koe5_demo.ui.mcp_server`
        "app_kwargs": {
            "middleware": [
                Middleware(SecurityHeaders, added_scripts=tuple(inline_scripts(head))),
                Middleware(Gate, rules=rules, connections=connections),
            ],
            **served,
        },
    }


def _scripts() -> list[str]:
    """Return the page's own scripts; the words that one of them says come from `koe5_demo.words`."""
    words = {
        language.value: {
            "queue": message("queue_place", language, place="{place}", size="{size}"),
            "working": message("queue_working", language),
            "lost": message("connection_lost", language),
            "kind": message("upload_kind", language),
            "busy": message("queue_full", language),
            "error": message("toast_error", language),
            "warning": message("toast_warning", language),
            "both": {gradio_seams.in_both(key): message(key, language) for key in ("file_gone", "file_not_fetched")},
        }
        for language in Language
    }
    files = [(ASSETS / name).read_text("utf-8") for name in ("page.js", "queue.js")]
    return [f"window.koe5Words = {json.dumps(words, ensure_ascii=False)}", *files]


def _gate_rules(settings: Settings, uploads: Path) -> GateRules:
    limits = settings.limits
    n_chars = int(limits.chars_in_all * SLACK_CHARS) + limits.passages * len("\n\n")
    return GateRules(
        per_minute=DEFAULT_RATE if settings.rate_limit is None else settings.rate_limit,
        spares_this_machine=settings.rate_limit is None,
        behind_proxy=settings.behind_proxy,
        language=settings.language,
        body=BodyBounds(n_chars * BYTES_PER_CHAR + SLACK_BYTES, n_chars + SLACK_TEXTS, limits.passages + SLACK_TEXTS),
        upload_bytes=int(limits.file_mb * 1_000_000) + SLACK_BYTES,
        kinds=(*UPLOADED, "json", "zip"),  # a saved state is json, a set in BEIR layout may be a zip
        uploads=uploads,
        uploads_bytes=settings.uploads_mb * 1_000_000,
        uploads_kept_s=UPLOADS_KEPT_S + DELETE_EVERY_S,
        readable=(ASSETS / "fonts", uploads),
        endpoints=ENDPOINTS,
    )


def _routes(settings: Settings, host: ModelHost) -> list[Route]:
    health = Health(host, Metrics().attach() if settings.metrics else None)
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
