"""What was found out on this machine, kept for the next start: each finding under the words for all it depends on.

Remembering saves moments, and nothing is lost without it: a file that cannot be read or written is done without.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koe5_demo.whole_files import whole_file


@dataclass(frozen=True)
class Remembered:
    """A file of findings.

    Attributes:
        file: Where; None: nothing is remembered.
    """

    file: Path | None = None

    def get(self, key: str) -> Any:
        """Return what is kept under a key, None where there is nothing; any JSON, as the file may have been edited."""
        return self._read().get(key)

    def put(self, key: str, finding: object) -> None:
        """Keep a finding in place of what was there."""
        if self.file is None:
            return
        content = self._read() | {key: finding}
        with contextlib.suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(self.file) as out:
                out.write(json.dumps(content, ensure_ascii=False, indent=1).encode())

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self.file.read_text("utf-8")) if self.file is not None else {}
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}
