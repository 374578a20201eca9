"""Fixtures of the browser tests; see `browser`."""

from browser import app, browser_context_args, browser_type_launch_args, fill, opened

__all__ = ["app", "browser_context_args", "browser_type_launch_args", "fill", "opened"]
