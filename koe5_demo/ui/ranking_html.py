"""A ranking as HTML: records in, escaped markup out; and the numbers of each chart as a table, for screen readers."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

from koe5_demo.exports import model_json
from koe5_demo.figures.of_ranking import (
    N_BEST,
    ExplainedPair,
    HeatmapDrawing,
    HeatmapExtent,
    HeatmapLook,
    HeatmapOrder,
    HeatmapView,
    PlacedScores,
    ScaleChoice,
)
from koe5_demo.prompts import split_prompt
from koe5_demo.ranking.examples import published_scores
from koe5_demo.ranking.lexical import K1, B
from koe5_demo.ranking.result import BestWindow, RankingResult, TextRef
from koe5_demo.records import Notice, Role
from koe5_demo.ui.render import SHOWN_REVISION, chart_table, render_template
from koe5_demo.words import Language, message

MOST_SENT: Final = 200
N_FIRST: Final = 10
"""Rows of a long ranking that are shown before all are asked for."""
MOST_TITLE_CHARS: Final = 300
MOST_COLUMN_CHARS: Final = 120


def ranking(
    result: RankingResult, query: int, language: Language, *, marks: frozenset[tuple[int, int]] = frozenset()
) -> str:
    """Return the ranking of one query as a sortable table, with the columns that were asked for.

    Args:
        result: The rankings.
        query: Which, from 0.
        language: Of the words.
        marks: Pairs of a query and a passage that the visitor marked as belonging together.
    """
    without_prompts = result.without_prompts.queries[query] if result.without_prompts else None
    second = result.second.report.queries[query] if result.second else None
    asked, rows = TextRef(Role.QUERY, query), []
    for hit in result.hits(query):
        ref = TextRef(Role.PASSAGE, hit.index)
        window = result.best_window(ref, asked)
        beside = ((name, values[hit.index][:MOST_COLUMN_CHARS]) for name, values in result.request.columns.items())
        rows.append(
            {
                "hit": hit,
                "name": result.name_of(ref),
                "number": result.comparison.place(hit.index) + 1,
                "columns": [(name, value) for name, value in beside if value.strip()],
                "width": round(100 * max(hit.score, 0.0), 2),
                "lost": int(result.comparison.passage_encoded.n_tokens[hit.index]) - hit.tokens,
                "window": window and {**_window(window), "text": hit.passage[slice(*window.span)]},
                "without_prompts": without_prompts and without_prompts.of(hit.index),
                "second": second and second.of(hit.index),
            }
        )
    heads = [message(key, language) for key in ("rank", "score", "passage")]
    heads += [message("without_prompts", language)] if without_prompts else []
    heads += [result.second.name] if result.second else []
    return render_template(
        "ranking.html",
        language,
        rows=rows,
        heads=[*heads, message("tokens", language), message("number", language)],
        n_first=N_FIRST,
        limit=result.info.known_limit,
        can_explain=result.info.can_explain,
        query=query,
        marks=marks,
        without_prompts=without_prompts is not None,
        second=second is not None,
        second_name="" if result.second is None else result.second.name,
    )


def queries(result: RankingResult, chosen: int, language: Language) -> str:
    """Return the queries as buttons of which one is pressed; a single one as a line."""
    texts = result.comparison.queries
    shown = [(result.name_of(TextRef(Role.QUERY, n)), text) for n, text in enumerate(texts)]
    return render_template("queries.html", language, queries=shown, chosen=chosen)


def heatmap(result: RankingResult, drawing: HeatmapDrawing, query: int, language: Language) -> str:
    """Return a heatmap as a grid: labelled rows and columns, numbers in the cells, one cell in the order of keys."""

    def side(refs: Sequence[TextRef]) -> list[dict[str, Any]]:
        return [
            {
                "ref": str(ref),
                "index": ref.index,
                "is_query": ref.role is Role.QUERY,
                "name": result.name_of(ref),
                "text": result.text(ref)[:MOST_TITLE_CHARS],
            }
            for ref in refs
        ]

    cells = [
        [
            {"score": f"{score:.4f}", "text": _two_decimals(score), "colours": drawing.colours(row, column)}
            for column, score in enumerate(line)
        ]
        for row, line in enumerate(drawing.scores.tolist())
    ]
    return render_template(
        "heatmap.html",
        language,
        drawing=drawing,
        rows=side(drawing.row_refs),
        columns=side(drawing.column_refs),
        cells=cells,
        chosen=str(TextRef(Role.QUERY, query)),
        n_queries=len(result.comparison.queries),
        model=result.info.id,
    )


def heatmap_tools(drawing: HeatmapDrawing, look: HeatmapLook, language: Language) -> str:
    """Return the printed colour scale, and the choices of how the heatmap is looked at."""
    groups: list[tuple[str, str, dict[Any, str]]] = [
        ("scale", look.scale.value, {ScaleChoice.STRETCHED: "scale_stretched", ScaleChoice.FIXED: "scale_fixed"}),
        ("order", look.order.value, {HeatmapOrder.GIVEN: "order_given", HeatmapOrder.RANK: "order_rank"}),
        ("view", look.view.value, {HeatmapView.CROSS: "view_cross", HeatmapView.PAIRS: "view_pairs"}),
    ]
    if drawing.can_draw_more:
        extents = {HeatmapExtent.BEST: "extent_best", HeatmapExtent.ALL: "extent_all"}
        groups.append(("extent", look.extent.value, extents))
    shown = [
        {
            "name": name,
            "label": message(name, language),
            "chosen": chosen,
            "options": [
                {"value": value.value, "label": message(key, language, n=N_BEST)} for value, key in keys.items()
            ],
        }
        for name, chosen, keys in groups
    ]
    return render_template("heatmap_tools.html", language, drawing=drawing, groups=shown)


def readout(drawing: HeatmapDrawing, language: Language) -> str:
    """Return the line under the heatmap: how much is drawn, and what can be done with it, until a cell is looked at."""
    parts = [message("heatmap_hint", language)]
    if drawing.n_passages > drawing.n_drawn:
        parts.insert(0, message("heatmap_drawn", language, shown=drawing.n_drawn, n=drawing.n_passages))
    return render_template("line.html", language, parts=parts, keys=message("heatmap_keys", language))


def card_check(result: RankingResult, language: Language) -> str:
    """Return the numbers that KoE5's card prints of an example beside these; nothing for other texts."""
    published = published_scores(result.comparison.queries, result.comparison.passages)
    at = {str(ref): n for n, ref in enumerate(result.drawn_texts)}
    names = {str(ref): result.name_of(ref) for ref in result.drawn_texts}
    rows = [
        (f"{names[left]} × {names[right]}", score, float(result.pairs[at[left], at[right]]))
        for left, right, score in published
    ]
    return render_template("card_check.html", language, rows=rows, model=result.info.id) if rows else ""


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


