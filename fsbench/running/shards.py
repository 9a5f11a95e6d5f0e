"""A run in shards: parts of its videos, done anywhere in folders of their own, and gathered into the run's.

Shards need nothing of each other, so that they may be tasks of an array of jobs, or shells on several machines that
share a disk. Gathered, they are the run that one call would have made, to the byte (all but `timing.jsonl`).
"""

import re
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from fsbench.errors import RunError
from fsbench.files import locked
from fsbench.files import write_whole
from fsbench.protocol import declared_protocol
from fsbench.running.fold import claim
from fsbench.running.fold import conclude
from fsbench.running.identity import differences
from fsbench.running.parts import read_failures
from fsbench.running.parts import write_failures
from fsbench.running.plan import queries
from fsbench.running.runs import part_path
from fsbench.running.runs import read_result
from fsbench.running.runs import Run
from fsbench.scores.results import Result
from fsbench.scores.results import RunIdentity
from fsbench.splits.manifest import Manifest

__all__ = ["gather", "shard_folder", "shard_folders"]


def shard_folder(out: Path, number: int, count: int) -> Path:
    """Returns the folder of a shard of the run whose folder is `out`."""
    return out.with_name(f"{out.name}.shard-{number}-of-{count}")


def shard_folders(out: Path) -> list[Path]:
    """Returns the folders of shards that lie beside a run's folder. Raises RunError if there is none."""
    named = re.compile(rf"{re.escape(out.name)}\.shard-\d+-of-\d+")
    found = [path for path in out.parent.glob("*.shard-*") if named.fullmatch(path.name) and path.is_dir()]
    if not found:
        raise RunError(
            f"{out}: there are no shards {out.name}.shard-1-of-2 and so on beside it. Run 'fsbench evaluate --shard'."
        )
    return sorted(found)


def gather(
    folders: Sequence[Path], out: Path, manifest_of: Callable[[RunIdentity], Manifest], *, restart: bool = False
) -> Run:
    """Gathers the shards of a run; what was gathered before is gathered again.

    Args:
        folders: Those of the shards, each with its folds.
        out: The run's folder.
        manifest_of: Returns the manifest that a run names.
        restart: Discard what lies in the run's folder and is of another run.

    Returns:
        The run.

    Raises:
        RunError: A shard is missing, unfinished, there twice, being worked on, or of another run; a part of it is not
            there; or the folder holds another run.
    """
    folds: dict[str, list[Path]] = {}
    for folder in folders:
        for path in folder.glob("fold-*"):
            folds.setdefault(path.name, []).append(path)
    if not folds:
        raise RunError(f"{', '.join(map(str, folders))}: no fold of any shard is there yet.")
    results = {}
    for name in sorted(folds):
        with ExitStack() as stack:
            for path in (out / name, *folds[name]):
                stack.enter_context(locked(path))
            results[out / name] = _gather_fold(sorted(folds[name]), out / name, manifest_of, restart=restart)
    return Run(results)


def _gather_fold(
    folders: Sequence[Path], out: Path, manifest_of: Callable[[RunIdentity], Manifest], *, restart: bool
) -> Result:
    shards = _complete({folder: read_result(folder) for folder in folders})
    first = next(iter(shards.values()))
    identity = first.identity.model_copy(update={"shard": None})
    manifest, protocol = manifest_of(identity), declared_protocol(identity.protocol)
    frames = {row["video_id"]: tuple(row["frames"]) for row in manifest.rows("videos")}
    asked: dict[int, Mapping[str, Sequence[str]]] = {}
    source: dict[int, Path] = {}
    for folder, result in shards.items():
        who = result.identity
        for query in queries(manifest, who.fold, who.draws, limit=who.limit, classes=who.classes, shard=who.shard):
            asked[query.number] = {row["episode_id"]: frames[query.video_id] for row in query.episodes}
            source[query.number] = folder
    kinds = ("predictions", "scores")
    parts = {part_path(out, kind, n): part_path(source[n], kind, n) for n in sorted(asked) for kind in kinds}
    if missing := next((part for part in parts.values() if not part.is_file()), None):
        raise RunError(f"{missing}: is not there. Give the command of this shard again.")
    claim(out, identity, restart=restart)
    failures: dict[int, dict[str, str]] = {}
    timing = b""
    for folder in shards:
        failures |= read_failures(folder)
        timing += (folder / "timing.jsonl").read_bytes()
    for path, part in parts.items():
        write_whole(path, part.read_bytes())
    if failures:
        write_failures(out, failures)
    write_whole(out / "timing.jsonl", timing)
    return conclude(out, identity, protocol, manifest, dict(sorted(asked.items())), failures)


def _complete(found: Mapping[Path, Result]) -> dict[Path, Result]:
    """Returns the shards in the order of their numbers. Raises RunError if they are not all those of one run."""
    by_number: dict[int, Path] = {}
    (first, example), *_ = found.items()
    for folder, result in found.items():
        if result.identity.shard is None:
            raise RunError(f"{folder}: is a whole run, no shard. Take it as it is, or leave it out.")
        number, count = result.identity.shard
        plain = [each.identity.model_copy(update={"shard": (0, count)}) for each in (example, result)]
        if changed := differences(*plain):
            raise RunError(f"{folder}: is of another run than {first}; it differs in {'; '.join(changed)}.")
        if example.identity.shard is None or count != example.identity.shard[1]:
            raise RunError(f"{folder}: is one of {count} shards, and {first} is not. Gather those of one division.")
        if number in by_number:
            raise RunError(f"{folder}: shard {number} is there twice, also as {by_number[number]}. Leave one out.")
        by_number[number] = folder
    if missing := sorted(set(range(1, count + 1)) - by_number.keys()):
        listed = ", ".join(map(str, missing))
        raise RunError(
            f"{first.parent.parent}: of fold {example.identity.fold}, shard {listed} of {count} is not there. Run its "
            "command (--shard) to the end, then gather again."
        )
    return {by_number[number]: found[by_number[number]] for number in sorted(by_number)}
