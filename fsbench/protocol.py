"""Protocols: everything that a score depends on besides the masks, under one name and one signature."""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any
from typing import cast
from typing import Literal

from fsbench.errors import RunError
from fsbench.registry import Registry

__all__ = [
    "NAMES",
    "PROTOCOLS",
    "Level",
    "Protocol",
    "declared_protocol",
    "label_of",
    "mean_of_metrics",
    "named_protocol",
    "reported_metrics",
    "reported_names",
    "short_side_size",
]

Level = Literal["frame", "expression", "kind", "object", "video", "class"]

NAMES = ("J", "F", "J&F")
"""What a protocol reports whose signature names nothing else; the last is the headline."""


@dataclass(frozen=True)
class Protocol:
    """How masks are scored and averaged. Numbers of different protocols are never compared.

    Attributes:
        name: The name on the command line.
        about: One line for people.
        tolerance: Of the contour accuracy, as a share of the image diagonal (see `fsbench.metrics.radius_px`).
        short_side: Shorter side, in pixels, at which prediction and truth are compared; None for native resolution.
            The truth is resized bilinearly and thresholded at 0.5.
        frames: Which frames of a sequence count: all, or all but the first and last.
        chain: For episodes: what is averaged over, from the inside out; what the chain leaves out is pooled. Folds,
            and draws in a fold, are averaged last, always. None: the protocol does not score episodes.
        folder_chain: The same for a folder of masks against a folder of truth.
        objects: Which objects of a truth folder's label maps are scored: every id in the truth; 1 to the largest id of
            its first frame, gaps included; or every id from the frame on in which truth or prediction first has it.
        matching: Which predicted object answers for a true one: that of the same id, or the best assignment.
        void: What index 255 of the truth is: background, left out of the comparison, or an object like any other.
        truth_folder: Which of the folders Annotations, Annotations_unsupervised ... of a dataset holds the truth.
        has_decay: Whether recall and decay are part of it.
        has_ranking: Whether the mean average precision of ranked results is part of it, for a folder or file of them.
        metrics: Names of the metrics that it reports; see `fsbench.metrics.table`.
        target_free: Those that it reports besides, where the data has sentences that name nothing.
        headline: What methods are ranked by: one of the metrics as it stands in tables, or the mean of some, named by
            them with & between.
        extras: What the signature says besides, of a protocol that was changed.
        differs: Where its numbers differ from the tool's that it is named after, and why; empty if nowhere.
    """

    name: str
    about: str
    tolerance: float = 0.008
    short_side: int | None = None
    frames: Literal["all", "inner"] = "all"
    chain: tuple[Level, ...] | None = None
    folder_chain: tuple[Level, ...] = ("frame", "object")
    objects: Literal["in-truth", "first-frame", "from-first-seen"] = "in-truth"
    matching: Literal["id", "assignment"] = "id"
    void: Literal["background", "excluded", "object"] = "background"
    truth_folder: str = "Annotations"
    has_decay: bool = False
    has_ranking: bool = False
    metrics: tuple[str, ...] = NAMES[:-1]
    target_free: tuple[str, ...] = ()
    headline: str = NAMES[-1]
    extras: tuple[str, ...] = ()
    differs: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What a score of it has values of: the metrics as they stand in tables, and the headline, which comes last."""
        return _names(self.metrics, self.headline)

    @property
    def signature(self) -> str:
        """The string that is printed beside every number; of the protocol for episodes, if it scores them."""
        return self.signed(self.chain or self.folder_chain)

    def signed(self, chain: Sequence[Level], *extras: str) -> str:
        """Returns the signature with another chain, and with what else a score was made to depend on."""
        size = "native" if self.short_side is None else f"short{self.short_side}"
        tolerance = f"{self.tolerance:.3f}" if round(self.tolerance, 3) == self.tolerance else f"{self.tolerance:g}"
        parts = [self.name, f"size={size}", f"tolerance={tolerance}", f"{_FRAMES}{self.frames}"]
        if (self.metrics, self.headline) != (NAMES[:-1], NAMES[-1]):
            parts += [f"{_METRICS}{','.join(self.metrics)}", f"{_HEADLINE}{self.headline}"]
        return "|".join([*parts, f"{_CHAIN}{'>'.join(chain)}", *self.extras, *extras])

    def with_void(self, void: str) -> "Protocol":
        """Returns the protocol with index 255 of label maps as an object; its signature says so, if that is a change.

        Raises:
            RunError: `void` is anything but "object".
        """
        if void != "object":
            raise RunError(f"Index 255 can be made an object (void='object'), not {void!r}.")
        return self if self.void == "object" else replace(self, void="object", extras=(*self.extras, "void=object"))

    def with_tolerance(self, tolerance: float | None) -> "Protocol":
        """Returns the protocol with another tolerance, which its signature tells; None leaves it as it is.

        Raises:
            RunError: It is neither a share of the diagonal below 1 nor a whole number of pixels.
        """
        if tolerance is None:
            return self
        if not 0 <= tolerance < float("inf") or (tolerance >= 1 and tolerance != int(tolerance)):
            raise RunError(f"A tolerance is a share of the diagonal below 1, or whole pixels; not {tolerance:g}.")
        return replace(self, tolerance=tolerance)

    def on(self, *, has_target_free: bool) -> "Protocol":
        """Returns the protocol for data that has, or has not, sentences that name nothing; its signature tells."""
        if not has_target_free or not self.target_free:
            return self
        return replace(self, metrics=self.metrics + self.target_free, target_free=())

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Returns the (height, width) at which masks of a video of this native size are compared."""
        if self.short_side is None:
            return height, width
        return short_side_size(height, width, self.short_side)

    def counted(self, length: int) -> slice:
        """Returns which of a sequence's frames count."""
        return slice(1, max(length - 1, 1)) if self.frames == "inner" else slice(None)


