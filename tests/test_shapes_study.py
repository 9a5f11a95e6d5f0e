"""The study of the embedded set (`benchmarks/shapes.py`): what is trained on what, and that the choice looks away."""

import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks import shapes
from benchmarks.pieces import Work
from fsbench.datasets.shapes import NEEDED
from fsbench.datasets.shapes import NOT_NEEDED
from fsbench.datasets.shapes import NUM_FOLDS
from fsbench.datasets.shapes import ShapesConfig
from fsbench.splits.benchmark import open_benchmark
from fsbench_baselines.danet.recipes import RECIPES as DANET_RECIPES
from fsbench_baselines.referformer.recipes import RECIPES
from fsbench_baselines.training.recipe import load_recipe

OUT = Path("/out")
CHOOSING = Work(OUT, [piece for choice in shapes.CHOICES for piece in shapes.choosing_pieces(OUT, choice)]).pieces
DECIDING = Work(OUT, shapes.deciding_pieces(OUT, shapes.CHOICES[0])).pieces


def option(command, name):
    return command[command.index(f"--{name}") + 1]


def recipe_of(command):
    changes = [word.partition("=") for before, word in pairwise(command) if before == "--set"]
    changed = {key: value for key, _, value in changes}
    recipes = DANET_RECIPES if option(command, "method") == shapes.WORDLESS else RECIPES
    return load_recipe(option(command, "recipe"), changed, recipes=recipes, base="released")


def commands(pieces, what):
    return [command for piece in pieces for command in piece.commands if command[0] == what]


def test_sets_of_few_and_of_many_shapes_leave_a_fold_as_many_videos():
    for number, config in shapes.SHAPES.items():
        base = len(config.categories) * (NUM_FOLDS - 1) // NUM_FOLDS
        assert (base, base * config.videos_per_category) == (number, 6144)
        assert config.seed not in (0, shapes.CHOSEN_ON.seed)  # those of what is tested on


def test_models_that_the_recipe_is_chosen_by_see_two_folds_alone(tmp_path):
    folds = [fold for fold in shapes.FOLDS if fold != shapes.LEFT_ALONE]
    config = ShapesConfig(seed=2, num_categories=16, videos_per_category=3)
    shapes._render(tmp_path, config, "choose", folds)
    benchmark = open_benchmark(shapes.EMBEDDED, tmp_path, tmp_path / "splits")
    assert list(benchmark.folds) == folds
    seen = benchmark.fold(shapes.HELD_OUT).base
    assert sorted(seen) == sorted(name for k, name in enumerate(config.categories) if k % NUM_FOLDS + 1 in (3, 4))


def test_nothing_that_the_recipe_is_chosen_by_has_to_do_with_the_fold_that_is_left_alone():
    for command in (*commands(CHOOSING, "train"), *commands(CHOOSING, "evaluate")):
        assert option(command, "fold") == str(shapes.HELD_OUT)
        assert option(command, "splits").endswith("/splits/mini-ref-shapes/choose")
        assert option(command, "data-root") != "/out/data"
    assert {option(command, "data-root") for command in commands(CHOOSING, "evaluate")} == {"/out/sets/choose"}


def test_every_run_is_of_the_model_that_it_needs_on_the_fold_that_this_was_not_trained_on():
    by_name = {piece.name: piece for piece in (*CHOOSING, *DECIDING)}
    runs = [(piece, piece.commands[0]) for piece in by_name.values() if piece.commands[0][0] == "evaluate"]
    for piece, command in runs:
        (needed,) = piece.needs
        train, half = by_name[needed].commands
        assert option(command, "checkpoint") == half[2] == f"/out/{needed}/half"
        assert (option(train, "method"), option(train, "fold")) == (option(command, "method"), option(command, "fold"))
        assert f"{option(command, 'out')}/fold-{option(command, 'fold')}" == f"/out/{piece.name}"
    assert len({option(command, "out") + option(command, "fold") for _, command in runs}) == len(runs)


