#!/usr/bin/env bash
# What: statsmodels 0.14.6 with scipy 1.17.1: the power of a paired t test (TTestPower) to find a lead of 2.5 to 5 points
#   between two methods whose difference varies by 5 points from class to class, for 10 to 400 classes; pingouin 0.7.0,
#   and 20,000 draws, for the same.
# Expected: numbers that rise to 1 with the classes, and to 1 with the lead.
# Seen: NaN for many of the designs whose power is largest, here and there: for a lead of 4.5 points 1.0000 with
#   60, NaN with 100, 1.0000 with 128 classes; for 2.5 points NaN with 400, where 128 have 0.9999. The noncentral t distribution
#   of scipy is NaN in the far tail of the wrong sign, which is added; nothing is said. pingouin, on the same scipy, and
#   the draws have 1.0 in each.
# Why it matters: who looks for the designs whose power is 0.8 or more (`power >= 0.8`) loses the largest ones, and a
#   mean or a maximum over leads or designs becomes NaN.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'statsmodels==0.14.6' 'pingouin==0.7.0' 'scipy==1.17.1' 'numpy==2.4.6' 'pandas==3.1.1'
"$folder/env/bin/python" - <<'PYTHON'
import math
import sys

import numpy as np
import pingouin
from scipy.stats import ttest_1samp
from statsmodels.stats.power import TTestPower

COUNTS = (10, 30, 60, 100, 128, 400)
test = TTestPower()
random = np.random.default_rng(0)
holes = {}
for lead in (2.5, 4.5, 5.0):
    effect = lead / 5.0
    print(f"a lead of {lead} points, by 10, 30, 60, 100, 128 and 400 classes")
    found = [float(test.power(effect, count, 0.05)) for count in COUNTS]
    other = [float(pingouin.power_ttest(d=effect, n=count, contrast="paired")) for count in COUNTS]
    drawn = [
        float(np.mean(ttest_1samp(random.normal(effect, 1.0, (20_000, count)), 0, axis=1).pvalue < 0.05)) for count in COUNTS
    ]
    for name, values in (("statsmodels", found), ("pingouin", other), ("20,000 draws", drawn)):
        print(f"  {name:13}", " ".join(f"{value:.4f}" for value in values))
    if not np.allclose(other, drawn, atol=0.015):
        sys.exit("the behaviour has changed")
    holes[lead] = [count for count, value in zip(COUNTS, found) if math.isnan(value)]
print("NaN with so many classes, by the lead:", holes)
if holes != {2.5: [400], 4.5: [100], 5.0: [128]}:
    sys.exit("the behaviour has changed")
PYTHON
