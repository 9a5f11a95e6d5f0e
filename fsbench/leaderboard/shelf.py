"""Where entries lie: reading and writing them, so that a reader never sees half of one."""

import logging
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from filelock import Timeout
from pydantic import ValidationError

from fsbench.datasets.catalogue import spec_of_name
from fsbench.errors import RunError
from fsbench.files import path_part
from fsbench.files import write_whole
from fsbench.leaderboard.details import clear_details
from fsbench.leaderboard.details import read_details
from fsbench.leaderboard.details import write_details
from fsbench.leaderboard.entries import Entry
from fsbench.protocol import reported_metrics
from fsbench.protocol import reported_names
from fsbench.records import first_problem

__all__ = ["entry_path", "losses", "read_entries", "read_entry", "write_entries", "write_entry"]

logger = logging.getLogger(__name__)

PATIENCE = 60.0  # seconds that a writer waits for another


def entry_path(folder: Path, entry: Entry) -> Path:
    """Returns where an entry belongs.

    Args:
        folder: The folder of all entries.
        entry: The entry.

    Returns:
        `<folder>/<dataset>/<method>[.<variant>][.<protocol>].json`; the protocol `standard` is left out. Of a dataset
        with several versions of other data, those after the first have `<dataset>@<version>` for `<dataset>`.

    Raises:
        RunError: A name is no file name, so that the path might lie elsewhere; or the entry is of a control.
    """
    if entry.control is not None:
        raise RunError(f"{entry.title}: a control is never an entry. Submit the plain run.")
    protocol = entry.protocol.split("|", 1)[0]
    parts = {"method": entry.method.name, "variant": entry.variant, "protocol": protocol}
    for what, name in {"dataset": entry.dataset, **parts}.items():
        if name or what != "variant":
            path_part(name, what, RunError)
    stem = ".".join(name for name in parts.values() if name not in ("", "standard"))
    return folder / _home(entry) / f"{path_part(stem, 'entry', RunError)}.json"


def _home(entry: Entry) -> str:
    spec = spec_of_name(entry.dataset)
    later = [each.version for each in (*spec.earlier, spec)][1:]
    return f"{entry.dataset}@{entry.manifest_version}" if entry.manifest_version in later else entry.dataset


def write_entry(folder: Path, entry: Entry, *, overwrite: bool = False) -> Path:
    """Writes an entry; see `write_entries`. Returns its path."""
    return write_entries(folder, [entry], overwrite=overwrite)[0]


def write_entries(folder: Path, entries: Sequence[Entry], *, overwrite: bool = False) -> list[Path]:
    """Writes entries, each in place of the method's earlier one; all, or none if one is refused.

    One process at a time writes. The details of an entry, in files that are named by their digest, are there before its
    JSON, and those of the earlier one until after it.

    Args:
        folder: The folder of all entries.
        entries: What to write.
        overwrite: Also replace an entry by one with less: fewer folds or draws, or of an older version.

    Returns:
        Where each lies now.

    Raises:
        RunError: A name is no file name, two entries (of other options, say) claim the same file, an entry has less
            than the one whose place it would take, or another process keeps writing.
    """
    claims: dict[Path, Entry] = {}
    for entry in entries:
        path = entry_path(folder, entry)
        if path in claims:
            raise RunError(
                f"{path}: two entries claim this file; they differ in {claims[path].differs_from(entry)}. Keep the "
                "runs of one of them, or give the variants names of their own."
            )
        claims[path] = entry
    with _alone(folder):
        _compare_with_earlier(claims, overwrite)
        for path, entry in claims.items():
            if entry.details is not None:
                write_details(path, entry.details)
            write_whole(path, entry.model_dump_json(indent=1) + "\n")
            clear_details(path, entry.details_sha256)
    return list(claims)


def read_entries(folder: Path) -> list[Entry]:
    """Reads all entries below a folder.

    Args:
        folder: The folder of all entries; there are none if it does not exist.

    Returns:
        The entries, sorted by path.

    Raises:
        RunError: A file is damaged, of a newer schema, or not where its entry belongs; the message names it.
    """
    return [read_entry(folder, path) for path in sorted(folder.glob("*/*.json"))]


def read_entry(folder: Path, path: Path) -> Entry:
    """Reads one entry below the folder of all, with its details. Raises as `read_entries`."""
    while True:
        content = _content(path)
        try:
            return _parsed(folder, path, content)
        except RunError:
            if _content(path) == content:
                raise
            # Another process has put another entry here meanwhile, and taken away the details of this one.


