"""From a dataset's records to the rows of a manifest."""

from collections import Counter
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields
from dataclasses import replace
from typing import Any

import fsbench
from fsbench.datasets.completing import complete
from fsbench.datasets.groups import author_groups
from fsbench.datasets.joins import check_records
from fsbench.datasets.records import Dataset
from fsbench.datasets.records import Expression
from fsbench.datasets.records import MinimalDataset
from fsbench.datasets.spec import ALL_VIDEOS
from fsbench.datasets.spec import BuildRule
from fsbench.datasets.spec import DatasetSpec
from fsbench.datasets.spec import DrawsFrom
from fsbench.datasets.spec import Layout
from fsbench.datasets.spec import LeaveOut
from fsbench.datasets.spec import MISLEADING
from fsbench.datasets.spec import spec_of
from fsbench.datasets.spec import UNANSWERABLE
from fsbench.datasets.trees import find_tree
from fsbench.errors import DataError
from fsbench.errors import ManifestError
from fsbench.memory import without_collector
from fsbench.splits.attributes import attribute_notes
from fsbench.splits.attributes import attribute_rows
from fsbench.splits.attributes import misleading_sentences
from fsbench.splits.attributes import SentenceKey
from fsbench.splits.attributes import unanswerable_sentences
from fsbench.splits.episodes import draw_supports
from fsbench.splits.episodes import list_episodes
from fsbench.splits.episodes import repeated_draws
from fsbench.splits.episodes import SupportRule
from fsbench.splits.episodes import SupportSet
from fsbench.splits.manifest import LeftOutRecord
from fsbench.splits.manifest import ManifestInfo
from fsbench.splits.manifest import overall_digest
from fsbench.splits.manifest import Rows
from fsbench.splits.relations import row_flaws
from fsbench.splits.schema import table_digest
from fsbench.splits.schema import TABLES
from fsbench.splits.schema import text_digest
from fsbench.splits.selection import ClassRow
from fsbench.splits.selection import LeftOut
from fsbench.splits.selection import select
from fsbench.splits.selection import Selection
from fsbench.splits.selection import SelectionRule

__all__ = ["BuildOptions", "build_manifest"]


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """What a user may change; None takes the dataset's own default.

    Attributes:
        version: Name of the manifest version.
        minimum, cap, shots, frames, draws, queries, seed: See `BuildRule`.
        draws_from: See `BuildRule`; None for the dataset's rule in its own version, and different videos in any other.
        leave_out: See `BuildRule`.
        videos: An explicit list of videos, instead of the rule.
        use_author_groups: Take folds and videos from the authors' `group<k>_test.json` where they are.
        with_text: Write the sentences into the manifest, not their digests alone.
    """

    version: str | None = None
    minimum: int | None = None
    cap: int | None = None
    shots: int | None = None
    frames: int | None = None
    draws: int | None = None
    queries: int | None = None
    seed: int | None = None
    draws_from: DrawsFrom | None = None
    leave_out: tuple[LeaveOut, ...] | None = None
    videos: tuple[str, ...] | None = None
    use_author_groups: bool = True
    with_text: bool = False

    def rule(self, spec: DatasetSpec) -> BuildRule:
        """Returns the rule for a dataset, with every parameter."""
        given = {field.name: getattr(self, field.name) for field in fields(BuildRule)}
        if self.version not in (None, spec.version):
            given["draws_from"] = self.draws_from or BuildRule.draws_from
        return replace(spec.rule, **{name: value for name, value in given.items() if value is not None})


