#!/usr/bin/env bash
# What: vot-toolkit 0.9.0 (with attributee 0.1.9: 0.1.10 does not let it be imported on Python 3.11), the overlap of two
#   masks by calculate_overlap, for masks of one row or one column, and Mask.is_empty of a mask at the edge of the frame.
# Expected: 0.0 for masks that share no pixel, 0.5 for a half; "overlap is one by definition if both regions are empty".
# Seen: two lines at opposite ends of one row have overlap 1.0, and so have a line and its half: whatever is one row high
#   or one column wide together is taken for two empty regions. An object of which one column is seen at the left edge
#   "is empty", has overlap 1.0 with a mask that is, and is lost where masks are trimmed; of two columns it has 0.0.
# Why it matters: an object that comes into the frame, or a thin one that is missed or put somewhere else, is scored as
#   found.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'vot-toolkit==0.9.0' 'attributee==0.1.9' 'numpy==2.4.6' 'numba==0.68.1'
"$folder/env/bin/python" - <<'PYTHON'
import sys

import numpy as np
from vot.region import calculate_overlap
from vot.region.shapes import Mask


def mask(top=0, bottom=0, left=0, right=0):
    """Returns the mask of a rectangle in a frame of 60x80, as pixels."""
    pixels = np.zeros((60, 80), np.uint8)
    pixels[top:bottom, left:right] = 1
    return pixels


def iou(one, other):
    """Returns intersection over union, and 1 for two empty masks."""
    union = (one | other).sum()
    return float((one & other).sum() / union) if union else 1.0


nothing = mask()
pairs = {
    "two lines of one row, apart": (mask(20, 21, 10, 20), mask(20, 21, 50, 60)),
    "a line and its half": (mask(20, 21, 10, 20), mask(20, 21, 10, 15)),
    "a column and one that shares ten pixels": (mask(10, 40, 5, 6), mask(30, 50, 5, 6)),
    "a column at the left edge, and nothing": (mask(10, 40, 0, 1), nothing),
    "two columns at the left edge, and nothing": (mask(10, 40, 0, 2), nothing),
    "lines of two rows, apart": (mask(20, 21, 10, 20), mask(21, 22, 50, 60)),
    "two rectangles that share a half": (mask(20, 30, 10, 20), mask(20, 30, 15, 20)),
}
seen = {}
for name, (one, other) in pairs.items():
    seen[name] = calculate_overlap(Mask(one), Mask(other)), iou(one, other)
    print(f"{name:42} overlap {seen[name][0]:.2f}, intersection over union {seen[name][1]:.2f}")
edge = mask(10, 40, 0, 1)
trimmed = Mask(edge, optimize=True).mask.size
print("a column of", int(edge.sum()), "pixels at the left edge is empty:", Mask(edge).is_empty(), "- trimmed, pixels:", trimmed)
if [round(found, 2) for found, _ in seen.values()] != [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.5]:
    sys.exit("the behaviour has changed")
if [round(true, 2) for _, true in seen.values()] != [0.0, 0.5, 0.25, 0.0, 0.0, 0.0, 0.5]:
    sys.exit("the expectation is wrong")
if not Mask(edge).is_empty() or trimmed != 0:
    sys.exit("the behaviour has changed")
PYTHON
