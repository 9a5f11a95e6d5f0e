#!/usr/bin/env bash
# What: monai 1.6.1 with torch 2.13.0: DiceMetric and MeanIoU without the background channel, over frames in some of
#   which the object is absent.
# Expected: an object painted where there is none lowers the mean; nothing painted there does not; a mean over no frame
#   is nan.
# Seen: one frame that is right and one with a false object over the whole picture: mean 1.0. Frames without the object
#   are left out, whatever was predicted. If there are only such frames the mean is 0.0, for a right answer too.
# Why it matters: sentences without a target and objects that leave the picture are what newer video sets test. A method
#   that paints always is not found out, and a video without the object scores 0 whoever is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'monai==1.6.1' 'torch==2.13.0' 'numpy==2.3.4'
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import sys

import torch
from monai.metrics import DiceMetric
from monai.metrics import MeanIoU

absent = torch.zeros(16, 16, dtype=torch.long)
everywhere = torch.ones_like(absent)
square = absent.clone()
square[4:9, 4:9] = 1


def mean_over_frames(metric, predictions, truths):
    one_hot = (torch.nn.functional.one_hot(torch.stack(x), 2).permute(0, 3, 1, 2) for x in (predictions, truths))
    metric(*one_hot)
    return float(metric.aggregate())


cases = {
    "a right frame and a false object": ([square, everywhere], [square, absent]),
    "a false object alone": ([everywhere], [absent]),
    "rightly nothing alone": ([absent], [absent]),
}
seen = {}
for name, (predictions, truths) in cases.items():
    seen[name] = [mean_over_frames(m(include_background=False), predictions, truths) for m in (DiceMetric, MeanIoU)]
    print(f"{name}: Dice {seen[name][0]}, IoU {seen[name][1]}")
if list(seen.values()) != [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]:
    sys.exit("the behaviour has changed")
PYTHON
