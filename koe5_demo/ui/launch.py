"""How the page is served: queue, theme, style sheet, script, fonts. Everything offline."""

from __future__ import annotations

from typing import Any, Final

import gradio as gr

from koe5_demo.catalog import ASSETS
from koe5_demo.settings import Settings

QUEUE_SIZE: Final = 64
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


def launch_options(settings: Settings) -> dict[str, Any]:
    """Return the arguments of `Blocks.launch`."""
    gr.set_static_paths([ASSETS / "fonts"])
    return {
        "server_name": settings.host,
        "server_port": settings.port,
        "theme": _theme(),
        "css_paths": [ASSETS / "style.css"],
        "head": f"<style>{_font_faces()}</style><script>{(ASSETS / 'page.js').read_text('utf-8')}</script>",
        "ssr_mode": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": ["api", "settings"],
        "max_file_size": int(settings.limits.file_mb * 1_000_000) + 1_000_000,
        "show_error": True,
    }


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