def losses(old: Entry, new: Entry) -> list[str]:
    """Returns what a leaderboard loses when an entry takes the place of another, as "what: before, now after".

    Fewer folds, draws or episodes of a fold, more failures, no details any more, or an older version of the method, the
    manifest or fsbench, as far as versions are numbers with points between them. A lower score is no loss.
    """
    before, after = ({fold.fold: fold for fold in entry.folds} for entry in (old, new))
    found = []
    if before.keys() - after.keys():
        found.append(f"folds: {_listed(before)}, now {_listed(after)}")
    is_same_set = old.manifest_digest == new.manifest_digest
    for number in sorted(before.keys() & after.keys()):
        one, other = before[number], after[number]
        numbers = {"draws": (len(one.draws), len(other.draws))}
        if is_same_set and len(one.draws) == len(other.draws):
            numbers["scored episodes"] = (one.episodes, other.episodes)
        found += [f"{what} of fold {number}: {a}, now {b}" for what, (a, b) in numbers.items() if b < a]
        if other.failed > one.failed:
            found.append(f"failed episodes of fold {number}: {one.failed}, now {other.failed}")
    if old.details is not None and new.details is None:
        found.append(f"scores of episodes: {old.details.episodes.num_rows}, now none")
    versions = {
        "version of the method": (old.method.version, new.method.version),
        "version of the manifest": (old.manifest_version, new.manifest_version),
        "version of fsbench": (old.packages.get("fsbench", ""), new.packages.get("fsbench", "")),
    }
    return found + [f"{what}: {a}, now {b}" for what, (a, b) in versions.items() if _is_older(b, a)]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Waits until no other process writes here. The lock goes with the process, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        held = FileLock(folder / ".lock", thread_local=False).acquire(timeout=PATIENCE, poll_interval=0.02)
    except Timeout:
        raise RunError(f"{folder}: another fsbench has been writing here for {PATIENCE:.0f} s. Try again.") from None
    with held:
        yield


def _compare_with_earlier(claims: dict[Path, Entry], overwrite: bool) -> None:
    """Raises RunError if one that is there has more than what is to come, or warns if that is wanted."""
    refused = []
    for path, entry in claims.items():
        if not path.exists():
            continue
        try:
            earlier = _parsed(path.parent.parent, path, _content(path))
        except RunError as error:  # what cannot be read is no loss
            logger.warning("%s Replaced.", error)
            continue
        if lost := losses(earlier, entry):
            message = f"{path}: {'; '.join([*lost, *_means(earlier, entry)])}"
            if overwrite:
                logger.warning("%s.", message)
            else:
                refused.append(message)
    if refused:
        raise RunError(
            f"Nothing is written, as less would take the place of more. {'. '.join(refused)}. Evaluate what is "
            "missing, give the run a variant's name, or replace the earlier entries with --overwrite."
        )


def _means(old: Entry, new: Entry) -> list[str]:
    """Returns what becomes of the mean over folds, if either has one."""
    if old.mean is None and new.mean is None:
        return []
    before, after = ("none" if e.mean is None else f"{100 * e.mean.mean.headline:.1f}" for e in (old, new))
    return [f"mean {reported_names(new.protocol)[-1]}: {before}, now {after}"]


def _listed(numbers: Iterable[int]) -> str:
    return " ".join(map(str, sorted(numbers)))


def _is_older(one: str, other: str) -> bool:
    """Tells whether a version is older than another; False if that cannot be told."""
    parts = [re.fullmatch(r"(\D*)(\d{1,18}(?:\.\d{1,18})*)", version, re.ASCII) for version in (one, other)]
    if parts[0] is None or parts[1] is None or parts[0][1] != parts[1][1]:
        return False
    first, second = ([int(number) for number in part[2].split(".")] for part in parts if part)
    return first < second


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror}).") from error


def _parsed(folder: Path, path: Path, content: bytes) -> Entry:
    try:
        entry = Entry.model_validate_json(content)
    except ValidationError as error:
        raise RunError(f"{path}: {first_problem(error)}. Restore the file, or make it again from its runs.") from error
    if (place := entry_path(folder, entry)) != path:
        raise RunError(f"{path}: holds an entry that belongs at {place}. Move it there.")
    entry = entry.model_copy(
        update={"details": read_details(path, entry.details_sha256, reported_metrics(entry.protocol))}
    )
    if entry.details is not None:
        known = {(fold.fold, each.name) for fold in entry.folds for each in fold.classes}
        scored = entry.details.table[["fold", "class"]].drop_duplicates().itertuples(index=False, name=None)
        if other := sorted(set(scored) - known):
            fold, name = other[0]
            raise RunError(
                f"{path}: has scores of episodes of class {name!r} in fold {fold}, and no result of it. Restore the "
                "file, or make it again from its runs."
            )
    return entry
