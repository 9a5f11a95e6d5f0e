"""Whether an entry follows from its episodes: every number that can be is computed anew.

What follows from the scores of the episodes: the means of draws, classes and folds, their spreads, and how many
episodes there are; from the manifest also which they are, and how many frames were scored. Time, memory and
what the runs say of themselves follow from nothing here; `seals` tell whether they are what was committed.
"""

import hashlib
import math
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from fsbench.errors import RunError
from fsbench.leaderboard.averaging import frame_counts
from fsbench.leaderboard.averaging import rows_to_average
from fsbench.leaderboard.details import Details
from fsbench.leaderboard.details import gallery_episodes
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.entries import FoldEntry
from fsbench.leaderboard.entries import mean_over_folds
from fsbench.leaderboard.shelf import entry_path
from fsbench.protocol import declared_protocol
from fsbench.protocol import mean_of_metrics
from fsbench.scores.aggregation import keyed_scores
from fsbench.scores.metrics import is_count
from fsbench.scores.results import summarise
from fsbench.splits.manifest import Manifest
from fsbench.splits.manifest import manifest_of_digest

__all__ = ["Checked", "check_entry", "require_checked", "sealed", "seals"]

CLOSE = 1e-12
"""How near a number must be. On one machine they are the same to the bit; sums on another may differ in the last."""


@dataclass
class Checked:
    """What a look at an entry found.

    Attributes:
        problems: What does not follow, a sentence each without its full stop.
        unchecked: What could not be computed anew, and why.
    """

    problems: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


def check_entry(entry: Entry, splits: Path | None = None) -> Checked:
    """Computes an entry's numbers anew.

    Args:
        entry: The entry, with its details.
        splits: Where its manifest may be; see `find_manifest`.
    """
    found = Checked()
    for fold in entry.folds:
        found.problems += _within(fold)
    found.problems += _differing("mean", mean_over_folds(entry.folds, entry.expected_folds), entry.mean)
    manifest = manifest_of_digest(entry.dataset, entry.manifest_digest, splits)
    if manifest is None:
        found.unchecked.append("which episodes and frames there are: its manifest is not here")
    elif tuple(manifest.folds) != entry.expected_folds:
        found.problems.append(f"expected_folds are {list(entry.expected_folds)}, the manifest's {list(manifest.folds)}")
    if entry.details is None:
        found.unchecked.append("means of draws and classes: it has no scores of episodes")
        return found
    found.problems += _gallery(entry.details)
    found.problems += _episodes(entry, entry.details, manifest)
    if found.problems:  # such as ids that no class has: the means of what is not there are no use
        return found
    _means(entry, entry.details, manifest, found)
    return found


def require_checked(folder: Path, entries: Iterable[Entry]) -> list[str]:
    """Checks all entries of a folder.

    Returns:
        What could not be computed anew, a line for each.

    Raises:
        RunError: Something does not follow; the message has all of it.
    """
    problems, unchecked = [], []
    for entry in entries:
        path, found = entry_path(folder, entry), check_entry(entry)
        problems += [f"{path}: {problem}." for problem in found.problems]
        unchecked += [f"{path}: not checked: {what}." for what in found.unchecked]
    if problems:
        count = f"{len(problems)} numbers do not follow" if len(problems) > 1 else "A number does not follow"
        remedy = "Restore the entries, or submit their runs again."
        raise RunError("\n".join([f"{count} from the episodes. {remedy}", *problems]))
    return unchecked


def seals(folder: Path, entries: Iterable[Entry]) -> str:
    """Returns the SHA-256 of every entry's JSON, which names its details by their digest, as `sha256sum -c` reads it.

    Args:
        folder: The folder of all entries; paths are relative to the one that it is in.
        entries: All that lie there.
    """
    paths = sorted(entry_path(folder, entry) for entry in entries)
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder.parent).as_posix()}\n"
        for path in paths
    ]
    return "".join(lines)


def sealed(folder: Path, entries: Iterable[Entry], text: str) -> list[Entry]:
    """Returns the entries that seals name, whatever they say of them; those that came in since are not among them.

    Args:
        folder: The folder of all entries.
        entries: All that lie there.
        text: What `seals` gave at the time.
    """
    named = {line.partition("  ")[2] for line in text.splitlines()}
    return [entry for entry in entries if entry_path(folder, entry).relative_to(folder.parent).as_posix() in named]


def _within(fold: FoldEntry) -> Iterator[str]:
    """Yields what of a fold contradicts itself."""
    where = f"fold {fold.fold}"
    numbers = [draw.draw for draw in fold.draws]
    if numbers != sorted(set(numbers)):
        yield f"{where}: its draws {numbers} are not in order, each once"
    names = [each.name for each in fold.classes]
    if len(set(names)) < len(names):
        yield f"{where}: a class is there twice"
    yield from _differing(f"{where}: score", summarise([draw.score for draw in fold.draws]), fold.score)
    for what, summary in {"score": fold.score, **{f"class {each.name}": each.score for each in fold.classes}}.items():
        mean = summary.mean
        parts = mean.headline_name.split("&")
        if not set(parts) <= set(mean.names):
            yield f"{where}: {what}: there is no {' or no '.join(parts)}, of which {mean.headline_name} is the mean"
        elif not _close(again := mean_of_metrics(mean.headline_name, mean.root), mean.headline):
            yield (
                f"{where}: {what}: {mean.headline_name} is {mean.headline!r}, the mean of {' and '.join(parts)} "
                f"{again!r}"
            )


