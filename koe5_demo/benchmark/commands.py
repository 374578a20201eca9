"""The commands `benchmark`, `compare` and `calibrate`: results to standard output, all else to standard error."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

from koe5_demo.benchmark import result_tables
from koe5_demo.benchmark.calibrating import measure
from koe5_demo.benchmark.compare import PairedComparison, compare_runs
from koe5_demo.benchmark.datasets.records import DatasetSpec
from koe5_demo.benchmark.datasets.registry import DATASETS, SUITES, find_dataset, read_dataset
from koe5_demo.benchmark.own import commands as own_commands
from koe5_demo.benchmark.own.reading import OwnSet
from koe5_demo.benchmark.progress import RunProgress
from koe5_demo.benchmark.result_files import find_results, load_result
from koe5_demo.benchmark.results import RunResult
from koe5_demo.benchmark.run import DatasetChoice, Failure, Finished, ResultReady, RunEvent, RunOptions, run_suite
from koe5_demo.benchmark.stored_vectors import DiskVectors
from koe5_demo.benchmark.systems import FUSIONS, LEXICAL_NAMES, VARIANTS, LoadEncoder, system_sources
from koe5_demo.encoding.opening import ModelOptions, add_model_options, open_model
from koe5_demo.errors import InputError
from koe5_demo.ranking.calibration import Calibration, own_path, save
from koe5_demo.records import Notice
from koe5_demo.settings import Settings
from koe5_demo.words import Language

FORMATS: Final = ("table", "json", "csv", "md", "markdown")
SHOWN_LEVELS: Final = (1.0, 25.0, 50.0, 75.0, 99.0)
"""Percentiles of `calibrate`."""
SOME_FAILED: Final = 1
NOTHING_RAN: Final = 2
INTERRUPTED: Final = 130
_TELL_EVERY_S: Final = 2.0
_MEGABYTE: Final = 10**6


def add_parsers(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the three commands; each sets `func`, called with (options, settings)."""
    _add_benchmark(subparsers)
    _add_compare(subparsers)
    parser = subparsers.add_parser("calibrate", help="measure the scores of related and of random pairs")
    parser.add_argument("--model", help="catalog id, hub id or folder (default: KOE5_MODEL or koe5)")
    names = ", ".join(DATASETS)
    parser.add_argument("--dataset", default="ours", metavar="NAME_OR_FOLDER", help=f"{names}, or a folder")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: where the page looks, in KOE5_DATA_DIR")
    add_model_options(parser)
    parser.set_defaults(func=run_calibrate)


def _add_benchmark(subparsers: argparse._SubParsersAction[Any]) -> None:
    parser = subparsers.add_parser("benchmark", help="run retrieval data sets and print the table")
    names = ", ".join((*DATASETS, *SUITES))
    parser.add_argument(
        "--dataset",
        action="extend",
        nargs="+",
        metavar="NAME_OR_FILE",
        help=f"{names}; a table of your own, or a folder or zip in BEIR layout; one or more "
        "(default: the paper's three and ours)",
    )
    systems = ", ".join((*LEXICAL_NAMES, *(f"{method}:MODEL" for method in (*FUSIONS, *VARIANTS))))
    parser.add_argument(
        "--model",
        action="extend",
        nargs="+",
        metavar="M",
        help=f"catalog id, hub id, folder, {systems}; one or more (default: KOE5_MODEL and bm25)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="keep results as DIR/<model>/<dataset>.json; another model of that name gets DIR/<model>~<digits>",
    )
    parser.add_argument("--resume", action="store_true", help="take results that DIR already has")
    own_commands.add_options(parser)
    add_model_options(parser)
    parser.add_argument("--format", choices=FORMATS, default="table")
    parser.set_defaults(func=run_benchmark)


def _add_compare(subparsers: argparse._SubParsersAction[Any]) -> None:
    parser = subparsers.add_parser("compare", help="test whether two runs differ")
    parser.add_argument("run_a", type=Path, metavar="RUN_A", help="DIR/<model> or one of its JSON files")
    parser.add_argument("run_b", type=Path, metavar="RUN_B", help="the same of the other run")
    parser.add_argument("--format", choices=FORMATS, default="table")
    parser.set_defaults(func=run_compare)


