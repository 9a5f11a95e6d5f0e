"""Which classes under test weights have seen, by all that is said of them."""

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
    """Returns what the weights of an entry's folds were trained on, by what they say; empty if they do not say."""
    texts = []
    for each in weights:
        steps = [
            f"base classes of {step.dataset} {step.manifest_version} "
            f"(recipe {step.recipe.get('name', 'without a name')}, seed {step.seed})"
            for step in _trainings(each)
        ]
        if steps and list(_trainings(each))[-1].init is not None:
            steps.append("weights that do not say how they were made")
        texts.append(", from ".join(steps))
    return "; ".join(dict.fromkeys(text for text in texts if text))


def _trainings(weights: Weights | None) -> list[Training]:
    """Returns the trainings that made weights, the last first."""
    found = []
    training = None if weights is None else weights.training
    while training is not None:
        found.append(training)
        training = training.of_init
    return found
