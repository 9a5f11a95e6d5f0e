"""Which classes under test weights have seen, by all that is said of them."""

from collections.abc import Collection
from collections.abc import Iterable

from fsbench.datasets.naming import same_thing
from fsbench.leaderboard.corpora import corpora_named
from fsbench.leaderboard.corpora import corpora_with
from fsbench.methods.contract import Training
from fsbench.methods.contract import Weights

__all__ = ["seen_classes", "training_text"]


def seen_classes(names: Iterable[str], declared: Iterable[str], weights: Weights | None) -> dict[str, str]:
    """Returns those of some classes that weights have seen, each with where; empty where it is declared by its name.

    Args:
        names: Of the classes.
        declared: Classes and corpora that the weights have seen, as authors and submitter declare.
        weights: What the checkpoint says of itself.
    """
    declared = list(declared)
    corpora = corpora_named(declared)
    by_name = {same_thing(each) for each in declared}
    found = {}
    for name in names:
        trainings = [
            f"{training.dataset} {training.manifest_version}"
            for training in _trainings(weights)
            if same_thing(name) in map(same_thing, training.classes)
        ]
        if same_thing(name) in by_name:
            found[name] = ""
        elif places := [*corpora_with(name, corpora), *trainings]:
            found[name] = ", ".join(dict.fromkeys(places))
    return found


def training_text(weights: Iterable[Weights | None]) -> str:
    """Returns what weights were trained on, by what they say; empty if they do not say.

    Those that differ in their seeds alone are told of once, with all of these.
    """
    seeds: dict[tuple[tuple[str, ...], bool], list[set[int]]] = {}
    for each in weights:
        if steps := _trainings(each):
            made = [
                f"base classes of {step.dataset} {step.manifest_version} "
                f"(recipe {step.recipe.get('name', 'without a name')}, "
                for step in steps
            ]
            known = seeds.setdefault((tuple(made), steps[-1].init is None), [set() for _ in steps])
            for found, step in zip(known, steps, strict=True):
                found.add(step.seed)
    texts = []
    for (texts_of_steps, is_whole), known in seeds.items():
        parts = [f"{text}{_numbered(found)})" for text, found in zip(texts_of_steps, known, strict=True)]
        texts.append(", from ".join(parts if is_whole else [*parts, "weights that do not say how they were made"]))
    return "; ".join(texts)


def _numbered(seeds: Collection[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, sorted(seeds)))}"


def _trainings(weights: Weights | None) -> list[Training]:
    """Returns the trainings that made weights, the last first."""
    found = []
    training = None if weights is None else weights.training
    while training is not None:
        found.append(training)
        training = training.of_init
    return found
