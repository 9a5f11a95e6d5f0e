"""The truth that a submission is held against, and a folder of masks as such; see `episodes` for manifests."""

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from typing import Protocol
from typing import TYPE_CHECKING

from fsbench.errors import DataError
from fsbench.errors import SubmissionError
from fsbench.lists import listed_at
from fsbench.masks.labels import decode_label_map
from fsbench.masks.labels import label_palette
from fsbench.masks.rle import Rle
from fsbench.masks.shown import BinaryMask
from fsbench.masks.shown import LabelMap
from fsbench.masks.shown import Labels
from fsbench.protocol import Protocol as ScoringProtocol
from fsbench.submissions.forms import Arrays
from fsbench.submissions.forms import MaskKey
from fsbench.submissions.forms import Submission
from fsbench.submissions.problems import Problem

if TYPE_CHECKING:
    from fsbench.splits.benchmark import Benchmark  # pyarrow, which a folder of truth does without

__all__ = [
    "EpisodeTruth",
    "FolderReference",
    "Reference",
    "SequenceKey",
    "TrueMask",
    "Truth",
    "VideoTask",
    "Videos",
    "only_draw",
    "signed_subset",
]


class SequenceKey(NamedTuple):
    """What one sequence of masks answers.

    Attributes:
        draw: Number of the support draw; None where the predictions do not tell draws apart.
        video: The video's id.
        expression: The sentence's id within the video; None for label maps of all objects.
    """

    draw: int | None
    video: str
    expression: str | None


TrueMask = LabelMap | BinaryMask
"""The truth of a frame: a label map, or the mask of a sentence."""


@dataclass(frozen=True)
class VideoTask:
    """A video and all that is asked about it.

    Attributes:
        video: Its id.
        frames: Names of its frames, in time order.
        sequences: What is asked, sorted.
        own_frames: Frames of the sequences that do not have all.
    """

    video: str
    frames: tuple[str, ...]
    sequences: tuple[SequenceKey, ...]
    own_frames: Mapping[SequenceKey, tuple[str, ...]] = field(default_factory=dict)

    def frames_of(self, key: SequenceKey) -> tuple[str, ...]:
        """Returns the names of a sequence's frames, in time order."""
        return self.own_frames.get(key, self.frames)

    def counted(self, key: SequenceKey, protocol: ScoringProtocol) -> tuple[str, ...]:
        """Returns the names of those frames of a sequence that count."""
        names = self.frames_of(key)
        return names[protocol.counted(len(names))]


@dataclass(frozen=True)
class Videos:
    """The videos to score, where these are not all.

    Attributes:
        ids: Their ids, perhaps as a file lists them; None for those of which there is a prediction.
    """

    ids: Collection[str] | None

    def among(self, known: Collection[str], predicted: Collection[str]) -> set[str]:
        """Returns which of the truth's videos are meant. Raises FsbenchError if the truth lacks one, or all."""
        if self.ids is None:
            if not (both := set(known) & set(predicted)):
                raise SubmissionError("The predictions are of none of the truth's videos.")
            return both
        if unknown := [video for video in self.ids if video not in known]:
            raise DataError(
                f"{listed_at(self.ids, unknown[0])}{unknown[0]!r} is no video of the truth. Name one a line."
            )
        return set(self.ids)


def signed_subset(chosen: Collection[str], known: Collection[str]) -> tuple[str, ...]:
    """Returns what a signature says of the videos that are scored: nothing where they are all."""
    if len(chosen) == len(known):
        return ()
    digest = sha256("\n".join(sorted(chosen)).encode()).hexdigest()[:12]
    return (f"videos={len(chosen)} of {len(known)}", f"videos-sha256={digest}")


def only_draw(truth: Path, predicted: Collection[SequenceKey]) -> int | None:
    """Returns the support draw of predictions that are held against a truth without draws; None if they have none.

    Raises:
        SubmissionError: They have several.
    """
    draws = sorted({key.draw for key in predicted if key.draw is not None})
    if len(draws) > 1:
        raise SubmissionError(
            f"The truth in {truth} knows no support draws, and the predictions have draws "
            f"{', '.join(map(str, draws))}. Score one at a time, or against the episodes of a dataset."
        )
    return draws[0] if draws else None


@dataclass(frozen=True)
class EpisodeTruth:
    """Episodes that predictions are held against.

    Attributes:
        benchmark: The episodes and their masks.
        folds, draws: Which of them; empty for those that the predictions are of.
    """

    benchmark: "Benchmark"
    folds: Sequence[int] = ()
    draws: Sequence[int] = ()


Truth = Path | Arrays | EpisodeTruth
"""A folder or zip of masks, masks in memory, or episodes."""