@without_collector()
def build_manifest(data: MinimalDataset, options: BuildOptions) -> tuple[ManifestInfo, dict[str, Rows]]:
    """Builds a manifest.

    Args:
        data: Read for its records, and for one file header a video where frames are there. Any object with the calls
            of `MinimalDataset`; its `spec`, if it has one, says how it is split by default.
        options: What the user chose.

    Returns:
        What goes to `manifest.json`, and the rows of every table.

    Raises:
        DataError: The dataset cannot be read.
        ManifestError: The list of videos or the authors' groups do not fit the dataset, no episode can be formed, or
            the rule asks for more than any benchmark.
    """
    dataset = complete(data)
    spec = spec_of(dataset)
    rule = options.rule(spec)
    if rule.problem:
        raise ManifestError(f"{dataset.root}: no manifest can be built by this rule ({rule.problem}). Ask for fewer.")
    fold_of = _author_folds(dataset, spec) if options.use_author_groups and spec.has_author_groups else {}
    videos, origin = _explicit_videos(dataset, spec, options, fold_of)
    selection_rule = SelectionRule(spec.categories, spec.num_folds, rule.minimum, rule.cap or None, rule.seed)
    check_records(dataset)
    selected = select(dataset.objects(), selection_rule, videos=videos, fold_of=fold_of or None)
    queries = rule.queries or None
    support_rule = SupportRule(rule.shots, rule.frames, rule.draws, rule.seed, queries, rule.draws_from)
    selection, supports, episodes = _draw(dataset, selected, support_rule, rule.leave_out)
    if not episodes:
        needed = max(rule.shots + 1, rule.minimum if videos is None else 0)
        raise ManifestError(
            f"{dataset.root}: no class has {needed} videos, {rule.shots + 1} of them with sentences, as the rule asks. "
            "Lower --shots or --minimum, or check that this is the right dataset."
        )
    records, class_names = _record_rows(dataset, selection, options.with_text), [row.name for row in selected.classes]
    kept = [each for each in dataset.expressions() if each.video_id in selection.class_of]
    rows: dict[str, Rows] = {
        **records,
        "supports": [_plain(support) for support in supports],
        "episodes": episodes,
        "attributes": attribute_rows(records, class_names, kept),
    }
    flaws = row_flaws(rows)  # how rows hold against one another follows from how they were made
    if flaws:  # such as a name that cannot be a file's: it could not be read again
        raise DataError(f"{dataset.root}: no manifest can be built of it. {flaws[0].what}")
    rule_record = {
        "videos": origin,
        "single_category": True,
        "minimum": rule.minimum if videos is None else None,
        "cap": selection_rule.cap if videos is None else None,
        "num_folds": spec.num_folds,
        "folds_from": "author groups" if fold_of else "class id",
        "shots": rule.shots,
        "frames": rule.frames,
        "draws": rule.draws,
        "queries": queries,
    }
    if rule.draws_from != ALL_VIDEOS:  # what manifests say nothing of that were built before there was a choice
        rule_record["draws_from"] = rule.draws_from
    if rule.leave_out:
        rule_record["leave_out"] = sorted(rule.leave_out)
    return _info(dataset, spec, options, rule_record, rule.seed, selection, rows), rows


def _author_folds(dataset: Dataset, spec: DatasetSpec) -> dict[str, int]:
    if not isinstance(spec.layout, Layout) or (folder := find_tree(spec.layout, dataset.root).groups) is None:
        return {}
    return author_groups(dataset.root / folder, {video.video_id for video in dataset.videos()})


def _explicit_videos(
    dataset: Dataset, spec: DatasetSpec, options: BuildOptions, fold_of: Mapping[str, int]
) -> tuple[tuple[str, ...] | None, str]:
    """Returns the videos to use, or None for the rule, and where they come from."""
    if options.videos is not None:
        return options.videos, "explicit list"
    if fold_of:
        return tuple(fold_of), "author groups"
    if dataset.root.name in spec.derived_folders:
        return tuple(video.video_id for video in dataset.videos()), "every video of a derived release"
    return None, "rule"


def _draw(
    dataset: Dataset, selection: Selection, rule: SupportRule, leave_out: Collection[LeaveOut]
) -> tuple[Selection, list[SupportSet], Rows]:
    """Draws class by class; a class that cannot form an episode moves to what is left out."""
    grouped = _by_class(dataset, selection)
    names = [row.name for row in selection.classes]
    supports: list[SupportSet] = []
    episodes: list[dict[str, Any]] = []  # Any: column values
    classes, left_out = [], list(selection.left_out)
    for row in selection.classes:
        videos, objects, expressions = grouped[row.name]
        if UNANSWERABLE in leave_out:
            expressions = _without(expressions, unanswerable_sentences(expressions))
        shown = expressions
        if MISLEADING in leave_out:
            shown = _without(shown, misleading_sentences(row.name, names, shown))
        drawn = draw_supports(row, videos, objects, shown, rule)
        if drawn:
            classes.append(row)
            supports += drawn
            episodes += list_episodes(row, drawn, expressions, rule)
        else:
            reason = f"{rule.shots} support and 1 query video with sentences needed"
            left_out.append(LeftOut("class", row.name, len(videos), reason))
    kept = {row.name for row in classes}
    class_of = {video_id: name for video_id, name in selection.class_of.items() if name in kept}
    return replace(selection, classes=tuple(classes), class_of=class_of, left_out=tuple(left_out)), supports, episodes


