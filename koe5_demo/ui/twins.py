"""The numbers of each chart as a table, for screen readers and for copying. Records in, escaped HTML out; no gradio."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from koe5_demo.figures import shown_name
from koe5_demo.plain_plotly import Figure
from koe5_demo.records import Role
from koe5_demo.ui.pair_handlers import HighView, PairView
from koe5_demo.ui.render import render_template
from koe5_demo.ui.state import Outcome, Pick
from koe5_demo.words import Language, message


def strip(view: HighView, language: Language) -> str:
    """Return each mark of the strip with the share of random and of relevant pairs that it beats."""
    head = [message(key, language) for key in ("passage", "score", "strip_above_random", "strip_above_relevant")]
    rows = [
        [name, f"{score:.4f}", f"{place.random:.1f}%", f"{place.relevant:.1f}%"] for name, score, place in view.places
    ]
    return _table("strip_table", head, rows, language)


def words(view: PairView, language: Language) -> str:
    """Return what each word of one text gives with each word of the other, as the heatmap shows it."""
    head = ["", *view.columns]
    rows = [[name, *(f"{value:+.4f}" for value in values)] for name, values in zip(view.rows, view.values, strict=True)]
    return _table("words_table", head, rows, language)


def scatter(outcome: Outcome, language: Language) -> str:
    """Return both models' scores of every pair; nothing without a second model."""
    if outcome.rival is None:
        return ""
    left, right, places = outcome.rival.report.scatter()
    head = ["", message("passage", language), outcome.info.id, outcome.rival.name]
    rows = (
        [f"Q{query + 1}", f"P{passage + 1}", f"{a:.4f}", f"{b:.4f}"]
        for (query, passage), a, b in zip(places.tolist(), left.tolist(), right.tolist(), strict=True)
    )
    return _table("scatter_table", head, rows, language)


def text_map(outcome: Outcome, language: Language) -> str:
    """Return where each text lies on the map and what is nearest; nothing without a map."""
    found = outcome.text_map
    if found is None:
        return ""
    picks = [Pick(Role.QUERY, n) for n in range(len(outcome.comparison.queries))]
    names = [shown_name(str(pick)) for pick in (*picks, *(Pick(Role.PASSAGE, n) for n in outcome.pair_passages))]
    head = ["", "x", "y", message("map_nearest", language)]
    rows = (
        [name, f"{x:.3f}", f"{y:.3f}", ", ".join(f"{names[n]} {cosine:.3f}" for n, cosine in zip(*near, strict=True))]
        for name, (x, y), near in zip(
            names,
            found.points.tolist(),
            zip(found.neighbours.tolist(), found.cosines.tolist(), strict=True),
            strict=True,
        )
    )
    return _table("map_table", head, rows, language)


def bars(figure: Figure, language: Language) -> str:
    """Return the values of grouped bars, a row a series."""
    head = ["", *figure.data[0]["x"]]
    rows = [[bar["name"], *("–" if value is None else f"{value:.2f}" for value in bar["y"])] for bar in figure.data]
    return _table("bench_as_table", head, rows, language)


def _table(key: str, head: Sequence[str], rows: Iterable[Sequence[str]], language: Language) -> str:
    return render_template("twin.html", language, summary=message(key, language), head=head, rows=rows)