def _gallery(details: Details) -> Iterator[str]:
    """Yields what of the frames that are shown contradicts the episodes that they are of."""
    ids = details.episodes["episode_id"].to_pylist()
    if len(set(ids)) < len(ids):
        yield "an episode has two scores"
        return
    names = [name for name in details.episodes.column_names if name != "episode_id" and not is_count(name)]
    frames = details.gallery.select(["episode_id", *names]).to_pandas()
    shown = set(frames["episode_id"])
    if shown and shown != set(gallery_episodes(ids)):
        yield "other episodes are shown frame by frame than those that every entry shows"
        return
    episodes = details.episodes.to_pandas().set_index("episode_id")
    for episode_id, rows in frames.groupby("episode_id"):
        for name in names:
            found, given = float(rows[name].mean()), float(episodes.loc[episode_id, name])
            if not _close(found, given):
                yield f"episode {episode_id}: {name} is {given!r}, the mean of its frames {found!r}"


def _episodes(entry: Entry, details: Details, manifest: Manifest | None) -> Iterator[str]:
    """Yields what of the episodes and their numbers is not what the folds, or the manifest, say."""
    ids = details.episodes["episode_id"].to_pylist()
    by_fold: dict[int, set[str]] = {}
    for fold_number, episode_id in zip(details.table["fold"], ids, strict=True):
        by_fold.setdefault(int(fold_number), set()).add(episode_id)
    if extra := sorted(by_fold.keys() - {fold.fold for fold in entry.folds}):
        yield f"there are scores of episodes of folds {extra}, which the entry does not have"
    lengths = {} if manifest is None else frame_counts(manifest, declared_protocol(entry.protocol))
    for fold in entry.folds:
        scored = by_fold.get(fold.fold, set())
        if len(scored) != fold.episodes:
            yield f"fold {fold.fold}: episodes are {fold.episodes}, scores there are of {len(scored)}"
        if manifest is not None:
            yield from _of_manifest(fold, scored, manifest, lengths)


def _of_manifest(fold: FoldEntry, scored: set[str], manifest: Manifest, lengths: Mapping[str, int]) -> Iterator[str]:
    """Yields how the episodes that were scored differ from those that a manifest has for the fold's draws."""
    draws = {draw.draw for draw in fold.draws}
    rows = manifest.tables["episodes"].select(["episode_id", "fold", "draw", "video_id"]).to_pylist()
    videos = {row["episode_id"]: row["video_id"] for row in rows if row["fold"] == fold.fold and row["draw"] in draws}
    if extra := sorted(scored - videos.keys()):
        yield f"fold {fold.fold}: {len(extra)} episodes are not the manifest's, such as {extra[0]}"
    elif (missing := len(videos) - len(scored)) != fold.failed:
        yield f"fold {fold.fold}: {missing} episodes of its draws have no score, {fold.failed} have failed"
    elif lengths and fold.frames != (frames := sum(lengths[videos[episode_id]] for episode_id in scored)):
        yield f"fold {fold.fold}: frames are {fold.frames}, its episodes have {frames}"


def _means(entry: Entry, details: Details, manifest: Manifest | None, found: Checked) -> None:
    """Adds what of draws and classes does not follow from the episodes."""
    protocol = declared_protocol(entry.protocol)
    try:
        table, chain = rows_to_average(details.table, protocol, manifest)
    except RunError as error:
        found.unchecked.append(f"means of draws and classes: {str(error).rstrip('.')}")
        return
    names = sorted(set(table["class"])) if manifest is None else list(manifest.class_names.values())
    scores = keyed_scores(table, chain, names, protocol)
    for fold in entry.folds:
        if fold.fold not in scores:
            continue  # all of its episodes failed, which is a problem by itself
        again, where = scores[fold.fold], f"fold {fold.fold}"
        found.problems += _differing(f"{where}: score", again.score, fold.score)
        pairs = (("draw", again.draws, fold.draws, "draw"), ("class", again.classes, fold.classes, "name"))
        for kind, computed, given, key in pairs:
            expected, actual = ({getattr(each, key): each.score for each in side} for side in (computed, given))
            if list(expected) != list(actual) and (manifest is not None or expected.keys() != actual.keys()):
                found.problems.append(
                    f"{where}: its {kind} results are {list(actual)}, from its episodes {list(expected)}"
                )
                continue
            for name, score in expected.items():
                found.problems += _differing(f"{where}: {kind} {name}", score, actual[name])


def _differing(where: str, computed: BaseModel | None, given: BaseModel | None) -> Iterator[str]:
    """Yields the first number in which a record is not what was computed."""
    one, other = ({} if record is None else _leaves(record.model_dump()) for record in (computed, given))
    for path in sorted(one.keys() | other.keys()):
        first, second = one.get(path), other.get(path)
        if not _close(first, second):
            yield f"{where}: {path} is {second!r}, from its episodes {first!r}"
            return


def _leaves(values: Mapping[Any, Any], path: str = "") -> dict[str, Any]:  # Any: what records hold
    """Returns the values that are no mappings, by their path with points."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        below = f"{path}.{key}" if path else str(key)
        found |= _leaves(value, below) if isinstance(value, Mapping) else {below: value}
    return found


def _close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return math.isclose(one, other, rel_tol=0, abs_tol=CLOSE)
