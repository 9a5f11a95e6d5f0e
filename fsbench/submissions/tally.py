"""Counts of one sequence of masks, frame by frame, and the scores that follow from them."""

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from fsbench.errors import DataError
from fsbench.masks.labels import decode_label_map
from fsbench.masks.labels import label_palette
from fsbench.masks.resize import at_size
from fsbench.masks.rle import Rle
from fsbench.masks.shown import BinaryMask
from fsbench.masks.shown import LabelMap
from fsbench.masks.shown import Labels
from fsbench.metrics import label_counts
from fsbench.metrics import mean
from fsbench.metrics import outline_pairs
from fsbench.metrics import radius_px
from fsbench.protocol import mean_of_metrics
from fsbench.scores.measuring import Measure
from fsbench.scores.measuring import Scores
from fsbench.scores.measuring import Seen
from fsbench.submissions.problems import Kind
from fsbench.submissions.reference import SequenceKey
from fsbench.submissions.reference import TrueMask

__all__ = ["MOST_PROPOSALS", "VOID", "VOID_REMEDY", "ObjectScores", "Refused", "Tally"]

VOID = 255
MOST_PROPOSALS = 20  # davis2017-evaluation's limit
VOID_REMEDY = (
    "Index 255 of this truth is taken for void, not for an object. Where it is the object, as in DAVIS-2016, say so "
    "with --void object."
)


class ObjectScores(NamedTuple):
    """The scores of one object, or of one sentence's mask, over the frames that count.

    Attributes:
        key: The sequence.
        object_id: Its id in the truth; None for the mask of a sentence.
        frames: Their number.
        scores: By metric.
    """

    key: SequenceKey
    object_id: int | None
    frames: int
    scores: Scores


