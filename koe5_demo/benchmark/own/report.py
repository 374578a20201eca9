"""An answer to hand on: its tables, and those as Markdown, as a workbook, and as one HTML file that asks for nothing.

The HTML holds its figure as SVG and its style in itself. Texts of the set go in only where they are asked for.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from koe5_demo.benchmark.own.answer import Answer, Miss, Standing, name_in, share_interval, told_p
from koe5_demo.benchmark.own.reading import OwnSet
from koe5_demo.benchmark.result_tables import METRIC_LABELS, Table, to_markdown
from koe5_demo.benchmark.results import RunResult
from koe5_demo.errors import DataError
from koe5_demo.whole_files import whole_file
from koe5_demo.words import Language, message

SHOWN_IDS: Final = 30
BAR_HEIGHT: Final = 30
BAR_WIDTH: Final = 420
LABEL_WIDTH: Final = 240
_TABLE_METRICS: Final = ("ndcg_at_1", "ndcg_at_3", "ndcg_at_10", "f1_at_1", "f1_at_3", "recall_at_10", "mrr_at_10")
_TITLE_CHARS: Final = 31
"""What a workbook allows a sheet's name."""


@dataclass(frozen=True)
class Section:
    """A titled table of a report."""

    title: str
    table: Table


@dataclass(frozen=True)
class Report:
    """Everything that is handed on.

    Attributes:
        name: Of the set.
        lines: The answer, its first sentence first.
        sections: Tables.
        made_by: One line a system: model, revision, engine, arithmetic, device, date.
        bars: For the figure: name, share of questions right at once, its interval; all in [0, 1].
        language: Of all of it.
    """

    name: str
    lines: tuple[str, ...]
    sections: tuple[Section, ...]
    made_by: tuple[str, ...]
    bars: tuple[tuple[str, float, float, float], ...]
    language: Language


def make_report(
    answer: Answer, own: OwnSet, results: Sequence[RunResult], language: Language, *, with_texts: bool = False
) -> Report:
    """Put everything together in one language."""
    texts = dict(zip(own.data.query_ids, own.data.queries, strict=True)) if with_texts else {}
    tables = {
        "own_h_table": _standings(answer, language),
        "own_h_only": _only(answer, texts, language),
        "own_h_misses": _misses(answer, language, with_texts=with_texts),
        "own_h_variants": _variants(answer, language),
        "own_h_costs": _costs(answer, language),
        "own_h_counts": [[message("own_h_told", language)], *([notice.text(language)] for notice in own.told())],
    }
    return Report(
        name=own.data.name,
        lines=tuple(answer.lines(language)),
        sections=tuple(Section(message(key, language), table) for key, table in tables.items() if len(table) > 1),
        made_by=tuple(map(_made_by, results)),
        bars=tuple((s.name, s.hits / answer.n, *share_interval(s.hits, answer.n)) for s in answer.standings),
        language=language,
    )


def to_report_markdown(report: Report) -> str:
    """Return a report in Markdown."""
    parts = [f"# {report.name}\n", *(f"{line}\n" for line in report.lines)]
    parts += [f"## {section.title}\n\n{to_markdown(section.table)}" for section in report.sections]
    return "\n".join([*parts, *(f"- {line}" for line in report.made_by)]) + "\n"


def to_report_html(report: Report) -> str:
    """Return a report as one HTML file; every text in it is escaped, nothing is fetched."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    bars = [
        {
            "name": name,
            "y": BAR_HEIGHT * n,
            "width": round(BAR_WIDTH * share, 1),
            "low": round(LABEL_WIDTH + BAR_WIDTH * low, 1),
            "high": round(LABEL_WIDTH + BAR_WIDTH * high, 1),
            "percent": f"{100 * share:.1f} %",
        }
        for n, (name, share, low, high) in enumerate(report.bars)
    ]
    return environment.get_template("report.html").render(
        report=report,
        bars=bars,
        label_width=LABEL_WIDTH,
        width=LABEL_WIDTH + BAR_WIDTH + 70,
        height=BAR_HEIGHT * len(bars),
        t=lambda key: message(key, report.language),
    )


def to_report_xlsx(report: Report) -> bytes:
    """Return a report as a workbook: a sheet a table. Texts are texts, whatever they begin with."""
    import openpyxl
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = openpyxl.Workbook()
    sheets = [Section(message("own_h_answer", report.language), [[line] for line in (*report.lines, *report.made_by)])]
    for n, section in enumerate([*sheets, *report.sections]):
        sheet = book.active if n == 0 else book.create_sheet()
        sheet.title = section.title[:_TITLE_CHARS]
        for row, cells in enumerate(section.table, start=1):
            for column, text in enumerate(cells, start=1):
                cell = sheet.cell(row, column)
                if _is_number(text):
                    cell.value = float(text)
                else:
                    cell.value = ILLEGAL_CHARACTERS_RE.sub("", text)
                    cell.data_type = "s"  # never a formula
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        DataError: If it cannot be written.
    """
    try:
        with whole_file(path) as file:
            file.write(content)
    except OSError as error:
        raise DataError("output_failed", name=str(path), reason=error.strerror or str(error)) from error


