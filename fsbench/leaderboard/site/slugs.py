"""File names for texts from outside."""

import hashlib
import re

__all__ = ["slug"]

_LONGEST = 60


def slug(text: str) -> str:
    """Returns a file name for a text: lower-case letters, digits, dots, `-` and `_`, never empty, `.` or `..`.

    Texts that are not such a name themselves get a piece of their digest, so that no two share a file, on file systems
    that ignore case either.
    """
    clean = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-.")[:_LONGEST]
    if clean == text != "":
        return clean
    return f"{clean}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}".lstrip("-")
