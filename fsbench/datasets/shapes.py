"""The embedded set `mini-ref-shapes`: videos of moving shapes, drawn on demand from a seed.

Each video belongs to one of many made-up categories. The silhouette makes the category; colour, size, place and motion
are drawn independently of it, and tell the instances of a category apart. Shapes of other categories of the same fold,
in the same colours and sizes, take part without being annotated: the made-up word of a novel category can only be
learnt from its support.

There are two versions, which differ in their categories, in who takes part and in what is said; all else is shared.
Version 3 draws a scene in which no category stands out: as many objects of each, their looks drawn alike, and so many
ways of telling them apart that any of them might be asked for. Which one is asked for is decided by nothing in the
scene. Of each object of it two sentences speak: one says what fits one object of every category there, so that the word
alone decides, and the other what fits this object alone.

Everything is drawn with `Generator.random` from one named stream a video and computed in whole numbers, so that frames,
masks and sentences are the same on every machine. (What a reader sees has gone through JPEG as well.)
"""

import json
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import replace
from functools import partial
from io import BytesIO
from itertools import accumulate
from itertools import combinations
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fsbench.datasets._shapes_outlines import DRAWN_BY_HAND
from fsbench.datasets._shapes_outlines import pick
from fsbench.datasets._shapes_outlines import sine
from fsbench.datasets._shapes_outlines import TURN
from fsbench.datasets._shapes_render import COLOURS
from fsbench.datasets._shapes_render import draw_frames
from fsbench.datasets._shapes_render import draw_owner
from fsbench.datasets._shapes_render import Piece
from fsbench.datasets._shapes_render import SUB
from fsbench.datasets._shapes_render import TEXTURES
from fsbench.errors import DataError
from fsbench.files import named_errors
from fsbench.files import whole_folder
from fsbench.processes import worker_pool
from fsbench.progress import track
from fsbench.streams import named_stream

__all__ = [
    "CATEGORIES",
    "NEEDED",
    "NOT_NEEDED",
    "NUM_FOLDS",
    "SHIPPED",
    "V2",
    "V3",
    "RenderedVideo",
    "ShapeObject",
    "ShapesConfig",
    "encode_frame",
    "generate_shapes",
    "render_named",
    "render_video",
]

# The categories of each version, in class-id order; category id i (from 1) is held out in fold (i - 1) % NUM_FOLDS + 1.
# Those of version 2 are: ring, crescent, cross, bolt, arrow, star, heart, gear, L, hourglass, trefoil, open mouth,
# dumbbell, drop, U, T. The words of version 3 were drawn from syllables; no two words of both versions are one letter
# apart, and none is in a dictionary of English (GCIDE, and Webster's second edition).
CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "v2": (
        *("dax", "wug", "toma", "blicket"),
        *("fep", "zav", "modi", "lorp"),
        *("tulver", "bosa", "pimwit", "koba"),
        *("gazzer", "nool", "virdex", "chark"),
    ),
    "v3": (
        *("nimig", "penen", "vizmu", "zomi", "vunt", "nurkelt", "blez", "frug"),
        *("tult", "nente", "defuv", "zozmu", "glak", "folbep", "zik", "felbank"),
        *("bupo", "fevi", "bavul", "duvav", "dupil", "vorkonk", "frunk", "mimdank"),
        *("mifu", "vopa", "mentun", "dulask", "kemot", "dantiv", "vutut", "lentiz"),
        *("lugisk", "kizi", "zex", "zolba", "rintirp", "rerkan", "zurko", "zilbit"),
        *("pler", "zetult", "golbef", "krunt", "pumo", "gikux", "buzelt", "bofank"),
        *("lirorp", "gulba", "kute", "dulbap", "gled", "pivi", "glemp", "numin"),
        *("zilt", "bilum", "nilbeg", "vadalt", "rofo", "varp", "lespa", "bozmix"),
        *("dilbu", "tudef", "vospur", "mumdosk", "tospo", "glirp", "vudom", "fabin"),
        *("bekix", "bevurp", "pliz", "mipig", "kret", "pelbu", "blim", "fuspu"),
        *("golbult", "valba", "trosk", "plob", "drit", "zuf", "mevunk", "dumen"),
        *("mamdit", "mufarp", "bimir", "nalt", "gadav", "viboz", "bifo", "fomdu"),
        *("kuvut", "vekiv", "respif", "lefink", "dutox", "domuk", "gomp", "nekag"),
        *("zintiz", "rilbet", "nufeb", "givask", "ruro", "repaz", "nomdip", "tispu"),
        *("vusk", "kebaf", "gefu", "badir", "bepal", "marink", "pugink", "vumdo"),
        *("lutav", "mamir", "kake", "dromp", "glant", "krid", "belbar", "zurem"),
    ),
}
NUM_FOLDS = 4

