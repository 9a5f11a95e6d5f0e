"""What the command line says about files that the system refuses, its own standard output among them."""

import errno
import os
import sys
from contextlib import suppress
from traceback import walk_tb
from typing import TextIO

import click

__all__ = ["described", "settle_output", "settle_streams"]

_OUTPUT = "standard output"
_REMEDIES = {
    errno.ENOSPC: "Free some space, then run the same command again.",
    errno.EDQUOT: "Free some of your quota, then run the same command again.",
    errno.EROFS: "Give a folder that can be written.",
    errno.EACCES: "Check who may read and write there.",
    errno.EPERM: "Check who may read and write there.",
    errno.EMFILE: "Allow more open files (ulimit -n), or use fewer --workers.",
    errno.ENFILE: "Close other programs, or use fewer --workers.",
    errno.ENOENT: "Check the path.",
    errno.ENOTDIR: "A part of the path is a file where a folder is needed.",
    errno.EISDIR: "Give a file, not a folder.",
    errno.ENOTEMPTY: "Give another folder, or empty this one.",
    errno.ENAMETOOLONG: "Give a shorter path.",
    errno.EPIPE: "The program that reads it has ended.",
}


def described(error: OSError) -> str:
    """Returns what the system refused, where, and what helps, in one line."""
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    if not names and any(frame.f_code is click.echo.__code__ for frame, _ in walk_tb(error.__traceback__)):
        names = [_OUTPUT]
    what = error.strerror or " ".join(str(error).split()) or type(error).__name__
    notes = [f"({note})" for note in getattr(error, "__notes__", ())]
    message = " ".join([": ".join([*[" -> ".join(names)][: len(names)], what]), *notes])
    return f"{message}. {_REMEDIES.get(error.errno or 0, '')}".strip()


def settle_output() -> None:
    """Writes what standard output still holds. Raises OSError, with its name, if that cannot be."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        error.filename = _OUTPUT
        raise


def settle_streams() -> None:
    """Lets a stream that cannot be written lose what it still holds, so that the interpreter ends as it was told to."""
    for stream in (sys.stdout, sys.stderr):
        if not _can_be_flushed(stream):
            with suppress(OSError, ValueError):  # a stream in memory has no number
                nothing = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nothing, stream.fileno())
                os.close(nothing)
                stream.flush()


def _can_be_flushed(stream: TextIO | None) -> bool:
    if stream is None:
        return True
    try:
        stream.flush()
    except (OSError, ValueError):  # ValueError: it is closed
        return False
    return True
