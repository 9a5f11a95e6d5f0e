"""Episodes to train on: which they are follows from (seed, epoch, index) alone; then they are read and augmented.

Axes: T frames, H, W pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Literal
from typing import NamedTuple

import numpy as np

from fsbench.datasets.reading import Annotated
from fsbench.datasets.reading import read_frames
from fsbench.datasets.records import Dataset
from fsbench.errors import ManifestError
from fsbench.masks.layers import union_of
from fsbench.memo import Memo
from fsbench.splits.benchmark import Benchmark
from fsbench.splits.class_videos import ClassVideo
from fsbench.splits.class_videos import videos_by_class
from fsbench.splits.episodes import window
from fsbench.streams import named_stream
from fsbench.streams import pick
from fsbench.training.augmentation import augment
from fsbench.training.augmentation import Augmentation
from fsbench.training.augmentation import replace_word
from fsbench.training.clips import object_boxes
from fsbench.training.clips import released_boxes
from fsbench.training.clips import TrainingClip
from fsbench.training.clips import without_vanished

__all__ = [
    "ClipSpec",
    "EpisodeSampler",
    "EpisodeSpec",
    "FrameChoice",
    "TargetKind",
    "TrainingEpisode",
    "TrainingEpisodes",
]

_MEMO_BYTES = 256 << 20  # of pictures and label maps as they were read, in each process that reads: a small set whole
_UNKNOWN = "<unk>"  # a tokenizer's unknown word

FrameChoice = Literal["window", "spread"]
TargetKind = Literal["sentence", "class"]


@dataclass(frozen=True)
class ClipSpec:
    """What to read: frames of a video, a sentence about it, and objects in them.

    Attributes:
        video_id: The video.
        expression_id: The sentence's id within the video.
        object_ids: Those whose union is the mask: the sentence's, or all of the class (see `TargetKind`).
        frames: Names of the T frames, in time order.
    """

    video_id: str
    expression_id: str
    object_ids: tuple[int, ...]
    frames: tuple[str, ...]

    def __str__(self) -> str:
        return f"video {self.video_id!r}, sentence {self.expression_id!r}, frames {' '.join(self.frames)}"


@dataclass(frozen=True)
class EpisodeSpec:
    """An episode by its ids: clips of different videos of one class.

    Attributes:
        epoch, index: Its place, both from 0.
        class_id, class_name: The base class.
        query: The clip to segment.
        support: The clip to learn from, of another video.
        further: Clips of more support videos.
    """

    epoch: int
    index: int
    class_id: int
    class_name: str
    query: ClipSpec
    support: ClipSpec
    further: tuple[ClipSpec, ...] = ()

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch}, episode {self.index}, class {self.class_name!r}: "
            f"query {self.query}; support {'; '.join(map(str, (self.support, *self.further)))}"
        )


@dataclass(frozen=True, eq=False)
class TrainingEpisode:
    """An episode that has been read and augmented.

    Attributes:
        spec: Which episode it is.
        query, support, further: Its clips; see `EpisodeSpec`.
    """

    spec: EpisodeSpec
    query: TrainingClip
    support: TrainingClip
    further: tuple[TrainingClip, ...] = ()

    @property
    def supports(self) -> tuple[TrainingClip, ...]:
        """The clips of all support videos."""
        return (self.support, *self.further)


class _Class(NamedTuple):
    """A base class.

    Attributes:
        class_id: Its id.
        name: Its name.
        videos: Its videos, at least two, in order of ids.
    """

    class_id: int
    name: str
    videos: tuple[ClassVideo, ...]


class EpisodeSampler:
    """The episodes of every epoch, from the base classes of a fold.

    As in the released code the i-th class gives the episodes i * per_class and following of an epoch, and an episode
    draws two different videos of its class, or more; of each a sentence, each as probable as the others; and frames.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        fold: int,
        *,
        seed: int,
        query_frames: int,
        support_frames: int,
        per_class: int,
        shuffle: bool = False,
        frame_choice: FrameChoice = "window",
        support_videos: int = 1,
        target: TargetKind = "sentence",
    ) -> None:
        """Lists the videos.

        Args:
            benchmark: Classes, videos, objects and their sentences; no frame is read.
            fold: The fold whose classes are not trained on.
            seed: Seed of all draws, and of the augmentation.
            query_frames, support_frames: Number of frames of a clip.
            per_class: Episodes of each class in an epoch.
            shuffle: Put the episodes of an epoch in random order.
            frame_choice: "window" takes consecutive frames as released (see `fsbench.splits.episodes.window`),
                "spread" different frames, in temporal order. A shorter video repeats its last frame.
            support_videos: Support clips of an episode, of different videos as long as the class has more.
            target: "sentence" asks for the objects that the clip's sentence names; "class" for all objects of the
                class, and then frames are drawn from those that show one.

        Raises:
            ManifestError: There is no such fold, a base class has fewer than two videos, or a sentence is not the one
                that the manifest means.
        """
        self.seed = seed
        self.per_class = per_class
        self._query_frames = query_frames
        self._support_frames = support_frames
        self._shuffle = shuffle
        self._frame_choice: FrameChoice = frame_choice
        self._support_videos = support_videos
        self._target: TargetKind = target
        self._last_order: tuple[int, Sequence[int]] = (-1, ())  # an epoch and its order
        self._classes = _base_classes(benchmark, fold)
        videos = [video for row in self._classes for video in row.videos]
        annotated = benchmark.manifest.annotated()
        self._annotated = {video.video_id: annotated[video.video_id] for video in videos}
        self._texts = {(v.video_id, e.expression_id): e.text for v in videos for e in v.expressions}

    def __len__(self) -> int:
        """Returns the number of episodes in an epoch."""
        return len(self._classes) * self.per_class

    def spec(self, epoch: int, index: int) -> EpisodeSpec:
        """Returns an episode, the same whatever else was asked for. Raises IndexError beyond the epoch's end."""
        if not 0 <= index < len(self):
            raise IndexError(f"an epoch has {len(self)} episodes, there is no episode {index}")
        slot = self._order(epoch)[index] if self._shuffle else index
        row = self._classes[slot // self.per_class]
        stream = named_stream(self.seed, "train", "episode", epoch, slot)
        first, *others = np.argsort(stream.random(len(row.videos)), kind="stable")
        query = self._draw_clip(row.videos[first], self._query_frames, stream)
        support, *further = [
            self._draw_clip(row.videos[others[number % len(others)]], self._support_frames, stream)
            for number in range(self._support_videos)
        ]
        return EpisodeSpec(epoch, index, row.class_id, row.name, query, support, tuple(further))

    def sentence(self, clip: ClipSpec) -> str:
        """Returns the text of a clip's sentence."""
        return self._texts[clip.video_id, clip.expression_id]

    def annotated(self, clip: ClipSpec) -> Annotated:
        """Returns the annotated objects of a clip's video."""
        return self._annotated[clip.video_id]

    def sentences(self) -> tuple[str, ...]:
        """Returns the texts of all sentences of the base classes, each once, sorted."""
        return tuple(sorted(set(self._texts.values())))

    def _order(self, epoch: int) -> Sequence[int]:
        if self._last_order[0] != epoch:
            draws = named_stream(self.seed, "train", "order", epoch).random(len(self))
            self._last_order = (epoch, np.argsort(draws, kind="stable").tolist())
        return self._last_order[1]

    def _draw_clip(self, video: ClassVideo, num_frames: int, stream: np.random.Generator) -> ClipSpec:
        expression = pick(video.expressions, stream)
        whole_class = self._target == "class"
        frames = _draw_frames(video.seen if whole_class else video.frames, num_frames, self._frame_choice, stream)
        object_ids = video.object_ids if whole_class else expression.object_ids
        return ClipSpec(video.video_id, expression.expression_id, object_ids, frames)


def _draw_frames(
    frames: tuple[str, ...], number: int, choice: FrameChoice, stream: np.random.Generator
) -> tuple[str, ...]:
    if choice == "window":
        return window(frames, int(stream.random() * len(frames)), number)
    order = np.argsort(stream.random(len(frames)), kind="stable")[:number]
    return window([frames[i] for i in sorted(order)], 0, number)


def _base_classes(benchmark: Benchmark, fold: int) -> tuple[_Class, ...]:
    base, manifest = benchmark.fold(fold).base, benchmark.manifest
    videos = videos_by_class(benchmark, base)
    classes = [_Class(number, name, tuple(videos.get(name, ()))) for number, name in manifest.class_names.items()]
    classes = [row for row in classes if row.name in base]
    for row in classes:
        if len(row.videos) < 2:
            raise ManifestError(
                f"{manifest.path}: a training episode takes two videos of a class, for query and support, and base "
                f"class {row.name!r} has {len(row.videos)} with a sentence about its objects alone. Build the split "
                "again with 'fsbench build-splits', which leaves out classes that can form no episode."
            )
    return tuple(classes)


class TrainingEpisodes:
    """The sampler's episodes, read and augmented; with `__getitem__` and `__len__`, as a torch loader wants them.

    An episode is the same in any process and whatever was read before. A loader's sampler gives (epoch, index) pairs.
    """

    def __init__(
        self, sampler: EpisodeSampler, dataset: Dataset, augmentation: Augmentation, *, swapped_clamp: bool = False
    ) -> None:
        """Reads nothing yet.

        Args:
            sampler: Says which episodes there are.
            dataset: Their frames and label maps.
            augmentation: How they are varied.
            swapped_clamp: Boxes as the released code has them (`released_boxes`), instead of those around the masks.
        """
        self.sampler = sampler
        self._dataset = dataset
        self._augmentation = augmentation
        self._memo = Memo(_MEMO_BYTES)
        self._boxes_of = released_boxes if swapped_clamp else object_boxes

    def __len__(self) -> int:
        """Returns the number of episodes in an epoch."""
        return len(self.sampler)

    def __getitem__(self, position: tuple[int, int]) -> TrainingEpisode:
        """Returns the episode (epoch, index). Raises DataError if a file of it is missing or damaged."""
        spec = self.sampler.spec(*position)
        hides_name = self._stream("hide-name", position).random() < self._augmentation.hide_name
        roles = {"query": spec.query, "support": spec.support}
        roles |= {f"support-{number}": clip_spec for number, clip_spec in enumerate(spec.further, start=1)}
        clips = []
        for role, clip_spec in roles.items():
            clip = self._read(clip_spec, spec.class_id)
            if hides_name:
                clip = replace(clip, sentence=replace_word(clip.sentence, spec.class_name, _UNKNOWN))
            clips.append(augment(clip, self._stream(f"augment-{role}", position), self._augmentation))
        query, support, *further = clips
        return TrainingEpisode(spec, query, support, tuple(further))

    def _stream(self, name: str, position: tuple[int, int]) -> np.random.Generator:
        return named_stream(self.sampler.seed, "train", name, *position)

    def _read(self, spec: ClipSpec, class_id: int) -> TrainingClip:
        frames, label_maps = read_frames(
            self._dataset, spec.video_id, self.sampler.annotated(spec), spec.frames, self._memo
        )
        masks = union_of(label_maps, spec.object_ids)
        boxes, valid = self._boxes_of(masks), np.ones(len(masks), bool)
        return without_vanished(TrainingClip(frames, masks, boxes, valid, self.sampler.sentence(spec), class_id))
