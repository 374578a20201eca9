"""What the guard said of a model in an arithmetic on this machine: judging takes seconds, and each start asks.

The probes and what counts as a tie are part of the key, and the bounds are applied when a verdict is read: a version
with others judges anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from koe5_demo.encoding.fast.precision import TIE, Precision, Verdict
from koe5_demo.encoding.fast.remembered import Remembered
from koe5_demo.encoding.probes import probes


@dataclass(frozen=True)
class Verdicts:
    """Verdicts in a file.

    Attributes:
        file: Where; see `Remembered`.
        what: Tells, in words, all that the verdict on an arithmetic depends on: model, machine.
    """

    file: Path | None = None
    what: Callable[[Precision], str] = str

    def of(self, precision: Precision) -> Verdict | None:
        """Return what was said of an arithmetic, or None."""
        try:
            move, n_changed = Remembered(self.file).get(self._key(precision))
            return Verdict(float(move), int(n_changed))
        except (TypeError, ValueError):
            return None

    def remember(self, precision: Precision, verdict: Verdict) -> None:
        """Keep a verdict."""
        Remembered(self.file).put(self._key(precision), astuple(verdict))

    def _key(self, precision: Precision) -> str:
        asked = blake2b("\0".join(f"{probe.role.value} {probe.text}" for probe in probes()).encode(), digest_size=8)
        return f"{self.what(precision)} / probes {asked.hexdigest()} / tie {TIE}"


NOTHING_SAID: Final = Verdicts()
