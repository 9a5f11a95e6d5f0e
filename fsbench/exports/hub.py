"""A manifest as the folder of a dataset repository on the Hugging Face hub."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from fsbench.datasets.spec import DatasetSpec
from fsbench.exports.tables import shared_manifest
from fsbench.exports.tables import SharedManifest
from fsbench.exports.writing import write_out
from fsbench.splits.schema import ABOUT

__all__ = ["CARD", "SPLIT", "card", "export_hub"]

CARD = "README.md"
SPLIT = "test"
"""What the hub has each table for: the episodes are to be evaluated on, and their folds are columns."""


def export_hub(source: Path, out: Path, *, described: Iterable[DatasetSpec] = ()) -> str:
    """Writes a manifest's folder with a card that makes each table a config: `load_dataset(out, "episodes")`.

    Args:
        source: The manifest's folder.
        out: The folder to make, or a zip.
        described: Specs of datasets that no package registers.

    Returns:
        What was written, in a line.

    Raises:
        ManifestError: It is no manifest, or damaged.
        RunError: `out` is there already.
    """
    shared = shared_manifest(source, described)
    write_out(out, [*shared.files.items(), (CARD, card(shared).encode("utf-8"))])
    return f"{out}: {shared.info.dataset} {shared.info.version} with {CARD}, {len(shared.tables)} configs"


def card(shared: SharedManifest) -> str:
    """Returns the card: what the hub reads in YAML, then what people read."""
    head = yaml.safe_dump(_head(shared), sort_keys=False, allow_unicode=True)
    name = shared.info.dataset
    lines = [
        f"---\n{head}---\n\n# {name} {shared.info.version}\n\n{shared.title}.\n",
        *(f"- {said}" for said in shared.says),
        f'\n`load_dataset(REPOSITORY, "episodes", split="{SPLIT}")` reads a table. The folder is a manifest of '
        f"fsbench: `fsbench evaluate --dataset {name} --splits FOLDER --method METHOD` evaluates on it.",
        *map(_table, shared.tables),
    ]
    return "\n".join(lines) + "\n"


def _head(shared: SharedManifest) -> dict[str, Any]:  # Any: YAML
    licence = shared.spec.licence.lower()
    known = {"license": licence} if re.fullmatch(r"[a-z0-9.-]+", licence) else {}
    return {
        "pretty_name": f"{shared.info.dataset} {shared.info.version}",
        **known,
        "task_categories": ["image-segmentation"],
        "tags": ["few-shot", "referring-video-object-segmentation", "fsbench"],
        "configs": [_config(name, shared.files[f"{name}.parquet"]) for name in shared.tables],
    }


def _config(name: str, content: bytes) -> dict[str, Any]:  # Any: YAML
    # Without a version, datasets 5.2 goes on showing the rows that an earlier file of this path had.
    version = f"0.0.{int(hashlib.sha256(content).hexdigest()[:8], 16)}"
    config = {"config_name": name, "version": version, "data_files": [{"split": SPLIT, "path": f"{name}.parquet"}]}
    return config | ({"default": True} if name == "episodes" else {})


def _table(name: str) -> str:
    columns = {key.removeprefix(f"{name}."): about for key, about in ABOUT.items() if key.startswith(f"{name}.")}
    rows = "\n".join(f"| `{column}` | {about} |" for column, about in columns.items())
    return f"\n## {name}\n\n{ABOUT[name]}\n\n| column | what it is |\n|---|---|\n{rows}"
