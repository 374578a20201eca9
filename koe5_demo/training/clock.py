"""Seconds as people read them."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """Return hours:minutes:seconds, rounded."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
