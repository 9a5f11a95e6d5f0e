"""The embedded set: what it promises its readers, and that it is the same everywhere; of version 2, all of it.

What version 3 has of its own is tested in `test_shapes_v3.py`.
"""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from dataclasses import replace
from itertools import chain
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fsbench.datasets import shapes
from fsbench.datasets._shapes_outlines import DRAWN_BY_HAND
from fsbench.datasets._shapes_render import COLOURS
from fsbench.datasets._shapes_render import Piece
from fsbench.datasets._shapes_render import SUB
from fsbench.datasets.shapes import generate_shapes
from fsbench.datasets.shapes import NUM_FOLDS
from fsbench.datasets.shapes import render_video
from fsbench.datasets.shapes import RenderedVideo
from fsbench.datasets.shapes import ShapeObject
from fsbench.datasets.shapes import ShapesConfig
from fsbench.datasets.shapes import V2
from fsbench.errors import DataError

CATEGORIES = shapes.CATEGORIES["v2"]
DEFAULT = V2
SMALL = ShapesConfig(version="v2", videos_per_category=1, frames=3, height=48, width=64)

# The first video of each category of version 2. A change of this number is a change of the data set: it needs
# a new `version`, and new manifests.
DIGEST = "5153d9b1973299cb55a30d891fa63ceb7266e4885f5ede79c210c899256c0ce7"
DIGEST_VIDEOS = tuple((category, 0) for category in range(16))


def digest_of(videos: Sequence[RenderedVideo]) -> str:
    digest = hashlib.sha256()
    for video in videos:
        digest.update(video.frames.tobytes())
        digest.update(video.label_maps.tobytes())
        digest.update(json.dumps(video.sentences).encode())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def videos() -> list[RenderedVideo]:
    """Three videos of each category of version 2."""
    return [render_video(DEFAULT, category, video) for category in range(len(CATEGORIES)) for video in range(3)]


@pytest.fixture(scope="module")
def small_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shapes") / "mini-ref-shapes"
    generate_shapes(root, SMALL)
    return root


def annotated(video: RenderedVideo) -> list[ShapeObject]:
    return [o for o in video.objects if o.object_id]


# ---- the same everywhere ----


def test_default_set_has_not_changed() -> None:
    assert digest_of([render_video(DEFAULT, *which) for which in DIGEST_VIDEOS]) == DIGEST


@pytest.mark.parametrize("hash_seed", ["0", "4242"])
def test_digest_does_not_depend_on_the_hash_seed(hash_seed: str) -> None:
    code = (
        "from tests_shapes import digest_of, render_video, DEFAULT, DIGEST_VIDEOS\n"
        "print(digest_of([render_video(DEFAULT, *which) for which in DIGEST_VIDEOS]))"
    ).replace("tests_shapes", Path(__file__).stem)
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == DIGEST


def test_video_does_not_depend_on_the_number_of_videos_or_on_what_was_drawn_before() -> None:
    first = render_video(SMALL, 5, 0)
    render_video(SMALL, 6, 0)
    again = render_video(replace(SMALL, videos_per_category=9), 5, 0)
    assert digest_of([first]) == digest_of([again])


@pytest.mark.parametrize("other", [replace(SMALL, seed=1), replace(SMALL, version="v3")])
def test_seed_and_version_give_other_videos(other: ShapesConfig) -> None:
    assert digest_of([render_video(SMALL, 0, 0)]) != digest_of([render_video(other, 0, 0)])


# ---- what a video holds ----


def test_there_is_one_silhouette_for_each_word() -> None:
    assert len(CATEGORIES) == len(set(CATEGORIES)) == DRAWN_BY_HAND == 4 * NUM_FOLDS


def test_arrays_have_the_promised_shapes(videos: list[RenderedVideo]) -> None:
    for video in videos:
        assert video.frames.shape == (8, 64, 96, 3)
        assert video.label_maps.shape == (8, 64, 96)
        assert video.frames.dtype == video.label_maps.dtype == np.uint8
        assert video.frame_names[:3] == ("00000", "00005", "00010")
        assert len(video.frame_names) == 8


def test_annotated_objects_are_of_the_category_and_distractors_of_others_in_its_fold(
    videos: list[RenderedVideo],
) -> None:
    for video in videos:
        fold = CATEGORIES.index(video.category) % NUM_FOLDS
        distractors = [o.category for o in video.objects if not o.object_id]
        assert [o.object_id for o in annotated(video)] == list(range(1, len(annotated(video)) + 1))
        assert 1 <= len(annotated(video)) <= len(distractors) <= 3
        assert {o.category for o in annotated(video)} == {video.category}
        assert video.category not in distractors
        assert {CATEGORIES.index(category) % NUM_FOLDS for category in distractors} == {fold}
        assert all(CATEGORIES[o.piece.silhouette] == o.category for o in video.objects)


