#!/usr/bin/env bash
# What: scipy 1.17.1 and opencv-python-headless 5.0.0.93: closing of a mask of 20 x 20 pixels that reaches the lower
#   edge of the frame, with the same cross-shaped element of radius 1, 3 and 5.
# Expected: 400 pixels: a closing fills gaps and holds the whole mask, by definition.
# Seen: scipy's binary_closing leaves 380, 340 and 300: a strip as deep as the radius is gone along the edge. It erodes
#   as if the world outside the frame were background, after a dilation that could not reach there. Its own grey_closing
#   of the same mask and OpenCV leave 400. The documentation says that closing fills holes, and calls border_value,
#   which is 0, the value at the border; with border_value=1 up to 90 pixels beside the mask are added.
# Why it matters: objects that leave the frame are common in videos, and closing is a usual repair of predictions. An
#   object at the edge loses a strip, and boundary scores with it, where the repair had nothing to do.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'scipy==1.17.1' 'opencv-python-headless==5.0.0.93' 'numpy==2.3.4'
"$folder/env/bin/python" - <<'PYTHON'
import sys

import cv2
import numpy as np
from scipy import ndimage

mask = np.zeros((60, 60), bool)
mask[40:, 20:40] = True
cross = ndimage.generate_binary_structure(2, 1)
seen = {}
for radius in (1, 3, 5):
    element = ndimage.iterate_structure(cross, radius)
    as_bytes = mask.astype(np.uint8)
    closed = {
        "scipy binary_closing": ndimage.binary_closing(mask, element),
        "scipy binary_closing, border_value=1": ndimage.binary_closing(mask, element, border_value=1),
        "scipy grey_closing": ndimage.grey_closing(as_bytes, footprint=element),
        "OpenCV": cv2.morphologyEx(as_bytes, cv2.MORPH_CLOSE, element.astype(np.uint8)),
    }
    for name, result in closed.items():
        seen.setdefault(name, []).append((int((mask & (result == 0)).sum()), int((~mask & (result > 0)).sum())))
for name, pairs in seen.items():
    print(f"{name}: (pixels lost, pixels added) of {mask.sum()} at radius 1, 3, 5: {pairs}")
expected = {
    "scipy binary_closing": [(20, 0), (60, 0), (100, 0)],
    "scipy binary_closing, border_value=1": [(0, 6), (0, 36), (0, 90)],
    **dict.fromkeys(("scipy grey_closing", "OpenCV"), [(0, 0)] * 3),
}
if seen != expected:
    sys.exit("the behaviour has changed")
PYTHON
