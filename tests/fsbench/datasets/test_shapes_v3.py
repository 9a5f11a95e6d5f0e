"""Version 3 of the embedded set: silhouettes that differ, and sentences of which half need the support.

What it shares with version 2 is tested in `test_shapes.py`.
"""

import re
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from itertools import groupby

import numpy as np
import pytest

from fsbench.datasets import shapes
from fsbench.datasets._shapes_outlines import DRAWN_BY_HAND
from fsbench.datasets._shapes_outlines import parts_of
from fsbench.datasets._shapes_outlines import TAKEN
from fsbench.datasets._shapes_render import COLOURS
from fsbench.datasets._shapes_render import draw_owner
from fsbench.datasets._shapes_render import Piece
from fsbench.datasets._shapes_render import SUB
from fsbench.datasets.shapes import CATEGORIES
from fsbench.datasets.shapes import NEEDED
from fsbench.datasets.shapes import NOT_NEEDED
from fsbench.datasets.shapes import NUM_FOLDS
from fsbench.datasets.shapes import render_named
from fsbench.datasets.shapes import render_video
from fsbench.datasets.shapes import RenderedVideo
from fsbench.datasets.shapes import ShapeObject
from fsbench.datasets.shapes import ShapesConfig
from fsbench.datasets.shapes import SHIPPED
from fsbench.datasets.shapes import V3
from fsbench.errors import DataError
from tests.conftest import ROOT
from tests.fsbench.datasets.test_shapes import digest_of
from tests.fsbench.datasets.test_shapes import fits

WORDS = CATEGORIES["v3"]
BOUND = 0.75
"""No silhouette covers another with a larger intersection over union, whichever way it is turned or mirrored."""

# The first video of every eighth category. A change of this number is a change of the data set: it needs a new version.
DIGEST = "ee7b3bc4fb3fa7657313f54007a4c7bb9eec17845d882cedf2c25a48cf27e3e1"


@pytest.fixture(scope="module")
def videos() -> list[RenderedVideo]:
    """A video of each third category."""
    return [render_video(V3, category, category % 6) for category in range(0, len(WORDS), 3)]


# ---- categories ----


def test_the_set_has_not_changed() -> None:
    assert digest_of([render_video(V3, category, 0) for category in range(0, len(WORDS), 8)]) == DIGEST


def test_there_is_one_silhouette_for_each_word_and_folds_are_of_one_size() -> None:
    assert len(WORDS) == len(set(WORDS)) == len(TAKEN) == len(set(TAKEN)) == 128 == 32 * NUM_FOLDS
    assert len({str(parts_of(DRAWN_BY_HAND + k)) for k in range(len(TAKEN))}) == 128


def test_no_word_is_one_letter_from_another_of_either_version_or_from_what_sentences_say() -> None:
    said = {"the", "a", "only", "on", "side", "at", "near", "top", "bottom", "that", "moves", "moving", "stays", "up"}
    said |= {"staying", "still", "left", "right", "down", "small", "large", *COLOURS}
    for one, other in combinations([*WORDS, *CATEGORIES["v2"]], 2):
        assert not one_letter_apart(one, other), (one, other)
    assert not [(one, other) for one in WORDS for other in said if one_letter_apart(one, other)]
    assert all(re.fullmatch("[a-z]{3,8}", word) for word in WORDS)


def one_letter_apart(one: str, other: str) -> bool:
    """Tells whether one word becomes the other by changing, adding or leaving out at most one letter."""
    shorter, longer = sorted((one, other), key=len)
    if len(longer) - len(shorter) > 1:
        return False
    start = next((k for k, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b), len(shorter))
    skipped = 1 if len(shorter) == len(longer) else 0
    return shorter[start + skipped :] == longer[start + 1 :]


def drawn_alone(silhouette: int, angle: int, size: int = 60, side: int = 24) -> np.ndarray:
    """Where one pixel shows a silhouette, bool [size, size], of the area of a square of so many pixels."""
    middle = size * SUB // 2
    return draw_owner([Piece(silhouette, "red", 0, side * SUB, ((middle, middle, angle),), 0)], 0, size, size) > 0