NEEDED = "support needed"
"""The kind of a sentence that fits an object of every category of its video but for the word of the category."""
NOT_NEEDED = "support not needed"
"""The kind of a sentence that fits one object of its video alone, whatever the word means."""

_CONFIG_FILE = "shapes.json"
_FRAME_STEP = 5  # frames are named 00000, 00005, ... as in YouTube-VOS

# Sides of the square of the object's area, in thousandths of sqrt(H * W); between two sizes lies a clear gap.
_SIDES = {"small": (235, 250), "medium": (285, 305), "large": (345, 370)}
_SIZES = ("small", "medium", "large", "large")  # large ones are dropped more often, as too crowded
_COLOURS = tuple(COLOURS)
_PATHS = ("still", "steady", "stop-and-go", "bounce")

# The kinds of traits a sentence may name together; of version 2, those listed twice are drawn twice as often.
_NAMED_TOGETHER: tuple[tuple[str, ...], ...] = (
    *[()] * 6,
    *[("colour",)] * 4,
    *[("size",)] * 3,
    *[("column",)] * 3,
    *[("row",)] * 2,
    ("motion",),
    *[("size", "colour")] * 2,
    *[("colour", "column"), ("colour", "row"), ("size", "column"), ("size", "row")],
    ("colour", "motion"),
)
_NAMED_IN_V3: tuple[tuple[str, ...], ...] = (
    (),
    *[("colour",), ("size",), ("column",), ("row",), ("motion",)],
    *[("size", "colour"), ("colour", "column"), ("colour", "row"), ("size", "column"), ("size", "row")],
    *[("column", "row"), ("colour", "motion"), ("size", "motion")],
    *[("size", "colour", "column"), ("size", "colour", "row"), ("size", "colour", "motion")],
)


@dataclass(frozen=True)
class ShapesConfig:
    """What the set looks like; the same config always gives the same set.

    Attributes:
        version: "v2" or "v3". Part of the name of every random stream; changes when the generator does.
        seed: Another seed gives other videos of the same categories: to train on, or to choose by, beside the set.
        videos_per_category: Number of videos of each category.
        frames: Number of frames of a video, at least 2.
        height, width: Size of a frame in pixels, each at least 40 and at most twice the other; the sizes of objects
            follow.
        num_categories: Take the first ones alone, in videos and among the shapes that take part in them; a multiple of
            `NUM_FOLDS`, and at least four a fold. 0 for all.
    """

    version: str = "v3"
    seed: int = 0
    videos_per_category: int = 6
    frames: int = 8
    height: int = 64
    width: int = 96
    num_categories: int = 0

    @property
    def categories(self) -> tuple[str, ...]:
        """The names of its categories, in class-id order."""
        return CATEGORIES[self.version][: self.num_categories or None]

    def __post_init__(self) -> None:
        if self.version not in CATEGORIES:
            raise ValueError(f"{self}: there is no such version; there are {', '.join(CATEGORIES)}.")
        most = len(CATEGORIES[self.version])
        if self.num_categories and self.num_categories not in range(4 * NUM_FOLDS, most + 1, NUM_FOLDS):
            raise ValueError(f"{self}: num_categories is 0 for all {most}, or a multiple of 4 from 16 on.")
        shorter, longer = sorted((self.height, self.width))
        if self.videos_per_category < 1 or self.frames < 2 or shorter < 40 or longer > 2 * shorter:
            raise ValueError(
                f"{self}: needs at least 1 video a category, 2 frames, 40 x 40 pixels, and sides of at most 2 : 1."
            )