class Refused(Exception):  # noqa: N818 - never leaves this module
    """A mask that cannot be scored."""

    def __init__(self, kind: Kind, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.kind = kind
        self.what = what
        self.remedy = remedy


class Tally:
    """Counts of one sequence, frame by frame: only of ids that a frame shows, so that memory stays small."""

    def __init__(self, key: SequenceKey, measure: Measure) -> None:
        self.key = key
        self._measure = measure
        self.full_frames = 0
        self.has_void = False
        self.recoloured: list[str] = []
        self._protocol = measure.protocol
        self._objects: tuple[int, ...] = ()
        self._is_shown = False
        self._frames: list[dict[tuple[int, int], Seen]] = []
        self._truth_ids: set[int] = set()
        self._pred_ids: set[int] = set()

    def see_first(self, truth: TrueMask) -> None:
        """Takes note of the truth's first frame, whether or not it counts.

        Raises:
            DataError: The protocol counts objects up to the largest id, and that is beyond any such benchmark.
        """
        if isinstance(truth, LabelMap) and self._protocol.objects == "first-frame":
            ids = truth.ids
            largest = max(ids - {VOID}, default=0)
            if largest > VOID:
                raise DataError(
                    f"Video {self.key.video!r} of the truth has an object {largest}, and protocol "
                    f"{self._protocol.name!r} counts one for every id up to it. Number the objects from 1, or score "
                    "with another protocol."
                )
            is_object = self._protocol.void == "object" and VOID in ids
            self._objects = (*range(1, largest + 1), *([VOID] if is_object else []))

    def see(self, truth: TrueMask) -> None:
        """Takes note of a frame of the truth that counts, whether or not there is a prediction of it."""
        if isinstance(truth, BinaryMask):
            self._is_shown = self._is_shown or not truth.is_empty

    def add(self, content: bytes | Rle | Labels, true: TrueMask, foreground: int, name: str, count: bool) -> None:
        """Counts a frame.

        Args:
            content: The prediction.
            true: The truth.
            foreground: See `Measure.foreground`.
            name: Of the prediction, for people.
            count: False only checks.

        Raises:
            Refused, FsbenchError: The prediction cannot be used.
        """
        if isinstance(true, BinaryMask):
            self._add_binary(content, true, foreground, name, count)
            return
        if isinstance(content, Rle):
            raise Refused("not-labels", "a run-length code has no object ids; the truth has label maps")
        if isinstance(content, bytes):
            pred = LabelMap(decode_label_map(content, name), label_palette(content))
        else:
            pred = LabelMap(content)
        self._check_size(pred.labels.shape, true.labels.shape)
        if count and self._protocol.output_size(*true.labels.shape) == true.labels.shape:
            _ = pred.outlines, true.outlines  # first: that finds the ids by the way
        if true.palette and pred.palette != true.palette and isinstance(content, bytes):
            self._compare_colours(pred.palette, true.palette, pred.ids | true.ids, name)
        self.has_void = self.has_void or (self._protocol.void != "object" and VOID in true.ids)
        if self._protocol.void == "excluded" and VOID in true.ids:
            void = true.labels == VOID
            pred, true = (LabelMap(np.where(void, np.uint8(0), each.labels)) for each in (pred, true))
        self._add_labels(pred, true, foreground, count)

    def _compare_colours(self, pred: bytes, truth: bytes, ids: Collection[int], name: str) -> None:
        """Takes note of a file that paints an id otherwise than the truth, as after an optimiser that renumbers."""
        for i in sorted(ids):
            ours, theirs = pred[3 * i : 3 * i + 3], truth[3 * i : 3 * i + 3]
            if len(ours) == len(theirs) == 3 and ours != theirs:
                self.recoloured.append(f"index {i} in {name} is {tuple(ours)}, in the truth {tuple(theirs)}")
                return

    def _add_labels(self, pred: LabelMap, truth: LabelMap, foreground: int, count: bool) -> None:
        ignored = {VOID} if self._protocol.void == "background" else set()
        self._truth_ids |= truth.ids - ignored
        self._pred_ids |= pred.ids
        if not count:
            return
        ids = sorted((truth.ids - ignored) | pred.ids)
        shape: tuple[int, int] = truth.labels.shape[0], truth.labels.shape[1]
        size = self._protocol.output_size(*shape)
        radius = radius_px(self._protocol.tolerance, *size)
        if size != shape:
            sized = [(i, at_size(pred.labels == i, size), at_size(truth.labels == i, size)) for i in ids]
            self._keep({(i, i): self._see(p, t, radius, foreground) for i, p, t in sized})
            return
        pred_ids = pred.ids
        pred, truth, coded = _in_eight_bits(pred, truth, self._objects)
        if self._protocol.matching == "id":
            pairs = {(i, i): (coded[i], coded[i]) for i in ids}
        else:  # every proposal against every object; 0 stands for a proposal that this frame does not show
            there = {coded[i] for i in pred_ids}
            absent = next(code for code in range(255, -1, -1) if code not in there)
            proposals = {0: absent, **{i: coded[i] for i in sorted(pred_ids) if i <= MOST_PROPOSALS}}
            pairs = {(name, t): (code, coded[t]) for name, code in proposals.items() for t in self._objects}
        assert pred.outlines is not None, "it has 8 bits"
        assert truth.outlines is not None, "likewise"
        counts = outline_pairs(pred.outlines, truth.outlines, list(pairs.values()), radius)
        seen = [
            self._measure.see(
                both, size, partial(np.equal, pred.labels, p), partial(np.equal, truth.labels, t), foreground
            )
            for both, (p, t) in zip(counts, pairs.values(), strict=True)
        ]
        self._keep(dict(zip(pairs, seen, strict=True)))

    def _see(self, pred: Labels, truth: Labels, radius: int, foreground: int) -> Seen:
        """Takes in two masks of 0 and 1, uint8 [H, W]."""
        counts = label_counts(pred, truth, [(1, 1)], radius)[0]
        return self._measure.see(counts, truth.shape, lambda: pred == 1, lambda: truth == 1, foreground)

    def _add_binary(
        self, content: bytes | Rle | Labels, truth: BinaryMask, foreground: int, name: str, count: bool
    ) -> None:
        size = self._protocol.output_size(*truth.shape)
        pred = BinaryMask(decode_label_map(content, name) if isinstance(content, bytes) else content)
        fits = pred.shape in (truth.shape, size)
        try:
            outlines = pred.outlines(size) if count and fits else None  # first: it finds the values by the way
        except ValueError as error:
            raise Refused("unreadable", f"pred: {error}") from error
        if len(pred.values) > 1:
            raise Refused("not-binary", f"values {sorted(pred.values)} beside 0")
        self._check_size(pred.shape, truth.shape, size)
        if outlines is not None:
            radius = radius_px(self._protocol.tolerance, *size)
            (counts,) = outline_pairs(outlines, truth.outlines(size), [(0, 0)], radius)
            masks = (lambda: at_size(pred.labels, size) == 1), (lambda: at_size(truth.labels, size) == 1)
            self._keep({(1, 1): self._measure.see(counts, size, *masks, foreground)})

    def _check_size(self, shape: tuple[int, ...], *allowed: tuple[int, ...]) -> None:
        if shape not in allowed:
            sizes = " or ".join(f"{h} x {w}" for h, w in dict.fromkeys(allowed))
            raise Refused("wrong-size", f"{shape[0]} x {shape[1]}, expected {sizes} (height x width)")

    def _keep(self, seen: dict[tuple[int, int], Seen]) -> None:
        self._frames.append(seen)
        self.full_frames += sum(
            c.intersection == 0 < c.union and c.pred_boundary == c.truth_boundary == 0
            for c in (frame.counts for frame in seen.values())
        )

    @property
    def is_target_free(self) -> bool:
        """Whether it is a sentence that names nothing that the truth shows."""
        return self.key.expression is not None and not self._is_shown

    @property
    def is_void(self) -> bool:
        """Whether the truth shows index 255, which the protocol takes for void, and no object."""
        return self.has_void and not (self._truth_ids or self._objects)

    def unknown_ids(self) -> Iterator[tuple[str, str]]:
        """Yields what is wrong with the ids of the predictions, and what to do; see `Problem`."""
        if self.key.expression is not None or self._protocol.objects == "from-first-seen":
            return
        if self._protocol.matching == "assignment":
            if max(self._pred_ids, default=0) > MOST_PROPOSALS:
                yield f"id {max(self._pred_ids)}; at most {MOST_PROPOSALS} proposals are allowed", ""
            return
        known = self._truth_ids
        if self._protocol.objects == "first-frame":
            known = set(self._objects)
        if unknown := sorted(self._pred_ids - known):
            remedy = ""
            if VOID in unknown:
                remedy = VOID_REMEDY if self.has_void else "Save each object as its id in the truth, not as 255."
            yield f"ids {unknown}, the truth has {sorted(known)}", remedy

    def scores(self) -> list[ObjectScores]:
        """Returns the scores of every object."""
        if self.key.expression is not None:
            if self._protocol.objects == "from-first-seen" and not self._is_shown:
                return []
            return [self._object(None, self._since_seen([frame[1, 1] for frame in self._frames]))]
        if self._protocol.matching == "assignment":
            return self._assigned()
        if self._protocol.objects == "first-frame":
            ids: Sequence[int] = self._objects
        else:
            ids = sorted(self._truth_ids)
        return [self._object(i, self._since_seen([frame.get((i, i)) for frame in self._frames])) for i in ids]

    def _since_seen(self, seen: Sequence[Seen | None]) -> list[Seen]:
        first = 0
        if self._protocol.objects == "from-first-seen":
            first = next(t for t, frame in enumerate(seen) if frame is not None and frame.counts.union)
        return [self._measure.nothing if frame is None else frame for frame in seen[first:]]

    def _assigned(self) -> list[ObjectScores]:
        from scipy.optimize import linear_sum_assignment

        num_proposals = max(max(self._pred_ids, default=0), len(self._objects))
        candidates = [
            [self._object(t, [_pair(frame, p, t) for frame in self._frames]) for t in self._objects]
            for p in range(1, num_proposals + 1)
        ]
        quality = np.array([[self._quality(c.scores) for c in row] for row in candidates])
        if quality.size == 0:
            return []
        rows, columns = linear_sum_assignment(-quality)
        chosen = [candidates[p][t] for p, t in zip(rows, columns, strict=True)]
        return sorted(chosen, key=lambda scores: scores.object_id or 0)

    def _quality(self, scores: Scores) -> float:
        headline: float = mean_of_metrics(
            self._protocol.headline, {name: mean(values) for name, values in scores.values.items()}
        )
        return headline

    def _object(self, object_id: int | None, seen: Sequence[Seen]) -> ObjectScores:
        return ObjectScores(self.key, object_id, len(seen), self._measure.scores(seen))


def _in_eight_bits(
    pred: LabelMap, truth: LabelMap, objects: Sequence[int]
) -> tuple[LabelMap, LabelMap, Sequence[int] | Mapping[int, int]]:
    """Returns two label maps in 8 bits, as the kernel counts them, and the code in which each id stands there.

    Args:
        pred, truth: The maps.
        objects: Ids that have a code whether or not they are shown.

    Raises:
        Refused: They show more than 254 objects together.
    """
    if pred.labels.dtype == truth.labels.dtype == np.uint8:
        return pred, truth, range(256)
    ids = np.array(sorted({0, *objects, *pred.ids, *truth.ids}), np.int64)
    if len(ids) > 255:  # one code stays free
        raise Refused("unknown-id", f"it and the truth have {len(ids) - 1} ids", "Hand in at most 254 objects a frame.")
    coded = [LabelMap(np.searchsorted(ids, each.labels).astype(np.uint8)) for each in (pred, truth)]
    return coded[0], coded[1], {int(i): code for code, i in enumerate(ids)}


def _pair(frame: Mapping[tuple[int, int], Seen], pred_id: int, truth_id: int) -> Seen:
    return frame[(pred_id, truth_id) if (pred_id, truth_id) in frame else (0, truth_id)]