@pytest.fixture(scope="module")
def overlaps() -> np.ndarray:
    """The largest intersection over union of each two silhouettes of one area, over turns and mirror images [128, 128].

    They lie on each other with their centres of mass, as pixels of the size that objects have in frames.
    """
    turned = np.array([[drawn_alone(DRAWN_BY_HAND + k, angle) for angle in range(0, 1024, 16)] for k in range(128)])
    every = np.concatenate([turned, turned[..., ::-1]], axis=1).reshape(128 * 128, -1).astype(np.float32)
    still = turned[:, 0].reshape(128, -1).astype(np.float32)
    both = still @ every.T
    either = still.sum(axis=1)[:, None] + every.sum(axis=1) - both
    found = (both / either).reshape(128, 128, 128).max(axis=2)
    np.fill_diagonal(found, 0)
    return found


def test_no_two_silhouettes_are_alike_however_turned_or_mirrored(overlaps: np.ndarray) -> None:
    assert overlaps.max() < BOUND
    nearest, pairs = overlaps.max(axis=0), overlaps[np.triu_indices(128, 1)]
    page = (ROOT / "docs/mini-ref-shapes.md").read_text(encoding="utf-8")
    for start, values in (
        ("most of any two", [overlaps.max()]),
        ("of a silhouette and the one most like it", [np.median(nearest), nearest.min()]),
        ("of any two, each at its best turn", np.percentile(pairs, [5, 50, 95])),
    ):
        (row,) = [line for line in page.splitlines() if line.startswith(f"| {start}")]
        assert row.split("|")[2].strip() == ", ".join(f"{value:.3f}" for value in values)


def test_size_does_not_tell_the_category() -> None:
    areas = [drawn_alone(DRAWN_BY_HAND + k, 77).sum() for k in range(128)]
    assert max(areas) <= 1.05 * 24**2
    assert min(areas) >= 0.95 * 24**2


# ---- what a video holds ----


def by_category(video: RenderedVideo) -> dict[str, list[ShapeObject]]:
    found: dict[str, list[ShapeObject]] = {}
    for shape in video.objects:
        found.setdefault(shape.category, []).append(shape)
    return found


def test_a_video_shows_as_many_objects_of_each_of_its_categories_which_are_of_one_fold(
    videos: list[RenderedVideo],
) -> None:
    layouts = set()
    for video in videos:
        found = by_category(video)
        (count,) = {len(shapes) for shapes in found.values()}
        layouts.add((count, len(found)))
        assert {WORDS.index(category) % NUM_FOLDS for category in found} == {WORDS.index(video.category) % NUM_FOLDS}
        assert {o.category for o in video.objects if o.object_id} == {video.category}
        assert [o.object_id for o in video.objects] == [*range(1, count + 1), *[0] * (len(video.objects) - count)]
        assert all(DRAWN_BY_HAND + WORDS.index(o.category) == o.piece.silhouette for o in video.objects)
    assert layouts == {(1, 3), (1, 4), (2, 2)}


def meant(video: RenderedVideo, sentence: str) -> list[ShapeObject]:
    """The objects that fit all that is said but for the word; measured, not by the traits that the set itself keeps."""
    answers = {}
    for number, shape in enumerate(video.objects):
        told = fits(sentence.replace(video.category, shape.category), shape, V3)
        assert told is not None, (video.video_id, sentence, shape)
        answers[number] = told
    return [video.objects[number] for number, told in answers.items() if told]


def test_half_of_the_sentences_fit_one_object_of_each_category_and_the_others_one_object_alone(
    videos: list[RenderedVideo],
) -> None:
    for video in videos:
        for object_id, said in groupby(zip(video.sentences, video.kinds, strict=True), key=lambda each: each[0][1]):
            kinds = []
            for (sentence, _), kind in said:
                kinds.append(kind)
                there = meant(video, sentence)
                assert sentence.split().count(video.category) == 1
                assert [o.object_id for o in there if o.category == video.category] == [object_id]
                if kind == NEEDED:
                    assert sorted(o.category for o in there) == sorted(by_category(video))
                else:
                    assert len(there) == 1
            assert sorted(kinds) == [NEEDED, NOT_NEEDED]
        assert len(video.sentences) == 2 * sum(o.object_id > 0 for o in video.objects)
        assert len({sentence for sentence, _ in video.sentences}) == len(video.sentences)


# ---- what would give the support's half away ----


def middle(shape: ShapeObject) -> float:
    places = np.array([(row / 64, column / 96) for row, column, _ in shape.piece.track]) / SUB
    return float(np.hypot(*(places - 0.5).T).mean())


def motion(shape: ShapeObject) -> float:
    places = np.array([(row, column) for row, column, _ in shape.piece.track]) / SUB
    return float(np.hypot(*np.diff(places, axis=0).T).sum())