def run_benchmark(options: argparse.Namespace, settings: Settings, load: LoadEncoder | None = None) -> int:
    """Run the data sets and print the table; 0, or 1 if something failed, 2 if nothing ran.

    Args:
        options: Parsed arguments.
        settings: The operator's.
        load: Opens an encoder by name; the project's loader when None.

    Raises:
        DataError: If a data set's name is unknown.
        InputError: If --resume comes without --output.
    """
    defaults = [spec.id for spec in DATASETS.values() if spec.default]
    datasets = [found for name in options.dataset or defaults for found in _find(name)]
    if options.resume and options.output is None:
        raise InputError("bad_option", name="--resume", value="", valid="--output DIR --resume")
    own_commands.check_options(options, len(datasets), sum(isinstance(choice, Path) for choice in datasets))
    owns: list[OwnSet] = []
    choices: list[DatasetChoice] = []
    for choice in datasets:
        own = own_commands.prepare(choice, options, settings) if isinstance(choice, Path) else None
        owns += [own] if own is not None else []
        choices.append(own.data if own is not None else choice)
    names = options.model or [settings.model, "bm25"]
    is_file = any(isinstance(choice, Path) and choice.is_file() for choice in datasets)
    if owns and (is_file if options.variants is None else options.variants):
        names = own_commands.with_variants(names)
    opened = own_commands.telling_lengths(load or _loader(options, settings), owns, settings)
    cache = DiskVectors(settings.data_dir / "vectors", settings.disk_cache_mb * _MEGABYTE)
    run_options = RunOptions(cache=cache, output=options.output, resume=options.resume)
    outcome = _follow(run_suite(choices, system_sources(names, opened), run_options), settings.language)
    if outcome.results:
        print(_printed(outcome.results, owns, options, settings), end="")
    if outcome.stopped:
        return INTERRUPTED
    if outcome.failures:
        return SOME_FAILED if outcome.results else NOTHING_RAN
    return 0


def _printed(
    results: Sequence[RunResult], owns: Sequence[OwnSet], options: argparse.Namespace, settings: Settings
) -> str:
    """Write the files of sets of one's own; return what standard output gets: these with their answer, then others."""
    parts = []
    for own in owns:
        found = [result for result in results if result.manifest.data["content"] == own.data.content_hash()]
        if found:
            parts.append(own_commands.finish(own, found, options, settings))
    contents = {own.data.content_hash() for own in owns}
    others = [result for result in results if result.manifest.data["content"] not in contents]
    if not parts:
        return _results(others, options.format)
    if options.format == "json" and (len(parts) > 1 or others):
        sets = [json.loads(part) for part in parts]
        runs = [run for each in sets for run in each["runs"]] + [result_tables.result_record(r) for r in others]
        return _json({"sets": sets, "runs": runs})
    return "\n".join([*parts, *([_results(others, options.format)] if others else [])])


def run_compare(options: argparse.Namespace, _settings: Settings) -> int:
    """Print the paired test of two saved runs.

    Raises:
        DataError: If a run cannot be read, or the two share no data.
    """
    runs = [[load_result(path) for path in find_results(where)] for where in (options.run_a, options.run_b)]
    print(_comparisons(compare_runs(runs[0], runs[1]), options.format), end="")
    return 0


def run_calibrate(options: argparse.Namespace, settings: Settings, load: LoadEncoder | None = None) -> int:
    """Measure, print a summary, write the file.

    Args:
        options: Parsed arguments.
        settings: The operator's.
        load: Opens an encoder by name; the project's loader when None.

    Raises:
        DataError: If the data set cannot be had or is too small, or the file cannot be written.
        ModelLoadError: If the model cannot be had; no other model takes its place.
    """
    data = read_dataset(options.dataset)
    encoder = (load or _loader(options, settings))(options.model or settings.model)
    measured = measure(encoder, data)
    path = options.output or own_path(encoder.info, settings)
    save(measured, path)
    print(_summary(measured, settings.language), end="")
    _say(Notice("calibration_written", {"path": str(path)}).text(settings.language))
    return 0


def _loader(options: argparse.Namespace, settings: Settings) -> LoadEncoder:
    return partial(open_model, settings=settings, options=ModelOptions.of(options))


