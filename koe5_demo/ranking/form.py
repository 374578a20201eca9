"""What a person filled in to rank: text boxes, perhaps a file, and wishes; read into a `RankingRequest`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from koe5_demo import inputs, share
from koe5_demo.catalog import CATALOG
from koe5_demo.inputs import Layout, Parsed, Table
from koe5_demo.ranking.lexical import BM25
from koe5_demo.ranking.result import RankingRequest
from koe5_demo.records import Encoder, Notice, Role
from koe5_demo.settings import Limits
from koe5_demo.tables import folded
from koe5_demo.words import Language, message

MOST_METERED_CHARS: Final = 200_000
SHOWN_AT_FIRST: Final = (
    "id",
    "_id",
    "doc_id",
    "docid",
    "번호",
    "title",
    "제목",
    "name",
    "이름",
    "url",
    "출처",
    "source",
)
"""Columns of a file that are shown beside its passages until the visitor chooses."""
MOST_SHOWN_AT_FIRST: Final = 2


@dataclass(frozen=True)
class FilledForm:
    """What the visitor filled in.

    Attributes:
        queries: Text of the query box, one query a line.
        passages: Text of the passage box.
        layout: How that text is parted.
        file: An uploaded file that is used in place of the passage box.
        sheet: The chosen sheet of the file, where it is a workbook of several; None takes the first.
        column: The chosen column of the file.
        shown_columns: Other columns of it that are shown beside the passages.
        windows, without_prompts, compare_with: As in `RankingRequest`.
        model: Name of the model that is to rank.
    """

    queries: str
    passages: str
    layout: Layout = Layout.BLOCKS
    file: Path | None = None
    sheet: str | None = None
    column: str | None = None
    shown_columns: tuple[str, ...] = ()
    windows: bool = False
    without_prompts: bool = False
    compare_with: str = ""
    model: str = ""


def ranking_request(form: FilledForm, limits: Limits) -> RankingRequest:
    """Read a form; everything that can be told of the ranking is asked for, but explanations of many pairs.

    Raises:
        InputError: If something is missing, broken or beyond a limit.
    """
    table = _table(form, limits)
    queries, passages = _texts(form, table, limits)
    return RankingRequest(
        queries=queries.texts,
        passages=passages.texts,
        windows=form.windows,
        compare_with=form.compare_with,
        without_prompts=form.without_prompts,
        calibration=True,
        text_map=True,
        model=form.model,
        notices=tuple(inputs.check(queries, passages, limits)),
        places=passages.places,
        columns={} if table is None else _columns(form, table, passages),
    )


def read_texts(form: FilledForm, limits: Limits) -> tuple[Parsed, Parsed]:
    """Return the queries and passages of a form, not yet checked against the limits.

    Raises:
        InputError: If the file cannot be read.
    """
    return _texts(form, _table(form, limits), limits)


def _table(form: FilledForm, limits: Limits) -> Table | None:
    return None if form.file is None else inputs.read_file(form.file, limits, sheet=form.sheet)


def _texts(form: FilledForm, table: Table | None, limits: Limits) -> tuple[Parsed, Parsed]:
    queries = inputs.parse_text(form.queries, Layout.LINES)
    if table is None:
        passages = inputs.parse_text(form.passages, form.layout)
        return queries, replace(passages, notices=(*_lines_in_one(passages, form.layout), *passages.notices))
    passages = table.texts(form.column, limits)
    told = (Notice("notice_encoding", {"name": table.name, "encoding": table.encoding}),) if table.encoding else ()
    return queries, replace(passages, notices=(*told, *passages.notices))


def told_of_reading(
    form: FilledForm, texts: tuple[Parsed, Parsed], encoder: Encoder | None, language: Language
) -> list[str]:
    """Return how much was read and how much of it the model will see, before anything is computed.

    Args:
        form: What is filled in.
        texts: What `read_texts` returned of it.
        encoder: Counts the tokens; None where no model is ready. Very much text is not counted while it is typed.
        language: Of the visitor.
    """
    queries, passages = texts
    chars = sum(map(len, (*queries.texts, *passages.texts)))
    lines = [message("read_count", language, queries=len(queries.texts), passages=len(passages.texts), chars=chars)]
    if form.file is None:
        lines += [notice.text(language) for notice in _lines_in_one(passages, form.layout)]
    if encoder is None or not passages.texts or chars > MOST_METERED_CHARS:
        return lines
    counts = encoder.count_tokens(passages.texts, Role.PASSAGE)
    longest, limit = int(counts.max()), encoder.info.max_tokens
    n_cut = int((counts > limit).sum())
    key = "token_meter_cut" if n_cut else "token_meter" if encoder.info.known_limit else "token_meter_alone"
    lines.append(message(key, language, longest=longest, limit=limit, n=n_cut))
    return lines


def shown_at_first(table: Table, column: str) -> list[str]:
    """Return the columns that are shown beside the passages of a column until others are chosen: an id, a title."""
    others = (name for name in table.columns if name != column)
    return [name for name in others if folded(name) in SHOWN_AT_FIRST][:MOST_SHOWN_AT_FIRST]


def shared_state(form: FilledForm, limits: Limits) -> share.SharedState:
    """Return what a link or state file keeps of a form; passages from a file become part of it."""
    queries, passages = read_texts(form, limits)
    # A blank line within a passage would part it in two when it is put back into the text box.
    whole = tuple(inputs.BLANK_BLOCK.sub("\n", passage) for passage in passages.texts)
    values: dict[str, share.OptionValue] = {
        "windows": form.windows,
        "bare": form.without_prompts,  # the names of these two are older than those here, and stand in people's links
        "rival": form.compare_with,
    }
    name = form.model if form.model in CATALOG else ""
    return share.SharedState(queries.texts, whole, Layout.BLOCKS, name, values)


def form_of(state: share.SharedState) -> FilledForm:
    """Return the form that a shared state was made of; unknown options are ignored."""
    gap = "\n\n" if state.layout is Layout.BLOCKS else "\n"
    compare_with = str(state.options.get("rival", ""))
    return FilledForm(
        queries="\n".join(state.queries),
        passages=gap.join(state.passages),
        layout=state.layout,
        windows=state.options.get("windows") is True,
        without_prompts=state.options.get("bare") is True,
        compare_with=compare_with if compare_with in (*CATALOG, BM25) else "",
        model=state.model,
    )


def _columns(form: FilledForm, table: Table, passages: Parsed) -> dict[str, tuple[str, ...]]:
    """Return the columns that are shown beside the passages, with the values of the rows that hold one."""
    rows = [table.rows[passages.place(index)] for index in range(len(passages.texts))]
    places = {name: table.find(name) for name in form.shown_columns if name != form.column}
    return {name: tuple(row[place] for row in rows) for name, place in places.items() if place is not None}


def _lines_in_one(passages: Parsed, layout: Layout) -> tuple[Notice, ...]:
    """Tell a visitor who may have meant a passage a line that all lines became one passage."""
    n_lines = sum(bool(line.strip()) for line in passages.texts[0].split("\n")) if len(passages.texts) == 1 else 0
    return (Notice("notice_lines_in_one", {"n": n_lines}),) if layout is Layout.BLOCKS and n_lines > 1 else ()
