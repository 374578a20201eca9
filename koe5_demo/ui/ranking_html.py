"""A ranking as HTML: records in, escaped markup out; and the numbers of each chart as a table, for screen readers."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

from koe5_demo.exports import model_json
from koe5_demo.figures.of_ranking import ExplainedPair, HeatmapDrawing, PlacedScores
from koe5_demo.prompts import split_prompt
from koe5_demo.ranking.lexical import K1, B
from koe5_demo.ranking.result import BestWindow, RankingResult, TextRef
from koe5_demo.records import Notice, Role
from koe5_demo.ui.render import SHOWN_REVISION, chart_table, render_template
from koe5_demo.words import Language, message

MOST_SENT: Final = 200


def ranking(result: RankingResult, query: int, language: Language) -> str:
    """Return the ranking of one query as a sortable table, with the columns that were asked for."""
    without_prompts = result.without_prompts.queries[query] if result.without_prompts else None
    second = result.second.report.queries[query] if result.second else None
    asked, rows = TextRef(Role.QUERY, query), []
    for hit in result.hits(query):
        window = result.best_window(TextRef(Role.PASSAGE, hit.index), asked)
        rows.append(
            {
                "hit": hit,
                "width": round(100 * max(hit.score, 0.0), 2),
                "lost": int(result.comparison.passage_encoded.n_tokens[hit.index]) - hit.tokens,
                "window": window and {**_window(window), "text": hit.passage[slice(*window.span)]},
                "without_prompts": without_prompts and without_prompts.of(hit.index),
                "second": second and second.of(hit.index),
            }
        )
    return render_template(
        "ranking.html",
        language,
        rows=rows,
        limit=result.info.known_limit,
        can_explain=result.info.can_explain,
        query=query,
        without_prompts=without_prompts is not None,
        second=result.second.name if result.second else "",
    )


def second_ranking(result: RankingResult, query: int, language: Language) -> str:
    """Return how far a second ranking agrees with the shown one; nothing where there is none."""
    if result.second is None:
        return ""
    found = result.second.report.queries[query]
    most = found.most_different
    return render_template(
        "second_ranking.html",
        language,
        model=result.info.id,
        name=result.second.name,
        info=result.second.info,
        tau=found.kendall_tau,
        most=most,
        passage=result.comparison.passages[most.index],
        lexical={"version": version("bm25s"), "k1": K1, "b": B},
    )


def pair(explained: ExplainedPair, language: Language) -> str:
    """Return why two texts have their score: words coloured by what they add, and the same as a table."""
    key = "notice_explain_exact" if explained.exact else "notice_explain_approximate"
    told = message(key, language, name=explained.model, score=explained.score or 0.0)
    windows = [_window(found) for found in (explained.left_window, explained.right_window) if found is not None]
    return render_template("pair.html", language, view=explained, told=told, windows=windows)


def calibration(items: Sequence[Notice], language: Language) -> str:
    """Return in words how high a score is, and what was measured; or that nothing was."""
    told, *source = (item.text(language) for item in items)
    return render_template("calibration.html", language, told=told, source=" ".join(source), found=bool(source))


def matrix(drawing: HeatmapDrawing, language: Language) -> str:
    """Return the numbers of a heatmap as a table, for screen readers and for copying."""
    names = [[ref.shown for ref in refs] for refs in (drawing.row_refs, drawing.column_refs)]
    return render_template("matrix.html", language, drawing=drawing, names=names, scores=drawing.scores.tolist())


def heatmap_line(drawing: HeatmapDrawing, language: Language) -> str:
    """Return the printed colour scale, and how much of the texts is drawn."""
    parts = [message("scale_line", language, low=drawing.scale.low, high=drawing.scale.high)]
    if drawing.n_columns > len(drawing.columns):
        parts.append(message("heatmap_cut", language, shown=len(drawing.columns), n=drawing.n_columns))
    return render_template("line.html", language, parts=parts)


def sent(result: RankingResult, language: Language) -> str:
    """Return the texts as the model got them: the prefix marked, what was cut off greyed."""
    rows, refs = [], result.texts
    for ref in refs[:MOST_SENT]:
        text = result.text(ref)
        prompt, body = split_prompt(text, ref.role, result.info.prompts)
        seen = max(0, result.seen_chars.get(ref, len(text)) - (len(text) - len(body)))
        rows.append((ref.shown, message(f"sent_{ref.role.value}", language), prompt, body[:seen], body[seen:]))
    return render_template("sent.html", language, rows=rows, n_more=max(0, len(refs) - MOST_SENT))


def made_by(result: RankingResult, language: Language) -> str:
    """Return the line that says what computed the numbers, and how long it took."""
    encoded = (result.comparison.query_encoded, result.comparison.passage_encoded)
    model = model_json(result.info)
    line = message(
        "made_by",
        language,
        model=model["hub_id"] or model["id"],
        revision=model["revision"][:SHOWN_REVISION],
        engine=model["engine"],
        dtype=model["dtype"],
        device=model["device"],
        texts=len(result.texts),
        tokens=sum(int(part.tokens_used.sum()) for part in encoded),
        computed=result.n_computed,
        reused=result.n_encoded - result.n_computed,
        milliseconds=result.milliseconds,
    )
    return render_template("made_by.html", language, line=line, note=result.info.remarks(language))


def strip_table(placed: PlacedScores, language: Language) -> str:
    """Return each mark of the strip with the share of random and of relevant pairs that it beats; nothing for none."""
    if not placed.places:
        return ""
    head = [message(key, language) for key in ("passage", "score", "strip_above_random", "strip_above_relevant")]
    rows = [
        [name, f"{score:.4f}", f"{place.random:.1f}%", f"{place.relevant:.1f}%"] for name, score, place in placed.places
    ]
    return chart_table("strip_table", head, rows, language)


def words_table(explained: ExplainedPair, language: Language) -> str:
    """Return what each word of one text gives with each word of the other, as the heatmap shows it."""
    rows = [
        [name, *(f"{value:+.4f}" for value in values)]
        for name, values in zip(explained.rows, explained.values, strict=True)
    ]
    return chart_table("words_table", ["", *explained.columns], rows, language)


def scatter_table(result: RankingResult, language: Language) -> str:
    """Return both systems' scores of every pair; nothing without a second system."""
    if result.second is None:
        return ""
    left, right, places = result.second.report.scatter()
    head = ["", message("passage", language), result.info.id, result.second.name]
    rows = (
        [f"Q{query + 1}", f"P{passage + 1}", f"{a:.4f}", f"{b:.4f}"]
        for (query, passage), a, b in zip(places.tolist(), left.tolist(), right.tolist(), strict=True)
    )
    return chart_table("scatter_table", head, rows, language)


def map_table(result: RankingResult, language: Language) -> str:
    """Return where each text lies on the map and what is nearest; nothing without a map."""
    found = result.text_map
    if found is None:
        return ""
    names = [ref.shown for ref in result.drawn_texts]
    head = ["", "x", "y", message("map_nearest", language)]
    places = zip(names, found.points.tolist(), found.neighbours.tolist(), found.cosines.tolist(), strict=True)
    rows = (
        [
            name,
            f"{x:.3f}",
            f"{y:.3f}",
            ", ".join(f"{names[n]} {cosine:.3f}" for n, cosine in zip(near, cosines, strict=True)),
        ]
        for name, (x, y), near, cosines in places
    )
    return chart_table("map_table", head, rows, language)


def _window(found: BestWindow) -> dict[str, Any]:
    """Return the numbers of a window as a person counts."""
    return {"n": found.n, "of": found.of, "start": found.span[0] + 1, "end": found.span[1]}
