"""The page: gradio and markup. What is shown is computed in the rooms below.

Whoever imports gradio through this package gets it a third sooner: while its components are defined, gradio parses the
source of each and renders a stub of it for editors (`gradio.component_meta.create_or_modify_pyi`, at every start, also
where the stubs are there). It must be left out before gradio is imported, so this stands here and not in
`gradio_seams`. Needless when gradio imports quickly by itself (https://github.com/gradio-app/gradio/issues/7791).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Final

STUBS: Final = "gradio.component_meta"


class _WithoutStubs(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        vars(module)["create_or_modify_pyi"] = _write_nothing


class _StubFinder:
    """Finds the module that writes stubs, and leaves every other to those who find them always."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == STUBS else None
        if spec is not None and spec.origin is not None:
            spec.loader = _WithoutStubs(name, spec.origin)
        return spec


def _write_nothing(*_of_component: object) -> None:
    """Stand in for the writer of stubs."""


if STUBS not in sys.modules:
    sys.meta_path.insert(0, _StubFinder)
