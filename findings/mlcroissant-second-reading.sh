#!/usr/bin/env bash
# What: mlcroissant 1.1.1, pandas 3.1.1, pyarrow 26.0.1: two record sets of Parquet files, with and without a field of the
#   first that has `references` to the key of the second; the records of the first read twice from one Dataset.
# Expected: the same rows both times; a reference says what a column means, and changes no record.
# Seen: both descriptions validate. Without the reference there is one row each time; with it one row, then none.
# Why it matters: tables of a benchmark refer to one another (video, class, support set). Described as the specification
#   has it, a loop over the data that runs a second time trains or scores on nothing, without a word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'mlcroissant==1.1.1' 'pandas==3.1.1' 'pyarrow==26.0.1'
cd "$folder"
env/bin/python -W ignore - <<'PYTHON'
import hashlib
import json
import logging
import sys
from pathlib import Path

import mlcroissant
import pyarrow
import pyarrow.parquet

logging.disable()
TABLES = {"objects": {"video": ["v"]}, "videos": {"video": ["v"]}}
for name, columns in TABLES.items():
    pyarrow.parquet.write_table(pyarrow.table(columns), f"{name}.parquet")
context = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    **{name: f"cr:{name}" for name in "recordSet field source fileObject extract column references key".split()},
}


def described(references):
    def field(table, column):
        source = {"fileObject": {"@id": f"{table}.parquet"}, "extract": {"column": column}}
        found = {"@type": "cr:Field", "@id": f"{table}/{column}", "name": column, "dataType": "sc:Text", "source": source}
        target = references.get(column) if table == "objects" else None
        return found | ({"references": {"field": {"@id": target}}} if target else {})

    return {
        "@context": context,
        "@type": "sc:Dataset",
        "name": "three",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": f"{table}.parquet",
                "name": table,
                "contentUrl": f"{table}.parquet",
                "encodingFormat": "application/x-parquet",
                "sha256": hashlib.sha256(Path(f"{table}.parquet").read_bytes()).hexdigest(),
            }
            for table in TABLES
        ],
        "recordSet": [
            {"@type": "cr:RecordSet", "@id": t, "name": t, "field": [field(t, column) for column in TABLES[t]]}
            for t in TABLES
        ],
    }


seen = []
for references in ({}, {"video": "videos/video"}):
    Path("croissant.json").write_text(json.dumps(described(references)))
    dataset = mlcroissant.Dataset(jsonld="croissant.json")  # validates
    seen.append([len(list(dataset.records("objects"))) for _ in range(2)])
    print(f"{len(references)} references: rows of the first and of the second reading {seen[-1]}")
if seen != [[1, 1], [1, 0]]:
    sys.exit("the behaviour has changed")
PYTHON
