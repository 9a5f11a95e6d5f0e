"""What the paths of a folder or zip say: which files are masks, and of what."""

import re
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from sys import intern

from fsbench.submissions.forms.contract import Found
from fsbench.submissions.forms.contract import MaskKey
from fsbench.submissions.problems import Kind
from fsbench.submissions.problems import printable

__all__ = ["DEEPEST", "is_hidden", "is_mask", "take_files"]

DEEPEST = 6  # folders, in the deepest form
_ARCHIVES = (".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz", ".zip", ".zst")
_DRAW = re.compile(r"draw-(0|[1-9][0-9]{0,5})")


def take_files(found: Found, files: Mapping[str, object]) -> None:
    """Takes the masks among files, by their paths with '/', in this order; hidden ones are left out silently."""
    split = {name: [part for part in name.split("/") if part not in ("", ".")] for name in files}
    split = {name: parts for name, parts in split.items() if parts and not any(map(is_hidden, parts))}
    masks = {name: parts for name, parts in split.items() if is_mask(name)}
    for name in (name for name in split if name not in masks):
        kind: Kind = "nested-archive" if name.lower().endswith(_ARCHIVES) else "stray"
        found.problem(kind, name, "is an archive in it" if kind == "nested-archive" else "is no PNG")
    if (outer := _wrapper(split.values(), masks.values())) is not None:
        found.notes.append(f"All masks lie below {printable(outer)!r}; it was taken as the top.")
        masks = {name: parts[1:] for name, parts in masks.items()}
    marked = any(_is_mark(parts[0]) for parts in masks.values() if len(parts) > 1)
    for name, parts in masks.items():
        key = _key(parts, marked)
        if isinstance(key, str):
            found.problem("nesting", name, key)
        else:
            found.mask(key, files[name], name)


def is_hidden(part: str) -> bool:
    """Tells whether a file or folder is one that systems leave behind."""
    return part.startswith(".") or part in ("__MACOSX", "Thumbs.db", "desktop.ini")


def is_mask(name: str) -> bool:
    """Tells whether a path is that of a PNG."""
    return name.lower().endswith(".png")


def _is_mark(part: str) -> bool:
    return part == "Annotations" or _DRAW.fullmatch(part) is not None


def _wrapper(every: Collection[Sequence[str]], masks: Collection[Sequence[str]]) -> str | None:
    """Returns the one folder that everything lies in, if it can be no video, draw or 'Annotations'."""
    tops = {parts[0] for parts in every}
    if len(tops) != 1 or not masks or _is_mark(*tops):
        return None
    is_outer = all(len(parts) > 2 and (_is_mark(parts[1]) or len(parts) > 3) for parts in masks)
    return tops.pop() if is_outer else None


def _key(parts: Sequence[str], marked: bool) -> MaskKey | str:
    """Returns the key of the file at a path, or what is wrong with the path.

    Args:
        parts: The path.
        marked: Whether there is an 'Annotations' or 'draw-<d>' at the top, so that all masks lie in such.
    """
    if marked and not _is_mark(parts[0]):
        return "lies beside 'Annotations' or 'draw-<d>', not in it"
    rest, draw = list(parts), None
    if match := _DRAW.fullmatch(rest[0]):
        draw = int(match[1])
        rest.pop(0)
    for layer in ("Annotations", "480p"):
        if rest[0] == layer and (layer == "Annotations" or "Annotations" in parts[:2]):
            rest.pop(0)
    *levels, file = rest or [""]
    if not 1 <= len(levels) <= 2 or any(map(_is_mark, levels)):
        return f"lies {len(levels)} folders deep" if not any(map(_is_mark, levels)) else "has its folders in no order"
    # Interned: a text is in memory once, not once a mask.
    video, expression = intern(levels[0]), intern(levels[1]) if len(levels) == 2 else None
    return MaskKey(draw, video, expression, intern(file[: -len(".png")]))
