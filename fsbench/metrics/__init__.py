"""Scores of masks: pure functions on arrays, exact to the last bit."""

from fsbench.metrics.boundary import contour_accuracy
from fsbench.metrics.boundary import f_measure
from fsbench.metrics.boundary import region_and_contour
from fsbench.metrics.counts import are_counts
from fsbench.metrics.counts import boundary_map
from fsbench.metrics.counts import clip_counts
from fsbench.metrics.counts import label_counts
from fsbench.metrics.counts import labels_present
from fsbench.metrics.counts import outline_code
from fsbench.metrics.counts import outline_labels
from fsbench.metrics.counts import outline_pairs
from fsbench.metrics.counts import outline_rle
from fsbench.metrics.counts import Outlines
from fsbench.metrics.counts import pair_counts
from fsbench.metrics.counts import PairCounts
from fsbench.metrics.counts import radius_px
from fsbench.metrics.counts import rle_counts
from fsbench.metrics.region import jaccard
from fsbench.metrics.region import region_similarity
from fsbench.metrics.summary import decay
from fsbench.metrics.summary import mean
from fsbench.metrics.summary import means_of_runs
from fsbench.metrics.summary import or_none
from fsbench.metrics.summary import recall

__all__ = [
    "Outlines",
    "PairCounts",
    "are_counts",
    "boundary_map",
    "clip_counts",
    "contour_accuracy",
    "decay",
    "f_measure",
    "jaccard",
    "label_counts",
    "labels_present",
    "mean",
    "means_of_runs",
    "or_none",
    "outline_code",
    "outline_labels",
    "outline_pairs",
    "outline_rle",
    "pair_counts",
    "radius_px",
    "recall",
    "region_and_contour",
    "region_similarity",
    "rle_counts",
]
