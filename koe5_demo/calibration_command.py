"""`calibrate` on the command line: measure how high a model's scores are, and keep it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from koe5_demo import calibration
from koe5_demo.benchmark.datasets.registry import DATASETS, read_dataset
from koe5_demo.benchmark.naming import LoadEncoder
from koe5_demo.encoding.opening import ModelOptions, add_model_options, open_model
from koe5_demo.records import Encoder, Notice
from koe5_demo.settings import Settings
from koe5_demo.words import Language

SHOWN_LEVELS = (1.0, 25.0, 50.0, 75.0, 99.0)


def add_parsers(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command; it sets `func`, called with (options, settings)."""
    parser = subparsers.add_parser("calibrate", help="measure the scores of related and of random pairs")
    parser.add_argument("--model", help="catalog id, hub id or folder (default: KOE5_MODEL or koe5)")
    names = ", ".join(DATASETS)
    parser.add_argument("--dataset", default="ours", metavar="NAME_OR_FOLDER", help=f"{names}, or a folder")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: where the page looks, in KOE5_DATA_DIR")
    add_model_options(parser)
    parser.set_defaults(func=run_calibrate)


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
    measured = calibration.measure(encoder, data)
    path = options.output or calibration.own_path(encoder.info, settings)
    calibration.save(measured, path)
    sys.stdout.write(summary(measured, settings.language))
    _tell(Notice("calibration_written", {"path": str(path)}).text(settings.language))
    return 0


def summary(measured: calibration.Calibration, language: Language) -> str:
    """Return a small table: quartiles and ends of both kinds of pairs."""
    header = f"{'':10}" + "".join(f"{f'p{level:g}':>9}" for level in SHOWN_LEVELS)
    rows = [
        f"{name:10}" + "".join(f"{kind.values[kind.levels.index(level)]:9.4f}" for level in SHOWN_LEVELS)
        for name, kind in (("random", measured.random), ("relevant", measured.relevant))
    ]
    return "\n".join([measured.source().text(language), header, *rows]) + "\n"


def _loader(options: argparse.Namespace, settings: Settings) -> LoadEncoder:
    def load(name: str) -> Encoder:
        return open_model(name, settings, ModelOptions.of(options))

    return load


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
