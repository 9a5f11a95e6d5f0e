"""The sentences of a dataset as truth for masks that came from outside, whatever its episodes are."""

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

from fsbench.datasets.folder import CodedDataset
from fsbench.datasets.folder import FolderDataset
from fsbench.datasets.reading import Annotated
from fsbench.datasets.reading import LabelCheck
from fsbench.datasets.records import Dataset
from fsbench.datasets.records import names_nothing
from fsbench.masks.shown import BinaryMask
from fsbench.submissions.reference import only_draw
from fsbench.submissions.reference import SequenceKey
from fsbench.submissions.reference import signed_subset
from fsbench.submissions.reference import TrueMask
from fsbench.submissions.reference import Videos
from fsbench.submissions.reference import VideoTask

__all__ = ["SentenceReference", "has_label_maps", "true_masks", "video_paths"]


def has_label_maps(dataset: Dataset) -> bool:
    """Tells whether a dataset of a truth can be one of label maps as well."""
    return isinstance(dataset, FolderDataset) and not isinstance(dataset, CodedDataset)


def video_paths(dataset: Dataset) -> Mapping[str, str]:
    """Returns by which path the release of a dataset calls each video that it does not call by its id."""
    return dataset.video_paths if isinstance(dataset, CodedDataset) else {}


def true_masks(
    dataset: Dataset, task: VideoTask, objects_of: Mapping[str, Sequence[int]], annotated: Annotated
) -> Iterator[Mapping[str | None, TrueMask]]:
    """Yields for each frame of a video the truth by expression, one mask for all sentences that name the same objects.

    Args:
        dataset: Has the label maps.
        task: The video.
        objects_of: The objects that each of its expressions names.
        annotated: All of its objects.

    Raises:
        DataError: A label map cannot be read, or does not show what the metadata promises.
    """
    named: dict[str | None, frozenset[int]] = {
        key.expression: frozenset(objects_of[key.expression]) for key in task.sequences if key.expression is not None
    }
    check = LabelCheck(dataset, task.video, annotated)
    for frame in task.frames:
        labels = dataset.label_map(task.video, frame)
        check.see(frame, labels)
        if frame == task.frames[-1]:
            check.finish()
        mask_of = {object_ids: BinaryMask(labels, object_ids) for object_ids in set(named.values())}
        yield {key: mask_of[object_ids] for key, object_ids in named.items()}


class SentenceReference:
    """Every sentence of a dataset, with the union of the objects that it names."""

    def __init__(self, dataset: Dataset, videos: Videos | None = None, predicted: Collection[SequenceKey] = ()) -> None:
        """Lists the sequences.

        Args:
            dataset: Has the sentences and the label maps.
            videos: Which to score; None for all.
            predicted: What there are predictions of.

        Raises:
            SubmissionError: There are several support draws, or no such video.
        """
        self.notes: Sequence[str] = ()
        self._dataset = dataset
        draw = only_draw(dataset.root, predicted)
        self._objects_of: dict[str, dict[str, Sequence[int]]] = {}
        self._kinds: dict[tuple[str, str], str] = {}
        own_frames: dict[str, dict[SequenceKey, tuple[str, ...]]] = {}
        for said in dataset.expressions():
            self._objects_of.setdefault(said.video_id, {})[said.expression_id] = said.object_ids
            self._kinds[said.video_id, said.expression_id] = said.kind
            if said.frames is not None:
                key = SequenceKey(draw, said.video_id, said.expression_id)
                own_frames.setdefault(said.video_id, {})[key] = said.frames
        self._annotated: dict[str, dict[int, Sequence[str]]] = {}
        for track in dataset.objects():
            self._annotated.setdefault(track.video_id, {})[track.object_id] = track.frames
        self.has_target_free = any(
            names_nothing(self._annotated, video, objects)
            for video, of_sentences in self._objects_of.items()
            for objects in of_sentences.values()
        )
        known = self._objects_of.keys()
        chosen = known if videos is None else videos.among(known, {key.video for key in predicted})
        self.signature = signed_subset(chosen, known)
        self.left_out: Collection[str] = known - chosen
        self.tasks = tuple(
            VideoTask(
                video.video_id,
                video.frames,
                tuple(SequenceKey(draw, video.video_id, key) for key in sorted(asked)),
                own_frames.get(video.video_id, {}),
            )
            for video in dataset.videos()
            if video.video_id in chosen and (asked := self._objects_of[video.video_id])
        )

    def truth(self, task: VideoTask) -> Iterator[Mapping[str | None, TrueMask]]:
        """Yields for each frame the truth by expression."""
        return true_masks(self._dataset, task, self._objects_of[task.video], self._annotated.get(task.video, {}))

    def kind(self, key: SequenceKey) -> str:
        """Returns of what kind the dataset says that a sentence is."""
        return self._kinds[key.video, key.expression or ""]

    def explain(self, key: SequenceKey) -> None:
        """Returns None: a dataset has no more to say."""
