"""The command line's `train`: options to a run, the run to a report. Torch is imported only when something is trained.

Results (a JSON report, or the plan of `--dry-run`) go to standard output; everything else goes to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from koe5_demo.errors import InputError, MissingExtraError
from koe5_demo.records import Notice
from koe5_demo.settings import DEVICES, Settings
from koe5_demo.training.recipe import KOE5_RECIPE, MINI_RECIPE, Recipe, Run

RECIPES: Final = {"koe5": KOE5_RECIPE, "mini": MINI_RECIPE}
PACKAGES: Final = ("torch", "sentence_transformers", "datasets", "accelerate", "pyarrow", "tensorboard")
NEGATIVES: Final = ("auto", "require", "ignore")
FORMATS: Final = ("text", "json")
OUTPUT: Final = "runs/{recipe}"

Parse = Callable[[str, str], Any]


@dataclass(frozen=True)
class Option:
    """An option that sets one field of the recipe or of the run; not given, it leaves that field alone.

    Attributes:
        flag: As typed.
        field: Field that it sets.
        parse: From (flag, text) to the value.
        help: What it does.
        metavar: What stands for the value in the help.
    """

    flag: str
    field: str
    parse: Parse
    help: str
    metavar: str

    @property
    def name(self) -> str:
        """Return the attribute of the parsed arguments."""
        return self.flag.removeprefix("--").replace("-", "_")


def _text(_flag: str, value: str) -> str:
    return value


def _path(_flag: str, value: str) -> Path:
    return Path(value).expanduser()


def _whole(low: int) -> Parse:
    def parse(flag: str, value: str) -> int:
        if not value.strip().isdecimal() or int(value) < low:
            raise InputError("train_bad_number", name=flag, value=value, rule=f">= {low}")
        return int(value)

    return parse


def _positive(flag: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 < number < float("inf"):
        raise InputError("train_bad_number", name=flag, value=value, rule="> 0")
    return number


def _one_of(*valid: str) -> Parse:
    def parse(flag: str, value: str) -> str:
        if value not in valid:
            raise InputError("bad_option", name=flag, value=value, valid=", ".join(valid))
        return value

    return parse


def _columns(flag: str, value: str) -> tuple[str, str, str | None]:
    """Parse query=a,positive=b,negative=c; the negative may be left out."""
    named = dict(part.partition("=")[::2] for part in value.split(","))
    if not {"query", "positive"} <= named.keys() <= {"query", "positive", "negative"} or not all(named.values()):
        raise InputError("bad_option", name=flag, value=value, valid="query=NAME,positive=NAME[,negative=NAME]")
    return named["query"], named["positive"], named.get("negative")


RECIPE_OPTIONS: Final = (
    Option("--data", "data", _text, "training data: hub id, parquet/jsonl/csv file, or folder", "HUB_OR_FOLDER"),
    Option("--base", "base", _text, "model to start from: hub id, catalog id or folder", "HUB_OR_FOLDER"),
    Option("--batch-size", "batch_size", _whole(2), "rows in a step, over all devices", "N"),
    Option("--learning-rate", "learning_rate", _positive, "peak learning rate", "X"),
    Option("--epochs", "epochs", _whole(1), "passes over the data", "N"),
    Option("--seed", "seed", _whole(0), "of the data order and of dropout", "N"),
)
RUN_OPTIONS: Final = (
    Option("--max-steps", "max_steps", _whole(1), "stop after so many steps", "N"),
    Option("--mini-batch-size", "mini_batch_size", _whole(1), "texts in one forward pass (what fits)", "N"),
    Option("--eval", "evaluation", _path, "folder with corpus, queries and qrels, scored at each checkpoint", "FOLDER"),
    Option("--save-steps", "save_steps", _whole(1), "steps between checkpoints", "N"),
    Option("--log-steps", "log_steps", _whole(1), "steps between lines of progress", "N"),
    Option("--keep-checkpoints", "keep_checkpoints", _whole(1), "checkpoints kept on disk", "N"),
    Option("--workers", "workers", _whole(0), "processes that tokenize ahead", "N"),
    Option("--device", "device", _one_of(*DEVICES), " | ".join(DEVICES), "DEVICE"),
    Option("--columns", "columns", _columns, "names of the data's columns (found by themselves)", "query=A,..."),
    Option("--negatives", "negatives", _one_of(*NEGATIVES), "rows without one: " + " | ".join(NEGATIVES), "RULE"),
)
OPTIONS: Final = RECIPE_OPTIONS + RUN_OPTIONS


def add_parsers(subparsers: Any) -> None:
    """Add `train` to the command line; the arguments carry `func`, called with them and the settings."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "train",
        help="train with KoE5's recipe, or rebuild the embedded model",
        description="Train with KoE5's published recipe (koe5), or rebuild the embedded model (mini). Several GPUs: "
        "torchrun --nproc_per_node=N -m koe5_demo train ...",
    )
    parser.add_argument("--recipe", choices=tuple(RECIPES), default="koe5")
    parser.add_argument("--output", metavar="DIR", help="folder of the run (runs/RECIPE)")
    for option in OPTIONS:
        default = getattr(KOE5_RECIPE if option in RECIPE_OPTIONS else Run(KOE5_RECIPE, Path()), option.field)
        told = "" if default in (None, "auto") else f" ({default})"
        parser.add_argument(option.flag, metavar=option.metavar, help=option.help + told)
    parser.add_argument("--no-sort", action="store_true", help="do not put texts of like length into one mini-batch")
    parser.add_argument("--deterministic", action="store_true", help="deterministic GPU kernels (slower)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --output, exactly")
    parser.add_argument("--dry-run", action="store_true", help="print steps, tokens, memory and hours; train nothing")
    parser.add_argument("--rate", metavar="TFLOPS", help="measured training rate for the plan's hours (bench/train.py)")
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="of the plan; a report is always JSON")
    parser.set_defaults(func=train)


