"""How many inputs a property test tries, in percent of its own number: `pytest --hypothesis-profile=check`, or `long`."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("check", max_examples=5)
settings.register_profile("long", max_examples=5_000)


def examples(n: int) -> int:
    """Return how many of a property test's inputs the profile in use wants tried, at least 3."""
    return max(3, n * settings.default.max_examples // 100)
