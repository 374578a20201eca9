"""What the guard said of a model in an arithmetic on this machine: judging takes seconds, and each start asks.

The probes and what counts as a tie are part of the key, and the bounds are applied when a verdict is read: a version
with others judges anew.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import astuple, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from koe5_demo.encoding.fast.precision import TIE, Precision, Verdict
from koe5_demo.encoding.probes import probes
from koe5_demo.whole_files import whole_file


@dataclass(frozen=True)
class Verdicts:
    """Verdicts in a file.

    Attributes:
        file: Where; None: nothing is remembered. One that cannot be read or written is done without.
        what: Tells, in words, all that the verdict on an arithmetic depends on: model, machine.
    """

    file: Path | None = None
    what: Callable[[Precision], str] = str

    def of(self, precision: Precision) -> Verdict | None:
        """Return what was said of an arithmetic, or None."""
        try:
            move, n_changed = self._read()[self._key(precision)]
            return Verdict(float(move), int(n_changed))
        except (KeyError, TypeError, ValueError):
            return None

    def remember(self, precision: Precision, verdict: Verdict) -> None:
        """Keep a verdict."""
        if self.file is None:
            return
        content = self._read() | {self._key(precision): astuple(verdict)}
        with contextlib.suppress(OSError):  # remembering saves a moment; without it nothing is lost
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(self.file) as out:
                out.write(json.dumps(content, ensure_ascii=False, indent=1).encode())

    def _key(self, precision: Precision) -> str:
        asked = blake2b("\0".join(f"{probe.role.value} {probe.text}" for probe in probes()).encode(), digest_size=8)
        return f"{self.what(precision)} / probes {asked.hexdigest()} / tie {TIE}"

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self.file.read_text("utf-8")) if self.file is not None else {}
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


NOTHING_SAID: Final = Verdicts()
