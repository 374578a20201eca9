"""What the machine can do at most: the fastest matrix product found, by dtype. Every row's share is of this."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from koe5_demo.encoding.fast.dense import (
    LAYOUTS,
    DenseMaker,
    Int8Dense,
    int8_works,
    prepacking_works,
)

ROWS = (512, 2048)
GPU_ROWS = (16_384,)
SECONDS = 0.4
MOST_RUNS = 200
NO_GELU = False


@dataclass(frozen=True)
class Network:
    """The sizes of a network that its matrix products follow from."""

    n_layers: int
    width: int
    mlp_width: int

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Return the inputs and outputs of its two largest layers."""
        return (self.width, self.mlp_width), (self.mlp_width, self.width)


KOE5 = Network(24, 1024, 4096)


def network_of(folder: Path) -> Network:
    """Read the sizes of a model's folder."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    return Network(config["num_hidden_layers"], config["hidden_size"], config["intermediate_size"])


def seconds_of(run: Callable[[], object], device: str, now: Callable[[], float], budget_s: float = SECONDS) -> float:
    """Return the shortest time of a call within a budget of time, and of at most `MOST_RUNS`."""

    def wait() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    run()
    wait()
    best, spent = float("inf"), 0.0
    for _ in range(MOST_RUNS):
        if spent >= budget_s:
            break
        start = now()
        run()
        wait()
        took = now() - start
        best, spent = min(best, took), spent + took
    return best


def limit_gflops(
    device: str, now: Callable[[], float] = time.perf_counter, network: Network = KOE5
) -> dict[str, float]:
    """Measure the matrix limit in GFLOP/s (int8: 10^9 operations a second), over the shapes of a network's layers."""
    dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16}
    limits = {}
    with torch.inference_mode():
        for name, dtype in dtypes.items():
            packs = device == "cpu" and prepacking_works(dtype)
            makes = [make for layout, make in LAYOUTS.items() if packs or "prepacked" not in layout]
            limits[name] = max(_rate(make, dtype, device, now, network) for make in makes)
        if device == "cpu" and int8_works():
            limits["int8"] = _int8_rate(now, network)
    return {name: round(limit, 1) for name, limit in limits.items()}


def flops_of(lengths: Sequence[int], network: Network = KOE5) -> float:
    """Return the operations in matrix products that texts of these token counts need: dense layers and attention.

    Word vectors are looked up, and what is added up or normalised is no product: none of that counts.
    """
    width, mlp_width, n_layers = network.width, network.mlp_width, network.n_layers
    dense = 2 * n_layers * (4 * width * width + 2 * width * mlp_width)
    return float(sum(length * dense + 4 * n_layers * width * length * length for length in lengths))


def _rate(make: DenseMaker, dtype: torch.dtype, device: str, now: Callable[[], float], network: Network) -> float:
    best = 0.0
    for n_in, n_out in network.shapes:
        weight, bias = torch.randn(n_out, n_in, device=device).to(dtype), torch.zeros(n_out, device=device, dtype=dtype)
        layer = make(weight, bias, NO_GELU)
        for rows in ROWS if device == "cpu" else GPU_ROWS:
            x = torch.randn(rows, n_in, device=device).to(dtype)
            best = max(best, 2e-9 * rows * n_in * n_out / seconds_of(lambda layer=layer, x=x: layer(x), device, now))
    return best


def _int8_rate(now: Callable[[], float], network: Network) -> float:
    best = 0.0
    for n_in, n_out in network.shapes:
        weight = Int8Dense(torch.randn(n_out, n_in), torch.zeros(n_out), gelu=False)
        for rows in ROWS:
            x = torch.randint(0, 256, (rows, n_in), dtype=torch.uint8)
            best = max(best, 2e-9 * rows * n_in * n_out / seconds_of(lambda w=weight, x=x: w.product(x), "cpu", now))
    return best
