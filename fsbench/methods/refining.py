"""Propagation of a method's masks by a tracker: of each sentence the surest frame's mask, followed both ways.

It is what tables of the field call post-processing (ReferFormer's by CFBI, for one).
"""

import hashlib
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from functools import cached_property
from itertools import pairwise
from typing import Any
from typing import Protocol
from typing import runtime_checkable

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

from fsbench.errors import PluginError
from fsbench.errors import suggestion
from fsbench.masks.resize import at_size
from fsbench.masks.rle import decode_masks
from fsbench.masks.rle import encode_masks
from fsbench.methods.contract import Clip
from fsbench.methods.contract import Fold
from fsbench.methods.contract import HasParameters
from fsbench.methods.contract import Method
from fsbench.methods.contract import MethodInfo
from fsbench.methods.contract import Support
from fsbench.methods.options import Option
from fsbench.methods.outcome import judged_parts
from fsbench.methods.registry import MethodFactory
from fsbench.methods.registry import registered

__all__ = ["Tracker", "refined", "registered_trackers"]

_GROUP = "fsbench.trackers"
_PREFIX = "refine_"

_Mask = npt.NDArray[np.bool_]


@runtime_checkable
class Tracker(Protocol):
    """Follows an object through a video.

    It is registered under the entry-point group `fsbench.trackers` by a factory, which is to a tracker what the factory
    of a method is to a method: it has `info`, its keyword parameters are options (given as `refine_<name>`), and it may
    have `needs`, `missing` and `pin`. A tracker must be deterministic, and remember nothing from one call to the next.
    """

    info: MethodInfo

    def follow(self, clip: Clip, mask: _Mask, path: Sequence[int]) -> Iterator[_Mask]:
        """Follows an object from one frame to the next ones, or back to the ones before.

        Args:
            clip: The video. Of a method that works in parts, its frames are a sequence that reads what is indexed.
            mask: bool [H, W] of the frames' size: the object in frame `path[0]`.
            path: Numbers of frames, each one more than the one before, or each one less.

        Yields:
            bool [H, W] of the same size: the object in each of `path[1:]`.
        """


def registered_trackers() -> dict[str, MethodFactory]:
    """Returns what makes the registered trackers, by name, without importing any; see `registered_methods`."""
    return registered(_GROUP)


def refined(method: MethodFactory, tracker: str) -> MethodFactory:
    """Returns a method whose masks a registered tracker propagates. Raises PluginError if there is none of this name.

    Its name is METHOD+TRACKER, and its options are those of the method, and of the tracker as `refine_<name>`.
    """
    trackers = registered_trackers()
    if tracker not in trackers:
        raise PluginError(f"There is no tracker {tracker!r}. {suggestion(tracker, trackers)}")
    follower = trackers[tracker]
    packages = ", ".join(dict.fromkeys(filter(None, (method.distribution, follower.distribution))))
    return _RefinedFactory(
        method.target, packages, method.name, method.folder, method.handed, method=method, tracker=follower
    )


