"""The sentences of a dataset as truth for masks that came from outside, whatever its episodes are."""

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fsbench.datasets.folder import FolderDataset
from fsbench.datasets.reading import Annotated
from fsbench.datasets.reading import LabelCheck
from fsbench.datasets.records import Dataset
from fsbench.datasets.refytvos import LAYOUT
from fsbench.datasets.spec import DatasetSpec
from fsbench.datasets.trees import find_tree
from fsbench.submissions.reference import only_draw
from fsbench.submissions.reference import SequenceKey
from fsbench.submissions.reference import signed_subset
from fsbench.submissions.reference import TrueMask
from fsbench.submissions.reference import Videos
from fsbench.submissions.reference import VideoTask
from fsbench.submissions.tally import VOID

__all__ = ["SentenceReference", "sentence_dataset", "true_masks"]


def sentence_dataset(root: Path) -> Dataset | None:
    """Returns the dataset of a folder in the layout of Ref-YouTube-VOS; None if it does not say what sentences name."""
    tree = find_tree(LAYOUT, root)
    if not (tree.metadata and tree.expressions and tree.annotations):
        return None
    return FolderDataset(DatasetSpec(root.name, layout=LAYOUT, other_labels=(VOID,)), root)


def true_masks(
    dataset: Dataset, task: VideoTask, objects_of: Mapping[str, Sequence[int]], annotated: Annotated
) -> Iterator[Mapping[str | None, TrueMask]]:
    """Yields for each frame of a video the truth by expression, as 0 and 1.

    Args:
        dataset: Has the label maps.
        task: The video.
        objects_of: The objects that each of its expressions names.
        annotated: All of its objects.

    Raises:
        DataError: A label map cannot be read, or does not show what the metadata promises.
    """
    tables = {}
    for expression in dict.fromkeys(key.expression for key in task.sequences):
        assert expression is not None, "what is asked about are sentences"
        table = np.zeros(2**16, np.uint8)
        table[list(objects_of[expression])] = 1
        tables[expression] = table
    check = LabelCheck(dataset, task.video, annotated)
    for frame in task.frames:
        labels = dataset.label_map(task.video, frame)
        check.see(frame, labels)
        if frame == task.frames[-1]:
            check.finish()
        yield {expression: TrueMask(table[labels]) for expression, table in tables.items()}


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
        for said in dataset.expressions():
            self._objects_of.setdefault(said.video_id, {})[said.expression_id] = said.object_ids
        self._annotated: dict[str, dict[int, Sequence[str]]] = {}
        for track in dataset.objects():
            self._annotated.setdefault(track.video_id, {})[track.object_id] = track.frames
        known = self._objects_of.keys()
        chosen = known if videos is None else videos.among(known, {key.video for key in predicted})
        self.signature = signed_subset(chosen, known)
        self.left_out: Collection[str] = known - chosen
        self.tasks = tuple(
            VideoTask(
                video.video_id, video.frames, tuple(SequenceKey(draw, video.video_id, key) for key in sorted(asked))
            )
            for video in dataset.videos()
            if video.video_id in chosen and (asked := self._objects_of[video.video_id])
        )

    def truth(self, task: VideoTask) -> Iterator[Mapping[str | None, TrueMask]]:
        """Yields for each frame the truth by expression, as 0 and 1."""
        return true_masks(self._dataset, task, self._objects_of[task.video], self._annotated.get(task.video, {}))

    def explain(self, key: SequenceKey) -> None:
        """Returns None: a dataset has no more to say."""
