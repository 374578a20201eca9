"""Results as HTML: records in, escaped markup out. Templates lie in `templates/`; no gradio here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from koe5_demo.exports import model_json
from koe5_demo.messages import Language
from koe5_demo.prompts import split_prompt
from koe5_demo.records import Notice, Role
from koe5_demo.ui.handlers import Drawing
from koe5_demo.ui.state import Outcome
from koe5_demo.ui.text import t

TEMPLATES: Final = Path(__file__).parent / "templates"
MOST_SENT: Final = 200
SHOWN_REVISION: Final = 12


def ranking(outcome: Outcome, query: int, language: Language) -> str:
    """Return the ranking of one query as a sortable table."""
    hits = outcome.comparison.hits(query)
    lost = outcome.comparison.passage_encoded.n_tokens - outcome.comparison.passage_encoded.tokens_used
    rows = [{"hit": hit, "lost": int(lost[hit.index]), "width": round(100 * max(hit.score, 0.0), 2)} for hit in hits]
    return _render("ranking.html", language, rows=rows, limit=outcome.info.max_tokens)


def matrix(drawing: Drawing, language: Language) -> str:
    """Return the numbers of a heatmap as a table, for screen readers and for copying."""
    return _render("matrix.html", language, drawing=drawing, scores=drawing.scores.tolist())


def heatmap_line(drawing: Drawing, language: Language) -> str:
    """Return the printed colour scale, and how much of the texts is drawn."""
    parts = [t("scale_line", language, low=drawing.scale.low, high=drawing.scale.high)]
    if drawing.n_columns > len(drawing.columns):
        parts.append(t("heatmap_cut", language, shown=len(drawing.columns), n=drawing.n_columns))
    return _render("line.html", language, parts=parts)


def sent(outcome: Outcome, language: Language) -> str:
    """Return the texts as the model got them, the prefix marked."""
    comparison, prompts = outcome.comparison, outcome.info.prompts
    texts = [("sent_query", text, Role.QUERY) for text in comparison.queries]
    texts += [("sent_passage", text, Role.PASSAGE) for text in comparison.passages]
    rows = [(t(kind, language), *split_prompt(text, role, prompts)) for kind, text, role in texts[:MOST_SENT]]
    return _render("sent.html", language, rows=rows, n_more=max(0, len(texts) - MOST_SENT))


def made_by(outcome: Outcome, language: Language) -> str:
    """Return the line that says what computed the numbers, and how long it took."""
    comparison = outcome.comparison
    n_texts = len(comparison.queries) + len(comparison.passages)
    tokens = int(comparison.query_encoded.tokens_used.sum() + comparison.passage_encoded.tokens_used.sum())
    model = model_json(outcome.info)
    line = t(
        "made_by",
        language,
        model=model["hub_id"] or model["id"],
        revision=model["revision"][:SHOWN_REVISION],
        engine=model["engine"],
        dtype=model["dtype"],
        device=model["device"],
        texts=n_texts,
        tokens=tokens,
        computed=outcome.n_computed,
        reused=n_texts - outcome.n_computed,
        milliseconds=outcome.milliseconds,
    )
    return _render("made_by.html", language, line=line, note=outcome.info.note)


def notices(items: Sequence[Notice], language: Language, *, warning: str = "") -> str:
    """Return notices as a list, a warning first; nothing for none."""
    if not items and not warning:
        return ""
    return _render("notices.html", language, items=[item.text(language) for item in items], warning=warning)


def banner(line: str, detail: str, kind: str, language: Language, *, percent: float | None = None) -> str:
    """Return the strip that tells how far the model is; `kind` is ok, busy or bad."""
    return _render("banner.html", language, line=line, detail=detail, kind=kind, percent=percent)


def line(text: str, language: Language) -> str:
    """Return one quiet line."""
    return _render("line.html", language, parts=[text])


def caption(key: str, language: Language) -> str:
    """Return a heading within a tab."""
    return _render("caption.html", language, key=key)


def header(language: Language) -> str:
    """Return the title and what this page is for."""
    return _render("header.html", language)


def empty(language: Language) -> str:
    """Return what stands where results will come."""
    return _render("empty.html", language)


def _render(template: str, language: Language, **values: Any) -> str:
    def text(key: str, **named: Any) -> str:
        return t(key, language, **named)

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
    )


def _harmless(value: Any) -> Any:
    """Escape what gradio's HTML component would read as a template: it knows both ${...} and {{...}}."""
    if isinstance(value, Markup):
        return value
    escaped = str(escape("" if value is None else value))
    for char in "{}$`":
        escaped = escaped.replace(char, f"&#{ord(char)};")
    return Markup(escaped)  # noqa: S704 escaped above