@dataclass(frozen=True)
class _RefinedFactory(MethodFactory):
    """Makes a method whose masks are propagated; what is not said here is as the method's own factory has it.

    Attributes:
        method, tracker: What makes either.
    """

    method: MethodFactory = field(kw_only=True)
    tracker: MethodFactory = field(kw_only=True)

    @property
    def info(self) -> MethodInfo:
        """That of the method, with what the tracker adds."""
        own, other = self.method.info, self.tracker.info
        seen = None if own.trained_on is None or other.trained_on is None else own.trained_on + other.trained_on
        return MethodInfo(
            f"{own.name}+{other.name}",
            f"{own.version}+{other.version}",
            f"{own.summary} Refined: {other.summary}",
            "; ".join(filter(None, (own.paper, other.paper))),
            "; ".join(dict.fromkeys(filter(None, (own.licence, other.licence)))),
            None if seen is None else tuple(dict.fromkeys(seen)),
            tuple(dict.fromkeys(own.tuned_on + other.tuned_on)),
        )

    @cached_property
    def options(self) -> Mapping[str, Option]:
        """Those of both."""
        theirs = self.tracker.options
        shared = {"device": theirs["device"]} if "device" in theirs else {}
        return {**shared, **self.method.options, **{_PREFIX + key: theirs[key] for key in theirs if key not in shared}}

    @cached_property
    def source_sha256(self) -> str:
        """What the code of both is, by content."""
        both = self.method.source_sha256 + self.tracker.source_sha256
        return hashlib.sha256(both.encode("ascii")).hexdigest()

    @property
    def needs(self) -> tuple[str, ...]:
        """What either cannot do without."""
        return self.method.needs + self.tracker.needs

    def missing(self, dataset: str) -> list[str]:
        """Returns what of `needs` is not there."""
        return self.method.missing(dataset) + self.tracker.missing(dataset)

    def resolve(self, options: Mapping[str, Any]) -> dict[str, Any]:  # Any: see MethodFactory.resolve
        """Returns all options of both."""
        own, theirs = self._split(options)
        return self._joined(self.method.resolve(own), self.tracker.resolve(theirs))

    def pin(self, options: Mapping[str, Any]) -> dict[str, Any]:  # Any: see MethodFactory.resolve
        """Returns the options of both in which what can move is named by what it is now."""
        own, theirs = self._split(options)
        return self._joined(self.method.pin(own), self.tracker.pin(theirs))

    def smaller_options(self, options: Mapping[str, Any]) -> dict[str, Any] | None:  # Any: see MethodFactory.resolve
        """Returns options with which the method takes less memory, or else the tracker."""
        own, theirs = self._split(options)
        if (smaller := self.method.smaller_options(own)) is not None:
            return self._joined(smaller, theirs)
        less = self.tracker.smaller_options(theirs)
        return None if less is None else self._joined(own, less)

    def make(self, options: Mapping[str, Any]) -> Any:  # Any: see MethodFactory.make
        """Makes both, and what joins them."""
        own, theirs = self._split(options)
        tracker = self.tracker.make(theirs)
        if not isinstance(tracker, Tracker):
            raise PluginError(f"{self.tracker.who} makes a {type(tracker).__name__} without follow(clip, mask, path).")
        return _Refined(self.info, self.method.create(own), tracker)

    def _split(self, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        own = {key: value for key, value in options.items() if not key.startswith(_PREFIX)}
        theirs = {key.removeprefix(_PREFIX): value for key, value in options.items() if key.startswith(_PREFIX)}
        if "device" in own and "device" in self.tracker.options:
            theirs["device"] = own["device"]
            if "device" not in self.method.options:
                del own["device"]
        return own, theirs

    def _joined(self, own: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
        shared = {"device": theirs["device"]} if "device" in theirs else {}
        return {**shared, **own, **{_PREFIX + key: theirs[key] for key in theirs if key not in shared}}


class _Refined:
    """A method whose masks are propagated."""

    def __init__(self, info: MethodInfo, method: Method, tracker: Tracker) -> None:
        self.info = info
        self._method = method
        self._tracker = tracker

    def prepare(self, fold: Fold) -> None:
        """Prepares the method."""
        self._method.prepare(fold)
        sizes = [each.num_parameters for each in (self._method, self._tracker) if isinstance(each, HasParameters)]
        if sizes:
            self.num_parameters = sum(sizes)

    def adapt(self, support: Support) -> Any:  # Any: as the method's
        """Lets the method see the support."""
        return self._method.adapt(support)

    def segment(self, adapted: Any, clip: Clip, expressions: Sequence[str]) -> Iterator[_Mask]:
        """Yields the masks of a frame, bool [N, 1, H, W], all of them found before; they wait as run-length codes."""
        found = self._answers(adapted, clip, expressions)
        tracks = [self._track(clip, *each) for each in found]
        for codes in zip(*tracks, strict=True):
            yield decode_masks(codes, *clip.output_size)[:, np.newaxis]

    def _answers(self, adapted: Any, clip: Clip, expressions: Sequence[str]) -> list[tuple[list[bytes], list[float]]]:
        """Returns the method's masks of each sentence as codes, and how sure it is of each, if it says."""
        codes: list[list[bytes]] = [[] for _ in expressions]
        sureness: list[list[float]] = [[] for _ in expressions]
        result = self._method.segment(adapted, clip.copy(), expressions)
        shape = (len(expressions), len(clip.frames), *clip.output_size)
        for masks, sure in judged_parts(result, shape, f"Method {self._method.info.name!r}"):
            for n, of_sentence in enumerate(masks):
                codes[n] += encode_masks(of_sentence)
                sureness[n] += [] if sure is None else sure[n].tolist()
        return list(zip(codes, sureness, strict=True))

    def _track(self, clip: Clip, codes: Sequence[bytes], sureness: Sequence[float]) -> list[bytes]:
        """Returns the masks of a sentence in all frames; where the method found nothing at all, none."""
        start = _surest(codes, sureness, clip.output_size)
        if start is None:
            return list(codes)
        size: tuple[int, int] = (clip.frames.shape[1], clip.frames.shape[2])
        mask = at_size(decode_masks([codes[start]], *clip.output_size)[0], size).view(np.bool_)
        tracked = list(codes)
        for path in (range(start, len(codes)), range(start, -1, -1)):
            masks = self._tracker.follow(clip, mask, path)
            for t, found in zip(path[1:], masks, strict=True):
                if found.dtype != np.bool_ or found.shape != size:
                    who = f"Tracker {self._tracker.info.name!r}"
                    raise PluginError(f"{who} yielded {found.dtype} {found.shape}, expected bool {size}.")
                (tracked[t],) = encode_masks(at_size(found, clip.output_size).view(np.bool_)[np.newaxis])
        return tracked


def _surest(codes: Sequence[bytes], sureness: Sequence[float], size: tuple[int, int]) -> int | None:
    """Returns the frame whose mask is the surest, the first of several; None if all are empty.

    Where the method does not say how sure it is, that is the mask which has most in common with those of the frames
    beside it, by their mean IoU.
    """
    rows = [{"size": list(size), "counts": code} for code in codes]
    shown = [t for t, row in enumerate(rows) if coco.area(row)]
    if not shown:
        return None
    if not sureness:
        same = [float(coco.iou([one], [other], [0])[0, 0]) for one, other in pairwise(rows)]
        beside = [same[max(t - 1, 0) : t + 1] for t in range(len(rows))]
        sureness = [sum(each) / max(len(each), 1) for each in beside]
    return max(shown, key=lambda t: (sureness[t], -t))
