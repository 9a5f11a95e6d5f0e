"""The steps that vary a training clip: pure functions, which take a generator where they draw.

All but `relight` are those of the released code (`datasets/transforms_video.py`), in its order and
with its ranges; where it does something unexpected, the step's docstring says so. Every draw is a `Generator.random`.

Axes: T frames, H, W pixels.
"""

import re
from dataclasses import dataclass
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from fsbench.protocol import short_side_size
from fsbench.streams import pick
from fsbench.training.clips import Frames
from fsbench.training.clips import TrainingClip
from fsbench.training.clips import without_vanished

__all__ = [
    "RELEASED_AUGMENTATION",
    "Augmentation",
    "augment",
    "crop",
    "distort_colours",
    "flip",
    "random_crop",
    "relight",
    "replace_word",
    "resize",
    "resized_shape",
]

_CHANNEL_ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


@dataclass(frozen=True)
class Augmentation:
    """How clips are varied; with nothing switched on they stay as they are.

    Attributes:
        flip: Probability of a flip.
        swap_sides: A flip exchanges left and right in the sentence.
        light: Bound of the change of contrast and brightness of a clip, as a share.
        photometric: Distort the colours of each frame. No sentence that names a colour stays true.
        scales: Shorter sides, one of which every clip is resized to; none keeps the size.
        max_size: Bound of the longer side after that.
        crop: Probability that a clip is cropped before that.
        crop_scales: Shorter sides, one of which a clip is resized to before it is cropped.
        crop_sides: Smallest and largest side of the crop.
        hide_name: Probability that the name of an episode's class is hidden in both its sentences.
    """

    flip: float = 0.0
    swap_sides: bool = False
    light: float = 0.0
    photometric: bool = False
    scales: tuple[int, ...] = ()
    max_size: int | None = None
    crop: float = 0.0
    crop_scales: tuple[int, ...] = (400, 500, 600)
    crop_sides: tuple[int, int] = (384, 600)
    hide_name: float = 0.0

    def __post_init__(self) -> None:
        for name in ("flip", "light", "crop", "hide_name"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"augmentation: {name} is a share from 0 to 1, not {getattr(self, name)}.")
        sizes = (*self.scales, *self.crop_scales, *self.crop_sides, 1 if self.max_size is None else self.max_size)
        if min(sizes) < 1 or not self.crop_scales or self.crop_sides[0] > self.crop_sides[1]:
            raise ValueError(
                f"augmentation: sizes are at least 1 pixel, crop_scales has one, and crop_sides are smallest and "
                f"largest, not {self}."
            )

    def scaled(self, factor: float) -> "Augmentation":
        """Returns the same for frames of another size: every length in pixels times a factor, and at least 1."""

        def times(sides: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(max(1, round(side * factor)) for side in sides)

        return replace(
            self,
            scales=times(self.scales),
            max_size=None if self.max_size is None else times((self.max_size,))[0],
            crop_scales=times(self.crop_scales),
            crop_sides=(times(self.crop_sides)[0], times(self.crop_sides)[1]),
        )


RELEASED_AUGMENTATION = Augmentation(
    flip=0.5,
    swap_sides=True,
    photometric=True,
    scales=(288, 320, 352, 392, 416, 448, 480, 512),
    max_size=640,
    crop=0.5,
)
"""What the released code does."""


def augment(clip: TrainingClip, rng: np.random.Generator, settings: Augmentation) -> TrainingClip:
    """Varies a clip; query and support each for itself.

    Args:
        clip: Is not changed; the result may share arrays with it.
        rng: What the clip's draws come from.
        settings: What to do. `hide_name` is not for a clip: see `TrainingEpisodes`.

    Returns:
        The clip; `boxes` and `valid` fit each other.
    """
    if rng.random() < settings.flip:
        clip = flip(clip, swap_sides=settings.swap_sides)
    if settings.light:
        clip = replace(clip, frames=relight(clip.frames, rng, settings.light))
    if settings.photometric:
        clip = replace(clip, frames=distort_colours(clip.frames, rng))
    if rng.random() < settings.crop:
        clip = resize(clip, pick(settings.crop_scales, rng))
        clip = random_crop(clip, rng, settings.crop_sides)
    if settings.scales:
        clip = resize(clip, pick(settings.scales, rng), settings.max_size)
    return without_vanished(clip)


# ---- steps ----


def flip(clip: TrainingClip, *, swap_sides: bool) -> TrainingClip:
    """Mirrors a clip left to right.

    With `swap_sides` left becomes right in the sentence and the reverse. As released this goes by letters, in other
    words too: leftmost becomes rightmost, and bright becomes bleft. What was exchanged is in lower case.
    """
    width = np.float32(clip.frames.shape[2])
    x0, y0, x1, y1 = clip.boxes.T
    return replace(
        clip,
        frames=clip.frames[:, :, ::-1].copy(),
        masks=clip.masks[:, :, ::-1].copy(),
        boxes=np.where(clip.valid[:, np.newaxis], np.stack([width - x1, y0, width - x0, y1], axis=1), np.float32(0)),
        sentence=_other_side(clip.sentence) if swap_sides else clip.sentence,
    )


def _other_side(sentence: str) -> str:
    return re.sub("left|right", lambda m: "right" if m[0].lower() == "left" else "left", sentence, flags=re.IGNORECASE)


def relight(frames: Frames, rng: np.random.Generator, strength: float) -> Frames:
    """Changes contrast and brightness of a clip by up to `strength`, the same in all its frames; values are cut."""
    gain, offset = 1 + strength * (2 * rng.random() - 1), 128 * strength * (2 * rng.random() - 1)
    changed: Frames = np.clip(np.rint(frames * np.float32(gain) + np.float32(offset)), 0, 255).astype(np.uint8)
    return changed


def distort_colours(frames: Frames, rng: np.random.Generator) -> Frames:
    """Changes brightness, contrast, saturation and hue, and exchanges channels; drawn anew for every frame.

    As released: values that leave 0..255 are not cut but taken modulo 256, so that what gets too bright turns dark;
    and red stands for blue where hue and saturation are computed, which turns hues the other way round.

    Args:
        frames: uint8 [T, H, W, 3], RGB.
        rng: What is drawn from.

    Returns:
        The same of the result.
    """
    return np.stack([_distort_frame(frame.astype(np.float32), rng) for frame in frames])


def _distort_frame(pixels: npt.NDArray[np.float32], rng: np.random.Generator) -> Frames:
    """Returns a distorted frame; may change the given one, float32 [H, W, 3]."""
    if _happens(rng):
        pixels += _uniform(rng, -32, 32)
    is_contrast_first = _happens(rng)
    if is_contrast_first and _happens(rng):
        pixels *= _uniform(rng, 0.5, 1.5)
    hsv = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2HSV), np.float32)  # degrees, share, the scale of the input
    if _happens(rng):
        hsv[..., 1] *= _uniform(rng, 0.5, 1.5)
    if _happens(rng):
        hue = hsv[..., 0] + np.float32(_uniform(rng, -18, 18))
        hsv[..., 0] = np.where(hue > 360, hue - 360, np.where(hue < 0, hue + 360, hue))
    pixels = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR), np.float32)
    if not is_contrast_first and _happens(rng):
        pixels *= _uniform(rng, 0.5, 1.5)
    if _happens(rng):
        pixels = pixels[..., pick(_CHANNEL_ORDERS, rng)]
    return pixels.astype(np.int32).astype(np.uint8)  # by way of int32: a float out of range becomes anything


