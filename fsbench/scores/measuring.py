"""What a protocol measures of a pair of masks, frame by frame, and the scores that follow from that."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from functools import cached_property
from functools import partial
from functools import reduce
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fsbench.errors import PluginError
from fsbench.masks.resize import at_size
from fsbench.metrics import clip_counts
from fsbench.metrics import PairCounts
from fsbench.metrics.table import AREAS
from fsbench.metrics.table import COUNTS
from fsbench.metrics.table import MASKS
from fsbench.metrics.table import Metric
from fsbench.protocol import Protocol
from fsbench.scores.metrics import count_name
from fsbench.scores.metrics import is_share
from fsbench.scores.metrics import METRICS

__all__ = ["Measure", "Scores", "Seen"]

Masks = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]

_NOTHING = PairCounts(0, 0, 0, 0, 0, 0)


class Seen(NamedTuple):
    """What was seen of a predicted and a true mask of one frame.

    Attributes:
        counts: Pixels; see `PairCounts`.
        truth_area: Pixels of the truth; 0 where no metric asks for it.
        pixels: Of the frame.
        foreground: See `Measure.foreground`.
        values: Of the metrics that are computed from the masks themselves, in the order of `Measure.of_masks`.
    """

    counts: PairCounts
    truth_area: int
    pixels: int
    foreground: int
    values: tuple[float, ...]


class Scores(NamedTuple):
    """Scores of one sequence.

    Attributes:
        values: By what the metric stands as in tables, float64 [T] for a metric of frames, [1] for any other.
        sources: What the metrics of a whole set are computed from, by what they call it, each [T].
    """

    values: Mapping[str, Values]
    sources: Mapping[str, npt.NDArray[Any]]  # Any: of counts or metrics


class Measure:
    """The metrics of a protocol, ready for use."""

    def __init__(self, protocol: Protocol) -> None:
        """Looks the metrics up.

        Raises:
            PluginError: A metric is unknown, needs what there is not, or two would stand under one name; or the
                headline is of a metric that the protocol does not list, that is no share, or better when lower.
        """
        self.protocol = protocol
        self.metrics = tuple(map(METRICS.get, protocol.metrics))
        self._needed: dict[str, Metric] = {}
        for metric in self.metrics:
            self._require(metric, ())
        labels = [metric.label for metric in self.metrics]
        who = f"Protocol {protocol.name!r}"
        if len(set(labels)) < len(labels):
            raise PluginError(f"{who} has two metrics that stand as one name among {', '.join(labels)}.")
        if lacking := sorted(set(protocol.headline.split("&")) - set(labels)):
            raise PluginError(f"{who} ranks by {protocol.headline}, and lists no metric {lacking[0]!r}.")
        ranked = [metric for metric in self.metrics if metric.label in protocol.headline.split("&")]
        if any(metric.is_better == "lower" or not is_share(metric) for metric in ranked):
            raise PluginError(
                f"{who} ranks by {protocol.headline}; that must be a share, and better when it is higher."
            )
        self.of_masks = tuple(metric for metric in self._needed.values() if set(metric.needs) & set(MASKS))
        needs = {need for metric in self._needed.values() for need in metric.needs}
        self._takes_areas = bool(needs & {"pred_area", "truth_area"})
        self._takes_foreground = "foreground" in needs

    @property
    def of_sets(self) -> Iterator[Metric]:
        """The metrics of a whole set."""
        return (metric for metric in self.metrics if metric.scope == "set")

    def require_episodes(self) -> None:
        """Raises PluginError if a metric of a whole set needs more of episodes than sums, or they are ranked by it."""
        who = f"Protocol {self.protocol.name!r}"
        for metric in self.of_sets:
            if not metric.of_sums:
                raise PluginError(
                    f"{who} lists {metric.label}, which a folder of masks has and an episode has not. Use a protocol "
                    "without it."
                )
            if metric.label in self.protocol.headline.split("&"):
                raise PluginError(
                    f"{who} ranks by {metric.label}, which a set of episodes has and an episode has not. Rank by "
                    "another."
                )

    def columns(self, scores: Scores, frames: int) -> dict[str, npt.NDArray[Any]]:  # Any: of counts or metrics
        """Returns the scores of an episode as columns of rows, a row for each of its frames that count.

        A value of the whole sequence stands in the first row. For a metric of a set there is none, but what it is
        computed from.
        """
        columns: dict[str, npt.NDArray[Any]] = {}
        for metric in self.metrics:
            columns[metric.label] = np.full(frames, np.nan)
            if metric.scope != "set":
                values = scores.values[metric.label]
                columns[metric.label][: len(values)] = values
        return columns | {count_name(need): values for need, values in scores.sources.items()}

    def _require(self, metric: Metric, above: tuple[str, ...]) -> None:
        """Takes note of a metric and of those that it needs, these first."""
        if metric.name in above:
            raise PluginError(f"Metric {metric.name!r} needs itself, by way of {', '.join(above)}.")
        others = [need for need in metric.needs if need not in (*MASKS, *COUNTS, *AREAS, "tolerance")]
        if metric.of_sums and not (metric.scope == "set" and set(metric.needs) <= {*COUNTS, *AREAS}):
            raise PluginError(f"Metric {metric.name!r} is of sums. Then it is of a set, and needs counts alone.")
        if set(metric.needs) & set(MASKS) and not set(metric.needs) <= {*MASKS, "tolerance"}:
            raise PluginError(f"Metric {metric.name!r} needs masks, and cannot need anything else: {metric.needs}.")
        if set(metric.needs) & set(MASKS) and metric.scope != "frame":
            raise PluginError(
                f"Metric {metric.name!r} of a whole {metric.scope} needs masks. Let it need a metric of frames that "
                "does."
            )
        for name in others:
            other = METRICS.get(name)
            if other.scope != "frame":
                raise PluginError(f"Metric {metric.name!r} needs {name!r}, which has no value for each frame.")
            self._require(other, (*above, metric.name))
        self._needed[metric.name] = metric

    def foreground(self, truths: Iterable[npt.NDArray[np.integer] | Masks]) -> int:
        """Returns how many pixels of a frame belong to anything that was asked about; 0 where no metric asks for it.

        Args:
            truths: All that there is of the frame, [H, W] each: masks, or label maps, where 0 is nothing.
        """
        if not self._takes_foreground:
            return 0
        size = self.protocol.output_size
        return int(np.count_nonzero(reduce(np.bitwise_or, (at_size(each != 0, size(*each.shape)) for each in truths))))

    def see(
        self,
        counts: PairCounts,
        size: tuple[int, int],
        pred: Callable[[], Masks],
        truth: Callable[[], Masks],
        foreground: int = 0,
    ) -> Seen:
        """Takes in a frame.

        Args:
            counts: Of both masks.
            size: (height, width).
            pred, truth: Give the masks, bool [H, W]; called where the counts are not enough.
            foreground: See `foreground`.
        """
        area = int(np.count_nonzero(truth())) if self._takes_areas else 0
        values: tuple[float, ...] = ()
        if self.of_masks:
            masks = {"pred": pred()[None], "truth": truth()[None], "tolerance": self.protocol.tolerance}
            values = tuple(float(each.function(*(masks[need] for need in each.needs))[0]) for each in self.of_masks)
        return Seen(counts, area, size[0] * size[1], foreground, values)

    def see_clip(self, pred: Masks, truth: Masks, foreground: Sequence[int]) -> list[Seen]:
        """Takes in the frames of a sequence that count.

        Args:
            pred: bool [T, H, W].
            truth: bool [T, H, W].
            foreground: Of each frame; see `foreground`.
        """
        counts = clip_counts(pred, truth, self.protocol.tolerance)
        height, width = pred.shape[1:]
        return [
            self.see(
                counts[t], (height, width), partial(pred.__getitem__, t), partial(truth.__getitem__, t), foreground[t]
            )
            for t in range(len(counts))
        ]

    @cached_property
    def nothing(self) -> Seen:
        """What is seen of an object in a frame in which neither side shows it."""
        values = tuple(np.nan if m.both_empty is None else m.both_empty for m in self.of_masks)
        return Seen(_NOTHING, 0, 1, 0, values)

    def scores(self, seen: Sequence[Seen]) -> Scores:
        """Returns the scores of a sequence, given what was seen of each of its frames."""
        names = (*COUNTS, "truth_area", "pixels", "foreground")
        whole = np.array([(*frame[0], *frame[1:4]) for frame in seen], np.int64).reshape(len(seen), len(names))
        columns: dict[str, Any] = dict(zip(names, whole.T, strict=True))  # Any: arrays, and the tolerance
        columns["pred_area"] = columns["intersection"] + columns["union"] - columns["truth_area"]
        columns["tolerance"] = self.protocol.tolerance
        if self.of_masks:
            of_masks = np.array([frame.values for frame in seen], np.float64).reshape(len(seen), len(self.of_masks)).T
            columns |= zip((metric.name for metric in self.of_masks), of_masks, strict=True)
        for metric in self._needed.values():
            if metric.name not in columns:
                columns[metric.name] = metric.function(*(columns[need] for need in metric.needs))
        return Scores(
            {metric.label: columns[metric.name] for metric in self.metrics},
            {need: columns[need] for metric in self.of_sets for need in metric.needs},
        )
