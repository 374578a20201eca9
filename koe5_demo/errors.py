"""Errors that may be shown to a visitor, in the visitor's language. Everything else is a bug."""

from __future__ import annotations

from koe5_demo.words import Language, message


class DemoError(Exception):
    """Something a person can understand and mend.

    Args:
        key: Name of the text in `koe5_demo.words`.
        values: What the text needs filled in.
    """

    def __init__(self, key: str, **values: object) -> None:
        self.key = key
        self.values = values
        super().__init__(self.text(Language.EN))

    def text(self, language: Language) -> str:
        """Return the message in `language`."""
        return message(self.key, language, **self.values)


class InputError(DemoError):
    """Texts, numbers or options that cannot be used."""


class UnknownModelError(DemoError):
    """A model name that is neither in the catalog nor a hub id nor a folder, or one that is not allowed."""


class ModelLoadError(DemoError):
    """A model that exists but cannot be had or opened."""


class HubError(ModelLoadError):
    """The model hub cannot be reached, does not have the model, or broke off."""


class DataError(DemoError):
    """A data set or file that cannot be had or is broken."""


class TableError(InputError, DataError):
    """A file that cannot be read as a table: what a visitor uploads is input, what a benchmark reads is data."""


class MissingExtraError(DemoError):
    """An optional package is not installed; the message prints its pip line."""


class EndpointError(DemoError):
    """A remote embedding server answered wrongly or not at all."""


class SettingError(DemoError):
    """An environment variable or option with a value that cannot be used."""
