"""The errors that fsbench raises for its users.

Every message says what is wrong, where, and what to do about it. The library raises; only the command line turns an
error into an exit code.
"""

import difflib
from collections.abc import Iterable

__all__ = ["DataError", "FsbenchError", "ManifestError", "PluginError", "RunError", "SubmissionError", "suggestion"]


class FsbenchError(Exception):
    """Base of all errors that a user can mend.

    Attributes:
        exit_code: What the command line exits with (DESIGN.md, section 4, CLI).
    """

    exit_code = 1


class DataError(FsbenchError):
    """A dataset on disk is missing, incomplete or unreadable."""

    exit_code = 3


class ManifestError(FsbenchError):
    """A split manifest is missing, damaged, or does not fit the data."""

    exit_code = 3


class SubmissionError(FsbenchError):
    """Predictions handed in from outside are not what the episodes ask for."""

    exit_code = 4


class PluginError(FsbenchError):
    """A method is unknown, registered twice, called with wrong options, or breaks the contract."""

    exit_code = 2


class RunError(FsbenchError):
    """A run folder is in use, or belongs to another run."""

    exit_code = 2


def suggestion(name: str, known: Iterable[str]) -> str:
    """Returns the end of an "unknown name" message: the near names, or else all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return "Did you mean " + " or ".join(repr(n) for n in near) + "?"
    return "Known: " + (", ".join(names) or "none") + "."
