"""Building a manifest again by the rule that it records."""

from fsbench.datasets.records import Dataset
from fsbench.datasets.spec import ALL_VIDEOS
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from fsbench.splits.manifest import Manifest
from fsbench.splits.relations import Flaw
from fsbench.splits.schema import TABLES

__all__ = ["rebuild_flaws", "recorded_options"]


def recorded_options(manifest: Manifest) -> BuildOptions:
    """Returns the options that a manifest was built with, to build it again: the same data give the same digest."""
    rule = manifest.info.rule
    videos = None
    if rule["videos"] == "explicit list":
        videos = tuple(row["video_id"] for row in manifest.rows("videos"))
    return BuildOptions(
        version=manifest.info.version,
        seed=manifest.info.seed,
        minimum=rule["minimum"],
        cap=rule["cap"] or 0,
        queries=rule["queries"] or 0,
        draws_from=rule.get("draws_from", ALL_VIDEOS),
        videos=videos,
        use_author_groups=rule["folds_from"] == "author groups",
        **{name: rule[name] for name in ("shots", "frames", "draws")},
    )


def rebuild_flaws(manifest: Manifest, dataset: Dataset) -> list[Flaw]:
    """Builds a manifest again from local data.

    Returns:
        One for each table that has other rows than the manifest's; none if it is the same manifest.

    Raises:
        DataError: The dataset cannot be read.
        ManifestError: Nothing can be built of it by this rule.
    """
    info, _ = build_manifest(dataset, recorded_options(manifest))
    what = "built again from the local data by the recorded rule, it has other rows"
    differ = [name for name in TABLES if info.digests[name] != manifest.info.digests[name]]
    return [Flaw(f"{name}.parquet", what) for name in differ]
