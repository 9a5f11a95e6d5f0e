"""What `fsbench build-splits` prints of a manifest."""

from collections import Counter
from collections.abc import Iterator

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
    lines += [f"note: {note}" for note in (*notes, *_unlike_the_rule(manifest))]
    return "\n".join([*lines, f"digest: {info.digest}", str(manifest.path)])


def _unlike_the_rule(manifest: Manifest) -> Iterator[str]:
    """Yields where there was too little for what the rule asks for."""
    wanted = manifest.info.rule.get("num_folds", 0)
    filled = len({row["fold"] for row in manifest.rows("classes")})
    if 0 < filled < wanted:
        yield f"{wanted} folds were asked for, and the classes fill {filled}."
    supports = manifest.rows("supports")
    short = [row for row in supports if any(len(set(shot["frames"])) < len(shot["frames"]) for shot in row["shots"])]
    if short:
        yield f"{len(short)} of {len(supports)} supports show a frame more than once: their videos have too few frames."