def sent(result: RankingResult, language: Language) -> str:
    """Return the texts as the model got them: the prefix marked, what was cut off greyed."""
    rows, refs = [], result.texts
    for ref in refs[:MOST_SENT]:
        text = result.text(ref)
        prompt, body = split_prompt(text, ref.role, result.info.prompts)
        seen = max(0, result.seen_chars.get(ref, len(text)) - (len(text) - len(body)))
        rows.append(
            (result.name_of(ref), message(f"sent_{ref.role.value}", language), prompt, body[:seen], body[seen:])
        )
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
        [f"Q{query + 1}", f"P{result.comparison.place(passage) + 1}", f"{a:.4f}", f"{b:.4f}"]
        for (query, passage), a, b in zip(places.tolist(), left.tolist(), right.tolist(), strict=True)
    )
    return chart_table("scatter_table", head, rows, language)


def map_table(result: RankingResult, language: Language) -> str:
    """Return where each text lies on the map and what is nearest; nothing without a map."""
    found = result.text_map
    if found is None:
        return ""
    names = [result.name_of(ref) for ref in result.drawn_texts]
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


def _two_decimals(score: float) -> str:
    """Return a score as it stands in a cell: 0.71, −0.03, and 1 without decimals."""
    shown = f"{score:.2f}".replace("-0.00", "0.00").replace("-", "−")
    return "1" if shown == "1.00" else shown


def _window(found: BestWindow) -> dict[str, Any]:
    """Return the numbers of a window as a person counts."""
    return {"n": found.n, "of": found.of, "start": found.span[0] + 1, "end": found.span[1]}
