"""What a method is: three calls, and what they are given.

The runner calls `prepare` once per fold, `adapt` once per support set, and `segment` once per video and support set
with all sentences of the video at once. Axis letters: `K` support frames, `T` query frames, `H, W` pixels,
`N` sentences; `t` is the frames of a part of a video.
"""

from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import NamedTuple
from typing import Protocol
from typing import runtime_checkable
from typing import TYPE_CHECKING
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from fsbench.memo import Memo
from fsbench.methods.frames import Frames

if TYPE_CHECKING:
    from fsbench.training.job import TrainingJob

__all__ = [
    "OPTIONAL",
    "ORACLE",
    "Asked",
    "Clip",
    "Convertible",
    "Fold",
    "Frames",
    "HasNeeds",
    "HasParameters",
    "IgnoresSupport",
    "Judged",
    "KnowsMissing",
    "KnowsWeights",
    "LearnsFromDraws",
    "Method",
    "MethodInfo",
    "Pins",
    "ReadsTruth",
    "RecallsMasks",
    "ShipsCheckpoint",
    "Shot",
    "Shrinks",
    "Support",
    "SupportVideo",
    "Trainable",
    "Training",
    "Weights",
    "WorksInParts",
]

T = TypeVar("T")

ORACLE = "oracle-"
"""What the names of oracles begin with, and no others'; see `ReadsTruth`."""


@dataclass(frozen=True)
class MethodInfo:
    """Who a method is, as a leaderboard states it.

    Attributes:
        name: The name that it is registered under.
        version: Changes whenever its masks may change; part of a run's identity.
        summary: One line for `fsbench list methods`.
        paper: Reference or link; empty if there is none.
        licence: Licence of code and weights.
        trained_on: Everything that its weights have seen, as the authors declare it: corpora, classes. Empty for a
            method that was trained on nothing; None, which says nothing, is shown as "not declared".
        tuned_on: Classes on which its parts, options or recipe were chosen, or a dataset for all of its classes; scores
            on these are shown apart.
    """

    name: str
    version: str
    summary: str
    paper: str = ""
    licence: str = ""
    trained_on: tuple[str, ...] | None = None
    tuned_on: tuple[str, ...] = ()

    @property
    def training(self) -> str:
        """What the method was trained on, as a leaderboard shows it."""
        return "not declared" if self.trained_on is None else ", ".join(self.trained_on) or "nothing"


@dataclass(frozen=True)
class Training:
    """How weights were made by `fsbench train`.

    Attributes:
        dataset, manifest_version, manifest_digest, fold: Whose base classes they have seen.
        classes: Names of these, in class-id order.
        recipe: All of it, as JSON has it.
        seed: Of random weights, episodes, augmentation and dropout.
        init: SHA-256 of the weights that it started from, or what is known of them; None for random ones.
        of_init: How those were made, as far as they say.
    """

    dataset: str
    manifest_version: str
    manifest_digest: str
    fold: int
    classes: tuple[str, ...]
    recipe: dict[str, Any]  # Any: JSON
    seed: int
    init: str | None = None
    of_init: "Training | None" = None


@dataclass(frozen=True)
class Weights:
    """What a checkpoint says of itself.

    Attributes:
        configuration: Of the model, as JSON has it.
        training: How it was made; None if it does not say.
    """

    configuration: dict[str, Any]  # Any: JSON
    training: Training | None = None


@dataclass(frozen=True)
class Fold:
    """The fold that is evaluated.

    Attributes:
        dataset: Name of the dataset.
        index: 1-based; 0 for a cross-domain set, which has no base classes.
        novel: Names of the classes under test, in class-id order.
        base: Names of the classes that a method may train on, in class-id order.
    """

    dataset: str
    index: int
    novel: tuple[str, ...]
    base: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Shot:
    """Annotated frames of one support video.

    Attributes:
        frames: uint8 [K, H, W, 3], RGB, the method's own.
        masks: bool [K, H, W], the object that `sentence` names, the method's own.
        sentence: The sentence; empty where the dataset has none, and the masks are of all objects of the class.
    """

    frames: npt.NDArray[np.uint8]
    masks: npt.NDArray[np.bool_]
    sentence: str


@dataclass(frozen=True, eq=False)
class SupportVideo:
    """A support video as a whole, of which more is annotated than a shot shows; see `LearnsFromDraws`.

    Attributes:
        num_frames: T.
        sentences: Each that names objects of the class alone.
        shot: Reads what a sentence names, by its place in `sentences`, in frames, by their places in 0..T-1.
    """

    num_frames: int
    sentences: tuple[str, ...]
    shot: Callable[[int, Sequence[int]], Shot]


@dataclass(frozen=True, eq=False)
class Support:
    """A support set.

    Attributes:
        shots: One or more, of one novel class, each possibly of another size.
        draw: Of a method that learns from draws, and then without shots: class by class, in the order of ids, the
            support videos that all novel classes of the fold have in a draw.
    """

    shots: tuple[Shot, ...]
    draw: tuple[tuple[SupportVideo, ...], ...] = ()


