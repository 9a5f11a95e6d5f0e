#!/usr/bin/env bash
# What: pysodmetrics 1.6.2, the usual scores of salient and camouflaged objects in videos: MAE, E-measure and S-measure
#   of uint8 maps of 40 x 40 with an object of 10 x 10.
# Expected: a perfect map scores E = 1; a map that says 250 of 255 on the background is nearly all wrong (MAE 0.92).
# Seen: the perfect map scores E = 1.0006 (the sum is divided by the pixels less one). The map with 250 everywhere
#   outside, and one with 1 of 255 on the object, both score MAE 0, S 1 and E 1.0006: each map is stretched to its own
#   smallest and largest value first. In truth the stretch is a cut at 128: a truth of 0 and 1 is an empty truth.
# Why it matters: confidence has no meaning there, so thresholds tuned on it do not carry over, and means exceed 1 on
#   small pictures. Masks of 0 and 1 are right as predictions and empty as truth.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'pysodmetrics==1.6.2' 'numpy==2.3.4' 'scipy==1.17.1'
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import sys

import numpy as np
import py_sod_metrics

inside = np.zeros((40, 40), bool)
inside[10:20, 10:20] = True
truth = np.where(inside, 255, 0).astype(np.uint8)


def scores(prediction, truth):
    error, enhanced, structure = py_sod_metrics.MAE(), py_sod_metrics.Emeasure(), py_sod_metrics.Smeasure()
    for metric in (error, enhanced, structure):
        metric.step(pred=prediction.astype(np.uint8), gt=truth.astype(np.uint8))
    values = error.get_results()["mae"], enhanced.get_results()["em"]["adp"], structure.get_results()["sm"]
    return [round(float(value), 4) for value in values]


seen = {
    "perfect": scores(truth, truth),
    "250 outside, 255 inside": scores(np.where(inside, 255, 250), truth),
    "0 outside, 1 inside": scores(inside, truth),
    "perfect, truth of 0 and 1": scores(truth, inside),
}
for name, values in seen.items():
    print(f"{name}: MAE {values[0]}, E {values[1]}, S {values[2]}")
if list(seen.values()) != [[0.0, 1.0006, 1.0]] * 3 + [[0.0625, 0.9381, 0.9375]]:
    sys.exit("the behaviour has changed")
PYTHON
