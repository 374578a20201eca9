"""Makes MCP tools answer in JSON: gradio writes a dictionary as Python would print it, which agents cannot parse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from koe5_demo.errors import MissingExtraError
from koe5_demo.exports import to_json


def answer_in_json() -> None:
    """Change how gradio's MCP server writes dictionaries.

    Raises:
        MissingExtraError: If MCP is not installed.
    """
    try:
        from gradio.mcp import GradioMCPServer
    except ImportError as error:
        raise MissingExtraError("missing_extra", package="mcp", requirements="requirements-mcp.txt") from error
    server: Any = GradioMCPServer
    server.postprocess_output_data = _with_json(server.postprocess_output_data)


def _with_json(original: Callable[..., Any]) -> Callable[..., Any]:
    def postprocess(self: Any, data: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
        return original(self, [to_json(item) if isinstance(item, dict) else item for item in data], *args, **kwargs)

    return postprocess
