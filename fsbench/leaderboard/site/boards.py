"""What a site shows, gathered: the entries that may be compared, their episodes, and the dataset's pictures."""

import logging
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fsbench.datasets.catalogue import spec_of_name
from fsbench.datasets.shapes import NEEDED
from fsbench.datasets.spec import DatasetSpec
from fsbench.errors import FsbenchError
from fsbench.errors import ManifestError
from fsbench.errors import RunError
from fsbench.leaderboard.breakdown import break_down
from fsbench.leaderboard.breakdown import Breakdown
from fsbench.leaderboard.details import Details
from fsbench.leaderboard.details import episodes_schema
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.site.slugs import slug
from fsbench.leaderboard.slices import Slicer
from fsbench.leaderboard.slices import slicer_of
from fsbench.leaderboard.tables import leaderboard_tables
from fsbench.leaderboard.tables import Table
from fsbench.masks.rle import Rle
from fsbench.masks.rle import valid_code
from fsbench.protocol import label_of
from fsbench.protocol import mean_of_metrics
from fsbench.protocol import reported_metrics
from fsbench.splits.binning import ATTRIBUTES
from fsbench.splits.ids import episode_columns
from fsbench.splits.manifest import Manifest
from fsbench.splits.manifest import manifest_of_digest
from fsbench.viewing.pictures import find_pictures
from fsbench.viewing.pictures import Pictures
from fsbench.viewing.views import Answer
from fsbench.viewing.views import EpisodeView
from fsbench.viewing.views import Views

__all__ = ["Board", "draw_means", "make_boards"]

logger = logging.getLogger(__name__)

_Row = Mapping[str, Any]  # Any: column values


@dataclass(frozen=True, eq=False)
class Board:
    """Entries that may be compared, as a site shows them.

    Attributes:
        table: Their table.
        manifest: Their episodes; None if the manifest is not at hand.
        pictures: Pixels and sentences; None if the dataset is not at hand.
        slicer: What the sentences are like; None if that is not known.
        colours: The number of each row's method among all of a site, by which every page colours it; see `site.js`.
    """

    table: Table
    manifest: Manifest | None
    pictures: Pictures | None
    slicer: Slicer | None
    colours: Sequence[int]

    @property
    def slug(self) -> str:
        """Name of the board in addresses."""
        table = self.table
        parts = (table.dataset, table.manifest_version, table.protocol.split("|", 1)[0], table.manifest_digest[:8])
        return slug(".".join(parts))

    @property
    def methods(self) -> list[str]:
        """The methods' labels, in the order of rows."""
        return [row.method for row in self.table.rows]

    @property
    def real(self) -> list[int]:
        """The numbers of the rows that are no oracle's."""
        return [i for i, row in enumerate(self.table.rows) if not row.entry.is_oracle]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics as they stand in tables, without a headline that is a mean of them."""
        return tuple(map(label_of, reported_metrics(self.table.protocol)))

    @property
    def is_compared(self) -> bool:
        """Whether at least two methods have scores of single episodes."""
        return sum(details is not None for details in self._details) > 1

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Episode means: index episode_id; columns (number of the row, metric); NaN where a method has none."""
        empty = episodes_schema(self.metrics).empty_table()
        frames = {
            number: (empty if details is None else details.episodes).to_pandas().set_index("episode_id")
            for number, details in enumerate(self._details)
        }
        scores: pd.DataFrame = pd.concat(frames, axis=1).sort_index()
        return scores

    @cached_property
    def breakdowns(self) -> Sequence[Breakdown]:
        """The table by each attribute that tells episodes apart, the sentence's kind first; none if it is not known."""
        slicer = self.slicer
        if slicer is None:
            return ()
        attributes = sorted(ATTRIBUTES.values(), key=lambda each: each is not ATTRIBUTES["kind"])
        telling = [each for each in attributes if slicer.tells_apart(each)]
        try:
            found = [break_down(self.table, slicer, each) for each in telling]
        except FsbenchError as error:
            logger.warning("%s is shown without slices: %s", self.table.title, error)
            return ()
        return [each for each in found if len(each.slices) > 2]  # two of them, and all

    @property
    def by_need(self) -> Breakdown | None:
        """The table by the sentence's kind; None if it is not known which sentences need the support."""
        return next((found for found in self.breakdowns if NEEDED in found.slices), None)

    @cached_property
    def gallery(self) -> Sequence[EpisodeView]:
        """The episodes that can be looked at, in order; none if the manifest is not at hand."""
        if self.manifest is None:
            return ()
        views = self._views
        answers: dict[str, list[Answer]] = {}
        for label, details in zip(self.methods, self._details, strict=True):
            for episode_id, rows in _by_episode(details):
                if episode_id in views:
                    answer = _answer(label, rows, views.frames(episode_id), self.table.protocol)
                answers.setdefault(episode_id, []).append(answer)
        views.prepare(answers)
        return [views.episode(episode_id, found) for episode_id, found in sorted(answers.items())]

    @property
    def _details(self) -> Sequence[Details | None]:
        return [row.entry.details for row in self.table.rows]

    @property
    def _views(self) -> Views:
        assert self.manifest is not None, "only a board with a manifest has a gallery"
        views = Views(self.manifest, self.pictures)
        if self.pictures is not None and (ids := views.episode_ids):
            try:
                views.episode(ids[0])
            except FsbenchError as error:
                logger.warning("%s is shown without pictures: %s", self.table.title, error)
                return Views(self.manifest, None)
        return views