def test_a_folder_of_runs_that_are_submitted_holds_no_controls_cells_or_runs_on_base_classes():
    for piece in (*CHOOSING, *DECIDING):
        (command, *_) = piece.commands
        if command[0] == "evaluate":
            is_whole = piece in DECIDING and "--control" not in command and "-on-" not in option(command, "variant")
            assert option(command, "out").startswith("/out/runs/") == is_whole


def test_every_second_training_goes_on_from_the_one_first_training_of_its_fold_on_the_same_videos():
    by_name = {piece.name: piece for piece in (*CHOOSING, *DECIDING)}
    for piece in by_name.values():
        if piece.commands[0][0] == "train" and piece.needs:
            (first,) = by_name[piece.needs[0]].commands
            second = piece.commands[0]
            assert option(second, "init") == f"{option(first, 'out')}/model"
            assert option(first, "seed") == "0"
            for name in ("fold", "data-root", "splits"):
                assert option(first, name) == option(second, name)


def test_what_is_ranked_is_trained_alike_for_every_fold_from_every_seed():
    trained = {}
    for command in commands(DECIDING, "train"):
        if option(command, "recipe") == "shapes-meta" and option(command, "data-root").endswith("train-96"):
            key = (option(command, "fold"), option(command, "seed"))
            trained.setdefault(option(command, "method"), {}).setdefault(key, []).append(recipe_of(command))
    everywhere = {(str(fold), str(seed)) for fold in shapes.FOLDS for seed in shapes.SEEDS}
    ranked = [trained[method] for method in shapes.RANKED]
    for each in ranked:
        assert each.keys() == everywhere
        assert {key: recipes[0] for key, recipes in each.items()} == dict.fromkeys(everywhere, ranked[0]["1", "0"][0])


def test_controls_are_run_after_all_that_is_ranked():
    pieces = Work(OUT, shapes.ranked_pieces(OUT, shapes.CHOICES[0], shapes.SEEDS)).pieces
    are_controls = [piece.name.startswith("controls/") for piece in pieces]
    assert are_controls == sorted(are_controls)
    assert any(are_controls)


def test_every_cell_of_the_factors_is_trained_of_the_published_affinity_on_all_folds_and_of_the_prior_on_one():
    cells = [
        piece.name for piece in DECIDING if "-on-" in piece.name and piece.needs and piece.name.startswith("train")
    ]
    kinds = [f"{length}-on-{number}" for number in shapes.SHAPES for length in shapes.LENGTHS]
    kinds.remove("long-on-96")  # is ranked
    of = [("cma", 0, fold) for fold in shapes.FOLDS] + [("cma", 1, 1), ("cma-prior", 0, 1)]
    assert sorted(cells) == sorted(f"trainings/{m}.{kind}/seed-{s}/fold-{f}" for kind in kinds for m, s, f in of)


def test_the_method_that_reads_no_sentence_starts_anew_from_each_seed_and_sees_as_much_as_both_trainings_of_others():
    trained = commands(DECIDING, "train")
    danet = [command for command in trained if option(command, "method") == shapes.WORDLESS]
    assert sorted((option(c, "fold"), option(c, "seed")) for c in danet) == [(f, s) for f in "1234" for s in "012"]
    assert not any("--init" in command for command in danet)
    (first,) = (c for c in trained if option(c, "out").endswith("/first-on-96/fold-1"))
    (second,) = (c for c in trained if option(c, "out").endswith("/trainings/cma/seed-0/fold-1"))
    for own in map(recipe_of, danet):
        assert own.epochs == recipe_of(second).epochs
        assert own.pretraining.epochs == recipe_of(first).pretraining.epochs


def test_whatever_sees_a_support_has_a_run_with_its_own_and_one_with_another_class_s():
    done = [(piece, piece.commands[0]) for piece in DECIDING]
    once = [
        piece.name
        for piece, command in done
        if command[0] == "train" and option(command, "method") != "referformer"
        # of what is ranked the controls are of the first seed alone
        if option(command, "method") not in shapes.RANKED or option(command, "seed") == "0" or "-on-" in piece.name
    ]
    runs = Counter(
        (piece.needs[0], option(command, "control") if "--control" in command else "its own")
        for piece, command in done
        if command[0] == "evaluate"
    )
    for support in ("its own", "other-class"):
        assert [name for name in once if runs[name, support] != 1] == []
    assert {support for name, support in runs if "-on-" in name} == {"its own", "other-class"}


