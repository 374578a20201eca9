"""How fast the recipe trains, and what makes it faster: steps of the real loss at the real size on random weights.

    python bench/train.py --data triplets.parquet --format json          # 200 steps at full size, on a GPU
    python bench/train.py --size tiny --steps 3 --device cpu             # does it run?

A step is what the trainer does: the cached loss forward and backward in bf16 under autocast, clipping, AdamW.
Tokenizing is left out: worker processes do it ahead. The weights are random, of the base's architecture: speed does not
depend on them. Texts become token ids by their characters (no tokenizer is needed), so lengths follow the text given
with --data; without it, lengths are drawn around the plan's assumption. Every variant's loss and gradients are
compared, dropout off, with those of the reference: the library's loss in fp32 on the same batch.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from transformers import XLMRobertaConfig, XLMRobertaModel  # noqa: E402

from koe5_demo.training.device import GIB, Architecture, find_device, fit_mini_batch  # noqa: E402
from koe5_demo.training.plan import ASSUMED_TOKENS, guess_tokens  # noqa: E402
from koe5_demo.training.recipe import KOE5_RECIPE  # noqa: E402
from koe5_demo.training.trainer import LengthSortedLoss  # noqa: E402
from koe5_demo.training.triplets import load_triplets  # noqa: E402

SIZES = {"full": Architecture(), "tiny": Architecture(2, 64, 256, 1_000, 514)}
LOSS_TOLERANCE = {"float32": 1e-5, "bfloat16": 1e-2}
"""Largest relative difference of the loss. bf16 has 8 bits: 0.4% a rounding, averaged over the batch."""
COSINE_TOLERANCE = {"float32": 1 - 1e-6, "bfloat16": 0.99}
"""Smallest cosine of the gradient, all weights as one vector, with the reference's."""
TOKEN_BUDGET_DIVISOR = 4
"""A token budget is a mini-batch at full length, divided by this: many short texts or few long ones at once."""


@dataclass(frozen=True)
class Variant:
    """One way to carry out the same step."""

    name: str
    attention: str = "sdpa"
    sort: bool = True
    mini_batch_factor: float = 1.0
    token_budget: bool = False
    compiled: bool = False
    pad_to_limit: bool = False


VARIANTS = (
    Variant("library: rows as they come", sort=False),
    Variant("sorted by length"),
    Variant("sorted, mini-batch / 2", mini_batch_factor=0.5),
    Variant("sorted, mini-batch x 2", mini_batch_factor=2.0),
    Variant("sorted, token budget", token_budget=True),
    Variant("sorted, torch.compile", compiled=True),
    Variant("sorted, eager attention", attention="eager"),
    Variant("rows as they come, padded to the limit", sort=False, pad_to_limit=True),
)


@dataclass(frozen=True)
class Bench:
    """What all variants share."""

    args: argparse.Namespace
    shape: Architecture
    kind: str
    dtype: torch.dtype
    rate: float
    reference: tuple[float, Tensor]


@dataclass(frozen=True)
class Result:
    """What a variant measured."""

    variant: str
    mini_batch_size: int
    steps: int
    seconds_per_step: float
    triplets_per_second: float
    peak_memory_gb: float
    text_share: float
    model_tflops: float
    share_of_matrix_rate: float
    hours_for_recipe: float
    loss_difference: float
    gradient_cosine: float
    agrees: bool


