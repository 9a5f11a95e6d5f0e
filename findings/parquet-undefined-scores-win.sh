#!/usr/bin/env bash
# What: polars 2.1.0, duckdb 2.0.1, pandas 3.1.1 and pyarrow 26.0.1: one table of scores of ten frames, four of them
#   nan, written to Parquet by pandas and by polars; the frames above 0.5 counted and the best frame sought in each.
# Expected: two frames above 0.5 and the same best frame, whichever package wrote the file and whichever reads it.
# Seen: pandas and pyarrow count 2. polars and duckdb count 6 in the file of polars and 2 in that of pandas: nan is
#   above every number there, which both document, and pandas writes nan as null, which the others leave out. In the
#   file of polars the best frame is one with nan by duckdb's arg_max and polars' top_k, though polars' max is 0.9; the
#   mean is nan for three and 0.5 for pandas. From that of pandas all four give 0.5.
# Why it matters: precision at 0.5 is how referring segmentation is scored, and absent objects have undefined scores.
#   Each of them counts as a hit or not by who wrote the table, and a method with undefined scores leads a ranking.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'polars==2.1.0' 'duckdb==2.0.1' 'pandas==3.1.1' 'pyarrow==26.0.1' 'numpy==2.3.4'
cd "$folder"
env/bin/python - <<'PYTHON'
import math
import sys

import duckdb
import pandas as pd
import polars as pl
import pyarrow.compute as pc
import pyarrow.parquet as pq

nan = math.nan
columns = {"frame": list(range(10)), "score": [0.9, 0.1, nan, 0.8, nan, 0.4, nan, 0.5, nan, 0.3]}
pd.DataFrame(columns).to_parquet("pandas.parquet")
pl.DataFrame(columns).write_parquet("polars.parquet")


def read(path):
    frame, arrow, other = pd.read_parquet(path), pq.read_table(path), pl.read_parquet(path)
    above, best, mean = duckdb.sql(
        f"SELECT count(*) FILTER (score > 0.5), arg_max(frame, score), avg(score) FROM '{path}'"
    ).fetchall()[0]
    scores = arrow["score"]
    best_of_arrow = arrow["frame"][pc.index(scores, pc.max(scores)).as_py()].as_py()
    above_of_polars = other.filter(pl.col("score") > 0.5).height
    return {
        "pandas": (int((frame.score > 0.5).sum()), int(frame.frame[frame.score.idxmax()]), frame.score.mean()),
        "pyarrow": (pc.sum(pc.greater(scores, 0.5)).as_py(), best_of_arrow, pc.mean(scores).as_py()),
        "polars": (above_of_polars, other.top_k(1, by="score")["frame"][0], other["score"].mean()),
        "duckdb": (above, best, mean),
    }


seen = {}
for writer in ("pandas", "polars"):
    for reader, (above, best, mean) in read(f"{writer}.parquet").items():
        seen[writer, reader] = above, best in (2, 4, 6, 8), None if math.isnan(mean) else round(mean, 3)
        print(f"written by {writer}, read by {reader}: {above} above 0.5, best frame {best}, mean {mean:.3f}")
print(f"polars' max of its own file: {pl.read_parquet('polars.parquet')['score'].max()}")
whole, undefined = (2, False, 0.5), (6, True, None)
if list(seen.values()) != [whole] * 5 + [(2, False, None), undefined, undefined]:
    sys.exit(f"the behaviour has changed: {seen}")
PYTHON