def test_an_epoch_has_as_many_episodes_with_any_number_of_classes():
    for pieces in (CHOOSING, DECIDING):
        for command in commands(pieces, "train"):
            shown = int(option(command, "data-root").rpartition("-")[2])
            classes = 64 if option(command, "splits").endswith("choose") else shown
            recipe = recipe_of(command)
            stages = [stage for stage in (recipe, recipe.pretraining, recipe.naming) if stage is not None]
            assert {stage.episodes_per_class * classes for stage in stages} == {shapes.EPISODES}


def tried(monkeypatch, scores):
    """Lets recipes score (own support, another's) where the support is needed; returns those that are trained.

    The first trainings of all folds go with each trial, to be made while it waits.
    """
    trained = []

    def by_kind(out, training, control=""):
        own, other = scores[training.choice.label]
        raised = 1 if training.method == shapes.OBJECT else -1
        return {NOT_NEEDED: 99.0, NEEDED: (other if control else own) + raised}

    monkeypatch.setattr(shapes, "_by_kind", by_kind)

    def run(work, jobs):
        names = [piece.name for piece in work.pieces]
        assert names[-4:] == [f"trainings/first-on-96/fold-{fold}" for fold in shapes.FOLDS]
        (label,) = {name.split("/")[2] for name in names if "/choosing/" in name}
        trained.append(label)

    monkeypatch.setattr(Work, "run", run)
    return trained


@pytest.mark.parametrize(
    ("scores", "taken", "number"),
    [
        ({"usual": (40, 36)}, "usual", 1),
        ({"usual": (40, 38), "twice-as-long": (33, 30)}, "twice-as-long", 2),
        ({"usual": (40, 38), "twice-as-long": (33, 31), "name-half-hidden": (41, 41)}, "name-half-hidden", 3),
        ({"usual": (40, 38), "twice-as-long": (33, 31), "name-half-hidden": (39, 39)}, "usual", 3),
    ],
)
def test_the_first_recipe_that_uses_the_support_is_taken_or_else_the_best_and_stays(
    tmp_path, monkeypatch, capsys, scores, taken, number
):
    trained = tried(monkeypatch, scores)
    assert shapes.chosen(tmp_path) is None
    assert shapes.choose(tmp_path, 1).label == shapes.chosen(tmp_path).label == taken
    assert trained == [choice.label for choice in shapes.CHOICES[:number]]
    assert json.loads((tmp_path / "recipe.json").read_bytes())["tried"]["usual"][NEEDED] == 40
    assert re.search(r"usual +cma +39.0 +99.0 +\d+.0 +99.0\n", capsys.readouterr().out)


def test_seeds_that_are_shared_out_are_all_of_them_and_have_the_first_trainings_alone_in_common():
    parts = [Work(OUT, shapes.deciding_pieces(OUT, shapes.CHOICES[0], [seed])).pieces for seed in shapes.SEEDS]
    for seed, part in zip(shapes.SEEDS, parts, strict=True):
        danet = [command for command in commands(part, "train") if option(command, "method") == shapes.WORDLESS]
        assert [option(command, "seed") for command in danet] == [str(seed)] * len(shapes.FOLDS)
    often = Counter(piece.name for part in parts for piece in part)
    assert often.keys() == {piece.name for piece in DECIDING}
    assert {name for name, times in often.items() if times > 1} == {
        f"trainings/first-on-96/fold-{fold}" for fold in shapes.FOLDS
    }


@pytest.mark.parametrize("choice", shapes.CHOICES)
def test_whatever_recipe_is_chosen_the_pieces_can_be_done(choice):
    pieces = Work(OUT, shapes.deciding_pieces(OUT, choice)).pieces
    assert {piece.name for piece in pieces if piece.name.startswith("runs/cma/")} == {
        f"runs/cma/seed-{seed}/fold-{fold}" for seed in shapes.SEEDS for fold in shapes.FOLDS
    }
    assert all(recipe_of(command) for command in commands(pieces, "train"))
