"""What a site shows, read from committed entries or from finished runs."""

from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fsbench.errors import RunError
from fsbench.evaluation.results import RunIdentity
from fsbench.evaluation.runner import read_result
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.entries import entry_path
from fsbench.leaderboard.entries import read_entries
from fsbench.leaderboard.runs import entries_from_runs
from fsbench.leaderboard.runs import find_runs
from fsbench.leaderboard.runs import manifest_folds
from fsbench.leaderboard.site.boards import Contribution
from fsbench.leaderboard.site.views import parse_episode_id

__all__ = ["contributions_from_entries", "contributions_from_runs"]

EPISODES = pa.schema([("episode_id", pa.string()), ("J", pa.float64()), ("F", pa.float64())])
GALLERY = pa.schema(
    [
        ("episode_id", pa.string()),
        ("frame", pa.string()),
        ("J", pa.float64()),
        ("F", pa.float64()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("counts", pa.binary()),
    ]
)
GALLERY_PER_CLASS = 4


def contributions_from_entries(folder: Path) -> list[Contribution]:
    """Reads all entries below a folder, with the tables beside them; a table that is not there is empty.

    Raises:
        RunError: See `read_entries`; or a table is damaged.
    """
    found = []
    for entry in read_entries(folder):
        path = entry_path(folder, entry)
        tables = [_beside(path, kind, schema) for kind, schema in (("episodes", EPISODES), ("gallery", GALLERY))]
        found.append(Contribution(entry, *tables))
    return found


def contributions_from_runs(
    folder: Path, expected_folds: Callable[[RunIdentity], Sequence[int] | None] = manifest_folds
) -> list[Contribution]:
    """Makes entries of finished runs, as `entries_from_runs` does, with their episodes and gallery."""
    runs = {run: read_result(run).identity for run in find_runs(folder)}
    return [
        _contribution(entry, [run for run, identity in runs.items() if _is_of(identity, entry)])
        for entry in entries_from_runs(folder, expected_folds)
    ]


def _beside(path: Path, kind: str, schema: pa.Schema) -> pa.Table:
    file = path.with_suffix(f".{kind}.parquet")
    if not file.is_file():
        return schema.empty_table()
    try:
        return pq.read_table(file).select(schema.names).cast(schema)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise RunError(f"{file}: cannot be read ({error}). Make it again with 'fsbench submit'.") from error


def _is_of(identity: RunIdentity, entry: Entry) -> bool:
    names = ("dataset", "manifest_digest", "protocol", "method", "variant", "options", "packages", "commit")
    return all(getattr(identity, name) == getattr(entry, name) for name in names)


def _contribution(entry: Entry, runs: Sequence[Path]) -> Contribution:
    scores = _parts(runs, "scores", GALLERY.names[:4])
    means = scores.group_by("episode_id").aggregate([("J", "mean"), ("F", "mean")])
    episodes = pa.table([means["episode_id"], means["J_mean"], means["F_mean"]], schema=EPISODES)
    chosen = pa.array(_gallery_ids(episodes["episode_id"].to_pylist()), pa.string())
    seen = scores.filter(pc.is_in(scores["episode_id"], chosen))
    masks = _parts(runs, "predictions", ["episode_id", *GALLERY.names[4:], "frame"])
    gallery = seen.join(masks, ["episode_id", "frame"]).sort_by([("episode_id", "ascending"), ("frame", "ascending")])
    return Contribution(entry, episodes, gallery.select(GALLERY.names))


def _parts(runs: Sequence[Path], kind: str, columns: Sequence[str]) -> pa.Table:
    paths = [path for run in runs for path in sorted((run / kind).glob("part-*.parquet"))]
    return pa.concat_tables([pq.read_table(path, columns=list(columns)) for path in paths])


def _gallery_ids(episode_ids: Sequence[str]) -> list[str]:
    """Returns a few episodes of the first draw of each class, evenly spread; the same for every method."""
    by_class: dict[str, list[str]] = {}
    for episode_id in sorted(episode_ids):
        key = parse_episode_id(episode_id)
        if key.draw == 0:
            by_class.setdefault(key.class_name, []).append(episode_id)
    return [
        ids[i * len(ids) // GALLERY_PER_CLASS]
        for ids in by_class.values()
        for i in range(min(len(ids), GALLERY_PER_CLASS))
    ]
