"""What there is to see of an episode: its support, its query, and what each method made of it."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fsbench.masks.layers import layers_of
from fsbench.masks.layers import union_of
from fsbench.masks.rle import encode_masks
from fsbench.masks.rle import Rle
from fsbench.metrics import mean
from fsbench.metrics import or_none
from fsbench.protocol import mean_of_metrics
from fsbench.scores.metrics import Column
from fsbench.scores.metrics import columns_of
from fsbench.splits.ids import EpisodeKey
from fsbench.splits.ids import parse_episode_id
from fsbench.splits.manifest import Manifest
from fsbench.viewing.pictures import Pictures

__all__ = ["Answer", "EpisodeView", "FramesView", "Views"]


@dataclass(frozen=True, eq=False)
class FramesView:
    """Some frames of a video with the mask of one sentence.

    Attributes:
        video_id: The video.
        names: Names of the T frames.
        sentence: What is named; empty where nothing is, and the class is meant; None where the dataset is not at hand.
        masks: T masks as run-length codes; None likewise.
        size: (height, width); None likewise.
    """

    video_id: str
    names: tuple[str, ...]
    sentence: str | None = None
    masks: tuple[Rle, ...] | None = None
    size: tuple[int, int] | None = None

    @property
    def has_pixels(self) -> bool:
        """Whether the dataset is at hand."""
        return self.masks is not None

    @property
    def said(self) -> str:
        """The sentence in quotes, or that there is none."""
        return repr(self.sentence) if self.sentence else "without a sentence"


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method made of an episode.

    Attributes:
        title: The method's.
        scores: By metric as it stands in tables, float64 [T] by frame; NaN where it does not apply.
        protocol: The signature of the protocol that they are by.
        masks: T masks; None where the entry holds none.
    """

    title: str
    scores: Mapping[str, npt.NDArray[np.float64]]
    protocol: str
    masks: tuple[Rle, ...] | None

    @property
    def about(self) -> Mapping[str, Column]:
        """What is known of the metrics, and of the headline, which comes last."""
        return columns_of(self.protocol)

    @property
    def headline(self) -> float | None:
        """The mean headline over the frames; None where it does not apply."""
        means = {name: mean(values) for name, values in self.scores.items()}
        value: float = mean_of_metrics(list(self.about)[-1], means)
        return or_none(value)

    def caption(self, t: int) -> str:
        """Returns the scores of a frame, in words."""
        known = {name: values[t] for name, values in self.scores.items() if not np.isnan(values[t])}
        return "  ".join(f"{name} {self.about[name].scale * value:.1f}" for name, value in known.items())


@dataclass(frozen=True, eq=False)
class EpisodeView:
    """An episode.

    Attributes:
        episode_id, key: Which.
        support: The support videos.
        query: The query video; its masks are the truth.
        answers: One for each method that has it.
    """

    episode_id: str
    key: EpisodeKey
    support: tuple[FramesView, ...]
    query: FramesView
    answers: tuple[Answer, ...]


class Views:
    """Makes views of a manifest's episodes."""

    def __init__(self, manifest: Manifest, pictures: Pictures | None) -> None:
        """Takes what the views are made of; without pictures they hold names alone."""
        self.manifest = manifest
        self.pictures = pictures
        self._episodes = _by_id(manifest, "episodes", "episode_id")
        self._supports = _by_id(manifest, "supports", "support_id")
        self._class_names = manifest.class_names
        self._frames = {row["video_id"]: tuple(row["frames"]) for row in manifest.rows("videos")}

    def __contains__(self, episode_id: str) -> bool:
        return episode_id in self._episodes

    @property
    def episode_ids(self) -> Sequence[str]:
        """All episodes, in order."""
        return list(self._episodes)

    def prepare(self, episode_ids: Iterable[str]) -> None:
        """Says which episodes will be asked for, so that their pictures can be made ready at once."""
        if self.pictures is not None:
            rows = [self._episodes[episode_id] for episode_id in episode_ids]
            shots = [shot for row in rows for shot in self._supports[row["support_id"]]["shots"]]
            self.pictures.prepare(row["video_id"] for row in [*rows, *shots])

    def frames(self, episode_id: str) -> tuple[str, ...]:
        """Returns the names of the query's frames."""
        return self._frames[self._episodes[episode_id]["video_id"]]

    def episode(self, episode_id: str, answers: Iterable[Answer] = ()) -> EpisodeView:
        """Returns an episode with what methods made of it. Raises FsbenchError if its data cannot be read."""
        row = self._episodes[episode_id]
        query = self._view(row["video_id"], self._frames[row["video_id"]], row["object_ids"], row["expression_id"])
        key = parse_episode_id(episode_id)
        return EpisodeView(episode_id, key, self.support(row["support_id"]), query, tuple(answers))

    def support(self, support_id: str) -> tuple[FramesView, ...]:
        """Returns a support set."""
        return tuple(
            self._view(shot["video_id"], tuple(shot["frames"]), shot["object_ids"], shot["expression_id"])
            for shot in self._supports[support_id]["shots"]
        )

    def supports_of(self, class_name: str) -> dict[str, tuple[FramesView, ...]]:
        """Returns the support sets of a class by id, in the order of draws."""
        ids = sorted(
            (row["draw"], support_id)
            for support_id, row in self._supports.items()
            if self._class_names[row["class_id"]] == class_name
        )
        return {support_id: self.support(support_id) for _, support_id in ids}

    def _view(self, video_id: str, names: tuple[str, ...], object_ids: Sequence[int], expression_id: str) -> FramesView:
        if self.pictures is None:
            return FramesView(video_id, names)
        sentence = self.pictures.sentence(video_id, expression_id)
        label_maps = (layers_of(self.pictures.label_map(video_id, name)) for name in names)
        truth = np.stack([union_of(layers, object_ids) for layers in label_maps])
        height, width = truth.shape[1:]
        masks = tuple(Rle(height, width, code) for code in encode_masks(truth))
        return FramesView(video_id, names, sentence, masks, (height, width))


def _by_id(manifest: Manifest, table: str, key: str) -> Mapping[str, Mapping[str, Any]]:  # Any: column values
    return {row[key]: row for row in manifest.rows(table)}
