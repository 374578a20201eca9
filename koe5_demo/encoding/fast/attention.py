"""Self-attention in a packed sequence: each text sees only itself, and no padding is computed.

Four ways to the same numbers; `choose_attention` takes the one that measured best for a device and dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import local
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from koe5_demo.encoding import zero_gpu
from koe5_demo.encoding.token_batches import Run

SCORES_PER_RUN: Final = 1 << 18
"""Scores of one head that a run may hold: 512 x 512, so that all heads' scores of a run fit the cache."""
FEW_TOKENS: Final = 64
"""Of a run, below which one call takes less time than several, whatever is computed."""
FLASH_HEAD_WIDTHS: Final = 256
MOST_ERROR_FP32, MOST_ERROR_16_BITS = 1e-4, 0.02


@dataclass(frozen=True)
class Segments:
    """Where the texts of a packed sequence lie.

    Attributes:
        runs: Neighbours of equal length; together they cover all texts. On a CPU rows of no text may follow.
        bounds: (n_texts + 1,) int32 on the network's device, first token of each text and the end.
        longest: Tokens of the longest text.
    """

    runs: tuple[Run, ...]
    bounds: Tensor
    longest: int


Attention = Callable[[Tensor, Segments, int], Tensor]
"""From (T, 3 * D) queries, keys and values side by side, the segments, and the number of heads, to (T, D)."""


def attend_runs(qkv: Tensor, segments: Segments, n_heads: int) -> Tensor:
    """Call torch's fused attention once for each run. Works on every device."""
    out = _room(qkv, segments)
    for run in segments.runs:
        query, key, value = _heads(qkv, run, n_heads).unbind(0)  # (n_texts, n_heads, length, width of a head)
        # Into place at once: joined at the end, they would have left the cache, and one thread would copy them.
        _into(out, run, functional.scaled_dot_product_attention(query, key, value), n_heads)
    return out


