"""What the paths of a folder or zip say: which files are masks, and of what. The same for predictions and truth."""

import re
from collections import Counter
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from functools import lru_cache
from sys import intern

from fsbench.submissions.forms.contract import Found
from fsbench.submissions.forms.contract import Known
from fsbench.submissions.forms.contract import MaskKey
from fsbench.submissions.problems import Kind
from fsbench.submissions.problems import printable

__all__ = ["DEEPEST", "is_hidden", "is_mask", "take_files"]

DEEPEST = 8  # folders: the deepest form, below two more
_ARCHIVES = (".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz", ".zip", ".zst")
_PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".mat", ".npy", ".npz", ".pkl", ".tif", ".tiff", ".webp")
"""What may be masks in another form than is read here."""
_DRAW = re.compile(r"draw-(0|[1-9][0-9]{0,5})")
_ANNOTATIONS = re.compile(r"Annotations(_\w+)?")
_SIZES = ("480p", "1080p", "Full-Resolution")
"""Folders of DAVIS below Annotations, the one that is preferred first."""

_Paths = Mapping[str, Sequence[str]]


def take_files(found: Found, files: Mapping[str, object], known: Known) -> None:
    """Takes the masks among files, by their paths with '/', in this order; hidden ones are left out silently."""
    depths = {path.count("/") + 1 for path in known.ids}
    split = {
        name: _with_ids([part for part in name.split("/") if part not in ("", ".")], known.ids, depths)
        for name in files
    }
    split = {name: parts for name, parts in split.items() if parts and not any(map(is_hidden, parts))}
    masks = {name: parts for name, parts in split.items() if is_mask(name)}
    top = _top(masks.values(), known)
    if top:
        found.notes.append(f"The masks lie below {printable('/'.join(top))!r}; it was taken as the top.")
    below = {name: parts[len(top) :] for name, parts in masks.items() if parts[: len(top)] == top}
    layers = _layers(below.values(), known)
    keys = {name: _key(parts, layers) for name, parts in below.items()}
    keys |= {name: f"lies beside {'/'.join(top)!r}, not in it" for name in masks if name not in below}
    passed_over = []
    for name in split:
        key = keys.get(name)
        if isinstance(key, MaskKey):
            found.mask(key, files[name], name)
        elif known.is_truth and not _is_inside(split[name], top, layers):
            passed_over.append(name)
        elif key is not None:
            found.problem("nesting", name, key)
        elif name.lower().endswith((*_ARCHIVES, *_PICTURES)):
            kind: Kind = "nested-archive" if name.lower().endswith(_ARCHIVES) else "stray"
            found.problem(kind, name, "is an archive in it" if kind == "nested-archive" else "is no PNG")
        else:
            passed_over.append(name)
    if known.is_truth:  # what lies beside it may be as it likes
        found.problems = [p for p in found.problems if _is_inside(p.where.split("/"), top, layers)]
    if passed_over:
        what = "file" if len(passed_over) == 1 else "files"
        example = printable(passed_over[0])
        found.notes.append(f"Passed over: {len(passed_over)} {what} besides the masks, e.g. {example}.")


def _with_ids(parts: list[str], ids: Mapping[str, str], depths: Collection[int]) -> list[str]:
    """Returns a path in which the folders of a video that is called by a path are one, its id."""
    for depth in depths:
        for start in range(len(parts) - depth):
            if video := ids.get("/".join(parts[start : start + depth])):
                return [*parts[:start], video, *parts[start + depth :]]
    return parts


@lru_cache(1024)  # folders, and names that frames of all videos have
def is_hidden(part: str) -> bool:
    """Tells whether a file or folder is one that systems leave behind."""
    return part.startswith(".") or part in ("__MACOSX", "Thumbs.db", "desktop.ini")


def is_mask(name: str) -> bool:
    """Tells whether a path is that of a PNG."""
    return name.lower().endswith(".png")


@lru_cache(1024)
def _is_mark(part: str) -> bool:
    return _ANNOTATIONS.fullmatch(part) is not None or _DRAW.fullmatch(part) is not None


