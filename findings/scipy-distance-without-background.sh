#!/usr/bin/env bash
# What: scipy 1.17.1, opencv-python-headless 4.14.0.94, edt 3.1.2: distance transform of an array without a single
#   zero. That is what a boundary measure asks for when the other mask has no boundary: edt(~boundary).
# Expected: infinity, or a number beyond any tolerance, as edt (inf) and OpenCV (3.4e38) give.
# Seen: scipy measures to a pixel that does not exist, at row -1 and column 0: 1.0 in the upper left corner.
# Why it matters: "distance <= tolerance" is true near the upper left corner. An object there, against an empty truth,
#   gets a boundary precision above 0; the same object elsewhere gets 0. Nothing is raised.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'scipy==1.17.1' 'numpy==2.3.4' 'opencv-python-headless==4.14.0.94' 'edt==3.1.2'
"$folder/env/bin/python" - <<'PYTHON'
import sys

import cv2
import edt
import numpy as np
from scipy.ndimage import distance_transform_edt

no_boundary = np.zeros((480, 854), bool)
distance = distance_transform_edt(~no_boundary)
rows, columns = np.indices(distance.shape)
to_a_pixel_outside = np.hypot(rows + 1, columns)
everywhere = (~no_boundary).astype(np.uint8)
others = {
    "OpenCV": float(cv2.distanceTransform(everywhere, cv2.DIST_L2, 5).min()),
    "edt": float(edt.edt(everywhere).min()),
}
print("scipy, upper left corner:", distance[:2, :3].round(2).tolist())
print("scipy equals the distance to (row -1, column 0):", np.allclose(distance, to_a_pixel_outside))
print("smallest distance elsewhere:", others)
print("pixels within the 8 px of DAVIS of a boundary that is not there:", int((distance <= 8).sum()))
if not np.allclose(distance, to_a_pixel_outside) or min(others.values()) < 1e9:
    sys.exit("the behaviour has changed")
PYTHON
