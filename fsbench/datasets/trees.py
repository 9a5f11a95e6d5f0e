"""Finding the parts of a dataset below its root, and showing what is there beside what was looked for."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fsbench.datasets.json_parts import JsonParts
from fsbench.datasets.records import read_bytes
from fsbench.datasets.spec import Layout
from fsbench.text import columns

__all__ = ["Tree", "find_tree", "first_there", "layout_of", "show_parts", "show_tree"]

_SAYS_SENTENCES = b'"expressions"'
_SAYS_MASKLETS = b'"segmentations"'
_WIDTH = 110
_NAMED = 4  # places of a part, and
_SHOWN = 12  # names at the root, that a message lists


class Tree(NamedTuple):
    """Which of the places that a layout allows a dataset has, relative to its root; None where it has none.

    Attributes:
        metadata: The file of objects.
        expressions: The file of sentences; the same file if it has both.
        images: The folder of pictures.
        annotations: The folder of label maps.
        groups: The folder of the authors' folds.
        masks: The file of run lengths.
        masklets: The file in YouTube-VIS' form.
    """

    metadata: str | None
    expressions: str | None
    images: str | None
    annotations: str | None
    groups: str | None
    masks: str | None
    masklets: str | None

    @property
    def has_records(self) -> bool:
        """Whether the files are there that say which objects and sentences there are."""
        said = self.expressions is not None and (self.metadata is not None or self.masks is not None)
        return said or self.masklets is not None

    @property
    def has_masks(self) -> bool:
        """Whether there is anything that may hold masks."""
        return self.annotations is not None or self.masks is not None or self.masklets is not None


def layout_of(*, is_flat: bool, images: Sequence[str], suffixes: Sequence[str]) -> Layout:
    """Returns the layout of Ref-YouTube-VOS, as releases vary it: with `train/` and without, in several names.

    Args:
        is_flat: Whether what lies at the root comes before what lies in `train/`.
        images: Names that the folder of pictures may have.
        suffixes: Endings that a picture may have.
    """
    levels = ["", "train/"] if is_flat else ["train/", ""]
    said = ["meta_expressions/train/", "meta_expressions/"]
    if is_flat:
        said.reverse()
    sentences = ["", *said, "train/"] if is_flat else [*said, "", "train/"]
    return Layout(
        metadata=tuple(
            [f"{level}{name}" for level in (*levels, *said) for name in ("meta.json", "train.json")]
            + [f"{level}new_train.json" for level in levels]
        ),
        expressions=tuple(f"{level}meta_expressions.json" for level in sentences),
        images=tuple(f"{level}{name}" for level in levels for name in images),
        suffixes=tuple(suffixes),
        annotations=tuple(f"{level}Annotations" for level in levels),
        groups=tuple(f"{level}{name}" for name in ("splits", ".") for level in ("", "train/", *said)),
    )


def find_tree(layout: Layout, root: Path) -> Tree:
    """Returns the places that a dataset has: of each part the first that is there."""
    metadata = _first(layout.metadata, lambda name: (root / name).is_file())
    expressions = _first(layout.expressions, lambda name: (root / name).is_file())
    if metadata and not expressions and _SAYS_SENTENCES in read_bytes(root / metadata):
        expressions = metadata
    return Tree(
        metadata,
        expressions,
        _first(layout.images, lambda name: (root / name).is_dir()),
        _first(layout.annotations, lambda name: (root / name).is_dir()),
        _first(layout.groups, lambda name: any((root / name).glob("group*_test.json"))),
        _first(layout.masks, lambda name: (root / name).is_file()),
        _first(layout.masklets, lambda name: (root / name).is_file() and JsonParts(root / name).has(_SAYS_MASKLETS)),
    )


def show_tree(layout: Layout, root: Path) -> str:
    """Returns a table of where each part of a dataset may lie beside where it does, and what is at the root."""
    found = find_tree(layout, root)
    rows = [
        ("objects", found.metadata, layout.metadata),
        ("sentences", found.expressions, layout.expressions),
        ("pictures", found.images, layout.images),
        ("label maps", found.annotations, layout.annotations),
        ("run lengths", found.masks, layout.masks),
        ("masklets", found.masklets, layout.masklets),
    ]
    return _table(root, [row for row in rows if row[2]])


def show_parts(root: Path, parts: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Returns the same of other parts, each with the places, files or folders, where it may lie."""
    return _table(root, [(part, first_there(root, names), names) for part, names in parts])


def first_there(root: Path, names: Iterable[str]) -> str | None:
    """Returns the first of some places that is there."""
    return _first(names, lambda name: (root / name).exists())


def _table(root: Path, parts: Iterable[tuple[str, str | None, Sequence[str]]]) -> str:
    rows = [("part", "found", "expected")]
    for part, found, names in parts:
        others = f" or {len(names) - _NAMED} other places" if len(names) > _NAMED else ""
        rows.append((part, found or "nothing", ", ".join(names[:_NAMED]) + others))
    paths = sorted(root.iterdir()) if root.is_dir() else []
    there = [f"{path.name}/" if path.is_dir() else path.name for path in paths]
    others = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
    return f"{columns(rows, _WIDTH)}\n{root} holds {', '.join(there[:_SHOWN]) or 'nothing'}{others}."


def _first(names: Iterable[str], is_there: Callable[[str], bool]) -> str | None:
    return next((name for name in names if is_there(name)), None)
