"""What a method is: three calls, and what they are given.

The runner calls `prepare` once per fold, `adapt` once per support set, and `segment` once per video and support set
with all sentences of the video at once. Axis letters: `K` support frames, `T` query frames, `H, W` pixels,
`N` sentences.
"""

from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from typing import Protocol
from typing import runtime_checkable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from fsbench.memo import Memo

__all__ = ["Clip", "Fold", "Method", "MethodInfo", "Shot", "Support"]

T = TypeVar("T")


@dataclass(frozen=True)
class MethodInfo:
    """Who a method is, as a leaderboard states it.

    Attributes:
        name: The name that it is registered under.
        version: Changes whenever its masks may change; part of a run's identity.
        summary: One line for `fsbench list methods`.
        paper: Reference or link; empty if there is none.
        licence: Licence of code and weights.
        trained_on: Everything that its weights have seen, as the authors declare it; empty for a training-free method.
    """

    name: str
    version: str
    summary: str
    paper: str = ""
    licence: str = ""
    trained_on: tuple[str, ...] = ()


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
        frames: uint8 [K, H, W, 3], RGB, read-only.
        masks: bool [K, H, W], the object that `sentence` names, read-only.
        sentence: The sentence.
    """

    frames: npt.NDArray[np.uint8]
    masks: npt.NDArray[np.bool_]
    sentence: str


@dataclass(frozen=True, eq=False)
class Support:
    """A support set: one or more shots of one novel class, each possibly of another size."""

    shots: tuple[Shot, ...]


class Clip:
    """A query video, without any ground truth.

    Attributes:
        frames: uint8 [T, H, W, 3], RGB, read-only.
        output_size: (height, width) at which the protocol wants the masks.
    """

    # 512 MiB keep CMA under 2.5 GB at ten frames of 360 x 640; with more to spare, later sentences and draws cost less.
    def __init__(
        self,
        frames: npt.NDArray[np.uint8],
        output_size: tuple[int, int] | None = None,
        memo_limit: int = 512 << 20,
    ) -> None:
        self.frames = frames
        self.output_size = output_size or (frames.shape[1], frames.shape[2])
        self._memo = Memo(memo_limit)

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


@runtime_checkable
class Method(Protocol):
    """A few-shot referring video segmenter.

    A method is registered by a factory (usually the class itself) that has the same `info` as a class attribute. Its
    keyword parameters are the method's options; `checkpoint` and `device`, if there, receive `--checkpoint` and
    `--device`. A method must be deterministic: the same calls give the same masks in any process and in any order.

    More is found if it is there. Of the factory: `needs`, short texts that say what the method cannot do without
    ("pip install 'fsbench[weights]'"); the static method `missing(dataset)`, which returns those of them that are not
    there; the static method `shipped_checkpoint(dataset, fold)`, which returns the path of weights that the method
    brings along, or None; and `pin(options)`, which returns the options with names that can move, such as a branch of a
    model hub, replaced by what they stand for now, so that the run records it. A method with the option `checkpoint`
    that states no needs counts as one that needs weights. Of the method: `train(job)`, which returns the
    path of a checkpoint (see `fsbench.training.job`); `convert(out, half)`, which writes its checkpoint anew; and
    `num_parameters`, the size of its model once it is prepared.
    """

    info: MethodInfo

    def prepare(self, fold: Fold) -> None:
        """Loads what the fold needs; called before anything else, once per fold and process."""

    def adapt(self, support: Support) -> Any:  # Any: what a method learns from a support set is its own business
        """Returns what `segment` needs to know of a support set; must leave the method itself unchanged."""

    def segment(self, adapted: Any, clip: Clip, expressions: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Segments the object that each sentence names in every frame.

        Args:
            adapted: What `adapt` returned.
            clip: T frames.
            expressions: N sentences about this clip.

        Returns:
            bool [N, T, H, W] with (H, W) = `clip.output_size`.
        """
