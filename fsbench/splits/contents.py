"""What a manifest holds, as records to list and to choose from."""

from collections import Counter
from collections.abc import Collection
from collections.abc import Iterable
from typing import Any

from fsbench.errors import ManifestError
from fsbench.errors import suggestion
from fsbench.splits.manifest import Manifest

__all__ = ["chosen_classes", "class_records", "episode_records"]

_Records = list[dict[str, Any]]  # Any: text and numbers


def chosen_classes(manifest: Manifest, folds: Collection[int] = (), names: Iterable[str] = ()) -> set[int]:
    """Returns the ids of the classes that folds and names leave.

    Args:
        manifest: The manifest.
        folds: Empty for all.
        names: Of classes in these folds; empty for all.

    Raises:
        ManifestError: There is no such fold, or no such class in the folds.
    """
    for fold in folds:
        if fold not in manifest.folds:
            known = ", ".join(map(str, manifest.folds))
            raise ManifestError(f"{manifest.path}: there is no fold {fold}; its folds are {known}.")
    there = {row["name"]: row for row in manifest.rows("classes") if not folds or row["fold"] in folds}
    names = set(names)
    for name in sorted(names - there.keys()):
        elsewhere = next((row["fold"] for row in manifest.rows("classes") if row["name"] == name), None)
        hint = suggestion(name, there) if elsewhere is None else f"It is a class of fold {elsewhere}."
        raise ManifestError(f"{manifest.path}: there is no class {name!r} in what is asked for. {hint}")
    return {row["class_id"] for name, row in there.items() if not names or name in names}


def class_records(manifest: Manifest, folds: Collection[int] = ()) -> _Records:
    """Returns fold, class, and the numbers of videos, of those that are queried, and of episodes, in class-id order.

    Raises:
        ManifestError: There is no such fold.
    """
    chosen = chosen_classes(manifest, folds)
    videos = Counter(row["class_id"] for row in manifest.rows("videos"))
    queried = Counter(class_id for class_id, _ in {(r["class_id"], r["video_id"]) for r in manifest.rows("episodes")})
    episodes = Counter(row["class_id"] for row in manifest.rows("episodes"))
    return [
        {
            "fold": row["fold"],
            "class": row["name"],
            "videos": videos[row["class_id"]],
            "queried": queried[row["class_id"]],
            "episodes": episodes[row["class_id"]],
        }
        for row in manifest.rows("classes")
        if row["class_id"] in chosen
    ]


def episode_records(manifest: Manifest, folds: Collection[int] = (), classes: Iterable[str] = ()) -> _Records:
    """Returns episode, fold, class, draw, video, expression, object ids and number of frames, in the order of the ids.

    Args:
        manifest: The manifest.
        folds: Empty for all.
        classes: Names of classes in these folds; empty for all.

    Raises:
        ManifestError: There is no such fold, or no such class in the folds.
    """
    chosen = chosen_classes(manifest, folds, classes)
    names = manifest.class_names
    frames = {row["video_id"]: len(row["frames"]) for row in manifest.rows("videos")}
    return [
        {
            "episode": row["episode_id"],
            "fold": row["fold"],
            "class": names[row["class_id"]],
            "draw": row["draw"],
            "video": row["video_id"],
            "expression": row["expression_id"],
            "objects": row["object_ids"],
            "frames": frames[row["video_id"]],
        }
        for row in manifest.rows("episodes")
        if row["class_id"] in chosen
    ]