def _find(name: str) -> Sequence[DatasetSpec | Path]:
    """Return the record of a name, those of a suite, or the folder or file that it points at."""
    if name in SUITES:
        return SUITES[name]
    return [Path(name) if name not in DATASETS and Path(name).is_file() else find_dataset(name)]


def _follow(events: Iterator[RunEvent], language: Language) -> Finished:
    """Tell on standard error what happens; return the last event, or what there was at an interrupt.

    Of steps one line a phase is told, and one every two seconds while it lasts.
    """
    results: list[RunResult] = []
    told_phase, told_at = ("", "", ""), 0.0
    try:
        for event in events:
            if isinstance(event, Finished):
                return event
            if isinstance(event, ResultReady):
                results.append(event.result)
            if isinstance(event, RunProgress):
                phase, now = (event.phase.value, event.dataset, event.model), time.monotonic()
                if phase == told_phase and now - told_at < _TELL_EVERY_S:
                    continue
                told_phase, told_at = phase, now
            _say(_told(event, language))
    except KeyboardInterrupt:
        pass
    return Finished(tuple(results), (), stopped=True)


def _told(event: RunProgress | Notice | ResultReady | Failure, language: Language) -> str:
    if isinstance(event, Notice):
        return event.text(language)
    if isinstance(event, ResultReady):
        result = event.result
        origin = " (resumed)" if event.resumed else ""
        line = f"{result.dataset} / {result.model}: NDCG@10 {100 * result.metrics['ndcg_at_10']:.2f}{origin}"
        problems = result.manifest.data["problems"].items()
        counts = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in problems)
        return f"{line}\n{result.dataset}: {counts}" if counts else line
    where = " / ".join(filter(None, (event.dataset, event.model)))
    if isinstance(event, Failure):
        return f"{where}: {event.error.text(language)}"
    done = f" {event.done:,}/{event.total:,}" if event.total else ""
    speed = f", {event.texts_per_s:.1f} texts/s" if event.texts_per_s else ""
    left = f", {event.seconds_left:.0f} s left" if event.seconds_left else ""
    return f"{where}: {event.phase.value.replace('_', ' ')}{done}{speed}{left}"


def _results(results: Sequence[RunResult], form: str) -> str:
    if form == "json":
        return _json({"runs": [result_tables.result_record(result) for result in results]})
    if form == "csv":
        return result_tables.results_csv(results)
    table = result_tables.results_table(results)
    return result_tables.to_text(table) if form == "table" else result_tables.to_markdown(table)


def _comparisons(comparisons: Sequence[PairedComparison], form: str) -> str:
    """Return the tests of two runs; for people also who was compared, and the queries that moved most."""
    if form == "json":
        return _json({"comparisons": [asdict(comparison) for comparison in comparisons]})
    table = result_tables.comparison_table(comparisons)
    if form != "table":
        return result_tables.to_csv(table) if form == "csv" else result_tables.to_markdown(table)
    heads = [f"{c.dataset}: A = {c.model_a}, B = {c.model_b}, {c.n_queries:,} queries\n" for c in comparisons]
    movers = [["data set", "query", "NDCG@10 A", "NDCG@10 B", "first of A", "first of B"]] + [
        [comparison.dataset, mover.query_id, f"{mover.a:.4f}", f"{mover.b:.4f}", mover.top_a, mover.top_b]
        for comparison in comparisons
        for mover in comparison.movers
    ]
    moved = "\n" + result_tables.to_text(movers) if len(movers) > 1 else ""
    return "".join(heads) + result_tables.to_text(table) + moved


def _summary(measured: Calibration, language: Language) -> str:
    """Return a small table: quartiles and ends of both kinds of pairs."""
    header = f"{'':10}" + "".join(f"{f'p{level:g}':>9}" for level in SHOWN_LEVELS)
    rows = [
        f"{name:10}" + "".join(f"{kind.values[kind.levels.index(level)]:9.4f}" for level in SHOWN_LEVELS)
        for name, kind in (("random", measured.random), ("relevant", measured.relevant))
    ]
    return "\n".join([measured.source().text(language), header, *rows]) + "\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