@dataclass(frozen=True)
class ShapeObject:
    """An object of a video.

    Attributes:
        object_id: Index in the label maps, from 1; 0 for a distractor, which is not annotated.
        category: One of its version's `CATEGORIES`.
        piece: How it is drawn, and where it is in each frame.
        traits: What is clearly true of it: "colour" (always), "size" (small, large), "column" (left, right),
            "row" (top, bottom), "motion" (left, right, up, down, still). A missing kind means: neither clearly.
        frames: Indices of the frames in which at least one of its pixels is visible.
    """

    object_id: int
    category: str
    piece: Piece
    traits: Mapping[str, str]
    frames: tuple[int, ...] = ()


@dataclass(frozen=True)
class RenderedVideo:
    """A video with its annotation.

    Attributes:
        video_id: Name of the video.
        category: The category of all its annotated objects.
        frame_names: Names of the T frames.
        frames: uint8 RGB [T, H, W, 3].
        label_maps: uint8 [T, H, W]; the visible pixels of each annotated object, 0 elsewhere.
        owners: uint8 [T, H, W]; the same of all objects, the distractors among them, by their number in `objects`.
        objects: The annotated objects, ids 1, 2, ..., then the distractors.
        sentences: (sentence, object_id) pairs, two for each annotated object; each fits that object alone.
        kinds: Of what kind each sentence is: `NEEDED` or `NOT_NEEDED`; in version 2, where nobody knows, empty.
    """

    video_id: str
    category: str
    frame_names: tuple[str, ...]
    frames: NDArray[np.uint8]
    label_maps: NDArray[np.uint8]
    owners: NDArray[np.uint8]
    objects: tuple[ShapeObject, ...]
    sentences: tuple[tuple[str, int], ...]
    kinds: tuple[str, ...]


_Said = tuple[str, int, str]  # sentence, object id, kind
_Look = tuple[int, str, str]  # category, colour, size


@dataclass(frozen=True)
class _Edition:
    """What a version has of its own.

    Attributes:
        first_silhouette: That of its first category; those of the others follow.
        counts: What `cast` is given, each as probable as the others; the first number is that of annotated objects.
        cast: Draws who takes part in a video of a category and looks how, the annotated ones first.
        describe: Draws the sentences about the first so many of the objects; none at all if the scene does not do.
    """

    first_silhouette: int
    counts: tuple[tuple[int, int], ...]
    cast: Callable[[np.random.Generator, ShapesConfig, int, tuple[int, int]], list[_Look]]
    describe: Callable[[np.random.Generator, Sequence[ShapeObject], int], tuple[_Said, ...]]


def render_video(config: ShapesConfig, category_index: int, video_index: int) -> RenderedVideo:
    """Draws one video; touches no file.

    Args:
        config: The set that the video belongs to.
        category_index: Index into `config.categories`.
        video_index: Number of the video within its category, from 0.
    """
    edition, word = _EDITIONS[config.version], config.categories[category_index]
    rng = named_stream(config.seed, "shapes", config.version, word, video_index)
    counts = edition.counts[pick(rng, len(edition.counts))]
    num_annotated = counts[0]
    while True:  # until a scene is clear enough
        looks = edition.cast(rng, config, category_index, counts)
        objects = _draw_objects(rng, config, looks, num_annotated)
        said = edition.describe(rng, objects, num_annotated)
        owners = _well_visible(objects, config) if said else None
        if owners is not None:
            break
    return RenderedVideo(
        video_id=f"{word}-{video_index:02d}",
        category=word,
        frame_names=tuple(f"{_FRAME_STEP * t:05d}" for t in range(config.frames)),
        frames=draw_frames(rng, [o.piece for o in objects], config.height, config.width),
        label_maps=np.where(owners <= num_annotated, owners, 0).astype(np.uint8),
        owners=owners,
        objects=tuple(replace(o, frames=_seen(owners, number)) for number, o in enumerate(objects, 1)),
        sentences=tuple((text, object_id) for text, object_id, _ in said),
        kinds=tuple(kind for _, _, kind in said),
    )


