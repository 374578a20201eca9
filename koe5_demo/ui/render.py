"""What the tabs share as HTML: records in, escaped markup out. Templates lie in `templates/`; no gradio here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import BytecodeCache, Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup, escape

from koe5_demo.records import Notice
from koe5_demo.words import Language, message

TEMPLATES: Final = Path(__file__).parent / "templates"
SHOWN_REVISION: Final = 12


def notices(items: Sequence[Notice], language: Language, *, warning: str = "") -> str:
    """Return notices as a list, a warning first; nothing for none."""
    if not items and not warning:
        return ""
    return render_template("notices.html", language, items=[item.text(language) for item in items], warning=warning)


def line(text: str, language: Language) -> str:
    """Return one line in small grey letters."""
    return render_template("line.html", language, parts=[text])


def hint(key: str, language: Language) -> str:
    """Return what stands where something will come."""
    return render_template("hint.html", language, key=key)


def caption(key: str, language: Language) -> str:
    """Return a heading within a tab."""
    return render_template("caption.html", language, key=key)


def fold(n_passages: int, language: Language) -> str:
    """Return the button that unfolds the passages on a phone."""
    return render_template("fold.html", language, n=n_passages)


def chart_table(key: str, head: Sequence[str], rows: Iterable[Sequence[str]], language: Language) -> str:
    """Return the numbers of a chart as a table under a summary, for screen readers and for copying."""
    return render_template("chart_table.html", language, summary=message(key, language), head=head, rows=rows)


def render_template(template: str, language: Language, **values: Any) -> str:
    """Return a template of `templates/` in a language: `t` gives its words, every value is escaped."""

    def text(key: str, **named: Any) -> str:
        return message(key, language, **named)

    return _environment().get_template(template).render(t=text, language=language.value, **values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_harmless,
        auto_reload=False,  # it would ask for each file's time at each use
        bytecode_cache=_compiled_before(),
    )


class _CompiledTemplates(FileSystemBytecodeCache):
    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):  # a full disk costs time at the next start
            super().dump_bytecode(bucket)


def _compiled_before() -> BytecodeCache | None:
    """Return where compiled templates stay between starts, by user and by content: compiling them takes 0.3 seconds."""
    try:
        return _CompiledTemplates()
    except (OSError, RuntimeError):  # no folder that is this user's alone
        return None


def _harmless(value: Any) -> Any:
    """Escape what gradio's HTML component would read as a template: it knows both ${...} and {{...}}."""
    if isinstance(value, Markup):
        return value
    escaped = str(escape("" if value is None else value))
    for char in "{}$`":
        escaped = escaped.replace(char, f"&#{ord(char)};")
    return Markup(escaped)  # noqa: S704 escaped above