class AttendProducts:
    """Attention written out as two batched products and a softmax, on the CPU.

    torch's fused kernel leaves the matrix instructions half idle; oneDNN's batched product does not. In a 16-bit dtype
    scores are rounded to it. They lie in memory that is kept for each thread: fresh memory comes page by page, and for
    512 tokens that took longer than the arithmetic. Runs of few tokens go to the fused kernel, which is one call,
    and so do texts of more than 512 tokens, whose scores would want much memory.
    """

    def __init__(self) -> None:
        self._kept = local()

    def __call__(self, qkv: Tensor, segments: Segments, n_heads: int) -> Tensor:
        """Map `(T, 3 * D)` to `(T, D)`; see `Attention`."""
        out = _room(qkv, segments)
        scale = float((out.shape[1] // n_heads) ** -0.5)
        for run in segments.runs:
            if run.stop - run.start < FEW_TOKENS or run.length**2 > SCORES_PER_RUN:
                query, key, value = _heads(qkv, run, n_heads).unbind(0)
                mixed = functional.scaled_dot_product_attention(query, key, value)
            else:
                heads = _heads(qkv, run, n_heads).contiguous()  # (3, n_texts, n_heads, length, width of a head)
                query, key, value = heads.flatten(1, 2).unbind(0)
                scores = self._scores(qkv.dtype, len(query), run.length)
                torch.baddbmm(scores, query, key.transpose(1, 2), beta=0, alpha=scale, out=scores)
                torch.softmax(scores, dim=-1, out=scores)
                mixed = torch.bmm(scores, value, out=query).view_as(heads[0])
            _into(out, run, mixed, n_heads)
        return out

    def _scores(self, dtype: torch.dtype, n: int, length: int) -> Tensor:
        """Return memory for `(n, length, length)` scores; what lies in it is of earlier runs."""
        kept: Tensor | None = getattr(self._kept, "scores", None)
        n_scores = n * length * length
        if kept is None or kept.dtype != dtype or len(kept) < n_scores:
            kept = self._kept.scores = torch.empty(n_scores, dtype=dtype)
        return kept[:n_scores].view(n, length, length)


def attend_varlen(qkv: Tensor, segments: Segments, n_heads: int) -> Tensor:
    """Give the whole sequence to the GPU's flash attention, with the bounds of the texts."""
    from torch.nn.attention.varlen import varlen_attn

    query, key, value = qkv.view(len(qkv), 3, n_heads, -1).unbind(1)  # (T, n_heads, width of a head)
    bounds, longest = segments.bounds, segments.longest
    mixed = varlen_attn(query, key, value, bounds, bounds, longest, longest)
    if not isinstance(mixed, Tensor):
        raise TypeError("varlen_attn gave more than was asked for")
    return mixed.reshape(len(qkv), -1)


def attend_nested(qkv: Tensor, segments: Segments, n_heads: int) -> Tensor:
    """Give the whole sequence to torch's fused attention as nested tensors: one kernel, in float32 too.

    For torch before 2.10, which has no `varlen_attn`, and for float32, which flash attention does not compute.
    """
    offsets = segments.bounds.long()

    def nested(part: Tensor) -> Tensor:
        # Both lengths are given, or torch would wait for the GPU to find them; the shorter is only a bound here.
        rows = torch.nested.nested_tensor_from_jagged(part, offsets, min_seqlen=1, max_seqlen=segments.longest)
        return rows.transpose(1, 2)  # (n_texts, n_heads, *, width of a head)

    parts = qkv.view(len(qkv), 3, n_heads, -1).permute(1, 0, 2, 3).contiguous()
    query, key, value = (nested(part) for part in parts)
    mixed = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2)
    rows: Tensor = mixed.values()
    return rows.reshape(len(qkv), -1)


ON_CPU: Final[dict[str, Callable[[], Attention]]] = {"runs": lambda: attend_runs, "products": AttendProducts}
"""Makers of ways of which the fastest differs by processor and dtype; `speeds` remembers it by these names."""


def choose_attention(device: torch.device, dtype: torch.dtype, head_width: int, measured: str = "") -> Attention:
    """Return the fastest way for a device and a dtype that works there.

    Args:
        device, dtype: Where, and of queries, keys and values.
        head_width: Of a head.
        measured: What was the fastest of `ON_CPU`; empty where nothing was measured.
    """
    if device.type == "cpu":
        return ON_CPU[measured or ("products" if dtype == torch.bfloat16 else "runs")]()
    if (
        device.type != "cuda" or zero_gpu.ACTIVE
    ):  # ZeroGPU has no GPU yet when the model is loaded: nothing can be tried
        return attend_runs
    flash = dtype in (torch.bfloat16, torch.float16) and head_width <= FLASH_HEAD_WIDTHS and head_width % 8 == 0
    fused = (attend_varlen, attend_nested) if flash else (attend_nested,)
    return next((attend for attend in fused if agrees_with_runs(attend, device, dtype, head_width)), attend_runs)


def agrees_with_runs(attend: Attention, device: torch.device, dtype: torch.dtype, head_width: int) -> bool:
    """Try a way of attention once: these operators are new, and their kernels are not in every build of torch."""
    bounds = torch.tensor([0, 2, 5], dtype=torch.int32, device=device)
    segments = Segments((Run(0, 1, 2), Run(2, 1, 3)), bounds, 3)
    qkv = torch.linspace(-1, 1, 5 * 3 * head_width, device=device, dtype=dtype).view(5, -1)
    try:
        with torch.inference_mode():
            got, expected = attend(qkv, segments, 1), attend_runs(qkv, segments, 1)
        error = MOST_ERROR_FP32 if dtype == torch.float32 else MOST_ERROR_16_BITS
        return torch.allclose(got.float(), expected.float(), atol=error)
    except (RuntimeError, ImportError, NotImplementedError, TypeError, AttributeError):
        return False


def _room(qkv: Tensor, segments: Segments) -> Tensor:
    """Return memory for `(T, D)`; rows that belong to no text are zero."""
    out = qkv.new_empty(len(qkv), qkv.shape[1] // 3)
    out[segments.runs[-1].stop :] = 0
    return out


def _heads(qkv: Tensor, run: Run, n_heads: int) -> Tensor:
    """Return a view `(3, n_texts, n_heads, length, width of a head)` of a run."""
    part = qkv[run.start : run.stop].view(run.n_texts, run.length, 3, n_heads, -1)
    return part.permute(2, 0, 3, 1, 4)


def _into(out: Tensor, run: Run, mixed: Tensor, n_heads: int) -> None:
    """Write `(n_texts, n_heads, length, width of a head)` to the rows of a run."""
    out[run.start : run.stop].view(run.n_texts, run.length, n_heads, -1).copy_(mixed.transpose(1, 2))
