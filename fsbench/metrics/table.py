"""The metrics as records: what each is called, and what it gives where a mask is empty."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from fsbench.metrics.boundary import contour_accuracy
from fsbench.metrics.region import region_similarity

__all__ = ["F", "J", "Metric"]

Masks = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Metric:
    """A metric of masks.

    Attributes:
        name: As it stands in tables.
        long_name: In words.
        unit: What a value of 1 means, e.g. "share" of a whole.
        is_better: Which values are.
        scope: Whether it has a value for every frame, or one for a whole sequence.
        both_empty: Its value where prediction and truth have no pixel.
        truth_empty: Where the truth has none and the prediction has some.
        pred_empty: Where the prediction has none and the truth has some.
        function: From prediction and truth, bool [T, H, W], to float64 [T], or [1] for a whole sequence.
    """

    name: str
    long_name: str
    unit: str
    is_better: Literal["higher", "lower"]
    scope: Literal["frame", "sequence"]
    both_empty: float
    truth_empty: float
    pred_empty: float
    function: Callable[[Masks, Masks], npt.NDArray[np.float64]]


J = Metric("J", "region similarity", "share", "higher", "frame", 1.0, 0.0, 0.0, region_similarity)
"""The Jaccard index of the two masks."""

F = Metric("F", "contour accuracy", "share", "higher", "frame", 1.0, 0.0, 0.0, contour_accuracy)
"""The F-measure of the two boundaries; a mask that fills its frame has none, and counts as empty (as in DAVIS)."""