def _without(expressions: Iterable[Expression], left_out: Collection[SentenceKey]) -> list[Expression]:
    return [each for each in expressions if (each.video_id, each.expression_id) not in left_out]


def _by_class(dataset: Dataset, selection: Selection) -> dict[str, tuple[list[Any], list[Any], list[Any]]]:
    """Returns the videos, objects and expressions of each class."""
    grouped: dict[str, tuple[list[Any], list[Any], list[Any]]] = {row.name: ([], [], []) for row in selection.classes}
    tables: tuple[Sequence[Any], ...] = (dataset.videos(), dataset.objects(), dataset.expressions())
    for place, records in enumerate(tables):
        for record in records:
            if name := selection.class_of.get(record.video_id):
                grouped[name][place].append(record)
    return grouped


def _record_rows(dataset: Dataset, selection: Selection, with_text: bool) -> dict[str, Rows]:
    class_rows = {row.name: row for row in selection.classes}
    class_of: dict[str, ClassRow] = {video_id: class_rows[name] for video_id, name in selection.class_of.items()}
    videos = []
    for video in dataset.videos():
        if row := class_of.get(video.video_id):
            height, width = dataset.frame_size(video.video_id) or (None, None)
            record = {"class_id": row.class_id, "fold": row.fold, "height": height, "width": width}
            videos.append({"video_id": video.video_id, "frames": list(video.frames), **record})
    objects = [
        {"video_id": t.video_id, "object_id": t.object_id, "class_id": row.class_id, "frames": list(t.frames)}
        for t in dataset.objects()
        if (row := class_of.get(t.video_id))
    ]
    expressions = [_expression_row(e, with_text) for e in dataset.expressions() if e.video_id in class_of]
    classes = [_plain(row) for row in selection.classes]
    return {"classes": classes, "videos": videos, "objects": objects, "expressions": expressions}


def _expression_row(expression: Expression, with_text: bool) -> dict[str, Any]:
    return {
        "video_id": expression.video_id,
        "expression_id": expression.expression_id,
        "object_ids": list(expression.object_ids),
        "text": expression.text if with_text else None,
        "text_sha256": text_digest(expression.text),
    }


def _plain(value: Any) -> Any:  # Any: nested named tuples and tuples become dicts and lists
    if hasattr(value, "_asdict"):
        return {key: _plain(item) for key, item in value._asdict().items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _info(
    dataset: Dataset,
    spec: DatasetSpec,
    options: BuildOptions,
    rule: dict[str, Any],
    seed: int,
    selection: Selection,
    rows: Mapping[str, Rows],
) -> ManifestInfo:
    digests = {name: table_digest(name, rows[name]) for name in TABLES}
    notes = _notes(spec, rows["videos"], is_folded=rule["folds_from"] == "author groups" or spec.num_folds > 0)
    if "draws_from" in rule and (repeated := repeated_draws(rows["supports"])):
        notes.append(repeated)
    notes += attribute_notes(rows, rule.get("leave_out", ()))
    return ManifestInfo(
        dataset=dataset.name,
        version=spec.version if options.version is None else options.version,
        rule=rule,
        seed=seed,
        sources=dict(dataset.sources()),
        builder=f"fsbench {fsbench.__version__}",
        counts={name: len(rows[name]) for name in TABLES},
        left_out=[LeftOutRecord(**item._asdict()) for item in selection.left_out],
        notes=notes,
        digests=digests,
        digest=overall_digest(digests),
    )


def _notes(spec: DatasetSpec, videos: Iterable[Mapping[str, Any]], *, is_folded: bool) -> list[str]:
    per_fold = Counter(row["fold"] for row in videos)
    total = sum(per_fold.values())
    folds = "/".join(str(per_fold[fold]) for fold in sorted(per_fold))
    notes = [
        "Sentences are in the manifest as SHA-256 of their exact text; another release of the dataset may spell some "
        "otherwise, which 'fsbench verify --data-root' then lists."
    ]
    if not is_folded:
        notes.append("A cross-domain set: no training folds, all classes form one group, fold 0.")
    if spec.published_videos is None and spec.published_note:
        notes.append(spec.published_note)
    elif spec.published_videos not in (None, total):
        notes.append(
            f"{total:,} videos in folds of {folds}; the paper counts {spec.published_videos:,}. {spec.published_note}"
        )
    return notes