def test_frames_of_an_object_are_those_in_which_it_is_visible_and_they_are_most(videos: list[RenderedVideo]) -> None:
    for video in videos:
        assert set(np.unique(video.label_maps)) == {0, *(o.object_id for o in annotated(video))}
        for shape in annotated(video):
            pixels = np.count_nonzero(video.label_maps == shape.object_id, axis=(1, 2))
            assert shape.frames == tuple(np.flatnonzero(pixels))
            assert np.count_nonzero(pixels >= 150) >= 5


def silhouettes(piece: Piece, height: int, width: int) -> np.ndarray:
    """What a piece covers in each frame, bool [T, H, W]."""
    frames = range(len(piece.track))
    return np.stack([shapes.draw_owner([piece], t, height, width) for t in frames]).astype(bool)


def test_nearer_objects_hide_farther_ones(videos: list[RenderedVideo]) -> None:
    hidden = 0
    for video in videos:
        alone = [silhouettes(o.piece, 64, 96) for o in video.objects]
        for shape, silhouette in zip(video.objects, alone, strict=True):
            nearer = [m for o, m in zip(video.objects, alone, strict=True) if o.piece.depth > shape.piece.depth]
            visible = silhouette & ~np.any([np.zeros_like(silhouette), *nearer], axis=0)
            if shape.object_id:
                np.testing.assert_array_equal(video.label_maps == shape.object_id, visible)
            hidden += np.count_nonzero(silhouette & ~visible)
    assert hidden > 0


def test_visible_pixels_show_the_colour_of_the_object(videos: list[RenderedVideo]) -> None:
    names, values = list(COLOURS), np.array(list(COLOURS.values()), float)
    for video in videos:
        for shape in annotated(video):
            # the brighter half of its pixels: neither dark rim nor dark side of the texture
            seen = np.percentile(video.frames[video.label_maps == shape.object_id], 75, axis=0)
            assert names[int(np.argmin(np.abs(values - seen).sum(axis=1)))] == shape.piece.colour


def test_objects_are_small_beside_the_frame(videos: list[RenderedVideo]) -> None:
    shares = [
        np.mean(video.label_maps[t] == shape.object_id)
        for video in videos
        for shape in annotated(video)
        for t in shape.frames
    ]
    assert 0.04 < np.mean(shares) < 0.08
    assert np.max(shares) < 0.14


def test_size_does_not_tell_the_category() -> None:
    areas = []
    for silhouette in range(DRAWN_BY_HAND):
        piece = replace(
            render_video(SMALL, 0, 0).objects[0].piece,
            silhouette=silhouette,
            side=24 * SUB,
            track=((48 * SUB, 64 * SUB, 77),),
        )
        areas.append(np.count_nonzero(shapes.draw_owner([piece], 0, 96, 128)))
    assert max(areas) <= 1.03 * 24**2
    assert min(areas) >= 0.97 * 24**2


def test_silhouettes_of_a_fold_differ_at_every_angle() -> None:
    """No turn lays a shape over another one of its fold with an intersection over union of 0.75 or more."""
    template = render_video(SMALL, 0, 0).objects[0].piece

    def turned(silhouette: int, angles: Sequence[int]) -> np.ndarray:
        track = tuple((48 * SUB, 48 * SUB, angle) for angle in angles)
        piece = replace(template, silhouette=silhouette, side=32 * SUB, track=track)
        return silhouettes(piece, 96, 96)

    for one in range(DRAWN_BY_HAND):
        still = turned(one, [0])
        for other in range(one + NUM_FOLDS, DRAWN_BY_HAND, NUM_FOLDS):
            masks = turned(other, range(0, 1024, 32))
            overlap = (masks & still).sum(axis=(1, 2)) / (masks | still).sum(axis=(1, 2))
            assert overlap.max() < 0.75, (CATEGORIES[one], CATEGORIES[other])


# ---- sentences ----


