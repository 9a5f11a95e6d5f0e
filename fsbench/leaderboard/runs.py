"""From finished runs to entries."""

import json
import logging
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
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

__all__ = ["entries_from_runs", "manifest_folds"]

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
        _entry_from_group(group, expected_folds, trained_classes, links, described)
        for _, group in sorted(groups.items())
    ]
    return sorted(entries, key=lambda entry: (entry.dataset, entry.protocol, entry.title))


def _entry_from_group(
    group: dict[int, tuple[Path, Result]],
    expected_folds: Callable[[RunIdentity], Sequence[int] | None],
    trained_classes: Sequence[str],
    links: Sequence[str],
    described: Sequence[DatasetSpec],
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
    details = _details(runs, identity.protocol, spec_of_name(identity.dataset, described))
    return entry_from_results(results, expected, timing, details, trained_classes=trained_classes, links=links)


def _details(runs: Sequence[Path], protocol: str, spec: DatasetSpec) -> Details | None:
    """Returns the details of runs; None, with a warning, if only the results of one are left."""
    if bare := [run for run in runs if not (run / "scores").is_dir()]:
        logger.warning("%s: holds no scores of single frames, so the entry has neither details nor intervals.", bare[0])
        return None
    return details_from_runs(runs, reported_metrics(protocol), with_masks=spec.shows != "nothing")
