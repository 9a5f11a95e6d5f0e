#!/usr/bin/env bash
# What: opencv-python-headless 4.14.0.94 and 5.0.0.93, pillow 13.0.0: nearest-neighbour resizing and warping of a mask.
# Expected: choosing a pixel is no arithmetic, so a new release chooses the same; and INTER_NEAREST_EXACT, made for
#   equality with Pillow, equals it in both.
# Seen: shrinking 10 columns to 3, 4.14 takes columns 1, 4, 8 and 5.0 takes 1, 5, 8 as Pillow does. warpAffine by half a
#   pixel rounds the other way: 119 pixels of a disc of radius 60 change (IoU 0.989). INTER_NEAREST stays at 0, 3, 6.
# Why it matters: predictions warped or resized under two releases differ without a change of code. On small objects
#   that is more than the gap between two methods.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
cd "$folder"
cat > choose.py <<'PYTHON'
import json
import sys

import cv2
import numpy as np

columns = np.arange(10, dtype=np.uint8)[None].repeat(10, axis=0)
nearest = cv2.resize(columns, (3, 3), interpolation=cv2.INTER_NEAREST)[0].tolist()
exact = cv2.resize(columns, (3, 3), interpolation=cv2.INTER_NEAREST_EXACT)[0].tolist()
disc = (np.hypot(*(np.mgrid[:480, :854] - 240)) < 60).astype(np.uint8)
half_a_pixel = np.float32([[1, 0, 0.5], [0, 1, 0]])
np.save(sys.argv[1], cv2.warpAffine(disc, half_a_pixel, (854, 480), flags=cv2.INTER_NEAREST))
print(json.dumps([nearest, exact]))
PYTHON
env/bin/pip install -q 'numpy==2.3.4' 'pillow==13.0.0' 'opencv-python-headless==4.14.0.94'
env/bin/python choose.py old.npy > old.json
env/bin/pip install -q 'opencv-python-headless==5.0.0.93'
env/bin/python choose.py new.npy > new.json
env/bin/python - <<'PYTHON'
import json
import pathlib
import sys

import numpy as np
from PIL import Image

columns = np.arange(10, dtype=np.uint8)[None].repeat(10, axis=0)
pillow = np.asarray(Image.fromarray(columns).resize((3, 3), Image.Resampling.NEAREST))[0].tolist()
old, new = (json.loads(pathlib.Path(f"{name}.json").read_text()) for name in ("old", "new"))
changed = int((np.load("old.npy") != np.load("new.npy")).sum())
print(f"columns of INTER_NEAREST: 4.14 {old[0]}, 5.0 {new[0]}")
print(f"columns of INTER_NEAREST_EXACT: 4.14 {old[1]}, 5.0 {new[1]}; Pillow {pillow}")
print(f"pixels of a warped disc that differ: {changed}")
if [old, new, pillow] != [[[0, 3, 6], [1, 4, 8]], [[0, 3, 6], [1, 5, 8]], [1, 5, 8]] or changed != 119:
    sys.exit("the behaviour has changed")
PYTHON
