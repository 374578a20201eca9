"""Results as HTML: records in, escaped markup out. Templates lie in `templates/`; no gradio here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from koe5_demo.agreement import AgreementReport, RankChange
from koe5_demo.benchmark.lexical import K1, B
from koe5_demo.exports import model_json
from koe5_demo.figures import shown_name
from koe5_demo.prompts import split_prompt
from koe5_demo.records import Notice, Role
from koe5_demo.ui.handlers import BestWindow, Drawing, best_window
from koe5_demo.ui.model_handlers import ModelPage, Speed
from koe5_demo.ui.pair_handlers import PairView
from koe5_demo.ui.state import Outcome, Pick
from koe5_demo.words import Language, message

TEMPLATES: Final = Path(__file__).parent / "templates"
MOST_SENT: Final = 200
SHOWN_REVISION: Final = 12
CITATION: Final = """@misc{KoE5,
  author = {NLP & AI Lab and Human-Inspired AI research},
  title  = {KoE5: A New Dataset and Model for Improving Korean Embedding Performance},
  year   = {2024},
  url    = {https://github.com/nlpai-lab/KoE5},
}"""


def ranking(outcome: Outcome, query: int, language: Language) -> str:
    """Return the ranking of one query as a sortable table, with the columns that were asked for."""
    bare = _ranks_of(outcome.bare, query)
    rival = _ranks_of(outcome.rival.report if outcome.rival else None, query)
    rows = [
        {
            "hit": hit,
            "width": round(100 * max(hit.score, 0.0), 2),
            "lost": int(outcome.comparison.passage_encoded.n_tokens[hit.index]) - hit.tokens,
            "window": _window_of(outcome, query, hit.index),
            "bare": bare.get(hit.index),
            "rival": rival.get(hit.index),
        }
        for hit in outcome.comparison.hits(query)
    ]
    columns = {"bare": outcome.bare is not None, "rival": outcome.rival.name if outcome.rival else ""}
    info = outcome.info
    about = {"limit": info.known_limit, "can_explain": info.can_explain}
    return render_template("ranking.html", language, rows=rows, query=query, columns=columns, **about)


def rival(outcome: Outcome, query: int, language: Language) -> str:
    """Return how far a second ranking agrees with the shown one; nothing where there is none."""
    if outcome.rival is None:
        return ""
    found = outcome.rival.report.queries[query]
    most = found.most_different
    return render_template(
        "rival.html",
        language,
        model=outcome.info.id,
        name=outcome.rival.name,
        info=outcome.rival.info,
        tau=found.kendall_tau,
        most=most,
        passage=outcome.comparison.passages[most.index],
        lexical={"version": version("bm25s"), "k1": K1, "b": B},
    )


def pair(view: PairView, language: Language) -> str:
    """Return why two texts have their score: words coloured by what they add, and the same as a table."""
    key = "notice_explain_exact" if view.exact else "notice_explain_approximate"
    told = message(key, language, name=view.model, score=view.score or 0.0)
    return render_template("pair.html", language, view=view, told=told, window=view.window and _window(view.window))


def calibration(items: Sequence[Notice], language: Language) -> str:
    """Return in words how high a score is, and what was measured; or that nothing was."""
    told, *source = (item.text(language) for item in items)
    return render_template("calibration.html", language, told=told, source=" ".join(source), found=bool(source))


def matrix(drawing: Drawing, language: Language) -> str:
    """Return the numbers of a heatmap as a table, for screen readers and for copying."""
    names = [[shown_name(str(pick)) for pick in picks] for picks in (drawing.row_picks, drawing.column_picks)]
    return render_template("matrix.html", language, drawing=drawing, names=names, scores=drawing.scores.tolist())


def heatmap_line(drawing: Drawing, language: Language) -> str:
    """Return the printed colour scale, and how much of the texts is drawn."""
    parts = [message("scale_line", language, low=drawing.scale.low, high=drawing.scale.high)]
    if drawing.n_columns > len(drawing.columns):
        parts.append(message("heatmap_cut", language, shown=len(drawing.columns), n=drawing.n_columns))
    return render_template("line.html", language, parts=parts)


def sent(outcome: Outcome, language: Language) -> str:
    """Return the texts as the model got them: the prefix marked, what was cut off greyed."""
    comparison, prompts = outcome.comparison, outcome.info.prompts
    picks = [Pick(Role.QUERY, n) for n in range(len(comparison.queries))]
    picks += [Pick(Role.PASSAGE, n) for n in range(len(comparison.passages))]
    rows = []
    for pick in picks[:MOST_SENT]:
        text = outcome.text(pick)
        prompt, body = split_prompt(text, pick.role, prompts)
        seen = max(0, outcome.seen_chars.get(pick, len(text)) - (len(text) - len(body)))
        rows.append(
            (shown_name(str(pick)), message(f"sent_{pick.role.value}", language), prompt, body[:seen], body[seen:])
        )
    return render_template("sent.html", language, rows=rows, n_more=max(0, len(picks) - MOST_SENT))


def made_by(outcome: Outcome, language: Language) -> str:
    """Return the line that says what computed the numbers, and how long it took."""
    comparison = outcome.comparison
    n_texts = len(comparison.queries) + len(comparison.passages)
    tokens = int(comparison.query_encoded.tokens_used.sum() + comparison.passage_encoded.tokens_used.sum())
    model = model_json(outcome.info)
    line = message(
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
    return render_template("made_by.html", language, line=line, note=outcome.info.remarks(language))


def notices(items: Sequence[Notice], language: Language, *, warning: str = "") -> str:
    """Return notices as a list, a warning first; nothing for none."""
    if not items and not warning:
        return ""
    return render_template("notices.html", language, items=[item.text(language) for item in items], warning=warning)


def banner(line: str, detail: str, kind: str, language: Language, *, percent: float | None = None) -> str:
    """Return the strip that tells how far the model is; `kind` is ok, busy or bad."""
    return render_template("banner.html", language, line=line, detail=detail, kind=kind, percent=percent)


def line(text: str, language: Language) -> str:
    """Return one quiet line."""
    return render_template("line.html", language, parts=[text])


def model_page(page: ModelPage, language: Language) -> str:
    """Return what KoE5 is and how it was trained."""
    return render_template("model.html", language, page=page)


def models_here(page: ModelPage, language: Language) -> str:
    """Return what runs here, what could, and how to cite KoE5."""
    return render_template("model_here.html", language, page=page, citation=CITATION, tongue=language)


def speed(measured: Speed, language: Language) -> str:
    """Return how fast a model was just now."""
    return render_template("speed.html", language, speed=measured)


def paper_note(language: Language) -> str:
    """Return what the chart of published numbers is, and is not."""
    return render_template("line.html", language, parts=[message("paper_note", language)])


def lines(texts: Sequence[str], language: Language) -> str:
    """Return several short sentences as one quiet line."""
    return render_template("line.html", language, parts=texts)


def hint(key: str, language: Language) -> str:
    """Return what stands where something will come."""
    return render_template("hint.html", language, key=key)


def caption(key: str, language: Language) -> str:
    """Return a heading within a tab."""
    return render_template("caption.html", language, key=key)


def header(language: Language) -> str:
    """Return the title and what this page is for."""
    return render_template("header.html", language)


def footer(language: Language) -> str:
    """Return the line at the page's foot: where texts go, how programs call, whose model it is."""
    return render_template("footer.html", language)


def empty(language: Language) -> str:
    """Return what stands where results will come."""
    return hint("empty", language)


def _ranks_of(report: AgreementReport | None, query: int) -> dict[int, RankChange]:
    return {} if report is None else {change.index: change for change in report.queries[query].changes}


def _window_of(outcome: Outcome, query: int, passage: int) -> dict[str, Any] | None:
    """Return which of several windows gave a passage its score, and its text."""
    found = best_window(outcome, Pick(Role.PASSAGE, passage), Pick(Role.QUERY, query))
    if found is None:
        return None
    return {**_window(found), "text": outcome.comparison.passages[passage][slice(*found.span)]}


def _window(found: BestWindow) -> dict[str, Any]:
    """Return the numbers of a window as a person counts."""
    return {"n": found.n, "of": found.of, "start": found.span[0] + 1, "end": found.span[1]}


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
    )


def _harmless(value: Any) -> Any:
    """Escape what gradio's HTML component would read as a template: it knows both ${...} and {{...}}."""
    if isinstance(value, Markup):
        return value
    escaped = str(escape("" if value is None else value))
    for char in "{}$`":
        escaped = escaped.replace(char, f"&#{ord(char)};")
    return Markup(escaped)  # noqa: S704 escaped above
