"""Mean average precision of results that are ranked by a score, of which several may answer one sentence in a frame."""

import contextlib
import io
from typing import Any

import numpy as np
from pycocotools import mask as coco
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fsbench.errors import SubmissionError
from fsbench.protocol import Protocol
from fsbench.submissions.forms import MaskKey
from fsbench.submissions.forms import Submission
from fsbench.submissions.reference import Reference

__all__ = ["mean_average_precision"]


def mean_average_precision(submission: Submission, reference: Reference, protocol: Protocol) -> float | None:
    """Returns mAP over IoU thresholds 0.5 to 0.95, as pycocotools computes it of one category.

    A sentence in a frame that counts is an image, with one true mask; equal scores count in the order of images.

    Args:
        submission: The results; scored before, so that what is wrong with the best of each image is known.
        reference: The truth.
        protocol: Says which frames count.

    Returns:
        The mean in [0, 1]; None if the form that was handed in has no scores.

    Raises:
        SubmissionError: A result is of another size than its image.
    """
    if submission.ranked is None:
        return None
    images: list[dict[str, Any]] = []
    truths: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for task in reference.tasks:
        counted = {key: frozenset(task.counted(key, protocol)) for key in task.sequences}
        for frame, masks in zip(task.frames, reference.truth(task), strict=True):
            for key in task.sequences:
                if frame not in counted[key] or key.expression not in masks:
                    continue
                number, size = len(images) + 1, list(masks[key.expression].labels.shape)
                images.append({"id": number, "height": size[0], "width": size[1]})
                code = coco.encode(np.asfortranarray(masks[key.expression].labels))
                area, box = float(coco.area(code)), coco.toBbox(code).tolist()
                about = {"image_id": number, "category_id": 1}
                truths.append({**about, "id": number, "segmentation": code, "area": area, "bbox": box, "iscrowd": 0})
                mask = MaskKey(*key, frame)
                for score, found in submission.ranked.get(mask, ()):
                    if [found.height, found.width] != size:
                        raise SubmissionError(
                            f"{submission.path}: {submission.name(mask)}: a result of the same image is "
                            f"{found.height} x {found.width}, expected {size[0]} x {size[1]} (height x width)."
                        )
                    results.append({**about, "segmentation": {"size": size, "counts": found.counts}, "score": score})
    return _average_precision(images, truths, results) if results else 0.0


def _average_precision(
    images: list[dict[str, Any]], truths: list[dict[str, Any]], results: list[dict[str, Any]]
) -> float:
    with contextlib.redirect_stdout(io.StringIO()):  # it speaks
        truth = COCO()
        truth.dataset = {"images": images, "annotations": truths, "categories": [{"id": 1, "name": "referred"}]}
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0])
