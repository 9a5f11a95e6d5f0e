#!/usr/bin/env bash
# What: datasets 5.2.0, pyarrow 26.0.1: a local folder with a Parquet file, loaded, the file rewritten with other rows,
#   and loaded again; with and without a README.md that names the file in its "configs".
# Expected: the rows of the file as it is now; the README only says which file is meant.
# Seen: with the README the second load gives the rows of the first version, from the cache, without a word. Without
#   the README it gives the new rows.
# Why it matters: a folder made ready for the hub needs that README. A benchmark mended and rebuilt in place is then
#   checked against its own old rows.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'datasets==5.2.0' 'pyarrow==26.0.1' 'numpy==2.3.4'
cd "$folder"
HF_HUB_OFFLINE=1 HF_DATASETS_CACHE="$folder/cache" HF_HOME="$folder/home" env/bin/python - <<'PYTHON'
import sys
from pathlib import Path

import datasets
import pyarrow
import pyarrow.parquet

datasets.disable_progress_bars()
README = "---\nconfigs:\n- config_name: default\n  data_files: rows.parquet\n---\n"


def rows_after_each_version(name, readme):
    folder = Path(name)
    folder.mkdir()
    if readme:
        (folder / "README.md").write_text(readme)
    seen = []
    for version in ([1], [2, 2]):
        pyarrow.parquet.write_table(pyarrow.table({"version": version}), folder / "rows.parquet")
        seen.append(datasets.load_dataset(name, split="train")["version"][:])
    return seen


seen = {"with README": rows_after_each_version("named", README), "without": rows_after_each_version("plain", "")}
for name, (first, second) in seen.items():
    print(f"{name}: first {first}, after rewriting {second}")
if list(seen.values()) != [[[1], [1]], [[1], [2, 2]]]:
    sys.exit("the behaviour has changed")
PYTHON
