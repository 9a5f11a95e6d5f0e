"""What an entry may be called: its names become parts of file names, of tables and of spreadsheets."""

import re
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

__all__ = ["is_web_address", "name_problems", "text_problems"]

# No separator of paths or tables, no sign that begins a formula in a spreadsheet, nothing hidden.
_NAME = re.compile(r"\w(?:[\w .,()+=-]*[\w)+])?")


def is_web_address(text: str) -> bool:
    """Tells whether a text is the address of a web page, fit to be linked to."""
    return re.fullmatch(r"https?://[^\s\"'<>\\|]+", text) is not None


def name_problems(names: Mapping[str, str]) -> Iterator[str]:
    """Yields what is wrong with names, given by what they are of."""
    for what, name in names.items():
        if not _NAME.fullmatch(name):
            yield (
                f"the {what} {name!r} cannot be part of a file name, a table and a spreadsheet. Take letters, digits, "
                "and between them blanks and .,()+=-_"
            )


def text_problems(value: Any, path: str = "") -> Iterator[str]:  # Any: JSON
    """Yields the texts in a record, those of its keys among them, that hold what is no visible sign."""
    if isinstance(value, str):
        if not value.isprintable():
            yield f"{path}: {value!r} has a line break or another sign that is not to be seen"
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from text_problems(str(key), path)
            yield from text_problems(each, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from text_problems(each, f"{path}.{number}")