def train(args: argparse.Namespace, settings: Settings) -> int:
    """Carry out `train`.

    Raises:
        DemoError: If an option, the data, the base or the folder cannot be used, or a package is missing.
    """
    for package in PACKAGES:
        if find_spec(package) is None:
            raise MissingExtraError("missing_extra", package=package.replace("_", "-"), extra="train")
    given = given_values(args)
    if args.dry_run:
        run = run_from(given, args)
        from koe5_demo.training.plan import plan_run

        rate = None if args.rate is None else _positive("--rate", args.rate)
        plan = plan_run(run, rate_tflops=rate)
        as_json = json.dumps(asdict(plan), ensure_ascii=False, indent=2)
        print(as_json if args.format == "json" else plan.text(settings.language))
        return 0
    run = resumed(given, args) if args.resume else run_from(given, args)
    from koe5_demo.training.run import train_recipe

    # One process speaks for all that torchrun or accelerate started.
    is_first = os.environ.get("RANK", "0") == "0"

    def tell(notice: Notice) -> None:
        if is_first:
            print(notice.text(settings.language), file=sys.stderr, flush=True)

    report = train_recipe(run, on_notice=tell)
    if is_first:
        print(json.dumps(report, ensure_ascii=False, indent=2))
    return 0


def given_values(args: argparse.Namespace) -> dict[Option, Any]:
    """Parse the options that were typed.

    Raises:
        InputError: If a value cannot be used.
    """
    typed = {option: getattr(args, option.name) for option in OPTIONS}
    return {option: option.parse(option.flag, value) for option, value in typed.items() if value is not None}


def run_from(given: dict[Option, Any], args: argparse.Namespace) -> Run:
    """Return the published recipe's run with what was typed."""
    changes = {option.field: value for option, value in given.items() if option in RECIPE_OPTIONS}
    published = RECIPES[args.recipe]
    if "base" in changes and changes["base"] != published.base:
        # The pinned commit belongs to the published base; another one may be named as owner/name@revision.
        changes["base_revision"] = None
    if not changes.get("data", published.data):
        raise InputError("train_no_data", name="", valid="--data FILE")
    recipe: Recipe = replace(published, **changes)
    run = Run(recipe, _output(args), sort_by_length=not args.no_sort, deterministic=args.deterministic)
    return replace(run, **{option.field: value for option, value in given.items() if option in RUN_OPTIONS})


def resumed(given: dict[Option, Any], args: argparse.Namespace) -> Run:
    """Return the run stored in the folder; what was typed beside `--resume` must agree with it.

    Raises:
        InputError: If there is no such run, or it differs.
    """
    from koe5_demo.training.run_folder import FREE_ON_RESUME, stored_run

    stored = stored_run(_output(args))
    changes = []
    for option, value in given.items():
        was = getattr(stored.recipe if option in RECIPE_OPTIONS else stored, option.field)
        if option.field in FREE_ON_RESUME:
            stored = replace(stored, **{option.field: value})
        elif was != value:
            changes.append(f"{option.flag} {was} -> {value}")
    if changes:
        raise InputError("train_resume_differs", changes="; ".join(changes))
    return stored


def _output(args: argparse.Namespace) -> Path:
    return Path(args.output or OUTPUT.format(recipe=args.recipe)).expanduser()