def _top(masks: Collection[Sequence[str]], known: Known) -> list[str]:
    """Returns the folder below which the forms begin, [] for the root.

    Where it is known which videos there are, and how deep, it is the folder that has the most masks of them. Else it is
    what lies above 'Annotations' or 'draw-<d>'; or the only folder, if it cannot be a video.
    """
    # Where sentences are asked for, label maps may be there in their place.
    for depth in () if known.levels is None else dict.fromkeys((known.levels + 1, 2)):
        tops = Counter(
            _above(parts[:-depth]) for parts in masks if len(parts) >= depth and parts[-depth] in known.videos
        )
        if tops:
            return list(_most(tops))
    marked = Counter(
        tuple(parts[:index])
        for parts in masks
        for index in [next((i for i, part in enumerate(parts[:-2]) if _is_mark(part)), None)]
        if index is not None
    )
    if marked:
        return list(_most(marked))
    top: list[str] = []
    rest = list(masks)
    while rest and min(map(len, rest)) > 2:
        names = {parts[0] for parts in rest}
        outer = next((size for size in _SIZES if size in names), min(names))
        if len(names) > 1 and not names.issubset(_SIZES):
            break
        inner = [parts[1:] for parts in rest if parts[0] == outer]
        # Three levels are a video and its sentences, or a folder of videos; what is known of the other side decides.
        is_top = outer in _SIZES or min(map(len, rest)) > 3 or known.holds(outer, {parts[0] for parts in inner})
        if not is_top:
            break
        top, rest = [*top, outer], inner
    return top


def _most(tops: Counter[tuple[str, ...]]) -> tuple[str, ...]:
    """Returns the top of the most masks; of several the shortest, of these the size that is preferred."""
    sizes = {size: number for number, size in enumerate(_SIZES)}
    return min(tops, key=lambda top: (-tops[top], len(top), sizes.get(top[-1], len(sizes)) if top else 0, top))


def _above(parts: Sequence[str]) -> tuple[str, ...]:
    """Returns what lies above `[draw-<d>/][Annotations/[480p/]]`."""
    rest = list(parts)
    if len(rest) > 1 and rest[-1] in _SIZES and _ANNOTATIONS.fullmatch(rest[-2]):
        rest.pop()
    if rest and _ANNOTATIONS.fullmatch(rest[-1]):
        rest.pop()
    if rest and _DRAW.fullmatch(rest[-1]):
        rest.pop()
    return tuple(rest)


def _layers(masks: Collection[Sequence[str]], known: Known) -> list[str]:
    """Returns the folders between draw and videos that hold the masks, e.g. ['Annotations', '480p']."""
    inner = [parts[1:] if _DRAW.fullmatch(parts[0]) else parts for parts in masks if len(parts) > 1]
    names = {parts[0] for parts in inner if len(parts) > 2 and _ANNOTATIONS.fullmatch(parts[0])}
    if not names:
        return []
    first = next((name for name in (known.annotations, "Annotations") if name in names), min(names))
    below = {parts[1] for parts in inner if parts[0] == first and len(parts) > 3}
    return [first, *[size for size in _SIZES if size in below][:1]]


def _is_inside(parts: Sequence[str], top: Sequence[str], layers: Sequence[str]) -> bool:
    """Tells whether a path lies in the folder of the videos."""
    inside = [*top, *layers]
    return list(parts[: len(inside)]) == inside


def _key(parts: Sequence[str], layers: Sequence[str]) -> MaskKey | str:
    """Returns the key of the file at a path from the top on, or what is wrong with the path."""
    rest, draw = list(parts), None
    if match := _DRAW.fullmatch(rest[0]):
        draw = int(match[1])
        rest.pop(0)
    if layers and rest[: len(layers)] == list(layers):
        rest = rest[len(layers) :]
    elif layers and draw is None:
        return f"lies beside {'/'.join(layers)!r}, not in it"
    *levels, file = rest or [""]
    if not 1 <= len(levels) <= 2 or any(map(_is_mark, levels)):
        return f"lies {len(levels)} folders deep" if not any(map(_is_mark, levels)) else "has its folders in no order"
    # Interned: a text is in memory once, not once a mask.
    video, expression = intern(levels[0]), intern(levels[1]) if len(levels) == 2 else None
    return MaskKey(draw, video, expression, intern(file[: -len(".png")]))
