#!/usr/bin/env bash
# What: trackeval 1.3.0, the J&F metric's J-Decay (mean of the first quarter of a video minus that of the last), for one
#   object that is segmented exactly in the first half of 40 to 1,200 frames, and by a half of its pixels in the second.
# Expected: 0.5, however long the video is.
# Seen: 0.5 up to 255 frames, and from 256 on NaN or a wrong number, 0.0 with 400, 700 and 1,200 frames: the ends of the
#   quarters are kept in eight bits and start again at 0. J-Mean and J-Recall are right. The lines come from
#   davis2017-evaluation; DAVIS has no video so long, LVOS has many.
# Why it matters: one long video makes the decay of a whole benchmark NaN, and two without NaN say that nothing is lost
#   over time where half of the object is.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'trackeval==1.3.0' 'pycocotools==2.0.11' 'numpy==2.4.6' 'scikit-image==0.26.0'
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import math
import sys

import numpy as np
from pycocotools import mask as coco
from trackeval.metrics import JAndF


def code(right):
    """Returns the run lengths of a square, from its left side to a column."""
    pixels = np.zeros((48, 64), np.uint8, order="F")
    pixels[10:34, 10:right] = 1
    return coco.encode(pixels)


def scores(count):
    """Returns the scores of one object over a number of frames."""
    ids = [np.array([0])] * count
    video = {
        "num_timesteps": count,
        "num_gt_ids": 1,
        "num_tracker_ids": 1,
        "gt_ids": ids,
        "tracker_ids": ids,
        "gt_dets": [[code(34)] for _ in range(count)],
        "tracker_dets": [[code(34 if t < count / 2 else 22)] for t in range(count)],
    }
    return JAndF().eval_sequence(video)


found = {}
for count in (40, 104, 255, 256, 300, 400, 600, 700, 1000, 1200):
    result = scores(count)
    found[count] = float(result["J-Decay"])
    print(f"{count:5} frames: J-Mean {result['J-Mean']:.3f}  J-Recall {result['J-Recall']:.3f}  J-Decay {found[count]:.3f}")
right = [count for count, value in found.items() if math.isclose(value, 0.5, abs_tol=1e-9)]
nothing = [count for count, value in found.items() if value == 0.0]
undefined = [count for count, value in found.items() if math.isnan(value)]
if (right, nothing, undefined) != ([40, 104, 255], [400, 700, 1200], [256, 300, 600, 1000]):
    sys.exit("the behaviour has changed")
PYTHON
