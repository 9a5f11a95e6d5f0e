"""The metrics as records: what each is called, what it is computed from, and what it gives where a mask is empty."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from fsbench.metrics.adaptive import adaptive_contour
from fsbench.metrics.adaptive import capped_contour
from fsbench.metrics.adaptive import disappearance
from fsbench.metrics.adaptive import reappearance
from fsbench.metrics.adaptive import smoothed_jaccard
from fsbench.metrics.boundary import f_measure
from fsbench.metrics.presence import no_target_accuracy
from fsbench.metrics.presence import robustness
from fsbench.metrics.presence import target_accuracy
from fsbench.metrics.presence import temporal_iou
from fsbench.metrics.presence import volumetric_iou
from fsbench.metrics.presence import with_target
from fsbench.metrics.region import foreground_background_iou
from fsbench.metrics.region import jaccard
from fsbench.metrics.region import mean_iou
from fsbench.metrics.region import overall_iou
from fsbench.metrics.region import pixel_accuracy
from fsbench.metrics.region import precision_above

__all__ = ["AREAS", "COUNTS", "MASKS", "Metric", "Scope"]

Values = npt.NDArray[np.float64]

NAN = float("nan")

Scope = Literal["frame", "sequence", "set"]

MASKS = ("pred", "truth")
"""What a metric may need: the masks themselves, bool [T, H, W]. Such a metric is given some frames at a time."""

COUNTS = ("intersection", "union", "pred_boundary", "truth_boundary", "pred_matched", "truth_matched")
"""What it may need besides, int64 [T]: the counts of both masks; see `fsbench.metrics.PairCounts`."""

AREAS = ("pred_area", "truth_area", "pixels", "foreground")
"""And the pixels of each mask, of the frame, and of all annotated objects of the frame; int64 [T]."""


@dataclass(frozen=True)
class Metric:
    """A metric of masks.

    Attributes:
        name: As it stands in tables. Of a tool's own variant, "TOOL/NAME"; then it stands as NAME in its tables.
        long_name: In words.
        unit: What a value of 1 means: "share" of a whole, shown in per cent; anything else is shown as it is.
        is_better: Which values are.
        scope: Whether it has a value for every frame, one for a whole sequence, or one for a whole set of sequences,
            computed from all their frames at once.
        both_empty: Its value where prediction and truth have no pixel; NaN if it does not apply, None if it depends on
            how many pixels there are.
        truth_empty: Where the truth has none and the prediction has some.
        pred_empty: Where the prediction has none and the truth has some.
        function: From what it needs, one argument each, to float64 [T], or [1] for a sequence or set. It does not know
            which of the frames it is given come from one sequence, if it needs masks or is of a set.
        needs: What it is computed from: both of `MASKS`, or some of `COUNTS`, `AREAS` and names of metrics of frames.
            "tolerance", that of the protocol, may stand beside either.
        of_sums: Of a set: whether it needs `COUNTS` and `AREAS` alone, and gives the same for their sums over frames
            as for each frame's. Then it has a value for sets of episodes, too, of which sums are kept.
    """

    name: str
    long_name: str
    unit: str
    is_better: Literal["higher", "lower"]
    scope: Scope
    both_empty: float | None
    truth_empty: float | None
    pred_empty: float | None
    function: Callable[..., Values]
    needs: tuple[str, ...] = MASKS
    of_sums: bool = False

    @property
    def label(self) -> str:
        """What it stands as in tables."""
        return self.name.rpartition("/")[2]

    @property
    def mean_label(self) -> str:
        """What the mean over the frames of a sequence stands as, where other summaries stand beside it."""
        return f"{self.label}_mean" if self.scope == "frame" else self.label


def _share(
    name: str,
    long_name: str,
    function: Callable[..., Values],
    needs: tuple[str, ...],
    empty: tuple[float | None, float | None, float | None] = (1.0, 0.0, 0.0),
    scope: Scope = "frame",
    *,
    of_sums: bool = False,
) -> Metric:
    return Metric(name, long_name, "share", "higher", scope, *empty, function, needs, of_sums)


OVERLAP = COUNTS[:2]
BOUNDED = (*MASKS, "tolerance")
SEEN = ("pred_area", "truth_area")
NOWHERE = (NAN, NAN, NAN)

J = _share("J", "region similarity", jaccard, OVERLAP)
"""The Jaccard index of the two masks."""

F = _share("F", "contour accuracy", f_measure, COUNTS[2:])
"""The F-measure of the two boundaries; a mask that fills its frame has none, and counts as empty (as in DAVIS)."""

SMOOTHED_J = _share("mose-v2/J", "region similarity, a pixel added", smoothed_jaccard, OVERLAP, (1.0, None, None))
F_DOT = _share("F_dot", "contour accuracy, tolerance by the object's size", adaptive_contour, BOUNDED)
CAPPED_F = _share("mose-v2/F", "contour accuracy, tolerance of large objects as in F_dot", capped_contour, BOUNDED)

LOST = "while the object is gone"
FOUND = "from the object's return on"
DISAPPEAR_J = _share("disappear_J", f"J {LOST}", disappearance, ("mose-v2/J", "truth_area"), NOWHERE, "sequence")
DISAPPEAR_F_DOT = _share(
    "disappear_F_dot", f"F_dot {LOST}", disappearance, ("F_dot", "truth_area"), NOWHERE, "sequence"
)
REAPPEAR_J = _share("reappear_J", f"J {FOUND}", reappearance, ("mose-v2/J", "truth_area"), NOWHERE, "sequence")
REAPPEAR_F_DOT = _share("reappear_F_dot", f"F_dot {FOUND}", reappearance, ("F_dot", "truth_area"), NOWHERE, "sequence")

T_IOU = _share("tIoU", "temporal IoU", temporal_iou, SEEN, scope="sequence")
V_IOU = _share("vIoU", "volumetric IoU", volumetric_iou, ("J", *SEEN), scope="sequence")

TARGETED = (NAN, NAN, 0.0)
TARGET_J = _share("mevis-v2/J", "J of sentences with a target", with_target, ("J", "truth_area"), TARGETED)
TARGET_F = _share("mevis-v2/F", "F of sentences with a target", with_target, ("F", "truth_area"), TARGETED)
T_ACC = _share("T_acc", "sentences with a target that got an answer", target_accuracy, SEEN, TARGETED, "sequence")
N_ACC = _share("N_acc", "sentences without one that got none", no_target_accuracy, SEEN, (1.0, 0.0, NAN), "sequence")

A = _share("A", "pixel accuracy", pixel_accuracy, (*OVERLAP, "pixels"), (1.0, None, None))
R = _share("R", "robustness", robustness, ("pred_area", "intersection", "foreground"), (1.0, 0.0, 1.0))

M_IOU = _share("mIoU", "mean IoU", mean_iou, OVERLAP, scope="set")
O_IOU = _share("oIoU", "overall IoU", overall_iou, OVERLAP, scope="set", of_sums=True)
FB_IOU = _share(
    "FB_IoU",
    "IoU of foreground and background",
    foreground_background_iou,
    (*OVERLAP, "pixels"),
    (1.0, None, None),
    scope="set",
    of_sums=True,
)
P_50, P_60, P_70, P_80, P_90 = (
    _share(
        f"P@{share}", f"share of masks with an IoU above {share}", partial(precision_above, share), OVERLAP, scope="set"
    )
    for share in (0.5, 0.6, 0.7, 0.8, 0.9)
)