READERS: dict[str, Callable[[ShapeObject], float]] = {
    "largest": lambda shape: shape.piece.side,
    "most central": lambda shape: -middle(shape),
    "nearest": lambda shape: shape.piece.depth,
    "farthest": lambda shape: -shape.piece.depth,
    "fastest": motion,
    "brightest": lambda shape: sum(COLOURS[shape.piece.colour]),
    "most often seen": lambda shape: len(shape.frames),
    "with the most traits": lambda shape: len(shape.traits),
    "of the plainest texture": lambda shape: -shape.piece.texture,
    "topmost": lambda shape: -shape.piece.track[0][0],
    "leftmost": lambda shape: -shape.piece.track[0][1],
    "most turned": lambda shape: shape.piece.track[0][2],
    "of the first category": lambda shape: -WORDS.index(shape.category),
}


@pytest.fixture(scope="module")
def chances() -> list[tuple[RenderedVideo, str, int]]:
    """Sentences that need the support, with the number of objects that fit but for the word."""
    config = ShapesConfig(seed=3, frames=3, height=48, width=64)  # where nothing was looked at
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shapes, "draw_frames", lambda *_: None)  # scenes alone, unpainted
        videos = [render_video(config, category, number) for category in range(len(WORDS)) for number in range(2)]
    for video in videos:
        found += [
            (video, sentence, len(by_category(video)))
            for (sentence, _), kind in zip(video.sentences, video.kinds, strict=True)
            if kind == NEEDED
        ]
    return found


@pytest.mark.parametrize("reader", READERS)
def test_simple_readers_find_the_category_no_more_often_than_by_chance(
    chances: list[tuple[RenderedVideo, str, int]], reader: str
) -> None:
    """Of each video the category of the object that stands out; three standard errors are left to chance."""
    right, expected, variance = 0.0, 0.0, 0.0
    for video in {video.video_id: video for video, _, _ in chances}.values():
        values = [READERS[reader](shape) for shape in video.objects]
        best = [shape for shape, value in zip(video.objects, values, strict=True) if value == max(values)]
        right += np.mean([shape.category == video.category for shape in best])
        chance = 1 / len(by_category(video))
        expected += chance
        variance += chance * (1 - chance)
    assert abs(right - expected) < 3 * np.sqrt(variance), (right, expected)


def test_every_category_takes_part_where_others_are_asked_for_about_as_often_as_any_other(
    chances: list[tuple[RenderedVideo, str, int]],
) -> None:
    videos = {video.video_id: video for video, _, _ in chances}.values()
    found = Counter(category for video in videos for category in by_category(video) if category != video.category)
    counts = [found[word] for word in WORDS]
    assert np.var(counts) < 1.5 * np.mean(counts)  # as if each had been drawn by itself


# ---- other sets of the same kind ----


@pytest.mark.parametrize("num_categories", [16, 64])
def test_fewer_categories_are_the_first_ones_alone(num_categories: int) -> None:
    config = ShapesConfig(seed=2, num_categories=num_categories, videos_per_category=64)
    assert config.categories == WORDS[:num_categories]
    shown = {o.category for video in range(12) for o in render_video(config, 5, video).objects}
    assert shown <= set(WORDS[1:num_categories:4])
    assert len(shown) > 3
    assert render_video(config, 5, 63).video_id == f"{WORDS[5]}-63"


@pytest.mark.parametrize("wrong", [{"num_categories": 12}, {"num_categories": 18}, {"num_categories": 132}])
def test_numbers_of_categories_that_do_not_do_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="0 for all 128, or a multiple of 4 from 16 on"):
        ShapesConfig(**wrong)  # type: ignore[arg-type]


def test_versions_that_are_not_there_are_refused() -> None:
    with pytest.raises(ValueError, match="no such version; there are v2, v3"):
        ShapesConfig(version="v4")


def test_a_name_tells_the_version_of_its_video() -> None:
    for config, name in zip(SHIPPED, (f"{WORDS[9]}-03", "dax-17"), strict=True):
        video = render_named(SHIPPED, name)
        index = config.categories.index(video.category)
        assert digest_of([video]) == digest_of([render_video(config, index, int(name[-2:]))])
    for wrong in (f"{WORDS[9]}-06", f"{WORDS[9]}-3", "dax-60", "ape-00"):
        with pytest.raises(DataError, match="no video"):
            render_named(SHIPPED, wrong)