def make_boards(
    entries: Iterable[Entry],
    splits: Path | None = None,
    data_root: Path | None = None,
    described: Sequence[DatasetSpec] = (),
) -> list[Board]:
    """Gathers what is to be shown.

    Args:
        entries: With their details, in any order.
        splits: See `find_manifest`.
        data_root: Where datasets are; None if only those are to be shown with pictures that everybody may see.
        described: Datasets that no package registers.

    Returns:
        A board for each table of the leaderboard: in its order, but first those that tell which episodes need the
        support.
    """
    boards = []
    tables = leaderboard_tables(entries)
    colours = _colours(tables)
    for table in tables:
        entry = table.rows[0].entry
        manifest = manifest_of_digest(entry.dataset, entry.manifest_digest, splits)
        spec = spec_of_name(entry.dataset, described, entry.manifest_version)
        pictures = find_pictures(manifest, data_root, spec) if manifest is not None else None
        slicer = _slicer(table, manifest, data_root) if manifest is not None else None
        numbers = [colours[row.entry.title] for row in table.rows]
        boards.append(Board(table, manifest, pictures, slicer, numbers))
    return sorted(boards, key=lambda board: board.by_need is None)


def _colours(tables: Sequence[Table]) -> dict[str, int]:
    """Numbers the methods of all tables: by the best place that each has in one, oracles last."""
    places: dict[str, tuple[bool, int]] = {}
    for table in tables:
        for place, row in enumerate(sorted(table.rows, key=lambda row: row.entry.is_oracle)):
            here = (row.entry.is_oracle, place)
            places[row.entry.title] = min(here, places.get(row.entry.title, here))
    return {title: number for number, title in enumerate(sorted(places, key=places.__getitem__))}


def _slicer(table: Table, manifest: Manifest, data_root: Path | None) -> Slicer | None:
    try:
        return slicer_of(manifest, data_root)
    except ManifestError as error:
        logger.info("%s is shown without slices: %s", table.title, error)
        return None


def draw_means(board: Board, number: int) -> pd.DataFrame:
    """Averages the episodes of a method by draw and class, as the protocol does within a class.

    Returns:
        Index draw; a column of the headline for each class, in the order of class names. Empty if the protocol pools
        frames, or the entry has no scores of episodes.
    """
    scores = board.scores[number].dropna(how="all")
    if ">video" not in board.table.protocol or scores.empty:
        return pd.DataFrame()
    keys: pd.DataFrame = episode_columns(scores.index).to_pandas().set_index(scores.index)
    rows = keys.assign(headline=mean_of_metrics(board.table.names[-1], scores))
    by_video = rows.groupby(["class", "draw", "video"])["headline"].mean()
    return by_video.groupby(["class", "draw"]).mean().unstack("class")


def _by_episode(details: Details | None) -> Iterator[tuple[str, Sequence[_Row]]]:
    rows: dict[str, list[_Row]] = {}
    for row in [] if details is None else details.gallery.to_pylist():
        rows.setdefault(row["episode_id"], []).append(row)
    yield from rows.items()


def _answer(label: str, rows: Sequence[_Row], frames: Sequence[str], protocol: str) -> Answer:
    by_frame = {row["frame"]: row for row in rows}
    if len(rows) != len(frames) or by_frame.keys() != set(frames):
        raise RunError(f"The gallery of {label!r} holds other frames of {rows[0]['episode_id']!r} than the manifest.")
    rows = [by_frame[name] for name in frames]
    scores = {
        name: np.array([row[name] for row in rows], np.float64) for name in map(label_of, reported_metrics(protocol))
    }
    has_masks = all(row["counts"] is not None for row in rows)
    return Answer(label, scores, protocol, tuple(_mask(label, row) for row in rows) if has_masks else None)


def _mask(label: str, row: _Row) -> Rle:
    try:
        return valid_code(row["height"], row["width"], row["counts"])
    except ValueError as error:
        raise RunError(f"The gallery of {label!r} holds no mask for {row['episode_id']!r}: {error}.") from error
