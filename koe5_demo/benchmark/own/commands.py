"""`benchmark --dataset FILE`: the options of a set of one's own, and what is printed and written for it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from koe5_demo.benchmark import result_tables
from koe5_demo.benchmark.own.answer import answer_record, main_results, make_answer
from koe5_demo.benchmark.own.columns import Columns
from koe5_demo.benchmark.own.reading import OwnSet, read_own, too_long
from koe5_demo.benchmark.own.report import (
    make_report,
    to_report_html,
    to_report_markdown,
    to_report_xlsx,
    write_file,
)
from koe5_demo.benchmark.own.triplets import MARGIN, mine_triplets
from koe5_demo.benchmark.results import RunResult
from koe5_demo.benchmark.systems import FUSIONS, LEXICAL_NAMES, VARIANTS, LoadEncoder
from koe5_demo.errors import DataError, InputError
from koe5_demo.records import Encoder, Notice
from koe5_demo.settings import Settings


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what a set of one's own can be asked for."""
    own = parser.add_argument_group("a set of your own (--dataset FILE: CSV, TSV, JSONL, XLSX, parquet, or a BEIR zip)")
    for part in ("query", "passage", "id", "label"):
        own.add_argument(f"--{part}-column", metavar="NAME", help=f"column of the {part}; recognised when not named")
    own.add_argument("--sheet", help="sheet of an .xlsx file (default: the first)")
    own.add_argument("--passages", type=Path, metavar="FILE", help="passages whose ids the first file names")
    own.add_argument("--distractors", type=Path, metavar="FILE", help="passages that answer nothing, searched too")
    own.add_argument(
        "--variants",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="run each model without prefixes and with windows too (default: for files, not for folders)",
    )
    own.add_argument("--report", type=Path, metavar="OUT.html", help="write one self-contained HTML file")
    own.add_argument("--xlsx", type=Path, metavar="OUT.xlsx", help="write a workbook")
    own.add_argument("--with-texts", action="store_true", help="put questions and passages into what is written")
    own.add_argument("--triplets", type=Path, metavar="OUT.jsonl", help="write hard negatives of the first model")
    own.add_argument("--margin", type=float, default=MARGIN, metavar="X", help="see docs/own-data.md (default: 0.05)")


def prepare(path: Path, options: argparse.Namespace, settings: Settings) -> OwnSet | None:
    """Read a set and tell what was counted; None for a folder that cannot be read, which the run will tell.

    Raises:
        DataError, InputError: If a file cannot be used.
    """
    columns = Columns(options.query_column, options.passage_column, options.id_column, options.label_column)
    others = {"passages": options.passages, "distractors": options.distractors}
    try:
        own = read_own(path, columns, **others, sheet=options.sheet, limits=settings.limits)
    except DataError as error:
        if path.is_dir() and not isinstance(error, InputError):
            return None
        raise
    for notice in own.told():
        _say(f"{own.data.name}: {notice.text(settings.language)}")
    return own


def check_options(options: argparse.Namespace, n_sets: int, n_own: int) -> None:
    """Refuse what only works with one set of one's own.

    Raises:
        InputError: If there is such an option and not just that one set.
    """
    files = ("query_column", "passage_column", "id_column", "label_column", "sheet", "passages", "distractors")
    refused = files if n_own != 1 else ()
    if not n_sets == n_own == 1:
        refused = (*refused, "report", "xlsx", "triplets")
    for name in refused:
        if getattr(options, name) is not None:
            raise InputError("own_one_set", option=f"--{name.replace('_', '-')}")


def with_variants(models: Sequence[str]) -> list[str]:
    """Return the systems to run: after each model itself without prefixes and with windows."""
    plain = [m for m in models if m not in LEXICAL_NAMES and m.partition(":")[0] not in (*FUSIONS, *VARIANTS)]
    return [name for m in models for name in (m, *(f"{v}:{m}" for v in VARIANTS if m in plain))]


def telling_lengths(load: LoadEncoder, owns: Sequence[OwnSet], settings: Settings) -> LoadEncoder:
    """Return a loader that tells how many texts a model cuts, before anything of it runs."""

    def opened(name: str) -> Encoder:
        encoder = load(name)
        for told in filter(None, (too_long(own.data, encoder) for own in owns)):
            _say(told.text(settings.language))
        return encoder

    return opened


def finish(own: OwnSet, results: Sequence[RunResult], options: argparse.Namespace, settings: Settings) -> str:
    """Write the files that were asked for; return what standard output gets for one set: the sentence, then the table.

    Raises:
        DataError: If a file cannot be written.
    """
    answer = make_answer(results, own.data)
    report = make_report(answer, own, results, settings.language, with_texts=options.with_texts)
    if options.report is not None:
        write_file(options.report, to_report_html(report).encode())
    if options.xlsx is not None:
        write_file(options.xlsx, to_report_xlsx(report))
    if options.triplets is not None:
        dense = [result for result in results if result.manifest.model["dimensions"] and ":" not in result.model]
        mined = mine_triplets((dense or list(results))[0], own.data, margin=options.margin)
        write_file(options.triplets, mined.lines().encode("utf-8", "replace"))
        counts = {"n": len(mined.rows), "pairs": mined.pairs, "close": mined.too_close, "lost": mined.right_not_found}
        values = {**counts, "without": mined.no_negative, "model": mined.model, "name": str(options.triplets)}
        _say(Notice("own_triplets", values).text(settings.language))
    mains = main_results(results)
    if options.format == "json":
        record = {
            "answer": answer_record(answer, with_texts=options.with_texts),
            "data": {"name": own.data.name, "form": own.form.value, "columns": asdict(own.columns)},
            "counts": asdict(own.counted),
            "runs": [result_tables.result_record(result) for result in mains],
        }
        return json.dumps(record, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    if options.format == "csv":
        _say("\n".join(answer.lines(settings.language)))
        return result_tables.results_csv(mains)
    if options.format in ("md", "markdown"):
        return to_report_markdown(report)
    sections = [f"\n{section.title}\n{result_tables.to_text(section.table)}" for section in report.sections[1:]]
    table = result_tables.to_text(result_tables.results_table(mains))
    return "\n".join(report.lines) + "\n\n" + table + "".join(sections)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
