"""What the machine can do at most: the fastest matrix product found, by dtype. Every row's share is of this."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from koe5_demo.encoding.fast.dense import (
    DenseMaker,
    Int8Dense,
    PlainDense,
    PrepackedDense,
    int8_works,
    prepacking_works,
)

SHAPES = ((1024, 4096), (4096, 1024))
ROWS = (512, 2048)
GPU_ROWS = (16_384,)
SECONDS = 0.4
NO_GELU = False
WIDTH, MLP_WIDTH, N_LAYERS = 1024, 4096, 24


def seconds_of(run: Callable[[], object], device: str, now: Callable[[], float], budget_s: float = SECONDS) -> float:
    """Return the shortest time of a call within a budget of time."""

    def wait() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    run()
    wait()
    best, spent = float("inf"), 0.0
    while spent < budget_s:
        start = now()
        run()
        wait()
        took = now() - start
        best, spent = min(best, took), spent + took
    return best


def limit_gflops(device: str, now: Callable[[], float] = time.perf_counter) -> dict[str, float]:
    """Measure the matrix limit in GFLOP/s (int8: billion operations a second), over the shapes of KoE5's layers."""
    dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16}
    limits = {}
    with torch.inference_mode():
        for name, dtype in dtypes.items():
            makes = [PlainDense]
            if device == "cpu" and prepacking_works(dtype):
                makes.append(PrepackedDense)
            limits[name] = max(_rate(make, dtype, device, now) for make in makes)
        if device == "cpu" and int8_works():
            limits["int8"] = _int8_rate(now)
    return {name: round(limit, 1) for name, limit in limits.items()}


def flops_of(lengths: list[int]) -> float:
    """Return the operations that texts of these token counts need in KoE5: dense layers and attention, no padding."""
    dense = 2 * N_LAYERS * (4 * WIDTH * WIDTH + 2 * WIDTH * MLP_WIDTH)
    return float(sum(length * dense + 4 * N_LAYERS * WIDTH * length * length for length in lengths))


def _rate(make: DenseMaker, dtype: torch.dtype, device: str, now: Callable[[], float]) -> float:
    best = 0.0
    for n_in, n_out in SHAPES:
        weight, bias = torch.randn(n_out, n_in, device=device).to(dtype), torch.zeros(n_out, device=device, dtype=dtype)
        layer = make(weight, bias, NO_GELU)
        for rows in ROWS if device == "cpu" else GPU_ROWS:
            x = torch.randn(rows, n_in, device=device).to(dtype)
            best = max(best, 2e-9 * rows * n_in * n_out / seconds_of(lambda layer=layer, x=x: layer(x), device, now))
    return best


def _int8_rate(now: Callable[[], float]) -> float:
    best = 0.0
    for n_in, n_out in SHAPES:
        weight = Int8Dense(torch.randn(n_out, n_in), torch.zeros(n_out), gelu=False)
        for rows in ROWS:
            x = torch.randint(0, 256, (rows, n_in), dtype=torch.uint8)
            best = max(best, 2e-9 * rows * n_in * n_out / seconds_of(lambda w=weight, x=x: w.product(x), "cpu", now))
    return best
