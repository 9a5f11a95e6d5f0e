#!/usr/bin/env bash
# What: supervision 0.31.2 writes ten images with masks of two objects each, a disc and a disc behind a pole, as a COCO
#   file (DetectionDataset.as_coco), and pycocotools 2.0.11 evaluates answers against that file.
# Expected: an answer with both discs is better than one with the whole disc alone, whose AP is at most a half.
# Seen: both have AP 0.9, and an answer with the other disc alone has 0.0. A mask in two parts, or with a hole, is written
#   with "iscrowd": 1 (a note on a function that as_coco calls says so): to an evaluator a region in which nothing is asked
#   for. Masks that are read from such a file keep the flag.
# Why it matters: objects that something stands in front of, the hard ones, are in no score; a detector that finds none of
#   them loses nothing. In videos an object leaves the truth in the frames where it is occluded.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'supervision==0.31.2' 'opencv-python-headless==5.0.0.93' 'pycocotools==2.0.11' 'numpy==2.4.6'
cd "$folder"
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import contextlib
import io
import json
import sys

import cv2
import numpy as np
import supervision as sv
from pycocotools import mask as coco
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

y, x = np.mgrid[:96, :128]
whole = (y - 30) ** 2 + (x - 30) ** 2 < 20**2
behind = ((y - 60) ** 2 + (x - 90) ** 2 < 20**2) & ((x < 88) | (x >= 92))  # a pole of 4 pixels in front of it
masks = np.stack([whole, behind])
truth = {}
for number in range(10):
    cv2.imwrite(f"{number}.png", np.zeros((96, 128, 3), np.uint8))
    boxes = sv.mask_to_xyxy(masks).astype(float)
    truth[f"{number}.png"] = sv.Detections(xyxy=boxes, mask=masks, class_id=np.array([0, 0]))
sv.DetectionDataset(classes=["disc"], images=list(truth), annotations=truth).as_coco(annotations_path="truth.json")
with open("truth.json") as file:
    written = json.load(file)
flags = [entry["iscrowd"] for entry in written["annotations"]]
print("iscrowd of the whole discs:", set(flags[::2]), "of those behind a pole:", set(flags[1::2]))


def precision(answer):
    """Returns the AP of answering each image with the same masks."""
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO("truth.json")
        (category,) = known.getCatIds()
        codes = [coco.encode(np.asfortranarray(mask, np.uint8)) for mask in answer]
        found = [
            {"image_id": image, "category_id": category, "segmentation": code, "score": 0.9}
            for image in known.getImgIds()
            for code in codes
        ]
        evaluation = COCOeval(known, known.loadRes(found), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return round(float(evaluation.stats[0]), 3)


seen = {name: precision(answer) for name, answer in (("both", masks), ("whole", [whole]), ("behind a pole", [behind]))}
for name, value in seen.items():
    print(f"AP of answering {name:13} {value}")
if (set(flags[::2]), set(flags[1::2])) != ({0}, {1}) or seen != {"both": 0.9, "whole": 0.9, "behind a pole": 0.0}:
    sys.exit("the behaviour has changed")
PYTHON