def fits(sentence: str, shape: ShapeObject, config: ShapesConfig) -> bool | None:
    """Reads a sentence and measures the object: True or False when the answer is clear, None when it is not."""
    words = sentence.split()
    answers = [shape.category in words]
    answers += [shape.piece.colour == word for word in words if word in COLOURS]
    side = shape.piece.side / SUB / np.sqrt(config.height * config.width)
    rows, columns, _ = np.array(shape.piece.track, float).T / SUB
    rows, columns = np.clip(rows / config.height, 0, 1), np.clip(columns / config.width, 0, 1)
    moves = any(word in words for word in ("moves", "moving", "stays", "staying"))
    for word in words:
        if word in ("small", "large"):
            answers.append(clear(side < 0.255, side > 0.34) if word == "small" else clear(side > 0.34, side < 0.255))
        elif word in ("left", "right", "up", "down", "still") and moves:
            answers.append(moves_so(word, rows * config.height, columns * config.width))
        elif word in ("left", "right", "top", "bottom"):
            place = (columns if word in ("left", "right") else rows).mean()
            is_low, is_high = place < 0.43, place > 0.57
            answers.append(clear(is_low, is_high) if word in ("left", "top") else clear(is_high, is_low))
    if False in answers:
        return False
    return None if None in answers else True


def clear(is_so: bool, is_contrary: bool) -> bool | None:
    return True if is_so else False if is_contrary else None


def moves_so(word: str, rows: np.ndarray, columns: np.ndarray) -> bool | None:
    """Compares the word with the straight way from the first to the last place, in pixels."""
    down, right = rows[-1] - rows[0], columns[-1] - columns[0]
    if np.ptp(rows) == np.ptp(columns) == 0:
        return word == "still"
    if max(abs(down), abs(right)) < 17 or min(abs(down), abs(right)) > 0.5 * max(abs(down), abs(right)):
        return None
    if abs(right) > abs(down):
        return word == ("right" if right > 0 else "left")
    return word == ("down" if down > 0 else "up")


def test_each_sentence_fits_its_object_and_no_other_of_the_category(videos: list[RenderedVideo]) -> None:
    for video in videos:
        for sentence, object_id in video.sentences:
            answers = {o.object_id: fits(sentence, o, DEFAULT) for o in annotated(video)}
            assert answers.pop(object_id) is True, (video.video_id, sentence, object_id)
            assert not any(answer is not False for answer in answers.values()), (video.video_id, sentence, object_id)


def test_each_object_has_two_different_sentences(videos: list[RenderedVideo]) -> None:
    for video in videos:
        ids = [object_id for _, object_id in video.sentences]
        assert ids == sorted([o.object_id for o in annotated(video)] * 2)
        assert all(one != other for (one, id_one), (other, id_other) in pairwise(video.sentences) if id_one == id_other)


def test_vocabulary_is_small() -> None:
    sentences = chain.from_iterable(render_video(SMALL, c, v).sentences for c in range(16) for v in range(12))
    words = {word for sentence, _ in sentences for word in sentence.split()}
    assert set(CATEGORIES) | set(COLOURS) <= words
    assert len(words) < 60


def test_most_sentences_would_fit_a_distractor_but_for_the_category(videos: list[RenderedVideo]) -> None:
    told_by_category = [
        any(
            fits(sentence, replace(o, category=video.category), DEFAULT) is not False
            for o in video.objects
            if not o.object_id
        )
        for video in videos
        for sentence, _ in video.sentences
    ]
    assert np.mean(told_by_category) > 0.75


# ---- floors ----


def test_floors_that_look_at_nothing_score_low(videos: list[RenderedVideo]) -> None:
    full, copied = [], []
    for video, support in pairwise(videos):
        shot = (support.label_maps[:5] == 1).mean(axis=0) >= 0.5
        for _, object_id in video.sentences:
            truth = video.label_maps == object_id
            full.append(truth.mean())
            union = (truth | shot).sum(axis=(1, 2))
            copied.append(((truth & shot).sum(axis=(1, 2)) / np.maximum(union, 1)).mean())
    assert np.mean(full) < 0.1
    assert np.mean(copied) < 0.15


# ---- the files ----


def test_files_agree_with_the_rendered_videos(small_root: Path) -> None:
    objects = json.loads((small_root / "train/meta.json").read_text())["videos"]
    expressions = json.loads((small_root / "meta_expressions/train/meta_expressions.json").read_text())["videos"]
    rendered = [render_video(SMALL, category, 0) for category in range(len(CATEGORIES))]
    assert list(objects) == list(expressions) == [video.video_id for video in rendered]
    for video in rendered:
        assert objects[video.video_id] == {
            "objects": {
                str(o.object_id): {"category": video.category, "frames": [f"{5 * t:05d}" for t in o.frames]}
                for o in annotated(video)
            }
        }
        assert expressions[video.video_id]["frames"] == ["00000", "00005", "00010"]
        assert [(e["exp"], int(e["obj_id"])) for e in expressions[video.video_id]["expressions"].values()] == list(
            video.sentences
        )


