#!/usr/bin/env bash
# What: statsmodels 0.14.6: multipletests on the p values of five paired t tests, one of them undefined since the two
#   settings gave the same scores on every video (scipy 1.17.1's ttest_rel: nan); pingouin 0.7.0 on the same five.
# Expected: nan for that pair alone, and the others corrected as four tests, or as five, the same by every method.
# Seen: by Benjamini-Hochberg, Benjamini-Yekutieli, Hochberg and Hommel all five corrected values are nan. Of these
#   Hommel rejects none and Hochberg two, where each rejects all of the four alone (the largest p is 0.039); the other
#   two reject what their nan does not show. By Bonferroni, Holm and both of Sidak's the pair stays nan alone, and
#   counts as a fifth test. pingouin leaves it out of the count.
# Why it matters: settings that change nothing are what ablations are full of. One of them makes a table of significances
#   say nan everywhere, and takes leads away that the same table has without its row.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'statsmodels==0.14.6' 'scipy==1.17.1' 'pingouin==0.7.0' 'numpy==2.3.4'
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import sys

import numpy as np
import pingouin
from scipy import stats
from statsmodels.stats.multitest import multipletests

generator = np.random.default_rng(0)
base = generator.uniform(0.3, 0.7, 30)
p_values = [stats.ttest_rel(base + generator.normal(lead, 0.05, 30), base).pvalue for lead in (0.05, 0.03, 0.02, 0.02)]
p_values.append(stats.ttest_rel(base, base).pvalue)
print("p:", *(f"{p:.4f}" for p in p_values))


def corrected(method):
    told, values = multipletests(p_values, method=method)[:2]
    one_less = multipletests(p_values[:4], method=method)
    as_four = np.allclose(values[:4], one_less[1])
    kind = "all nan" if np.isnan(values).all() else "as four" if as_four else "as five"
    print(f"{method}: {kind}, rejected {int(told.sum())} (of the four alone {int(one_less[0].sum())})")
    return kind, int(told.sum()), int(one_less[0].sum())


methods = ("bonferroni", "sidak", "holm-sidak", "holm", "simes-hochberg", "hommel", "fdr_bh", "fdr_by")
seen = {method: corrected(method) for method in methods}
theirs = pingouin.multicomp(p_values, method="fdr_bh")[1]
is_as_four = bool(np.allclose(theirs[:4], multipletests(p_values[:4], method="fdr_bh")[1]))
print(f"pingouin, fdr_bh: as four {is_as_four}, the fifth {theirs[4]}")
expected = {
    "bonferroni": ("as five", 2, 2),
    "sidak": ("as five", 2, 2),
    "holm-sidak": ("as five", 2, 2),
    "holm": ("as five", 2, 2),
    "simes-hochberg": ("all nan", 2, 4),
    "hommel": ("all nan", 0, 4),
    "fdr_bh": ("all nan", 4, 4),
    "fdr_by": ("all nan", 2, 2),
}
if (seen, is_as_four) != (expected, True):
    sys.exit("the behaviour has changed")
PYTHON
