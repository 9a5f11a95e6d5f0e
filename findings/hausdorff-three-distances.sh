#!/usr/bin/env bash
# What: scikit-image 0.26.0, SimpleITK 2.5.7, medpy 0.5.2, surface-distance 0.1: the Hausdorff distance, in pixels,
#   between a disc of radius 20 and the ring of its outer three pixels.
# Expected: one number: the definition has no parameter (percentile 100).
# Seen: 17.03 (scikit-image, SimpleITK: over all pixels of the masks), 2.83 (medpy: over border pixels) and 3.61
#   (surface-distance: over corners between pixels).
# Why it matters: "Hausdorff distance" in two papers may differ sixfold on the same prediction, and most for hollow or
#   occluded objects. A number without the library's name cannot be compared.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'scikit-image==0.26.0' 'simpleitk==2.5.7' 'medpy==0.5.2' 'surface-distance==0.1' \
    'numpy==2.3.4' 'scipy==1.17.1'
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import sys

import numpy as np
import SimpleITK
import surface_distance
from medpy.metric.binary import hd
from skimage.metrics import hausdorff_distance

rows, columns = np.mgrid[:64, :64]
radius = np.hypot(rows - 32, columns - 32)
disc = radius <= 20
ring = disc & (radius > 17)

itk = SimpleITK.HausdorffDistanceImageFilter()
itk.Execute(*(SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in (disc, ring)))
surfaces = surface_distance.compute_surface_distances(disc, ring, (1, 1))
seen = {
    "scikit-image": hausdorff_distance(disc, ring),
    "SimpleITK": itk.GetHausdorffDistance(),
    "medpy": hd(disc, ring),
    "surface-distance": surface_distance.compute_robust_hausdorff(surfaces, 100),
}
for name, value in seen.items():
    print(f"{name}: {value:.2f}")
if [round(float(value), 2) for value in seen.values()] != [17.03, 17.03, 2.83, 3.61]:
    sys.exit("the behaviour has changed")
PYTHON