class Backbone(nn.Module):
    """The transformer under autocast, as accelerate wraps it, and the mean of its vectors."""

    def __init__(self, network: nn.Module, device_type: str, dtype: torch.dtype) -> None:
        super().__init__()
        self.network = network
        self.device_type = device_type
        self.dtype = dtype
        self.computed_tokens = 0

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Embed a mini-batch."""
        ids, mask = features["input_ids"], features["attention_mask"]
        self.computed_tokens += ids.numel()
        with torch.autocast(self.device_type, dtype=torch.bfloat16, enabled=self.dtype is torch.bfloat16):
            states = self.network(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).float()
        return {"sentence_embedding": (states.float() * weights).sum(1) / weights.sum(1)}


def build_network(shape: Architecture, attention: str, device: str, seed: int) -> XLMRobertaModel:
    """Build random weights of a shape, the same for the same seed."""
    config = XLMRobertaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.hidden // 64,
        intermediate_size=shape.intermediate,
        max_position_embeddings=shape.positions,
        type_vocab_size=1,
        attn_implementation=attention,
    )
    torch.manual_seed(seed)
    with torch.device(device):
        return XLMRobertaModel(config, add_pooling_layer=False)


def batches(args: argparse.Namespace, shape: Architecture, n: int) -> Iterator[list[dict[str, Tensor]]]:
    """Yield batches of three columns of token ids and masks."""
    drawn = random.Random(args.seed)
    rows = _text_rows(args) if args.data else None
    for _ in range(n):
        columns = []
        for place, mean in enumerate(ASSUMED_TOKENS):
            if rows is None:
                lengths = [
                    min(512, max(6, round(drawn.lognormvariate(0, 0.6) * mean * 0.83))) for _ in range(args.batch_size)
                ]
            else:
                lengths = guess_tokens((drawn.choice(rows)[place] for _ in range(args.batch_size)), 512)
            columns.append(_column(lengths, shape, drawn))
        yield columns


def _text_rows(args: argparse.Namespace) -> list[tuple[str, str, str]]:
    table = load_triplets(args.data).table.slice(0, 50_000)
    names = [*table.column_names, table.column_names[1]][:3]
    columns = [table[name].to_pylist() for name in names]
    if table.num_columns == 2:
        # Pairs: the next row's passage stands for a hard negative, for its length.
        columns[2] = columns[1][1:] + columns[1][:1]
    rows = list(zip(*columns, strict=True))
    random.Random(args.seed).shuffle(rows)
    return rows


def _column(lengths: list[int], shape: Architecture, drawn: random.Random) -> dict[str, Tensor]:
    width = max(lengths)
    generator = torch.Generator().manual_seed(drawn.getrandbits(32))
    ids = torch.randint(5, shape.vocabulary, (len(lengths), width), generator=generator)
    mask = (torch.arange(width) < torch.tensor(lengths).unsqueeze(1)).long()
    return {"input_ids": torch.where(mask.bool(), ids, 1), "attention_mask": mask}


def build_loss(variant: Variant, backbone: Backbone, mini_batch: int) -> CachedMultipleNegativesRankingLoss:
    """Build a variant's loss; the library reads modules by index, hence the Sequential."""
    kind = LengthSortedLoss if variant.sort else CachedMultipleNegativesRankingLoss
    budget = max(512, mini_batch * 512 // TOKEN_BUDGET_DIVISOR) if variant.token_budget else None
    return kind(nn.Sequential(backbone), mini_batch_size=mini_batch, mini_batch_num_tokens=budget)


def on_device(batch: list[dict[str, Tensor]], kind: str) -> list[dict[str, Tensor]]:
    """Move a batch."""
    return [{name: value.to(kind, non_blocking=True) for name, value in column.items()} for column in batch]


class PaddedBackbone(Backbone):
    """A backbone that always computes the whole width: what training cost before the loss trimmed padding."""

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Embed a mini-batch at the limit's width."""
        room = 512 - features["input_ids"].shape[1]
        padded = {
            "input_ids": nn.functional.pad(features["input_ids"], (0, room), value=1),
            "attention_mask": nn.functional.pad(features["attention_mask"], (0, room), value=0),
        }
        return super().forward(padded)


def backbone_of(variant: Variant, network: nn.Module, kind: str, dtype: torch.dtype) -> Backbone:
    """Wrap a network for a variant."""
    made = torch.compile(network, dynamic=True) if variant.compiled else network
    return (PaddedBackbone if variant.pad_to_limit else Backbone)(made, kind, dtype)


def value_and_gradient(loss: nn.Module, network: nn.Module, batch: list[dict[str, Tensor]]) -> tuple[float, Tensor]:
    """Return a batch's loss and its gradient as one vector, dropout off."""
    network.eval()
    network.zero_grad(set_to_none=True)
    value = loss(batch, None)
    value.backward()
    found = [weight.grad.flatten().float() for weight in network.parameters() if weight.grad is not None]
    gradient = torch.cat(found).cpu()
    network.zero_grad(set_to_none=True)
    network.train()
    return float(value.detach()), gradient


def matrix_rate(kind: str, dtype: torch.dtype) -> float:
    """Measure the rate of square matrix products in 10^12 operations a second: best of five."""
    size = 8_192 if kind == "cuda" else 1_024
    left, right = (torch.randn(size, size, device=kind, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(6):
        start = _now(kind)
        for _ in range(10):
            left @ right
        best = min(best, (_now(kind) - start) / 10)
    return 2 * size**3 / best / 1e12


def measure(variant: Variant, bench: Bench, mini_batch: int, steps: int) -> Result:
    """Run a variant's steps, then compare its loss with the reference's."""
    args, shape, kind, dtype = bench.args, bench.shape, bench.kind, bench.dtype
    network = build_network(shape, variant.attention, kind, args.seed)
    backbone = backbone_of(variant, network, kind, dtype)
    loss = build_loss(variant, backbone, mini_batch)
    check = next(batches(args, shape, 1))
    value, gradient = value_and_gradient(loss, network, on_device(check, kind))
    optimizer = torch.optim.AdamW(network.parameters(), lr=KOE5_RECIPE.learning_rate, fused=kind == "cuda")
    network.train()
    if kind == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds, text, warm = 0.0, 0, min(args.warmup, steps)
    for number, batch in enumerate(batches(args, shape, warm + steps)):
        moved = on_device(batch, kind)
        if number == warm:
            backbone.computed_tokens = 0
        start = _now(kind)
        loss(moved, None).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), KOE5_RECIPE.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        if number >= warm:
            seconds += _now(kind) - start
            text += sum(int(column["attention_mask"].sum()) for column in batch)
    # Each text passes twice (once without gradients), and going back costs two passes more.
    computed = backbone.computed_tokens / 2
    flop = 4 * shape.forward_flop(computed, computed / (steps * args.batch_size * 3))
    difference = abs(value - bench.reference[0]) / abs(bench.reference[0])
    cosine = float(torch.nn.functional.cosine_similarity(gradient.double(), bench.reference[1].double(), dim=0))
    name = str(dtype).removeprefix("torch.")
    return Result(
        variant=variant.name,
        mini_batch_size=mini_batch,
        steps=steps,
        seconds_per_step=seconds / steps,
        triplets_per_second=steps * args.batch_size / seconds,
        peak_memory_gb=_peak_memory(kind),
        text_share=text / computed,
        model_tflops=flop / seconds / 1e12,
        share_of_matrix_rate=flop / seconds / 1e12 / bench.rate,
        hours_for_recipe=KOE5_RECIPE.n_triplets / (steps * args.batch_size / seconds) / 3600,
        loss_difference=difference,
        gradient_cosine=cosine,
        agrees=difference <= LOSS_TOLERANCE[name] and cosine >= COSINE_TOLERANCE[name],
    )


def run(args: argparse.Namespace, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure the reference and the variants."""
    device = find_device(args.device)
    kind, shape = device.kind, SIZES[args.size]
    dtype = torch.bfloat16 if device.bf16 else torch.float32
    rate = matrix_rate(kind, dtype)
    tell(f"{device.name}: {rate:,.2f} TFLOP/s in {dtype} matrix products")
    fitting = args.mini_batch_size or fit_mini_batch(shape, device, args.batch_size, 512)
    bench = Bench(args, shape, kind, dtype, rate, _reference(args, shape, kind, fitting))
    results, failures = [], {}
    for variant in VARIANTS:
        if args.only and not any(word in variant.name for word in args.only):
            continue
        if variant.compiled and kind != "cuda":
            # On a CPU compiling takes minutes and says nothing about a GPU.
            continue
        # Most steps go to what the recipe does by default; the others are only compared with it.
        steps = args.steps if variant == VARIANTS[1] else min(args.steps, args.variant_steps)
        mini_batch = min(args.batch_size, max(1, int(fitting * variant.mini_batch_factor)))
        try:
            results.append(measure(variant, bench, mini_batch, steps))
        except (torch.OutOfMemoryError, RuntimeError, ImportError) as error:
            failures[variant.name] = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            tell(f"{variant.name}: {failures[variant.name]}")
            continue
        finally:
            if kind == "cuda":
                torch.cuda.empty_cache()
        tell(line(results[-1]))
    return {
        "device": device.name,
        "size": args.size,
        "parameters": shape.parameters,
        "batch_size": args.batch_size,
        "dtype": str(dtype).removeprefix("torch."),
        "matrix_tflops": rate,
        "data": args.data or "lengths drawn, log-normal",
        "seed": args.seed,
        "torch": torch.__version__,
        "loss_tolerance": LOSS_TOLERANCE,
        "gradient_cosine_at_least": COSINE_TOLERANCE,
        "results": [asdict(result) for result in results],
        "failures": failures,
    }


def _reference(args: argparse.Namespace, shape: Architecture, kind: str, mini_batch: int) -> tuple[float, Tensor]:
    network = build_network(shape, "sdpa", kind, args.seed)
    loss = build_loss(VARIANTS[0], Backbone(network, kind, torch.float32), mini_batch)
    return value_and_gradient(loss, network, on_device(next(batches(args, shape, 1)), kind))


def line(result: Result) -> str:
    """Return a result for people."""
    return (
        f"{result.variant:40} mini-batch {result.mini_batch_size:4} {result.triplets_per_second:10,.1f} triplets/s "
        f"{result.peak_memory_gb:7.1f} GB {result.share_of_matrix_rate:6.1%} of the matrix rate, text "
        f"{result.text_share:4.0%} {result.hours_for_recipe:8.2f} h for {KOE5_RECIPE.n_triplets:,}; loss off by "
        f"{result.loss_difference:.1e}, gradient cosine {result.gradient_cosine:.6f} "
        f"{'agrees' if result.agrees else 'DIFFERS'}"
    )


def _now(kind: str) -> float:
    if kind == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def _peak_memory(kind: str) -> float:
    if kind == "cuda":
        return torch.cuda.max_memory_allocated() / GIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB


def main() -> int:
    """Parse the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=tuple(SIZES), default="full")
    parser.add_argument("--steps", type=int, default=200, help="steps of the default; warm-up comes before them")
    parser.add_argument("--variant-steps", type=int, default=10, help="steps of each other variant")
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--batch-size", type=int, help="512, or 16 at the tiny size")
    parser.add_argument("--mini-batch-size", type=int, help="what fits the device")
    parser.add_argument("--data", help="training data whose texts set the lengths")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--only", nargs="*", help="variants whose names hold one of these words")
    parser.add_argument("--seed", type=int, default=KOE5_RECIPE.seed)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    args = parser.parse_args()
    args.batch_size = args.batch_size or (KOE5_RECIPE.batch_size if args.size == "full" else 16)
    report = run(args, lambda text: print(text, file=sys.stderr, flush=True))
    if args.format == "json":
        print(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        print("\n".join(line(Result(**result)) for result in report["results"]))
    return 0 if all(result["agrees"] for result in report["results"]) else 1


if __name__ == "__main__":
    sys.exit(main())
