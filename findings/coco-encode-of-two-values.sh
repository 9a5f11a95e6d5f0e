#!/usr/bin/env bash
# What: pycocotools 2.0.11, faster-coco-eval 1.8.0, hotcoco 1.3.0, rlemasklib 0.8.1: encoding of uint8 masks that hold
#   more than 0 and one other value: the sum of two overlapping discs (0, 1, 2) and a disc with soft edges (0 to 255).
# Expected: one foreground, every value but 0, or an exception.
# Seen: in the first two a pixel begins or ends a run whenever it differs from the one before, so the overlap of the two
#   discs becomes a hole: 1555 pixels of 2005. The soft disc has 1105 pixels; 1625 are not 0 and 1245 above 127, and IoU
#   with the disc above 127 is 0.58. The other two, which offer the same interface, take every value but 0. Nothing is
#   said by any. "Binary masks" is all the documentation asks for; a thread of 2020 on another symptom names the cause.
# Why it matters: masks of several objects added up, resized smoothly or read from JPEG are stored with holes and rings,
#   and scored so; another package with the same functions stores other masks.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'pycocotools==2.0.11' 'faster-coco-eval==1.8.0' 'hotcoco==1.3.0' \
    'rlemasklib==0.8.1' 'numpy==2.3.4' 'scipy==1.17.1'
"$folder/env/bin/python" - <<'PYTHON'
import sys

import faster_coco_eval.core.mask as faster_mask
import hotcoco
import numpy as np
import rlemasklib
from pycocotools import mask as coco_mask
from scipy import ndimage

rows, columns = np.mgrid[:100, :100]
left, right = (np.hypot(rows - 50, columns - centre) < 20 for centre in (40, 60))
added = left.astype(np.uint8) + right
soft = np.rint(ndimage.gaussian_filter(left * 255.0, 1)).astype(np.uint8)
packages = {
    "pycocotools": (coco_mask.encode, coco_mask.decode),
    "faster-coco-eval": (faster_mask.encode, faster_mask.decode),
    "hotcoco": (hotcoco.mask.encode, hotcoco.mask.decode),
    "rlemasklib": (rlemasklib.encode, rlemasklib.decode),
}
print(f"two discs: {(added > 0).sum()} pixels; soft disc: {(soft > 0).sum()} not 0, {(soft > 127).sum()} above 127")
seen = {}
for name, (encode, decode) in packages.items():
    discs, disc = (np.asarray(decode(encode(np.asfortranarray(mask)))) > 0 for mask in (added, soft))
    iou = float((disc & (soft > 127)).sum() / (disc | (soft > 127)).sum())
    seen[name] = [int(discs.sum()), int(discs[added == 2].sum()), int(disc.sum()), round(iou, 2)]
    print(f"{name}: two discs {seen[name][0]}, in their overlap {seen[name][1]}; soft disc {disc.sum()}, IoU {iou:.2f}")
if list(seen.values()) != [[1555, 35, 1105, 0.58]] * 2 + [[2005, 485, 1625, 0.77]] * 2:
    sys.exit(f"the behaviour has changed: {seen}")
PYTHON
