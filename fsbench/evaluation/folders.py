"""Scoring and validating submissions: one pass over the masks, video by video, for every protocol."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco
from tqdm import tqdm

from fsbench.errors import DataError
from fsbench.errors import FsbenchError
from fsbench.evaluation.problems import Kind
from fsbench.evaluation.problems import Problem
from fsbench.evaluation.reference import Labels
from fsbench.evaluation.reference import Reference
from fsbench.evaluation.reference import SequenceKey
from fsbench.evaluation.reference import VideoTask
from fsbench.evaluation.resize import at_size
from fsbench.evaluation.submissions import MaskKey
from fsbench.evaluation.submissions import Rle
from fsbench.evaluation.submissions import Submission
from fsbench.labels import decode_label_map
from fsbench.labels import NotLabelsError
from fsbench.metrics import f_measure
from fsbench.metrics import jaccard
from fsbench.metrics import label_counts
from fsbench.metrics import labels_present
from fsbench.metrics import PairCounts
from fsbench.metrics import radius_px
from fsbench.metrics import rle_counts
from fsbench.protocol import Protocol

__all__ = ["ObjectScores", "PassOptions", "Scored", "score_submission"]

VOID = 255
MOST_PROPOSALS = 20  # davis2017-evaluation's limit
NOTHING = PairCounts(0, 0, 0, 0, 0, 0)


class ObjectScores(NamedTuple):
    """J and F of one object, or of one sentence's mask, over the frames that count.

    Attributes:
        key: The sequence.
        object_id: Its id in the truth; None for the mask of a sentence.
        J, F: float64 [T].
    """

    key: SequenceKey
    object_id: int | None
    J: npt.NDArray[np.float64]
    F: npt.NDArray[np.float64]


@dataclass(frozen=True)
class PassOptions:
    """How to go over a submission.

    Attributes:
        missing_is_empty: A mask that is not there counts as empty, instead of being a problem.
        ignore_extra: A mask that nobody asked for is ignored, instead of being a problem.
        count: Score; False only checks.
        workers: Threads; decoding and counting run outside of Python's lock.
        progress: Show a progress bar.
    """

    missing_is_empty: bool = False
    ignore_extra: bool = False
    count: bool = True
    workers: int = 1
    progress: bool = False


@dataclass
class Scored:
    """What a pass found: scores of every object, every problem, and frames that are easily misread."""

    objects: list[ObjectScores] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    full_frames: int = 0


def score_submission(
    submission: Submission, reference: Reference, protocol: Protocol, options: PassOptions = PassOptions()
) -> Scored:
    """Goes over all masks once.

    Args:
        submission: The predictions.
        reference: The truth.
        protocol: The policy.
        options: See `PassOptions`.
    Returns:
        Scores in the order of videos, sequences, objects, and all problems. With a problem, the scores of its video
        are not to be used.
    Raises:
        DataError: A video has no frame that counts, or a file of the truth cannot be read.
    """
    for task in reference.tasks:
        if not task.frames[protocol.counted(len(task.frames))]:
            raise DataError(
                f"Video {task.video!r} has {len(task.frames)} frames, and protocol {protocol.name!r} leaves out the "
                "first and the last. Score it with another protocol, or remove the video from the truth."
            )
    scored = Scored(problems=[*submission.problems, *_inventory(submission, reference, protocol, options)])
    with ThreadPoolExecutor(options.workers) as pool:
        work = pool.map(lambda task: _score_video(task, submission, reference, protocol, options), reference.tasks)
        bar = tqdm(work, "score", len(reference.tasks), unit="video", disable=None if options.progress else True)
        for video in bar:
            scored.objects += video.objects
            scored.problems += video.problems
            scored.full_frames += video.full_frames
    return scored


def _inventory(
    submission: Submission, reference: Reference, protocol: Protocol, options: PassOptions
) -> Iterator[Problem]:
    """Yields what is missing and what is there in excess, each at the highest level that explains it."""
    there = set(submission.keys())
    videos = {key.video for key in there}
    sequences = {SequenceKey(key.draw, key.video, key.expression) for key in there}
    wanted = {key: task for task in reference.tasks for key in task.sequences}
    if not options.missing_is_empty:
        for task in reference.tasks:
            if task.video not in videos:
                yield Problem("missing-video", task.video, f"all {len(task.frames)} frames are missing")
                continue
            for key in task.sequences:
                if key not in sequences:
                    yield Problem("missing-sentence", _name(key), "no mask of it")
                    continue
                names = task.frames[protocol.counted(len(task.frames))]
                if absent := [name for name in names if MaskKey(*key, name) not in there]:
                    yield Problem("missing-frame", _name(key), f"{len(absent)} of {len(names)}, e.g. {absent[0]}")
    if not options.ignore_extra:
        known_videos = {task.video for task in reference.tasks}
        for video in sorted(videos - known_videos):
            yield Problem("extra-video", video, "nobody asks for it")
        for sequence in sorted(sequences - set(wanted), key=_name):
            if sequence.video in known_videos:
                yield Problem("extra-sentence", _name(sequence), "nobody asks for it")
        frames = {key: set(task.frames) for key, task in wanted.items()}
        for mask in sorted(there, key=lambda mask: (_name(SequenceKey(*mask[:3])), mask.frame)):
            names_of = frames.get(SequenceKey(*mask[:3]))
            if names_of is not None and mask.frame not in names_of:
                yield Problem("extra-frame", submission.name(mask), "the truth has no such frame")


def _score_video(
    task: VideoTask, submission: Submission, reference: Reference, protocol: Protocol, options: PassOptions
) -> Scored:
    scored = Scored()
    there = submission.keys()
    tallies = {key: _Tally(key, protocol) for key in task.sequences}
    counted = range(len(task.frames))[protocol.counted(len(task.frames))]
    for index, truths in enumerate(reference.truth(task)):
        for key in task.sequences:
            truth = truths[key.expression]
            if index == 0:
                tallies[key].see_first(truth)
            mask = MaskKey(*key, task.frames[index])
            if index not in counted or (mask not in there and not options.missing_is_empty):
                continue
            try:
                pred = submission.read(mask) if mask in there else np.zeros_like(truth)
                tallies[key].add(pred, truth, submission.name(mask) if mask in there else "", options.count)
            except _Refused as refused:
                scored.problems.append(Problem(refused.kind, submission.name(mask), refused.what))
            except NotLabelsError as error:
                scored.problems.append(Problem("not-labels", submission.name(mask), str(error)))
            except FsbenchError as error:
                scored.problems.append(Problem("unreadable", submission.name(mask), str(error)))
    for key, tally in tallies.items():
        scored.problems += [Problem("unknown-id", _name(key), what) for what in tally.unknown_ids()]
        if options.count and not scored.problems:
            scored.objects += tally.scores()
        scored.full_frames += tally.full_frames
    return scored


class _Refused(Exception):  # noqa: N818 - never leaves this module
    """A mask that cannot be scored."""

    def __init__(self, kind: Kind, what: str) -> None:
        super().__init__(what)
        self.kind = kind
        self.what = what


class _Tally:
    """Counts of one sequence, frame by frame: only of ids that a frame shows, so that memory stays small."""

    def __init__(self, key: SequenceKey, protocol: Protocol) -> None:
        self.key = key
        self.full_frames = 0
        self._protocol = protocol
        self._num_objects = 0
        self._frames: list[dict[tuple[int, int], PairCounts]] = []
        self._truth_ids: set[int] = set()
        self._pred_ids: set[int] = set()

    def see_first(self, truth: Labels) -> None:
        """Takes note of the truth's first frame, whether or not it counts."""
        if self.key.expression is None and self._protocol.objects == "first-frame":
            ids = self._ids(truth)
            self._num_objects = max((i for i in ids if i != VOID), default=0)

    def add(self, content: bytes | Rle | Labels, truth: Labels, name: str, count: bool) -> None:
        """Counts a frame. Raises _Refused or FsbenchError if the prediction cannot be used."""
        if self.key.expression is not None:
            self._add_binary(content, truth, name, count)
            return
        if isinstance(content, Rle):
            raise _Refused("not-labels", "a run-length code has no object ids; the truth has label maps")
        pred = decode_label_map(content, name) if isinstance(content, bytes) else content
        self._check_size(pred.shape, truth.shape)
        if pred.dtype != np.uint8 or truth.dtype != np.uint8:
            raise _Refused("unknown-id", "ids above 255")
        if self._protocol.void == "excluded" and VOID in self._ids(truth):
            void = truth == VOID
            pred, truth = np.where(void, np.uint8(0), pred), np.where(void, np.uint8(0), truth)
        self._add_labels(pred, truth, count)

    def _add_labels(self, pred: Labels, truth: Labels, count: bool) -> None:
        truth_ids, pred_ids = self._ids(truth), self._ids(pred)
        if self._protocol.void == "background":
            truth_ids.discard(VOID)
        self._truth_ids |= truth_ids
        self._pred_ids |= pred_ids
        if not count:
            return
        size = self._protocol.output_size(*truth.shape)
        radius = radius_px(self._protocol.tolerance, *size)
        if size != truth.shape:
            ids = sorted(truth_ids | pred_ids)
            sized = [(i, at_size(pred == i, size), at_size(truth == i, size)) for i in ids]
            self._keep({(i, i): label_counts(p, t, [(1, 1)], radius)[0] for i, p, t in sized})
            return
        if self._protocol.matching == "id":
            pairs = {(i, i): (i, i) for i in sorted(truth_ids | pred_ids)}
        else:  # every proposal against every object; 0 stands for a proposal that this frame does not show
            absent = next(i for i in range(VOID, -1, -1) if i not in pred_ids)
            proposals = {0: absent, **{i: i for i in sorted(pred_ids) if i <= MOST_PROPOSALS}}
            objects = range(1, self._num_objects + 1)
            pairs = {(name, t): (label, t) for name, label in proposals.items() for t in objects}
        counts = label_counts(pred, truth, list(pairs.values()), radius)
        self._keep(dict(zip(pairs, counts, strict=True)))

    def _add_binary(self, content: bytes | Rle | Labels, truth: Labels, name: str, count: bool) -> None:
        height, width = self._protocol.output_size(*truth.shape)
        radius = radius_px(self._protocol.tolerance, height, width)
        if isinstance(content, Rle):
            if (content.height, content.width) == truth.shape == (height, width):
                if count:
                    code = coco.encode(np.asfortranarray(truth))["counts"]
                    self._keep({(1, 1): self._rle(content, code, radius)})
                return
            pred = self._decoded(content)
        else:
            pred = decode_label_map(content, name) if isinstance(content, bytes) else content
        if len(self._ids(pred)) > 1:
            raise _Refused("not-binary", f"values {sorted(self._ids(pred))} beside 0")
        self._check_size(pred.shape, truth.shape, (height, width))
        if count:
            both = at_size(pred, (height, width)), at_size(truth, (height, width))
            self._keep({(1, 1): label_counts(*both, [(1, 1)], radius)[0]})

    def _rle(self, pred: Rle, truth: bytes, radius: int) -> PairCounts:
        try:
            return rle_counts(pred.counts, truth, pred.height, pred.width, radius)
        except ValueError as error:
            raise _Refused("unreadable", str(error)) from error

    def _decoded(self, code: Rle) -> Labels:
        self._rle(code, code.counts, 0)  # pycocotools trusts its input
        decoded: Labels = coco.decode({"size": [code.height, code.width], "counts": code.counts})
        return decoded

    def _check_size(self, shape: tuple[int, ...], *allowed: tuple[int, ...]) -> None:
        if shape not in allowed:
            sizes = " or ".join(f"{h} x {w}" for h, w in dict.fromkeys(allowed))
            raise _Refused("wrong-size", f"{shape[0]} x {shape[1]}, expected {sizes} (height x width)")

    def _keep(self, counts: dict[tuple[int, int], PairCounts]) -> None:
        self._frames.append(counts)
        self.full_frames += sum(
            c.intersection == 0 < c.union and c.pred_boundary == c.truth_boundary == 0 for c in counts.values()
        )

    def _ids(self, labels: Labels) -> set[int]:
        found = labels_present(labels) if labels.dtype == np.uint8 else np.unique(labels).tolist()
        return set(found) - {0}

    def unknown_ids(self) -> Iterator[str]:
        """Yields what is wrong with the ids of the predictions."""
        if self.key.expression is not None or self._protocol.objects == "from-first-seen":
            return
        if self._protocol.matching == "assignment":
            if max(self._pred_ids, default=0) > MOST_PROPOSALS:
                yield f"id {max(self._pred_ids)}; at most {MOST_PROPOSALS} proposals are allowed"
            return
        known = self._truth_ids
        if self._protocol.objects == "first-frame":
            known = set(range(1, self._num_objects + 1))
        if unknown := sorted(self._pred_ids - known):
            yield f"ids {unknown}, the truth has {sorted(known)}"

    def scores(self) -> list[ObjectScores]:
        """Returns J and F of every object."""
        if self.key.expression is not None:
            return [self._object(None, [frame[1, 1] for frame in self._frames])]
        if self._protocol.matching == "assignment":
            return self._assigned()
        if self._protocol.objects == "first-frame":
            ids: Sequence[int] = range(1, self._num_objects + 1)
        else:
            ids = sorted(self._truth_ids)
        return [self._object(i, self._since_seen([frame.get((i, i)) for frame in self._frames])) for i in ids]

    def _since_seen(self, counts: Sequence[PairCounts | None]) -> list[PairCounts]:
        first = 0
        if self._protocol.objects == "from-first-seen":
            first = next(t for t, c in enumerate(counts) if c is not None)
        return [NOTHING if c is None else c for c in counts[first:]]

    def _assigned(self) -> list[ObjectScores]:
        from scipy.optimize import linear_sum_assignment

        num_proposals = max(max(self._pred_ids, default=0), self._num_objects)
        candidates = [
            [self._object(t, [_pair(frame, p, t) for frame in self._frames]) for t in range(1, self._num_objects + 1)]
            for p in range(1, num_proposals + 1)
        ]
        quality = np.array([[(np.mean(c.J) + np.mean(c.F)) / 2 for c in row] for row in candidates])
        if quality.size == 0:
            return []
        rows, columns = linear_sum_assignment(-quality)
        chosen = [candidates[p][t] for p, t in zip(rows, columns, strict=True)]
        return sorted(chosen, key=lambda scores: scores.object_id or 0)

    def _object(self, object_id: int | None, counts: Sequence[PairCounts]) -> ObjectScores:
        region = np.array([jaccard(c) for c in counts], dtype=np.float64)
        contour = np.array([f_measure(c) for c in counts], dtype=np.float64)
        return ObjectScores(self.key, object_id, region, contour)


def _pair(frame: Mapping[tuple[int, int], PairCounts], pred_id: int, truth_id: int) -> PairCounts:
    return frame[(pred_id, truth_id) if (pred_id, truth_id) in frame else (0, truth_id)]


def _name(key: SequenceKey) -> str:
    parts = ["" if key.draw is None else f"draw-{key.draw}", key.video, key.expression or ""]
    return "/".join(filter(None, parts))
