#!/usr/bin/env bash
# What: pycocotools 2.0.11, faster-coco-eval 1.8.0, hotcoco 1.3.0: a line of 60 x 1 pixels in a frame of 854 x 480, its
#   contour from OpenCV 4.14.0.94 with CHAIN_APPROX_SIMPLE as a COCO polygon; alone, and beside a triangle.
# Expected: some 60 pixels, or none, since such a polygon has no area; the same whichever part is named first.
# Seen: the contour is two points, four numbers, and a list that begins with four numbers is read as a list of boxes.
#   faster-coco-eval makes a mask of 90,800 pixels of it: the end of the line is taken as width and height. With the
#   triangle after it, that is a box of 200 pixels as well, and a triangle of 45 when it comes first. pycocotools raises
#   a TypeError about an argument "bb" where the line comes first. hotcoco makes the box in frPyObjects, but no pixel in
#   annToMask.
# Why it matters: ropes, poles and what is far away have such contours in some frames. One of them gives an object a
#   fifth of the frame, and the scores say nothing of it; or an evaluation of hours ends at the last file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'pycocotools==2.0.11' 'faster-coco-eval==1.8.0' 'hotcoco==1.3.0' 'numpy==2.3.4' \
    'opencv-python-headless==4.14.0.94'
cd "$folder"
env/bin/python - <<'PYTHON'
import contextlib
import io
import json
import pathlib
import sys

import cv2
import faster_coco_eval
import hotcoco
import numpy as np
import pycocotools.coco

HEIGHT, WIDTH = 480, 854
frame = np.zeros((HEIGHT, WIDTH), np.uint8)
frame[200, 400:460] = 1
contours, _ = cv2.findContours(frame, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
line = contours[0].ravel().tolist()
triangle = [10, 10, 20, 10, 20, 20]
packages = {
    "pycocotools": (pycocotools.coco.COCO, pycocotools.mask),
    "faster-coco-eval": (faster_coco_eval.COCO, faster_coco_eval.mask),
    "hotcoco": (hotcoco.COCO, hotcoco.mask),
}


def of_annotation(read, parts):
    truth = {
        "images": [{"id": 1, "height": HEIGHT, "width": WIDTH, "file_name": "1.png"}],
        "categories": [{"id": 1, "name": "rope"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": parts, "iscrowd": 0, "area": 60}],
    }
    truth["annotations"][0]["bbox"] = [400, 200, 60, 1]
    pathlib.Path("truth.json").write_text(json.dumps(truth))
    with contextlib.redirect_stdout(io.StringIO()):
        data = read("truth.json")
    return int(data.annToMask(data.anns[1]).sum())


def of_parts(mask, parts):
    return [int(size) for size in mask.area(mask.frPyObjects(parts, HEIGHT, WIDTH))]


def tried(measure, *arguments):
    try:
        return measure(*arguments)
    except (TypeError, ValueError) as error:
        return type(error).__name__


print(f"the contour of a line of {frame.sum()} pixels: {line}")
seen = {}
for name, (read, mask) in packages.items():
    asked = ([line], [line, triangle], [triangle, line])
    seen[name] = [tried(of_annotation, read, [line]), *(tried(of_parts, mask, parts) for parts in asked)]
    alone, *parts = seen[name]
    print(f"{name}: annToMask {alone} pixels; frPyObjects: line {parts[0]}, before {parts[1]}, after a triangle {parts[2]}")
expected = {
    "pycocotools": ["TypeError", "TypeError", "TypeError", [45, 0]],
    "faster-coco-eval": [90800, [90800], [90800, 200], [45, 0]],
    "hotcoco": [0, [90800], "ValueError", [45, 0]],
}
if (line, seen) != ([400, 200, 459, 200], expected):
    sys.exit("the behaviour has changed")
PYTHON