_FRAMES, _METRICS, _HEADLINE, _CHAIN = "frames=", "metrics=", "headline=", "mean="

STANDARD = Protocol(
    "standard",
    "native resolution, DAVIS tolerance, every level averaged in turn",
    target_free=("N_acc", "T_acc"),
    chain=("frame", "expression", "video", "class"),
    folder_chain=("frame", "object", "video"),
)

RELEASED = Protocol(
    "released",
    "what the authors' test script computes: shorter side 360, tolerance 0.010, one pool of frames",
    tolerance=0.010,
    short_side=360,
    chain=("frame",),
    folder_chain=("frame",),
    differs="The script prints its mean divided by 5 whatever ran; this is the mean.",
)

DAVIS_2017 = Protocol(
    "davis-2017",
    "davis2017-evaluation, semi-supervised: first and last frame dropped, recall and decay",
    frames="inner",
    objects="first-frame",
    has_decay=True,
    differs="The tool's decay is wrong from 256 frames on, where it wraps frame ids at 8 bits; --uint8-decay "
    "does so too.",
)

DAVIS_2017_UNSUPERVISED = Protocol(
    "davis-2017-unsupervised",
    "davis2017-evaluation, unsupervised (Ref-DAVIS): all frames, best assignment, void left out",
    objects="first-frame",
    matching="assignment",
    truth_folder="Annotations_unsupervised",
    void="excluded",
    has_decay=True,
    differs="Objects are named by their id in the truth, in the tool by the place of the matched proposal; "
    "decay as in davis-2017.",
)

VOS_BENCHMARK = Protocol(
    "vos-benchmark",
    "vos-benchmark and SA-V's evaluator: first and last frame dropped, objects count once they are seen",
    frames="inner",
    objects="from-first-seen",
    void="object",
    differs="An object that no frame of the truth that counts shows is not scored; SA-V's evaluator fails on one in "
    "its own layout.",
)

MEVIS = Protocol(
    "mevis",
    "MeViS: one mask a sentence, all frames, mean over sentences",
    folder_chain=("frame", "expression"),
    differs="A sentence with a missing frame is refused, where the tool silently leaves it out of the mean.",
)

MEVIS_V2 = Protocol(
    "mevis-v2",
    "MeViSv2, MOVE: J and F of sentences with a target; was a target-free one answered with nothing",
    folder_chain=("frame", "expression"),
    metrics=("mevis-v2/J", "mevis-v2/F", "N_acc", "T_acc"),
)

MOSE_V2 = Protocol(
    "mose-v2",
    "MOSEv2: a tolerance by the object's size; disappearance and reappearance apart",
    frames="inner",
    metrics=("mose-v2/J", "F_dot", "mose-v2/F", "disappear_J", "disappear_F_dot", "reappear_J", "reappear_F_dot"),
    headline="J&F_dot",
    differs="A missing video is refused (--missing empty scores it 0), where the tool scores it 0.",
)

