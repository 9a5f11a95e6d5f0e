#!/usr/bin/env bash
# What: medpy 0.5.2 (and scikit-learn 1.9.1, pycocotools 2.0.11, rlemasklib 0.8.1): overlap of two empty masks, an
#   object that is rightly said to be absent from a frame.
# Expected: one convention a library; Dice and Jaccard are functions of each other, J = D / (2 - D).
# Seen: medpy gives nan for Dice and 1.0 for Jaccard of the same pair. scikit-learn, pycocotools and rlemasklib give 0
#   (scikit-learn with a warning), where DAVIS gives 1.
# Why it matters: in videos most objects are absent from some frames. A mean of medpy's Dice is nan, nanmean drops these
#   frames, its Jaccard counts them as perfect, the others as wrong: three different means of one prediction.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'medpy==0.5.2' 'scikit-learn==1.9.1' 'pycocotools==2.0.11' 'rlemasklib==0.8.1' \
    'numpy==2.3.4' 'scipy==1.17.1'
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import math
import sys

import numpy as np
from medpy.metric.binary import dc
from medpy.metric.binary import jc
from pycocotools import mask as coco_mask
from rlemasklib import RLEMask
from sklearn.metrics import jaccard_score

empty = np.zeros((20, 30), np.uint8)
encoded = coco_mask.encode(np.asfortranarray(empty))
run_lengths = RLEMask.from_array(empty)
seen = {
    "medpy Dice": float(dc(empty, empty)),
    "medpy Jaccard": float(jc(empty, empty)),
    "scikit-learn Jaccard": float(jaccard_score(empty.ravel(), empty.ravel())),
    "pycocotools IoU": float(coco_mask.iou([encoded], [encoded], [0])[0, 0]),
    "rlemasklib IoU": float(run_lengths.iou(run_lengths)),
}
for name, value in seen.items():
    print(f"{name}: {value}")
if not math.isnan(seen.pop("medpy Dice")) or list(seen.values()) != [1.0, 0.0, 0.0, 0.0]:
    sys.exit("the behaviour has changed")
PYTHON
