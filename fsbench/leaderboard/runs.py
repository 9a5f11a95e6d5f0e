"""From finished runs to entries."""

import json
import logging
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path

from fsbench.datasets.catalogue import spec_of_name
from fsbench.datasets.spec import DatasetSpec
from fsbench.errors import RunError
from fsbench.leaderboard.details import Details
from fsbench.leaderboard.details import details_from_runs
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.entries import entry_from_results
from fsbench.leaderboard.entries import PER_FOLD
from fsbench.protocol import reported_metrics
from fsbench.running.cost import read_timing
from fsbench.running.runs import find_runs
from fsbench.running.runs import read_result
from fsbench.scores.results import Result
from fsbench.scores.results import RunIdentity
from fsbench.splits.manifest import manifest_of_digest

__all__ = ["entries_from_runs", "manifest_folds", "with_masks"]

logger = logging.getLogger(__name__)


def manifest_folds(identity: RunIdentity, splits: Path | None = None) -> tuple[int, ...] | None:
    """Finds the folds of the manifest that a run was made with.

    Args:
        identity: The run's.
        splits: See `find_manifest`.

    Returns:
        The folds, in order; None if no version of the dataset's manifest there has the run's digest.
    """
    manifest = manifest_of_digest(identity.dataset, identity.manifest_digest, splits)
    return None if manifest is None else manifest.folds


def entries_from_runs(
    found: Path | Iterable[Path],
    expected_folds: Callable[[RunIdentity], Sequence[int] | None] = manifest_folds,
    *,
    trained_classes: Sequence[str] = (),
    links: Sequence[str] = (),
    described: Sequence[DatasetSpec] = (),
    with_controls: bool = False,
    shows_all: bool = False,
    evaluated: date | None = None,
) -> list[Entry]:
    """Makes entries of finished runs. Runs that differ in more than the fold are never joined.

    A run of some videos or classes alone, or of a control, is passed over, with a warning.

    Args:
        found: The runs' folders, or a folder that holds them at any depth.
        expected_folds: Says which folds the dataset of a run has; if it returns None, the folds that are there count
            as all.
        trained_classes, links: See `Entry`; the same for all.
        described: Datasets that no package registers; of one that is not known at all, no mask is shown.
        with_controls: Take controls, too, to hold them against other runs.
        shows_all: Put masks into the galleries of datasets, too, of which nothing may be shown: for oneself.
        evaluated: The day, where runs do not say.

    Returns:
        The entries, sorted by dataset, protocol and method.

    Raises:
        RunError: A result is damaged, or two runs are of the same fold.
    """
    groups: dict[str, dict[int, tuple[Path, Result]]] = {}
    for run in find_runs(found) if isinstance(found, Path) else found:
        result = read_result(run)
        if result.identity.part:
            logger.warning("%s: a run of %s, which is never an entry.", run, result.identity.part)
            continue
        if result.identity.control and not with_controls:
            logger.warning("%s: a control (%s), which is never an entry.", run, result.identity.control)
            continue
        key = json.dumps(result.identity.model_dump(mode="json", exclude=set(PER_FOLD)), sort_keys=True)
        group = groups.setdefault(key, {})
        if result.identity.fold in group:
            other = group[result.identity.fold][0]
            raise RunError(f"{run}: the same run of the same fold as {other}. Delete one of them.")
        group[result.identity.fold] = (run, result)
    entries = [
        _entry_from_group(group, expected_folds, trained_classes, links, described, shows_all, evaluated)
        for _, group in sorted(groups.items())
    ]
    return sorted(entries, key=lambda entry: (entry.dataset, entry.protocol, entry.title))


def with_masks(entries: Iterable[Entry], runs: Path, splits: Path | None = None) -> list[Entry]:
    """Returns entries with the masks of the runs that they were made from, for oneself.

    Args:
        entries: In any order.
        runs: Holds runs at any depth. One is an entry's if it is of the same method, variant and protocol, and gives
            every episode the same scores.
        splits: See `find_manifest`.
    """
    made = {
        _key(each): each for each in entries_from_runs(runs, partial(manifest_folds, splits=splits), shows_all=True)
    }
    return [_masked(entry, made.get(_key(entry))) for entry in entries]


def _key(entry: Entry) -> tuple[str, ...]:
    return entry.dataset, entry.manifest_digest, entry.protocol, entry.title


def _masked(entry: Entry, made: Entry | None) -> Entry:
    if entry.details is None or made is None or made.details is None:
        return entry
    if not made.details.episodes.equals(entry.details.episodes):
        logger.warning("%s, %s: the runs have other scores, so their masks are not shown.", entry.dataset, entry.title)
        return entry
    return entry.model_copy(update={"details": made.details})


def _entry_from_group(
    group: dict[int, tuple[Path, Result]],
    expected_folds: Callable[[RunIdentity], Sequence[int] | None],
    trained_classes: Sequence[str],
    links: Sequence[str],
    described: Sequence[DatasetSpec],
    shows_all: bool,
    evaluated: date | None,
) -> Entry:
    results = [result for _, result in group.values()]
    identity = results[0].identity
    expected = expected_folds(identity)
    if expected is None:
        logger.warning(
            "%s: no manifest with digest %s here; the folds of the runs count as all.",
            identity.dataset,
            identity.manifest_digest[:12],
        )
        expected = sorted(group)
    runs = [run for run, _ in group.values()]
    timing = [unit for run in runs for unit in read_timing(run)]
    is_shown = shows_all or spec_of_name(identity.dataset, described).shows != "nothing"
    details = _details(runs, identity.protocol, is_shown)
    return entry_from_results(
        results, expected, timing, details, trained_classes=trained_classes, links=links, evaluated=evaluated
    )


def _details(runs: Sequence[Path], protocol: str, is_shown: bool) -> Details | None:
    """Returns the details of runs, with masks or without; None, with a warning, if only the results of one are left."""
    if bare := [run for run in runs if not (run / "scores").is_dir()]:
        logger.warning("%s: holds no scores of single frames, so the entry has neither details nor intervals.", bare[0])
        return None
    return details_from_runs(runs, reported_metrics(protocol), with_masks=is_shown)
