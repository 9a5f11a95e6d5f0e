"""Building a manifest again by the rule that it records."""

from typing import Annotated
from typing import Literal

from pydantic import ConfigDict
from pydantic import Field
from pydantic import ValidationError

from fsbench.datasets.records import Dataset
from fsbench.datasets.spec import ALL_VIDEOS
from fsbench.datasets.spec import DrawsFrom
from fsbench.datasets.spec import LeaveOut
from fsbench.errors import ManifestError
from fsbench.records import first_problem
from fsbench.records import Record
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from fsbench.splits.manifest import Manifest
from fsbench.splits.relations import Flaw

__all__ = ["rebuild_flaws", "recorded_options"]

_Count = Annotated[int, Field(ge=1)]
_Limit = Annotated[int, Field(ge=0)]


class _RecordedRule(Record):
    """`rule` of `manifest.json`, as `build_manifest` writes it; a manifest of another origin may hold anything there.

    Attributes:
        videos: Where the videos come from.
        single_category: Whether only videos are taken whose objects have one category; this program takes no others.
        minimum, cap, shots, frames, draws, draws_from: See `BuildRule`. None: no minimum, and no cap.
        num_folds: See `DatasetSpec`.
        folds_from: What decides about the fold of a class.
        queries: See `BuildRule`; None for all.
        leave_out: See `BuildRule`.
    """

    model_config = ConfigDict(strict=True)

    videos: Literal["rule", "explicit list", "author groups", "every video of a derived release"]
    single_category: Literal[True]
    minimum: _Limit | None
    cap: _Count | None
    num_folds: _Limit
    folds_from: Literal["author groups", "class id"]
    shots: _Count
    frames: _Count
    draws: _Count
    queries: _Count | None
    draws_from: DrawsFrom = ALL_VIDEOS
    leave_out: list[LeaveOut] = Field(default_factory=list)


def recorded_options(manifest: Manifest) -> BuildOptions:
    """Returns the options that a manifest was built with, to build it again: the same data give the same digest.

    Raises:
        ManifestError: It records no rule that this program builds by.
    """
    try:
        rule = _RecordedRule.model_validate(manifest.info.rule)
    except ValidationError as error:
        raise ManifestError(
            f"{manifest.path / 'manifest.json'}: rule.{first_problem(error)}. A manifest is built again by a rule of "
            f"the keys {', '.join(_RecordedRule.model_fields)}, as 'fsbench build-splits' records it; leave out "
            "--rebuild."
        ) from error
    videos = None
    if rule.videos == "explicit list":
        videos = tuple(row["video_id"] for row in manifest.rows("videos"))
    return BuildOptions(
        version=manifest.info.version,
        seed=manifest.info.seed,
        minimum=rule.minimum,
        cap=rule.cap or 0,
        shots=rule.shots,
        frames=rule.frames,
        draws=rule.draws,
        queries=rule.queries or 0,
        draws_from=rule.draws_from,
        leave_out=tuple(rule.leave_out),
        videos=videos,
        use_author_groups=rule.folds_from == "author groups",
    )


def rebuild_flaws(manifest: Manifest, dataset: Dataset) -> list[Flaw]:
    """Builds a manifest again from local data.

    Returns:
        One for each table that has other rows than the manifest's; none if it is the same manifest.

    Raises:
        DataError: The dataset cannot be read.
        ManifestError: It records no rule, or nothing can be built of the dataset by it.
    """
    info, _ = build_manifest(dataset, recorded_options(manifest))
    what = "built again from the local data by the recorded rule, it has other rows"
    differ = [name for name in manifest.tables if info.digests[name] != manifest.info.digests[name]]
    return [Flaw(f"{name}.parquet", what) for name in differ]