@dataclass(frozen=True)
class Asked:
    """Whose masks are asked for, by the ids that dataset and manifest have.

    Attributes:
        draw: Number of the support draw.
        video_id: The video.
        frames: Names of its T frames.
        expression_ids: Of the N sentences, in their order.
        dataset: A `fsbench.datasets.records.Dataset` with its truth; None but for an oracle (see `ReadsTruth`).
    """

    draw: int
    video_id: str
    frames: tuple[str, ...]
    expression_ids: tuple[str, ...]
    dataset: Any = None  # Any: methods know nothing of datasets


class Clip:
    """A query video, without any ground truth.

    The frames are the method's own for one support set, so `torch.from_numpy(clip.frames)` shares them without a
    warning, and what a method does to them reaches no other support set. What `memo` keeps does: compute it from frames
    as they came.

    A method that works in parts (see `WorksInParts`) has them as a sequence instead, which reads what is indexed; what
    `Frames` says of an index, an array does, too.

    Attributes:
        frames: uint8 [T, H, W, 3], RGB.
        output_size: (height, width) at which the protocol wants the masks.
        asked: Whose masks are asked for; None but for a method that says that it recalls masks (see `RecallsMasks`).
    """

    asked: Asked | None = None

    # 512 MiB keep CMA under 2.5 GB at ten frames of 360 x 640; with more to spare, later sentences and draws cost less.
    def __init__(
        self,
        frames: npt.NDArray[np.uint8] | Frames,
        output_size: tuple[int, int] | None = None,
        memo_limit: int = 512 << 20,
    ) -> None:
        self.frames: Any = frames  # Any: of an array more is true than of a sequence, and methods may use it
        self.output_size = output_size or (frames.shape[1], frames.shape[2])
        self._memo = Memo(memo_limit)

    def copy(self) -> "Clip":
        """Returns a clip with frames of its own and this one's memo, for one support set."""
        own = self.frames if isinstance(self.frames, Frames) else self.frames.copy()
        clip = Clip(own, self.output_size)
        clip.asked, clip._memo = self.asked, self._memo
        return clip

    def anew(self) -> "Clip":
        """Returns a clip of the same frames with an empty memo, for values that no other support set can use.

        It keeps what this clip's memo still has room for, and goes with the call that asked for it.
        """
        return Clip(self.frames, self.output_size, self._memo.room)

    def memo(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Returns `compute()`, computed once for this clip.

        One clip object serves all support draws and sentences of a video, so what depends on the frames alone
        (backbone features, say) is paid for once. The key must name everything else that the value depends on. A value
        whose arrays would take what is kept over the limit is not kept, and so computed at each call.
        """
        return self._memo(key, compute)


class Judged(NamedTuple):
    """Masks of which a method says how sure it is of each; what `segment` may return or yield in their place.

    Attributes:
        masks: bool [N, T, H, W], or a part of it, as without.
        sureness: float [N, T], finite; more is surer, by any measure that frames of a sentence have in common. A
            tracker that propagates masks (`--refine`) starts from the surest.
    """

    masks: Any
    sureness: npt.NDArray[np.floating]


@runtime_checkable
class Method(Protocol):
    """A few-shot referring video segmenter.

    A method is registered by a factory (usually the class itself) that has the same `info` as a class attribute. Its
    keyword parameters are the method's options; `checkpoint` and `device`, if there, receive `--checkpoint` and
    `--device`. A method must be deterministic: the same calls give the same masks in any process and in any order.

    A factory's option `device` receives a device that is there ("cuda", "mps" or "cpu", or where there are several
    "cuda:1"), never "auto"; it is torch's current one in each call. What the factory's docstring says of an option
    under `Args:` is shown by `fsbench describe`.

    More is found if it is there, under the names of the protocols below: of the factory `IgnoresSupport`, `HasNeeds`,
    `KnowsMissing`, `WorksInParts`, `RecallsMasks`, `LearnsFromDraws`, `ShipsCheckpoint`, `KnowsWeights`, `Pins` and
    `Shrinks`, of the method `Trainable`, `Convertible` and `HasParameters`. A method that states no needs counts as one
    that needs its options without a default, and weights if it has the option `checkpoint`. A name that is nearly one
    of these is an error.
    """

    info: MethodInfo

    def prepare(self, fold: Fold) -> None:
        """Loads what the fold needs; called before anything else, once per fold and process."""

    def adapt(self, support: Support) -> Any:  # Any: what a method learns from a support set is its own business
        """Returns what `segment` needs to know of a support set; must leave the method itself unchanged."""

    def segment(self, adapted: Any, clip: Clip, expressions: Sequence[str]) -> Any:  # Any: a tensor, or an iterator
        """Segments the object that each sentence names in every frame.

        Args:
            adapted: What `adapt` returned.
            clip: T frames.
            expressions: N sentences about this clip; an empty one asks for all objects of the support's class.

        Returns:
            bool [N, T, H, W] with (H, W) = `clip.output_size`: an array, or a tensor of torch on any device. Or an
            iterator, as a generator is one, of such parts of it, [N, t, H, W] each, in the order of the frames: each is
            encoded, scored and released, maybe while the next is made, and must not be changed once it is yielded.
            Either may come as `Judged`.
        """


@runtime_checkable
class IgnoresSupport(Protocol):
    """A factory that says whether its method ignores the support, so that sentences alone will do.

    Of such a method `adapt` is also called with a support set without shots.
    """

    ignores_support: bool


@runtime_checkable
class HasNeeds(Protocol):
    """A factory that says what its method cannot do without, in short texts ("pip install 'fsbench[weights]'")."""

    needs: Sequence[str]


@runtime_checkable
class KnowsMissing(Protocol):
    """A factory that knows what of its needs is not there."""

    def missing(self, dataset: str) -> Sequence[str]:
        """Returns those of `needs` without which the method cannot run on a dataset with no option given."""


@runtime_checkable
class WorksInParts(Protocol):
    """A factory whose method, if this is true, needs no video as a whole: neither its frames nor their masks.

    `clip.frames` is then a sequence that reads what is indexed, instead of an array that holds all frames, and
    `segment` yields parts. What of a long video lies in memory at once is the method's choice.
    """

    works_in_parts: bool


@runtime_checkable
class RecallsMasks(Protocol):
    """A factory whose method, if this is true, makes no masks but has them, and is told by ids which are asked for.

    `clip.asked` is then there, in `segment`. No other method is told: what it segments must follow from what it sees.
    """

    recalls_masks: bool


@runtime_checkable
class ReadsTruth(Protocol):
    """A factory whose method, if this is true, is an oracle: it answers from the truth, to say what others can reach.

    `clip.asked` is then there, in `segment`, with the dataset. The name of such a method begins with `oracle-`; it has
    no rank on a leaderboard.
    """

    reads_truth: bool


@runtime_checkable
class LearnsFromDraws(Protocol):
    """A factory whose method, if this is true, is adapted to all novel classes of a fold at once, by whole videos.

    `adapt` is called once for each draw (in each process), and what it returns serves all classes. That is more than a
    support set tells: all frames of its videos are annotated, and other sentences name other objects in them.
    """

    learns_from_draws: bool


@runtime_checkable
class ShipsCheckpoint(Protocol):
    """A factory whose method brings weights along."""

    def shipped_checkpoint(self, dataset: str, fold: int) -> Path | None:
        """Returns the path of the weights for a fold of a dataset; None if there are none."""


@runtime_checkable
class Pins(Protocol):
    """A factory some of whose options name what can move, such as a branch of a model hub."""

    def pin(self, options: Mapping[str, Any]) -> dict[str, Any]:  # Any: see MethodFactory.resolve
        """Returns the options with such names replaced by what they stand for now, so that the run records it."""


@runtime_checkable
class Shrinks(Protocol):
    """A factory whose method can do with less memory, by an option such as `max_frames`, to the same masks."""

    def smaller_options(self, options: Mapping[str, Any]) -> Mapping[str, Any] | None:  # Any: see MethodFactory.resolve
        """Returns options with which the method takes less memory at once, and masks are the same but for rounding.

        It is asked where memory did not do. The run stays the one of the options that it began with, so an option on
        which masks depend in any other way must stay.

        Returns:
            All options, or None if there are none that take less.
        """


@runtime_checkable
class KnowsWeights(Protocol):
    """A factory that can tell what a checkpoint is without loading it."""

    def describe_checkpoint(self, checkpoint: Path) -> Weights | None:
        """Returns what a checkpoint says of itself; None if it says nothing."""


@runtime_checkable
class Trainable(Protocol):
    """A method that can be trained."""

    def train(self, job: "TrainingJob") -> Path:
        """Trains on the base classes of a fold; returns what `--checkpoint` takes."""


@runtime_checkable
class Convertible(Protocol):
    """A method that has a form of its own for checkpoints."""

    def convert(self, out: Path, *, half: bool) -> None:
        """Writes its checkpoint anew into a folder, in half precision if so asked."""


@runtime_checkable
class HasParameters(Protocol):
    """A method that knows, once it is prepared, the size of its model."""

    num_parameters: int


# The names of the optional half, and whether each is called.
OPTIONAL: Mapping[str, bool] = {
    "ignores_support": False,
    "needs": False,
    "missing": True,
    "works_in_parts": False,
    "recalls_masks": False,
    "reads_truth": False,
    "learns_from_draws": False,
    "shipped_checkpoint": True,
    "pin": True,
    "smaller_options": True,
    "describe_checkpoint": True,
    "train": True,
    "convert": True,
    "num_parameters": False,
}
