"""What sentences and their targets are like: the attributes by which scores can be sliced, and how each is told.

All but size and occlusion follow from metadata. A sentence is its words: runs of letters and digits, in lower case.
Words are told by the lists below, which are ours where no source is named: they miss what is misspelt, and take a word
for what it mostly means in sentences about videos.
"""

import math
import re
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from functools import cache
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fsbench.datasets.naming import called
from fsbench.datasets.naming import with_s
from fsbench.datasets.naming import words_in
from fsbench.datasets.records import Dataset
from fsbench.datasets.records import Expression
from fsbench.datasets.spec import MISLEADING
from fsbench.datasets.spec import UNANSWERABLE
from fsbench.masks.layers import layers_of
from fsbench.masks.layers import union_of
from fsbench.progress import track

__all__ = [
    "SentenceKey",
    "attribute_notes",
    "attribute_rows",
    "misleading_sentences",
    "pixel_attributes",
    "unanswerable_sentences",
]

_Row = Mapping[str, Any]  # Any: column values
SentenceKey = tuple[str, str]
"""Video and sentence id."""

# Places in the picture, order, and places beside something else.
_SPATIAL = frozenset(
    """left right leftmost rightmost middle center centre front behind back top bottom above below under underneath
    side corner foreground background first second third fourth fifth last 1st 2nd 3rd 4th 5th near nearest next beside
    between close closest closer far farthest furthest farther upper lower opposite""".split()
)

# Berlin and Kay, Basic Color Terms (1969): the eleven of English. Below them, the names of metals and of skins.
_COLOURS = frozenset(
    """black white red green yellow blue brown purple pink orange grey
    gray golden gold silver beige tan""".split()
)

# Movements from place to place, and of a whole body on the spot; not postures (sits, stands), nor what else is done.
# Those of the second list are verbs in this form alone ("skateboard" is a thing, "leaves" are of a tree).
_MOTIONS = """approach bounce chase climb come crawl cross dance dash dive drift drive enter fall flip float fly
    follow gallop glide go hop jump leap lunge march move pass pull push ride rise roll rotate run rush sail skate slide
    slither spin sprint swim swing travel trot turn twirl walk wander wobble"""
_MOVING = """advancing backing cycling hovering landing leaving overtaking paddling pedaling racing skateboarding skiing
    snowboarding speeding stepping surfing trailing wading"""

_PASTS = {
    "come": "came",
    "drive": "drove driven",
    "fall": "fell fallen",
    "fly": "flew flown",
    "go": "goes went gone",
    "ride": "rode ridden",
    "rise": "rose risen",
    "run": "ran",
    "slide": "slid",
    "spin": "spun",
    "swim": "swam swum",
    "swing": "swung",
}


def attribute_rows(
    rows: Mapping[str, Sequence[_Row]], class_names: Collection[str], expressions: Iterable[Expression]
) -> list[dict[str, Any]]:  # Any: column values
    """Returns the rows of the table `attributes`, without size and occlusion.

    Args:
        rows: Those of classes, videos and objects.
        class_names: Of all classes that a sentence could name.
        expressions: The sentences of these videos, with their texts.
    """
    names = {row["class_id"]: row["name"] for row in rows["classes"]}
    videos = {row["video_id"]: row for row in rows["videos"]}
    frames = {video_id: frozenset(row["frames"]) for video_id, row in videos.items()}
    tracks: dict[str, dict[int, Sequence[str]]] = {video_id: {} for video_id in videos}
    for row in rows["objects"]:
        tracks[row["video_id"]][row["object_id"]] = row["frames"]
    expressions, asked = list(expressions), tuple(class_names)
    shared = unanswerable_sentences(expressions)
    found, motions = [], _motions()
    absent: dict[tuple[str, tuple[int, ...]], int] = {}  # of what several sentences name
    for each in expressions:
        video, objects, words = videos[each.video_id], tracks[each.video_id], words_in(each.text)
        class_word, names_other = _named(words, names[video["class_id"]], asked)
        target = each.video_id, tuple(each.object_ids)
        if target not in absent:
            absent[target] = len(frames[each.video_id].difference(*map(objects.__getitem__, each.object_ids)))
        found.append(
            {
                "video_id": each.video_id,
                "expression_id": each.expression_id,
                "class_word": class_word,
                "names_other": names_other,
                "class_objects": len(objects),
                "has_spatial": not _SPATIAL.isdisjoint(words),
                "has_motion": not motions.isdisjoint(words),
                "has_colour": not _COLOURS.isdisjoint(words),
                "words": len(words),
                "absent_frames": absent[target],
                "is_unanswerable": (each.video_id, each.expression_id) in shared,
                "size": None,
                "occlusion": None,
                "kind": each.kind or None,
            }
        )
    return found


