"""Makes a visitor's session cost what the visitor keeps in it.

For its deep links, which this page does not use, gradio writes out the whole page anew for each session: a third of a
megabyte, kept for the last 10,000 sessions, and every call of an endpoint is a session.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final, cast

from gradio import state_holder
from gradio.blocks import Blocks, BlocksConfig
from gradio.state_holder import SessionState

SESSIONS_KEPT: Final = 2_000
"""The longest unused are forgotten first: their page then asks for a new ranking."""


class LightSession(SessionState):
    """A session that writes out a component when that one is asked for."""

    def __init__(self, blocks: Blocks) -> None:
        nothing_yet = SimpleNamespace(default_config=blocks.default_config, blocks={})
        super().__init__(cast("Blocks", nothing_yet))
        self.config_values = _OnDemand(self.blocks_config)


class _OnDemand(dict[int, Any]):
    """Components as they are sent to a page, by id."""

    def __init__(self, config: BlocksConfig) -> None:
        super().__init__()
        self._config = config

    def __missing__(self, key: int) -> Any:
        self[key] = self._config.config_for_block(key, [], self._config.blocks[key])
        return self[key]


def keep_sessions_light() -> None:
    """Let gradio make such sessions from now on."""
    state_holder.SessionState = LightSession  # type: ignore[misc]
