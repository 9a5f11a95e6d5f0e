import numpy as np
import pytest

from fsbench.methods import whole_masks
from fsbench.methods.contract import Clip
from fsbench.methods.contract import Method
from fsbench.methods.contract import Shot
from fsbench.methods.contract import Support
from fsbench_baselines.colour_prototype import ColourPrototype

RED, BLUE = (200, 60, 50), (40, 80, 190)


def video(
    centres: list[tuple[int, int]], colour=RED, height=120, width=180, radius=18, seed=0
) -> tuple[np.ndarray, np.ndarray]:
    """A disk on a noisy green ground: uint8 [T, H, W, 3] and bool [T, H, W], one frame per centre (y, x)."""
    noise = np.random.default_rng(seed).normal(0, 8, (len(centres), height, width, 3))
    y, x = np.ogrid[:height, :width]
    masks = np.stack([(y - v) ** 2 + (x - u) ** 2 <= radius**2 for v, u in centres])
    frames = np.where(masks[..., None], colour, (70, 130, 60)) + noise
    return frames.clip(0, 255).astype(np.uint8), masks


def support_of(frames: np.ndarray, masks: np.ndarray) -> Support:
    return Support((Shot(frames, masks, "the disk"),))


def masks_of(method: Method, support: Support, clip: Clip, sentences: int = 1) -> np.ndarray:
    return whole_masks(method.segment(method.adapt(support), clip, [f"sentence {n}" for n in range(sentences)]))


def overlap(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Jaccard index per frame of bool [T, H, W]."""
    return (one & two).sum(axis=(1, 2)) / (one | two).sum(axis=(1, 2))


SUPPORT = support_of(*video([(60, 80), (60, 84), (60, 88)], seed=1))
CENTRES = [(45, 70), (50, 80), (60, 95), (70, 110)]


def test_it_is_a_method_with_the_name_it_is_registered_under():
    assert isinstance(ColourPrototype(), Method)
    assert ColourPrototype.info.name == "colour-prototype"


@pytest.mark.parametrize(("frames", "size", "sentences"), [(1, None, 1), (2, (60, 90), 3), (4, (200, 150), 2)])
def test_masks_have_the_contracts_shape_and_type(frames, size, sentences):
    masks = masks_of(ColourPrototype(), SUPPORT, Clip(video(CENTRES[:frames])[0], size), sentences)
    assert masks.shape == (sentences, frames, *(size or (120, 180)))
    assert masks.dtype == np.bool_


@pytest.mark.parametrize("iterations", [0, 1, 3])
@pytest.mark.parametrize("working_size", [60, 144])
def test_a_disk_of_the_supports_colour_is_found(iterations, working_size):
    frames, truth = video(CENTRES)
    masks = masks_of(ColourPrototype(working_size, iterations), SUPPORT, Clip(frames))[0]
    assert overlap(masks, truth).min() > (0.8 if iterations else 0.4)


def test_a_single_frame_is_enough():
    frames, truth = video(CENTRES[:1])
    assert overlap(masks_of(ColourPrototype(), SUPPORT, Clip(frames))[0], truth).min() > 0.8


def test_the_disk_of_the_supports_colour_is_told_from_another():
    frames, truth = video([(60, 55), (60, 60)])
    other = video([(60, 125), (60, 120)])[1]
    frames[other] = BLUE
    red = masks_of(ColourPrototype(), SUPPORT, Clip(frames))[0]
    blue = masks_of(ColourPrototype(), support_of(*video([(60, 90)], colour=BLUE)), Clip(frames))[0]
    assert overlap(red, truth).min() > 0.8
    assert overlap(blue, other).min() > 0.8


def test_masks_come_at_the_output_size():
    frames, _ = video(CENTRES)
    _, truth = video([(2 * y, 2 * x) for y, x in CENTRES], height=240, width=360, radius=36)
    assert overlap(masks_of(ColourPrototype(), SUPPORT, Clip(frames, (240, 360)))[0], truth).min() > 0.8


def test_every_sentence_gets_the_masks_that_it_would_get_alone():
    frames, _ = video(CENTRES)
    together = masks_of(ColourPrototype(), SUPPORT, Clip(frames), sentences=3)
    alone = masks_of(ColourPrototype(), SUPPORT, Clip(frames))
    np.testing.assert_array_equal(together, np.repeat(alone, 3, axis=0))


def test_masks_depend_neither_on_the_order_of_calls_nor_on_what_the_clip_remembers():
    frames, _ = video(CENTRES)
    other = support_of(*video([(30, 40)], colour=BLUE, seed=2))
    clip, method = Clip(frames), ColourPrototype()
    masks_of(ColourPrototype(working_size=40), SUPPORT, clip)
    masks_of(method, other, clip)
    np.testing.assert_array_equal(masks_of(method, SUPPORT, clip), masks_of(ColourPrototype(), SUPPORT, Clip(frames)))


def test_shots_of_different_sizes_make_one_support():
    small, large = (video([(v, u)], height=h, width=w) for v, u, h, w in ((40, 50, 80, 100), (120, 200, 240, 400)))
    frames, truth = video(CENTRES)
    support = Support((Shot(*small, "a disk"), Shot(*large, "a disk")))
    assert overlap(masks_of(ColourPrototype(), support, Clip(frames))[0], truth).min() > 0.8


def test_an_empty_support_finds_nothing():
    frames, masks = video(CENTRES)
    assert not masks_of(ColourPrototype(), support_of(frames, np.zeros_like(masks)), Clip(frames), 2).any()


def test_support_frames_without_the_object_do_no_harm():
    frames, masks = video([(60, 80), (60, 84), (60, 88)])
    masks = masks.copy()
    masks[1:] = False
    query, truth = video(CENTRES)
    assert overlap(masks_of(ColourPrototype(), support_of(frames, masks), Clip(query))[0], truth).mean() > 0.5


def test_a_support_that_fills_the_frame_still_gives_masks():
    frames, masks = video(CENTRES)
    found = masks_of(ColourPrototype(), support_of(frames, np.ones_like(masks)), Clip(frames))
    assert 0.5 < found.mean() <= 1


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 5), (1, 2, 300)])
def test_tiny_and_flat_videos_are_no_trouble(shape):
    support = support_of(np.zeros((*shape, 3), np.uint8), np.ones(shape, dtype=bool))
    for grey in (0, 255):
        clip = Clip(np.full((*shape, 3), grey, np.uint8))
        assert masks_of(ColourPrototype(), support, clip).shape == (1, *shape)
        assert masks_of(ColourPrototype(), SUPPORT, clip).shape == (1, *shape)


def test_frames_are_not_written_to():
    frames, _ = video(CENTRES)
    frames.setflags(write=False)
    before = frames.copy()
    masks_of(ColourPrototype(), SUPPORT, Clip(frames))
    np.testing.assert_array_equal(frames, before)