def render_named(configs: Sequence[ShapesConfig], video_id: str) -> RenderedVideo:
    """Draws the video of a name. Raises DataError if none of the sets has one of that name."""
    word, _, number = video_id.rpartition("-")
    for config in configs:
        if word in config.categories and number.isdecimal() and int(number) < config.videos_per_category:
            video = render_video(config, config.categories.index(word), int(number))
            if video.video_id == video_id:
                return video
    raise DataError(f"The embedded set has no video {video_id!r}. Does the manifest belong to this fsbench?")


# ---- scenes ----


def _peers(config: ShapesConfig, category_index: int) -> list[int]:
    """Returns the other categories of the same fold."""
    fold = range(category_index % NUM_FOLDS, len(config.categories), NUM_FOLDS)
    return [category for category in fold if category != category_index]


def _cast_with_decoys(
    rng: np.random.Generator, config: ShapesConfig, category_index: int, counts: tuple[int, int]
) -> list[_Look]:
    """Draws the cast of version 2, (annotated objects, distractors)."""
    num_annotated, num_distractors = counts
    peers = _peers(config, category_index)
    rival = peers[pick(rng, len(peers))]  # often as frequent as the category of the video: counting does not find it
    others = [rival if rng.random() < 0.5 else peers[pick(rng, len(peers))] for _ in range(num_distractors)]
    categories = [category_index] * num_annotated + others
    colours = [_COLOURS[pick(rng, len(_COLOURS))] for _ in categories]
    sizes = [_SIZES[pick(rng, len(_SIZES))] for _ in categories]
    for k in range(num_annotated, len(categories)):  # most are decoys: what is said of an annotated object fits them
        model = k % num_annotated
        colours[k] = colours[model] if rng.random() < 0.85 else colours[k]
        sizes[k] = sizes[model] if rng.random() < 0.75 else sizes[k]
    return list(zip(categories, colours, sizes, strict=True))


def _cast_alike(
    rng: np.random.Generator, config: ShapesConfig, category_index: int, counts: tuple[int, int]
) -> list[_Look]:
    """Draws the cast of version 3, (objects of each category, categories): the same numbers and looks of each."""
    instances, num_categories = counts
    peers = _peers(config, category_index)
    categories = [category_index, *(peers.pop(pick(rng, len(peers))) for _ in range(num_categories - 1))]

    def drawn() -> tuple[str, str]:
        return _COLOURS[pick(rng, len(_COLOURS))], _SIZES[pick(rng, len(_SIZES))]

    looks = []
    models = [drawn() for _ in range(instances)]
    for category in categories:
        for model in models:
            own = drawn()
            colour, size = (one if rng.random() < 0.75 else other for one, other in zip(model, own, strict=True))
            looks.append((category, colour, size))
    return looks


def _draw_objects(
    rng: np.random.Generator, config: ShapesConfig, looks: Sequence[_Look], num_annotated: int
) -> tuple[ShapeObject, ...]:
    """Draws the objects of a video; in which frames they are seen is left open."""
    keys = rng.random(len(looks)).tolist()
    depths = [sorted(keys).index(key) for key in keys]
    pieces = [_draw_piece(rng, config, *look, depth) for look, depth in zip(looks, depths, strict=True)]
    return tuple(
        ShapeObject(
            object_id=number if number <= num_annotated else 0,
            category=config.categories[category],
            piece=piece,
            traits=_traits(piece, config),
        )
        for number, (piece, (category, _, _)) in enumerate(zip(pieces, looks, strict=True), 1)
    )


def _seen(owners: NDArray[np.uint8], number: int) -> tuple[int, ...]:
    """Returns the frames in which an object is seen; `owners` [T, H, W] tells which object is seen where, from 1."""
    frames: list[int] = np.flatnonzero((owners == number).any(axis=(1, 2))).tolist()
    return tuple(frames)


