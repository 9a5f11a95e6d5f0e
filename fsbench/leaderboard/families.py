"""Entries that differ in the seed of their training alone, joined to one: a row that has its trainings inside."""

import json
import re
from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from fsbench.errors import RunError
from fsbench.errors import suggestion
from fsbench.leaderboard.details import Details
from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.entries import FoldEntry
from fsbench.leaderboard.entries import mean_over_folds
from fsbench.methods.contract import Training
from fsbench.scores.metrics import is_count
from fsbench.scores.results import ClassResult
from fsbench.scores.results import DrawResult
from fsbench.scores.results import mean_score
from fsbench.scores.results import summarise
from fsbench.scores.results import Summary

__all__ = ["family_name", "joined", "of_methods"]

_SEED = re.compile(r"(?:(?P<base>.*?)[ .,+-]+)?seed-\d+")


def family_name(variant: str) -> str:
    """Returns what a variant is called without its seed: nothing for `seed-1`, `long` for `long.seed-1` and itself."""
    found = _SEED.fullmatch(variant)
    return variant if found is None else found["base"] or ""


def joined(entries: Iterable[Entry]) -> list[Entry]:
    """Joins entries of the same table that are trainings of one configuration from several seeds.

    They are those of one method and version, with the same options but for `seed`, whose variants are called alike but
    for an ending `seed-K`, and whose weights, as far as they say how they were made, were made alike. All must be
    whole, have scores of the same episodes, none the same ones, and in each fold weights or a `seed` of their own.

    Returns:
        The entries in any order, with one in the place of those that are joined: its scores are means over the
        trainings, and it has these in `trainings`.
    """
    families: dict[str, list[Entry]] = {}
    found = []
    for entry in entries:
        if (key := _key(entry)) is None:
            found.append(entry)
        else:
            families.setdefault(key, []).append(entry)
    for members in families.values():
        members.sort(key=lambda entry: _order(entry.variant))
        found += [_join(members)] if len(members) > 1 and _are_apart(members) else members
    return found


def of_methods(entries: Iterable[Entry], titles: Sequence[str]) -> list[Entry]:
    """Returns the entries, joined, that have one of these titles. Raises RunError if one is of no entry."""
    rows = joined(entries)
    known = {row.title for row in rows}
    for title in titles:
        if title not in known:
            raise RunError(f"There is no entry of a method {title!r}. {suggestion(title, known)}")
    return [row for row in rows if row.title in titles]


def _order(variant: str) -> tuple[int, str]:
    number = re.search(r"\d+$", variant) if _SEED.fullmatch(variant) else None
    return (int(number[0]) if number else -1), variant


def _key(entry: Entry) -> str | None:
    """Returns what the members of a family have in common; None for an entry that cannot be joined."""
    details = entry.details
    if entry.mean is None or details is None or entry.trainings:
        return None
    options = {name: value for name, value in entry.options.items() if name != "seed"}
    made = [(fold.fold, _recipes(fold)) for fold in entry.folds]
    ids = hash(tuple(details.episodes["episode_id"].to_pylist()))
    facts: list[object] = [entry.dataset, entry.manifest_digest, entry.protocol, family_name(entry.variant)]
    facts += [entry.method.name, entry.method.version, repr(entry.control)]
    return json.dumps([*facts, entry.expected_folds, options, made, ids], sort_keys=True, default=str)


def _recipes(fold: FoldEntry) -> object:
    """Returns what the weights of a fold say of how they were made, without seeds and the weights they started from."""
    if fold.weights is None:
        return None
    found: list[object] = [fold.weights.configuration]
    training: Training | None = fold.weights.training
    while training is not None:
        found.append([training.dataset, training.manifest_digest, training.fold, training.classes, training.recipe])
        training = training.of_init
    return found


def _are_apart(members: Sequence[Entry]) -> bool:
    """Tells whether no two have the same scores or, as far as it is known, the same weights and seed in a fold."""
    seeds = [each.options.get("seed") for each in members]
    for same in zip(*(each.folds for each in members), strict=True):
        facts = [(fold.checkpoint_sha256, seed) for fold, seed in zip(same, seeds, strict=True)]
        known = [each for each in facts if set(each) != {None}]
        if len(set(known)) < len(known):
            return False
    return len({each.known_details.digest for each in members}) == len(members)


def _join(members: Sequence[Entry]) -> Entry:
    first = members[0]
    folds = tuple(_join_folds(folds) for folds in zip(*(each.folds for each in members), strict=True))
    seconds = [each.seconds_per_frame for each in members if each.seconds_per_frame is not None]
    memory = [each.peak_memory_bytes for each in members if each.peak_memory_bytes is not None]
    on_device = [each.peak_device_memory_bytes for each in members if each.peak_device_memory_bytes is not None]
    days = [each.evaluated for each in members if each.evaluated is not None]
    return first.model_copy(
        update={
            "variant": family_name(first.variant),
            "folds": folds,
            "mean": mean_over_folds(folds, first.expected_folds),
            "details": _join_details([each.known_details for each in members]),
            "trained_classes": tuple(sorted({name for each in members for name in each.trained_classes})),
            "links": tuple(dict.fromkeys(link for each in members for link in each.links)),
            "seconds_per_frame": float(np.mean(seconds)) if seconds else None,
            "peak_memory_bytes": max(memory, default=None),
            "peak_device_memory_bytes": max(on_device, default=None),
            "evaluated": max(days, default=None),
            "hardware": tuple(dict.fromkeys(name for each in members for name in each.hardware)),
            "trainings": tuple(members),
        }
    )


def _join_folds(folds: Sequence[FoldEntry]) -> FoldEntry:
    draws = [
        DrawResult(draw=same[0].draw, score=mean_score([each.score for each in same]))
        for same in zip(*(fold.draws for fold in folds), strict=True)
    ]
    # What single draws of a class score is in no entry, and the mean of spreads would be none of means.
    classes = [
        ClassResult(name=same[0].name, score=Summary(mean=mean_score([c.score.mean for c in same]), sd_draws=None))
        for same in zip(*(fold.classes for fold in folds), strict=True)
    ]
    score = summarise([draw.score for draw in draws])
    return folds[0].model_copy(update={"score": score, "draws": tuple(draws), "classes": tuple(classes)})


def _join_details(details: Sequence[Details]) -> Details:
    """Returns the mean of every episode over the trainings, and what the first shows."""
    first = details[0].episodes
    columns = {}
    for name in first.column_names[1:]:
        values = np.stack([each.episodes[name].to_numpy() for each in details])
        columns[name] = values.sum(axis=0) if is_count(name) else values.mean(axis=0)
    return Details(pa.table({"episode_id": first["episode_id"], **columns}, schema=first.schema), details[0].gallery)