class Reference(Protocol):
    """Truth, video by video. Safe to use from several threads, each at another video."""

    @property
    def notes(self) -> Sequence[str]:
        """What a reader should know of it."""

    @property
    def has_target_free(self) -> bool:
        """Whether it is known to have sentences that name nothing."""

    @property
    def signature(self) -> Sequence[str]:
        """What a signature says of it."""

    @property
    def left_out(self) -> Collection[str]:
        """Its videos that are not asked for; predictions of them are passed over."""

    @property
    def tasks(self) -> Sequence[VideoTask]:
        """All videos that are asked for, sorted."""

    def truth(self, task: VideoTask) -> Iterator[Mapping[str | None, TrueMask]]:
        """Yields for each frame, in order, the truth by expression, of those that have it.

        Raises:
            DataError: A file cannot be read.
        """

    def kind(self, key: SequenceKey) -> str:
        """Returns of what kind a sentence is said to be; empty if nothing is said."""

    def explain(self, key: SequenceKey) -> Problem | None:
        """Returns why a sequence of a video that is asked for is not, if there is more to say than that."""


class FolderReference:
    """A truth in any form of masks, itself read as a submission is."""

    def __init__(
        self,
        source: Submission,
        protocol: ScoringProtocol,
        videos: Videos | None = None,
        predicted: Collection[SequenceKey] = (),
    ) -> None:
        """Lists the sequences.

        Args:
            source: The masks.
            protocol: Says whether sentences may have frames of their own.
            videos: Which to score; None for all.
            predicted: What there are predictions of.

        Raises:
            SubmissionError: The truth is not whole, or of no use as such.
        """
        if source.problems:
            first = source.problems[0]
            raise SubmissionError(
                f"{source.path}: the truth has {len(source.problems)} problems, the first: {first.where}: {first.what}."
            )
        if source.has_draws:
            raise SubmissionError(f"{source.path}: the truth has support draws ('draw-<d>'). Give the masks of one.")
        draw = only_draw(source.path, predicted)
        self._source = source
        self.has_target_free = False  # masks alone do not say
        self._has_own_frames = protocol.objects == "from-first-seen"
        self.notes = [f"Truth: {note}" for note in source.notes]
        sequences: dict[str, dict[SequenceKey, list[str]]] = {}
        for key in sorted(source.keys(), key=MaskKey.order):
            sequence = SequenceKey(draw, key.video, key.expression)
            sequences.setdefault(key.video, {}).setdefault(sequence, []).append(key.frame)
        chosen = sequences.keys() if videos is None else videos.among(sequences, {key.video for key in predicted})
        self.signature = signed_subset(chosen, sequences)
        self.left_out = sequences.keys() - chosen
        self.tasks = tuple(self._task(video, found) for video, found in sequences.items() if video in chosen)

    def _task(self, video: str, found: Mapping[SequenceKey, Sequence[str]]) -> VideoTask:
        frames = tuple(sorted({name for names in found.values() for name in names}))
        own = {key: tuple(names) for key, names in found.items() if len(names) < len(frames)}
        if own and not self._has_own_frames:
            key = min(own)
            raise SubmissionError(
                f"{self._source.path}: the truth of video {video!r} has other frames for sentence {key.expression!r}."
            )
        return VideoTask(video, frames, tuple(sorted(found)), own)

    def truth(self, task: VideoTask) -> Iterator[Mapping[str | None, TrueMask]]:
        """Yields for each frame the truth by expression."""
        frames_of = {key: frozenset(task.frames_of(key)) for key in task.sequences}
        for frame in task.frames:
            made: dict[bytes | Rle, TrueMask] = {}  # sentences that name the same objects have the same files
            yield {
                key.expression: self._read(MaskKey(None, key.video, key.expression, frame), made)
                for key, frames in frames_of.items()
                if frame in frames
            }

    def kind(self, key: SequenceKey) -> str:
        """Returns nothing: masks do not say."""
        return ""

    def explain(self, key: SequenceKey) -> None:
        """Returns None: a folder has no more to say."""

    def _read(self, key: MaskKey, made: dict[bytes | Rle, TrueMask]) -> TrueMask:
        content = self._source.read(key)
        if not isinstance(content, bytes | Rle):
            return self._made(key, content)
        if content not in made:
            made[content] = self._made(key, content)
        return made[content]

    def _made(self, key: MaskKey, content: bytes | Rle | Labels) -> TrueMask:
        palette = b""
        if isinstance(content, bytes):
            palette, content = label_palette(content), decode_label_map(content, self._source.name(key))
        if key.expression is not None:
            return BinaryMask(content)
        return LabelMap(self._source.labels(key) if isinstance(content, Rle) else content, palette)