def _well_visible(objects: Sequence[ShapeObject], config: ShapesConfig) -> NDArray[np.uint8] | None:
    """Draws which object is seen where, from 1, [T, H, W]; None if one is hidden too often.

    Each must show at least 75 % of its area in at least 3 of 5 frames.
    """
    pieces = [shape.piece for shape in objects]
    areas = np.array([(piece.side // SUB) ** 2 for piece in pieces])
    hidden = np.zeros(len(pieces), int)
    owners = []
    for t in range(config.frames):
        owners.append(draw_owner(pieces, t, config.height, config.width))
        hidden += 100 * np.bincount(owners[t].ravel(), minlength=len(pieces) + 1)[1:] < 75 * areas
        if 5 * hidden.max() > 2 * config.frames:
            return None
    return np.stack(owners)


def _draw_piece(
    rng: np.random.Generator, config: ShapesConfig, category: int, colour: str, size: str, depth: int
) -> Piece:
    """Draws exact size, texture and track of an object."""
    low, high = _SIDES[size]
    side = (low + pick(rng, high - low + 1)) * _unit(config) // 1000
    texture = pick(rng, TEXTURES)
    path = _PATHS[pick(rng, len(_PATHS))]
    angle, turn = pick(rng, TURN // 6 + 1) - TURN // 12, pick(rng, 2 * TURN // 96 + 1) - TURN // 96
    if path == "still":
        turn = 0
    track = tuple((y, x, (angle + t * turn) % TURN) for t, (y, x) in enumerate(_draw_path(rng, config, path, side)))
    return Piece(_EDITIONS[config.version].first_silhouette + category, colour, texture, side, track, depth)


def _draw_path(rng: np.random.Generator, config: ShapesConfig, path: str, side: int) -> list[tuple[int, int]]:
    """Draws the (row, column) of an object in each frame, in sub-pixels."""
    size = (config.height * SUB, config.width * SUB)
    margin = side * 2 // 3
    place = [margin + pick(rng, length - 2 * margin) for length in size]
    if path == "still":
        return [(place[0], place[1])] * config.frames
    if path == "bounce":
        angle, speed = pick(rng, TURN), _unit(config) * (4 + pick(rng, 5)) // 100
        steps = (speed * sine(angle) // 4096, speed * sine(angle + TURN // 4) // 4096)
        return [
            (_bounced(place[0] + t * steps[0], margin, size[0]), _bounced(place[1] + t * steps[1], margin, size[1]))
            for t in range(config.frames)
        ]
    along = pick(rng, 2)  # 0: down or up, 1: right or left
    extent = size[along] * (35 + pick(rng, 21)) // 100
    start = margin + pick(rng, size[along] - 2 * margin - extent)
    if rng.random() < 0.25:  # comes into view late or, the other way round, leaves it
        start, extent = -side, extent + side
    drift = pick(rng, extent // 4) - extent // 8
    if rng.random() < 0.5:  # from the left edge or from the right one, likewise from the upper or the lower one
        start, extent = size[along] - start, -extent
    if rng.random() < 0.5:
        start, extent = start + extent, -extent
    paces = [1] * (config.frames - 1)
    if path == "stop-and-go":
        rest = pick(rng, len(paces))
        paces = [int(not rest <= t < rest + config.frames // 3) for t in range(len(paces))]
    done = list(accumulate(paces, initial=0))
    steady = [(start + extent * d // max(done), place[1 - along] + drift * d // max(done)) for d in done]
    return [(main, other) if along == 0 else (other, main) for main, other in steady]


def _bounced(place: int, margin: int, length: int) -> int:
    """Folds a straight path back into margin .. length - margin."""
    span = length - 2 * margin
    phase = (place - margin) % (2 * span)
    return margin + min(phase, 2 * span - phase)


def _unit(config: ShapesConfig) -> int:
    """Returns the square root of the area of a frame, in sub-pixels."""
    return isqrt(config.height * config.width * SUB * SUB)


# ---- traits and sentences ----


def _traits(piece: Piece, config: ShapesConfig) -> dict[str, str]:
    """Returns what is clearly true of an object (see `ShapeObject.traits`)."""
    unit, height, width = _unit(config), config.height * SUB, config.width * SUB
    rows = [min(max(row, 0), height) for row, _, _ in piece.track]
    columns = [min(max(column, 0), width) for _, column, _ in piece.track]
    found = {
        "colour": piece.colour,
        "size": _size(piece.side, unit),
        "column": _half(columns, width, "left", "right"),
        "row": _half(rows, height, "top", "bottom"),
        "motion": _motion(rows, columns, unit),
    }
    return {kind: value for kind, value in found.items() if value is not None}


def _size(side: int, unit: int) -> str | None:
    if 1000 * side <= unit * _SIDES["small"][1]:
        return "small"
    return "large" if 1000 * side >= unit * (_SIDES["large"][0] - 2) else None


def _half(places: Sequence[int], length: int, low: str, high: str) -> str | None:
    """Names the half of the frame in which an object always is, on average at least 8 % away from the middle."""
    mean = 100 * sum(places) // len(places)
    if 2 * max(places) < length and mean <= 42 * length:
        return low
    return high if 2 * min(places) > length and mean >= 58 * length else None


def _motion(rows: Sequence[int], columns: Sequence[int], unit: int) -> str | None:
    """Names a motion that never turns back, goes at least a quarter of `unit`, and at most a third of that sideways."""
    if len(set(rows)) == len(set(columns)) == 1:
        return "still"
    for main, other, names in ((columns, rows, ("right", "left")), (rows, columns, ("down", "up"))):
        way = main[-1] - main[0]
        is_one_way = list(main) in (sorted(main), sorted(main, reverse=True))
        if is_one_way and 4 * abs(way) >= unit and 3 * (max(other) - min(other)) <= abs(way):
            return names[0] if way > 0 else names[1]
    return None


def _describe_within_category(
    rng: np.random.Generator, objects: Sequence[ShapeObject], num_annotated: int
) -> tuple[_Said, ...]:
    """Draws two sentences for each object that fit it and no other of its category, as version 2 does.

    Sentences that would fit a distractor but for the category are drawn more often.
    """
    annotated, distractors = objects[:num_annotated], objects[num_annotated:]
    sentences = []
    for shape in annotated:
        others = [other.traits for other in annotated if other is not shape]
        ways = [kinds for kinds in _NAMED_TOGETHER if _tells_apart(kinds, shape.traits, others)]
        decoyed = [w for w in ways if any(all(d.traits.get(k) == shape.traits[k] for k in w) for d in distractors)]
        ways += decoyed * 5
        if len(set(ways)) < 2:
            return ()
        first = ways[pick(rng, len(ways))]
        ways = [kinds for kinds in ways if kinds != first]
        for kinds in (first, ways[pick(rng, len(ways))]):
            sentences.append((_phrase(rng, shape, kinds), shape.object_id, ""))
    return tuple(sentences)


def _tells_apart(kinds: Sequence[str], traits: Mapping[str, str], others: Sequence[Mapping[str, str]]) -> bool:
    """Tells whether an object has traits of all these kinds, and each of the others clearly differs in one of them."""
    return all(kind in traits for kind in kinds) and all(
        any(other.get(kind, traits[kind]) != traits[kind] for kind in kinds) for other in others
    )


def _describe_twice(rng: np.random.Generator, objects: Sequence[ShapeObject], num_annotated: int) -> tuple[_Said, ...]:
    """Draws two sentences for each object of version 3: one for which the support is needed, one for which it is not.

    What the first ones say fits one object of each category, and which objects these are would be drawn in the same way
    if another category were asked for; so would it be whether the scene does.
    """
    alone: list[list[tuple[str, ...]]] = [[] for _ in objects]
    together: dict[tuple[int, ...], set[tuple[str, ...]]] = {}
    names = sorted({shape.category for shape in objects})
    compared = _compared(objects)
    for kinds in _NAMED_IN_V3:
        for number, told in enumerate(compared):
            fitting = _fitting(kinds, told, len(objects))
            if fitting == (number,):
                alone[number].append(kinds)
            elif sorted(objects[k].category for k in fitting) == names:
                together.setdefault(fitting, set()).add(kinds)
    shared = [
        groups for groups in combinations(sorted(together), num_annotated) if len(set().union(*groups)) == len(objects)
    ]
    if not shared or not all(alone):
        return ()
    groups = shared[pick(rng, len(shared))]
    ways = [sorted(together[group]) for group in groups]
    chosen = [each[pick(rng, len(each))] for each in ways]
    said = []
    for number, shape in enumerate(objects[:num_annotated]):
        needing = next(kinds for group, kinds in zip(groups, chosen, strict=True) if number in group)
        telling = alone[number][pick(rng, len(alone[number]))]
        for kinds, kind in ((needing, NEEDED), (telling, NOT_NEEDED)):
            said.append((_phrase(rng, shape, kinds), shape.object_id, kind))
    return tuple(said)


def _compared(objects: Sequence[ShapeObject]) -> list[dict[str, tuple[int, int]]]:
    """Returns of each object, by the kind of its traits, which objects have the same and which another, as bits."""
    found = []
    for shape in objects:
        told = {}
        for kind, trait in shape.traits.items():
            traits = [other.traits.get(kind) for other in objects]
            same = sum(1 << number for number, other in enumerate(traits) if other == trait)
            another = sum(1 << number for number, other in enumerate(traits) if other not in (trait, None))
            told[kind] = same, another
        found.append(told)
    return found


def _fitting(kinds: Sequence[str], told: Mapping[str, tuple[int, int]], count: int) -> tuple[int, ...]:
    """Returns which objects have the same traits of these kinds as one of them; () unless that is clear of them all.

    Args:
        kinds: Of traits.
        told: See `_compared`.
        count: Number of objects.
    """
    if not all(kind in told for kind in kinds):
        return ()
    everyone = (1 << count) - 1
    fitting, others = everyone, 0
    for kind in kinds:
        fitting &= told[kind][0]
        others |= told[kind][1]
    if fitting | others != everyone:
        return ()
    return tuple(number for number in range(count) if fitting >> number & 1)


def _phrase(rng: np.random.Generator, shape: ShapeObject, kinds: Sequence[str]) -> str:
    """Words a sentence that names some traits of an object, e.g. "the small red dax", "a dax on the left"."""
    category, named = shape.category, {kind: shape.traits[kind] for kind in kinds}
    first = pick(rng, 2)
    article = "a" if rng.random() < 0.25 else "the"
    words = [article, *(named[kind] for kind in ("size", "colour") if kind in named), category]
    if not named and first:
        words = ["the only", category]
    if "column" in named:
        words.append(("on the {}", "on the {} side")[first].format(named["column"]))
    if "row" in named:
        words.append(("at the {}", "near the {}")[first].format(named["row"]))
    if "motion" in named:
        stays = named["motion"] == "still"
        forms = ("that stays {}", "staying {}") if stays else ("that moves {}", "moving {}")
        words.append(forms[first].format(named["motion"]))
    return " ".join(words)


# ---- versions ----


_EDITIONS = {
    "v2": _Edition(
        first_silhouette=0,
        counts=((1, 1), (1, 2), *[(2, 2)] * 6),
        cast=_cast_with_decoys,
        describe=_describe_within_category,
    ),
    "v3": _Edition(
        first_silhouette=DRAWN_BY_HAND,
        counts=((1, 3), (1, 4), (2, 2), (2, 2)),
        cast=_cast_alike,
        describe=_describe_twice,
    ),
}

V2 = ShapesConfig(version="v2", videos_per_category=60)
"""The set as version 2 of its manifest has it."""

V3 = ShapesConfig()
"""The set as version 3 of its manifest has it."""

SHIPPED = (V3, V2)
"""The sets of which there are manifests; no two have a video of the same name."""


# ---- files ----


def generate_shapes(
    root: Path, config: ShapesConfig = ShapesConfig(), *, workers: int = 1, progress: bool = False
) -> None:
    """Writes the set in the layout of Mini-Ref-YouTube-VOS; returns at once if it is there already.

    The folder appears under its name when it is complete. Several processes may call this at once.

    Args:
        root: Folder of the set.
        config: What to generate.
        workers: Processes that draw; the set is the same with any number.
        progress: Shows a bar on stderr, if that is a terminal.

    Raises:
        DataError: `root` holds something else.
    """
    root = root.resolve()
    if _is_complete(root, config):
        return
    try:
        with named_errors(root), whole_folder(root) as fresh:
            _write_set(fresh, config, workers, progress=progress)
    except OSError:  # another process was faster
        if not _is_complete(root, config):
            raise


def _is_complete(root: Path, config: ShapesConfig) -> bool:
    """Tells whether the set is there; raises DataError if something else is."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    try:
        found = json.loads((root / _CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if found == _record(config):
        return True
    holds = f"a set generated with {found}" if found else f"something that is no generated set (no {_CONFIG_FILE})"
    raise DataError(f"{root}: holds {holds}, not {_record(config)}. Delete the folder, or generate into another one.")


def _record(config: ShapesConfig) -> dict[str, Any]:  # Any: JSON
    """Returns what is written down of a config; one of all categories says nothing of them, as sets always did."""
    return {name: value for name, value in asdict(config).items() if value or name != "num_categories"}


def _write_set(root: Path, config: ShapesConfig, workers: int, *, progress: bool) -> None:
    videos = [(c, v) for c in range(len(config.categories)) for v in range(config.videos_per_category)]
    objects: dict[str, Any] = {}
    expressions: dict[str, Any] = {}
    with ExitStack() as stack:
        run: Any = map  # Any: or a pool's, which takes the same
        if workers > 1:
            run = partial(stack.enter_context(worker_pool(workers)).map, chunksize=8)
        written = run(partial(_write_video, root / "train", config), *zip(*videos, strict=True))
        shown = track(written, root.name, len(videos), unit="video", show=progress)
        for video_id, video_objects, video_expressions in shown:
            objects[video_id] = video_objects
            expressions[video_id] = video_expressions
    _write_json(root / "train" / "meta.json", {"videos": objects})
    _write_json(root / "meta_expressions" / "train" / "meta_expressions.json", {"videos": expressions})
    _write_json(root / _CONFIG_FILE, _record(config))


def _write_video(
    folder: Path, config: ShapesConfig, category_index: int, video_index: int
) -> tuple[str, dict[str, Any], dict[str, Any]]:  # Any: JSON
    """Draws a video, writes its pixels, and returns its id and its entries in the two files of metadata."""
    video = render_video(config, category_index, video_index)
    _write_pixels(folder, video)
    objects = {
        str(o.object_id): {"category": o.category, "frames": [video.frame_names[t] for t in o.frames]}
        for o in video.objects
        if o.object_id
    }
    expressions = {
        str(k): {"exp": text, "obj_id": str(object_id), **({"type": kind} if kind else {})}
        for k, ((text, object_id), kind) in enumerate(zip(video.sentences, video.kinds, strict=True))
    }
    return video.video_id, {"objects": objects}, {"frames": list(video.frame_names), "expressions": expressions}


def _write_pixels(folder: Path, video: RenderedVideo) -> None:
    images, annotations = folder / "JPEGImages" / video.video_id, folder / "Annotations" / video.video_id
    images.mkdir(parents=True)
    annotations.mkdir(parents=True)
    for name, frame, label_map in zip(video.frame_names, video.frames, video.label_maps, strict=True):
        (images / f"{name}.jpg").write_bytes(encode_frame(frame))
        indexed = Image.fromarray(label_map)
        indexed.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0])
        indexed.save(annotations / f"{name}.png")


def encode_frame(frame: NDArray[np.uint8]) -> bytes:
    """Returns a frame, uint8 RGB [H, W, 3], as the JPEG file that the set holds of it."""
    stream = BytesIO()
    Image.fromarray(frame).save(stream, "jpeg", quality=95, subsampling=0)
    return stream.getvalue()


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