def test_masks_are_read_as_palette_indices_and_frames_are_close_to_the_rendered(small_root: Path) -> None:
    video = render_video(SMALL, 9, 0)
    for t, name in enumerate(video.frame_names):
        with Image.open(small_root / "train/Annotations" / video.video_id / f"{name}.png") as image:
            assert image.mode == "P"
            np.testing.assert_array_equal(np.asarray(image), video.label_maps[t])
        with Image.open(small_root / "train/JPEGImages" / video.video_id / f"{name}.jpg") as image:
            difference = np.abs(np.asarray(image).astype(int) - video.frames[t])
            assert difference.mean() < 3


def test_every_frame_has_an_image_and_an_annotation(small_root: Path) -> None:
    for folder, suffix in (("JPEGImages", ".jpg"), ("Annotations", ".png")):
        files = sorted(path.relative_to(small_root / "train" / folder) for path in small_root.rglob(f"*{suffix}"))
        assert files == sorted(
            Path(f"{word}-00/{name}{suffix}") for word in CATEGORIES for name in ("00000", "00005", "00010")
        )


def contents(root: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(root)), path.read_bytes()


def test_second_call_returns_at_once_and_writes_nothing(small_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = list(contents(small_root))
    monkeypatch.setattr(shapes, "render_video", lambda *_: pytest.fail("nothing must be drawn"))
    generate_shapes(small_root, SMALL)
    assert list(contents(small_root)) == before


def test_another_config_in_the_folder_is_an_error_that_says_what_to_do(small_root: Path) -> None:
    with pytest.raises(DataError, match=r"'seed': 0.*not.*'seed': 7.*Delete the folder, or generate into another"):
        generate_shapes(small_root, replace(SMALL, seed=7))


def test_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"no shapes\.json"):
        generate_shapes(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_empty_folder_is_filled(tmp_path: Path, small_root: Path) -> None:
    (tmp_path / "set").mkdir()
    generate_shapes(tmp_path / "set", SMALL)
    assert list(contents(tmp_path / "set")) == list(contents(small_root))


def test_the_set_is_the_same_with_several_processes(tmp_path: Path, small_root: Path) -> None:
    generate_shapes(tmp_path / "set", SMALL, workers=2)
    assert list(contents(tmp_path / "set")) == list(contents(small_root))


def test_concurrent_runs_do_not_collide(tmp_path: Path, small_root: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: generate_shapes(tmp_path / "set", SMALL), range(3)))
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    assert list(contents(tmp_path / "set")) == list(contents(small_root))


def test_failed_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_at_the_third(config: ShapesConfig, category_index: int, video_index: int) -> RenderedVideo:
        if category_index == 2:
            raise OSError(errno.ENOSPC, "disk full")
        return render_video(config, category_index, video_index)

    monkeypatch.setattr(shapes, "render_video", fail_at_the_third)
    with pytest.raises(OSError, match=r"disk full: '.*set'"):
        generate_shapes(tmp_path / "set", SMALL)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_run_leaves_no_set_and_the_next_one_succeeds(tmp_path: Path, small_root: Path) -> None:
    root = tmp_path / "set"
    code = f"""
from pathlib import Path
from fsbench.datasets.shapes import generate_shapes, ShapesConfig
generate_shapes(Path({str(root)!r}), ShapesConfig(**{ {**asdict(SMALL), "videos_per_category": 999}!r}))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as process:
        deadline = time.monotonic() + 60
        while not any(tmp_path.rglob("*.png")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
    assert not root.exists()
    generate_shapes(root, SMALL)
    assert list(contents(root)) == list(contents(small_root))


@pytest.mark.parametrize(
    "wrong", [{"videos_per_category": 0}, {"frames": 1}, {"height": 32}, {"height": 48, "width": 100}]
)
def test_impossible_configs_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="needs at least"):
        ShapesConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(("height", "width", "frames"), [(40, 80, 2), (80, 40, 3), (41, 57, 4)])
def test_other_sizes_work(height: int, width: int, frames: int) -> None:
    config = ShapesConfig(version="v2", height=height, width=width, frames=frames)
    for category in range(0, 16, 5):
        assert render_video(config, category, 0).frames.shape == (frames, height, width, 3)
