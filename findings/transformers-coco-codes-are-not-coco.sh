#!/usr/bin/env bash
# What: transformers 5.24.0 with torch 2.13.0: post_process_instance_segmentation of Mask2Former's image processor with
#   return_coco_annotation=True, on the outputs for two overlapping discs of 11277 pixels; pycocotools 2.0.11.
# Expected: what its documentation says: "segmentation maps are returned in COCO run-length encoding (RLE) format", one
#   for each of segments_info, and "If instances could overlap, set either return_coco_annotation or return_binary_maps to
#   True to get the correct segmentation result".
# Seen: none of the three. The numbers are pairs of a start, counted from 1 along rows, and a length; COCO's are lengths
#   alone, along columns. pycocotools refuses those of the discs, and reads those of a thin line without a word as a line
#   elsewhere: IoU 0.00. There are three codes for two segments, the background first, so that zip() gives each segment
#   the mask of the one before. And the disc below comes back with 7296 of its 11277 pixels, as in the label map that has
#   no room for overlap; return_binary_maps has all of them.
# Why it matters: predictions that are written for a COCO evaluator are refused, or are other masks than the model's; who
#   mends the order still scores masks with holes where objects overlap.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'transformers==5.24.0' 'torch==2.13.0' 'pycocotools==2.0.11' 'numpy==2.4.6' 'pillow==13.0.0'
HF_HUB_OFFLINE=1 "$folder/env/bin/python" - <<'PYTHON'
import sys
from types import SimpleNamespace

import numpy as np
import torch
from pycocotools import mask as coco
from transformers import Mask2FormerImageProcessorPil

SIDE = 384  # at which the processor labels, so that nothing is resized
y, x = np.mgrid[:SIDE, :SIDE]


def found(masks, **asked):
    """Returns what the processor makes of a model that is sure of these masks, each of another class."""
    logits = torch.tensor(np.where(np.stack(masks), 20.0, -20.0), dtype=torch.float32)
    classes = torch.full((len(masks), len(masks) + 1), -20.0)
    classes.fill_diagonal_(20.0)
    outputs = SimpleNamespace(class_queries_logits=classes[None], masks_queries_logits=logits[None])
    return Mask2FormerImageProcessorPil().post_process_instance_segmentation(outputs, **asked)[0]


def decoded(runs):
    """Returns the mask that pycocotools reads; None if it refuses."""
    counts = [int(number) for number in runs]
    try:
        return coco.decode(coco.frPyObjects({"counts": counts, "size": [SIDE, SIDE]}, SIDE, SIDE)).astype(bool)
    except ValueError as error:
        print("  pycocotools:", error)
        return None


def by_pairs(runs):
    """Returns the mask of pairs of a start, from 1 along rows, and a length."""
    flat = np.zeros(SIDE * SIDE, bool)
    for start, length in zip(runs[::2], runs[1::2]):
        flat[start - 1 : start - 1 + length] = True
    return flat.reshape(SIDE, SIDE)


def iou(one, other):
    return float((one & other).sum() / (one | other).sum())


discs = [(y - 150) ** 2 + (x - 120) ** 2 < 60**2, (y - 190) ** 2 + (x - 170) ** 2 < 60**2]
asked = found(discs, return_coco_annotation=True)
codes, segments = asked["segmentation"], asked["segments_info"]
print("two discs of", *(int(disc.sum()) for disc in discs), "pixels;", len(segments), "segments,", len(codes), "codes")
read = [decoded(code) for code in codes]
pairs = [by_pairs(code) for code in codes]
areas = [int(mask.sum()) for mask in pairs]
binary = found(discs, return_binary_maps=True)["segmentation"].numpy().astype(bool)
whole = bool((pairs[2] == binary[1]).all())
print("pixels by pairs of start and length:", areas, "- the last code is the second segment:", whole)
print("pixels of return_binary_maps:", [int(mask.sum()) for mask in binary])

line = [(y == 100) & (x >= 50) & (x < 90)]
code = found(line, return_coco_annotation=True)["segmentation"][1]
wrong = decoded(code)
print("a line of 40 pixels:", [int(number) for number in code], "is read with IoU", iou(wrong, line[0]))
same = (
    len(segments) == 2
    and areas == [SIDE * SIDE - 7296 - 11277, 7296, 11277]
    and all(mask is None for mask in read)
    and whole
    and [int(mask.sum()) for mask in binary] == [11277, 11277]
    and iou(wrong, line[0]) == 0.0
)
if not same:
    sys.exit("the behaviour has changed")
PYTHON