def resized_shape(height: int, width: int, short_side: int, max_size: int | None = None) -> tuple[int, int]:
    """Returns (height, width) with the shorter side as given, or less where the longer would exceed the bound.

    As released, but that the bound holds also where sides differ by more than 2 : 1, which rounding breaks there.
    """
    if max_size is None:
        return short_side_size(height, width, short_side)
    shorter, longer = sorted((height, width))
    if longer / shorter * short_side > max_size:
        short_side = max(1, round(max_size * shorter / longer))
    height, width = short_side_size(height, width, short_side)
    return min(height, max_size), min(width, max_size)


def resize(clip: TrainingClip, short_side: int, max_size: int | None = None) -> TrainingClip:
    """Resizes a clip to `resized_shape`: frames bilinearly, with Pillow, and masks to the nearest pixel."""
    old_height, old_width = clip.masks.shape[1:]
    height, width = resized_shape(old_height, old_width, short_side, max_size)
    if (height, width) == (old_height, old_width):
        return clip
    bilinear = Image.Resampling.BILINEAR
    frames = np.stack([np.asarray(Image.fromarray(f).resize((width, height), bilinear)) for f in clip.frames])
    masks = clip.masks[:, _nearest(old_height, height)][:, :, _nearest(old_width, width)]
    ratios = np.array([width / old_width, height / old_height] * 2, np.float32)
    return replace(clip, frames=frames, masks=masks, boxes=clip.boxes * ratios)


def _nearest(old: int, new: int) -> npt.NDArray[np.intp]:
    """Returns the pixel that each pixel of a resized side takes, as torch's mode `nearest` does, in float32."""
    return (np.arange(new, dtype=np.float32) * np.float32(old / new)).astype(np.intp)


def random_crop(clip: TrainingClip, rng: np.random.Generator, sides: tuple[int, int]) -> TrainingClip:
    """Crops a clip at a random place to random sides between two bounds, as far as its own sides allow."""
    old_height, old_width = clip.masks.shape[1:]
    width, height = (_between(rng, min(sides[0], old), min(sides[1], old)) for old in (old_width, old_height))
    top, left = _between(rng, 0, old_height - height), _between(rng, 0, old_width - width)
    return crop(clip, top, left, height, width)


def crop(clip: TrainingClip, top: int, left: int, height: int, width: int) -> TrainingClip:
    """Cuts a rectangle out of frames and masks, and boxes to what of them lies in it, maybe a line or a point."""
    place = (slice(None), slice(top, top + height), slice(left, left + width))
    moved = clip.boxes - np.array([left, top] * 2, np.float32)
    boxes = np.clip(moved, 0, np.array([width, height] * 2, np.float32))
    return replace(clip, frames=clip.frames[place], masks=clip.masks[place], boxes=boxes)


def replace_word(sentence: str, name: str, word: str) -> str:
    """Returns a sentence in which a name, where it is a word of its own, is another word.

    Args:
        sentence: The sentence.
        name: The name; its underscores may be spaces in the sentence.
        word: What stands there instead.
    """
    pattern = r"\b" + re.escape(name).replace("_", "[_ ]") + r"\b"
    return re.sub(pattern, lambda _: word, sentence, flags=re.IGNORECASE)


# ---- draws ----


def _happens(rng: np.random.Generator) -> bool:
    return rng.random() < 0.5


def _uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return low + (high - low) * rng.random()


def _between(rng: np.random.Generator, low: int, high: int) -> int:
    """Draws a whole number from low to high, both included."""
    return low + int(rng.random() * (high - low + 1))