def unanswerable_sentences(expressions: Iterable[Expression]) -> frozenset[SentenceKey]:
    """Returns the sentences that say of different objects of a video, or sets of them, the same word for word."""
    said: dict[tuple[str, tuple[str, ...]], list[Expression]] = {}
    for each in expressions:
        said.setdefault((each.video_id, words_in(each.text)), []).append(each)
    alike = (group for group in said.values() if len({frozenset(each.object_ids) for each in group}) > 1)
    return frozenset((each.video_id, each.expression_id) for group in alike for each in group)


def misleading_sentences(
    name: str, class_names: Collection[str], expressions: Iterable[Expression]
) -> frozenset[SentenceKey]:
    """Returns the sentences that name another class, and have no word for their own.

    Args:
        name: Of their class.
        class_names: Of all classes that a sentence could name.
        expressions: The sentences.
    """
    asked = tuple(class_names)
    return frozenset(
        (each.video_id, each.expression_id)
        for each in expressions
        if _named(words_in(each.text), name, asked) == ("none", True)
    )


def attribute_notes(rows: Mapping[str, Sequence[_Row]], leave_out: Collection[str]) -> list[str]:
    """Returns what a manifest's notes say of sentences that nobody can answer, and of supports that mislead.

    Args:
        rows: Those of supports and attributes.
        leave_out: See `BuildRule`.
    """
    attributes = {(row["video_id"], row["expression_id"]): row for row in rows["attributes"]}
    unanswerable = ["/".join(key) for key, row in attributes.items() if row["is_unanswerable"]]
    misleading = {k for k, row in attributes.items() if row["class_word"] == "none" and row["names_other"]}
    found = [
        f"{row['support_id']} ({'/'.join(key)})"
        for row in rows["supports"]
        for shot in row["shots"]
        if (key := (shot["video_id"], shot["expression_id"])) in misleading
    ]
    notes = []
    if unanswerable:
        done = "neither asked nor drawn for supports" if UNANSWERABLE in leave_out else "asked nevertheless"
        listed = ", ".join(unanswerable)
        notes.append(f"Sentences that say the same of different objects of a video, word for word, {done}: {listed}.")
    if MISLEADING in leave_out and misleading:
        listed = ", ".join("/".join(key) for key in sorted(misleading))
        notes.append(f"Sentences that name another class and not their own, not drawn for supports: {listed}.")
    elif found:
        notes.append(f"Supports whose sentence names another class and not their own: {', '.join(found)}.")
    return notes


