"""What `fsbench build-splits` prints of a manifest."""

from collections import Counter

from fsbench.splits.episodes import repeated_draws
from fsbench.splits.manifest import Manifest
from fsbench.text import columns

__all__ = ["summary_text"]


def summary_text(manifest: Manifest) -> str:
    """Returns folds, what was left out, what draws repeat, notes and digest, for people."""
    info = manifest.info
    counts = {name: Counter(row["fold"] for row in manifest.rows(name)) for name in ("classes", "videos", "episodes")}
    folds = sorted(counts["classes"])
    table = [["fold", "classes", "videos", "episodes"]]
    table += [[str(fold), *(str(counts[name][fold]) for name in counts)] for fold in folds]
    table.append(["all", *(str(counts[name].total()) for name in counts)])
    lines = [f"{info.dataset} {info.version}", "", columns(table), ""]
    lines += [f"left out: {item.kind} {item.name} ({item.videos} videos): {item.reason}" for item in info.left_out]
    repeated = repeated_draws(manifest.rows("supports"))
    notes = info.notes + [repeated] * (repeated not in ("", *info.notes))
    lines += [f"note: {note}" for note in notes]
    return "\n".join([*lines, f"digest: {info.digest}", str(manifest.path)])
