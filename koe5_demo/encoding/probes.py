"""The built-in probe texts: what engines, arithmetics and servers are compared on. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from koe5_demo.records import Role

PROBES_FILE: Final = Path(__file__).with_name("probes_ko.txt")


@dataclass(frozen=True)
class Probe:
    """A built-in text."""

    text: str
    role: Role


@lru_cache
def probes() -> tuple[Probe, ...]:
    """Return the probe texts, 4 queries and 12 passages from 5 to some 300 tokens."""
    roles = {"Q": Role.QUERY, "P": Role.PASSAGE}
    lines = (line.split("\t", 1) for line in PROBES_FILE.read_text("utf-8").splitlines())
    return tuple(Probe(text, roles[kind]) for kind, text in lines)