def pixel_attributes(
    dataset: Dataset, rows: Mapping[str, Sequence[_Row]], *, progress: bool = False
) -> Iterator[dict[str, Any]]:  # Any: column values
    """Yields rows of the table `attributes` with size and occlusion, in the order of their videos.

    The size of a target is the share of the frame that it takes; its occlusion is the share of its bounding boxes that
    boxes of other annotated objects cover, as in the bounding-box occlusion rate of OVIS (Qi et al., IJCV 2022) and
    MOSE (Ding et al., ICCV 2023), of the target alone. Both are means over the frames in which it is seen, and null if
    there is none; occlusion is null where no other object is annotated, of which nothing is known.

    Args:
        dataset: Its label maps are read, each once.
        rows: Those of videos, expressions and attributes.
        progress: Show a progress bar.

    Raises:
        DataError: A label map cannot be read.
    """
    targets: dict[str, dict[str, tuple[int, ...]]] = {row["video_id"]: {} for row in rows["videos"]}
    for row in rows["expressions"]:
        targets[row["video_id"]][row["expression_id"]] = tuple(row["object_ids"])
    found: dict[SentenceKey, dict[str, float | None]] = {}
    for video in track(rows["videos"], "sizes", len(rows["videos"]), unit="video", show=progress):
        asked = targets[video["video_id"]]
        seen: dict[tuple[int, ...], list[tuple[float, float]]] = {target: [] for target in asked.values()}
        for frame in video["frames"]:
            layers = layers_of(dataset.label_map(video["video_id"], frame))
            for target, values in seen.items():
                if (is_target := union_of(layers, target)).any():
                    values.append((float(is_target.mean()), _covered(layers, target)))
        means = {target: _means(values) for target, values in seen.items()}
        found |= {(video["video_id"], expression_id): means[target] for expression_id, target in asked.items()}
    for row in rows["attributes"]:
        yield {**row, **found[row["video_id"], row["expression_id"]]}


def _means(values: Sequence[tuple[float, float]]) -> dict[str, float | None]:
    sizes, occlusions = np.array(values).reshape(-1, 2).T
    known = {"size": sizes, "occlusion": occlusions[~np.isnan(occlusions)]}
    return {name: float(each.mean()) if len(each) else None for name, each in known.items()}


def _covered(layers: npt.NDArray[np.integer], target: Collection[int]) -> float:
    """Returns the share of the boxes of a target's objects that boxes of other objects cover; NaN without any other.

    Args:
        layers: A label map, [L, H, W].
        target: The target's objects.
    """
    boxes = {True: np.zeros(layers.shape[1:], bool), False: np.zeros(layers.shape[1:], bool)}
    for object_id in np.unique(layers[layers > 0]):
        rows, columns = (np.flatnonzero((layers == object_id).any(axes)) for axes in ((0, 2), (0, 1)))
        boxes[object_id in target][rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    if not boxes[False].any():
        return math.nan
    return float(boxes[False][boxes[True]].mean())


# ---- words ----


@lru_cache(maxsize=1 << 16)  # a sentence is looked at when supports are drawn, and to tell what it is like
def _named(words: tuple[str, ...], name: str, class_names: tuple[str, ...]) -> tuple[str, bool]:
    """Returns what words have of their class, and whether they name another by what is no word for the own one."""
    phrases = _phrases(words)
    own, others = _names_and_synonyms(name)
    class_word = "name" if own & phrases else "synonym" if others & phrases else "none"
    if "hand" in words:  # the right-hand side is no hand
        phrases = _phrases(re.sub(r"\b(left|right) hand\b", r"\1", " ".join(words)).split())
    return class_word, not _called_otherwise(name, class_names).isdisjoint(phrases)


@cache
def _called_otherwise(name: str, class_names: tuple[str, ...]) -> frozenset[str]:
    """Returns the names of all classes that are no words for one of them."""
    return frozenset[str]().union(*(called(each)[0] for each in class_names)).difference(*_names_and_synonyms(name))


def _phrases(words: Sequence[str]) -> set[str]:
    """Returns all runs of up to three words."""
    pairs = [f"{one} {two}" for one, two in pairwise(words)]
    return {*words, *pairs, *(f"{pair} {word}" for pair, word in zip(pairs, words[2:], strict=False))}


@cache
def _names_and_synonyms(name: str) -> tuple[frozenset[str], frozenset[str]]:
    """Returns what a sentence may call a class, one of it or several: by its name, and by other words."""
    own, others, kinds = called(name)
    return own, (others | kinds) - own


@cache
def _motions() -> frozenset[str]:
    found = set(_MOVING.split())
    for verb in _MOTIONS.split():
        stem = verb.removesuffix("e") if verb.endswith("e") else verb
        found |= {verb, *with_s(verb), f"{stem}ing", f"{stem}ed", f"{stem}{stem[-1]}ing", f"{stem}{stem[-1]}ed"}
        found |= {re.sub("y$", "ied", verb), *_PASTS.get(verb, "").split()}
    return frozenset(found)