def _head(language: Language, *keys: str) -> list[str]:
    return [message(f"own_h_{key}", language) for key in keys]


def _standings(answer: Answer, language: Language) -> Table:
    rows = [
        [s.name, f"{s.hits:,} / {answer.n:,}", *(f"{100 * s.metrics[metric]:.2f}" for metric in _TABLE_METRICS)]
        for s in answer.standings
    ]
    return [[*_head(language, "system", "first"), *(METRIC_LABELS[metric] for metric in _TABLE_METRICS)], *rows]


def _only(answer: Answer, texts: dict[str, str], language: Language) -> Table:
    rows = [[s.name, str(len(s.only)), _ids(s.only, texts)] for s in answer.standings if s.only]
    return [_head(language, "system", "questions", "which"), *rows]


def _ids(ids: Sequence[str], texts: dict[str, str]) -> str:
    shown = [f"{id_} {texts[id_]}" if id_ in texts else id_ for id_ in ids[:SHOWN_IDS]]
    more = [f"… (+{len(ids) - SHOWN_IDS:,})"] if len(ids) > SHOWN_IDS else []
    return " · ".join([*shown, *more])


def _misses(answer: Answer, language: Language, *, with_texts: bool) -> Table:
    def row(standing: Standing, miss: Miss) -> list[str]:
        ids = (miss.query_id, miss.right_id, miss.instead_id)
        texts = (miss.question, miss.right, miss.instead) if with_texts else ("", "", "")
        question, right, instead = (f"{id_} {text}".strip() for id_, text in zip(ids, texts, strict=True))
        why = "; ".join(message(f"own_why_{key}", language) for key in miss.why)
        return [standing.name, question, "–" if miss.rank is None else str(miss.rank), right, instead, why]

    head = _head(language, "system", "question", "rank", "right", "instead", "why")
    return [head, *(row(standing, miss) for standing in answer.standings for miss in standing.misses)]


def _variants(answer: Answer, language: Language) -> Table:
    rows = [
        [
            name_in(found.b, language),
            f"{found.hits_a:,} / {found.n:,}",
            f"{found.hits_b:,} / {found.n:,}",
            f"{100 * (found.hits_b - found.hits_a) / found.n:+.1f}",
            told_p(found.p_value),
        ]
        for found in answer.variants
    ]
    return [_head(language, "system", "as_meant", "first", "difference", "p"), *rows]


def _costs(answer: Answer, language: Language) -> Table:
    rows = [
        [
            s.name,
            "–" if s.texts_per_s is None else f"{s.texts_per_s:g}",
            str(s.vector_bytes) if s.vector_bytes else "–",
            f"{s.memory_gb:.2f}" if s.vector_bytes else "–",
            *((str(s.queries_cut), str(s.documents_cut)) if s.vector_bytes else ("–", "–")),
        ]
        for s in answer.standings
    ]
    return [_head(language, "system", "speed", "bytes", "memory", "queries_cut", "passages_cut"), *rows]


def _made_by(result: RunResult) -> str:
    model = result.manifest.model
    facts = (model["id"], model["revision"], model["engine"], model["dtype"], model["device"], result.manifest.date)
    return ", ".join(str(fact) for fact in facts if fact)


def _is_number(text: str) -> bool:
    try:
        value = float(text)
    except ValueError:
        return False
    # 007 is an id, not a number
    return text.isascii() and math.isfinite(value) and not (len(text) > 1 and text[0] == "0" and text[1] != ".")