LONG_RVOS = Protocol(
    "long-rvos",
    "Long-RVOS: J and F, and in which frames the object was found",
    folder_chain=("frame", "expression"),
    metrics=("J", "F", "tIoU", "vIoU"),
)

REVOS = Protocol(
    "revos",
    "ReVOS: J and F, pixel accuracy and robustness; mean of referring and reasoning sentences",
    folder_chain=("frame", "expression", "kind"),
    metrics=("J", "F", "A", "R"),
    differs="Any index but 0 is the object, where the tool takes masks of 0 and 255 wrongly; in a frame that shows no "
    "object R is 1 or 0, in the tool not a number.",
)

A2D = Protocol(
    "a2d",
    "A2D-Sentences: IoU of every annotated frame, one pool of frames; mAP of ranked results",
    folder_chain=("frame",),
    has_ranking=True,
    metrics=("P@0.5", "P@0.6", "P@0.7", "P@0.8", "P@0.9", "oIoU", "mIoU"),
    headline="mIoU",
    differs="The tool computes the IoU in single precision and adds 1e-6 to both areas; here P@K does so alone.",
)

JHMDB = replace(
    A2D, name="jhmdb", about="JHMDB-Sentences: as a2d, of the frames that are sampled; mAP of ranked results"
)

FSS_VOS = Protocol(
    "fss-vos",
    "few-shot VOS as DANet counts it: the frames of a class in one mean, then classes; IoU of the whole set",
    chain=("frame", "class"),
    folder_chain=("frame",),
    metrics=("J", "F", "FB_IoU"),
    differs="DANet's script compares at the size of the network's input (241 x 425), and draws supports once a run.",
)

PROTOCOLS = Registry("fsbench.protocols", Protocol, unknown=RunError)
"""The protocols that installed packages register, those above among them."""


def short_side_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """Returns (height, width) with the shorter side as given, in pixels; the longer is truncated as in torchvision."""
    long_side = int(short_side * max(height, width) / min(height, width))
    return (short_side, long_side) if height <= width else (long_side, short_side)


def named_protocol(name: str) -> Protocol:
    """Returns a registered protocol. Raises RunError, with the near names, for an unknown one."""
    return PROTOCOLS.get(name)


def reported_metrics(signature: str) -> tuple[str, ...]:
    """Returns `Protocol.metrics` of a protocol, given by its signature, whether or not it is installed."""
    return tuple((_part(signature, _METRICS) or ",".join(NAMES[:-1])).split(","))


def reported_names(signature: str) -> tuple[str, ...]:
    """Returns `Protocol.names` likewise."""
    return _names(reported_metrics(signature), _part(signature, _HEADLINE) or NAMES[-1])


def declared_protocol(signature: str) -> Protocol:
    """Returns what a signature says of frames, chain, metrics and headline, whether or not the protocol is installed.

    The other fields have their defaults; the chain is None if the signature does not say it.
    """
    chain = _part(signature, _CHAIN)
    return Protocol(
        signature.split("|", 1)[0],
        "",
        frames="inner" if _part(signature, _FRAMES) == "inner" else "all",
        chain=cast(tuple[Level, ...], tuple(chain.split(">"))) if chain else None,
        metrics=reported_metrics(signature),
        headline=reported_names(signature)[-1],
    )


def label_of(metric: str) -> str:
    """Returns what a metric stands as in tables, given its name; see `fsbench.metrics.table.Metric.name`."""
    return metric.rpartition("/")[2]


def mean_of_metrics(name: str, values: Any) -> Any:  # Any: mapping of floats, or a table
    """Returns the value (or column) of a metric, or of the mean of several that are named with & between."""
    parts = name.split("&")
    return sum(values[part] for part in parts) / len(parts)


def _names(metrics: Sequence[str], headline: str) -> tuple[str, ...]:
    return (*(label for label in map(label_of, metrics) if label != headline), headline)


def _part(signature: str, kind: str) -> str:
    """Returns what a signature says of something; empty if nothing."""
    return next((part.removeprefix(kind) for part in signature.split("|") if part.startswith(kind)), "")
