import json
from dataclasses import replace
from pathlib import Path

import pytest

from fsbench.methods.contract import Training
from fsbench.methods.registry import find_method
from fsbench_baselines.checkpoints import save_checkpoint
from fsbench_baselines.declaration import described_weights
from tests.baselines.danet.test_checkpoint import small_model

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "cma/fsbench_cma/weights/cma-prior/mini-ref-shapes"
MADE = Training("shapes", "v1", "0" * 64, 1, ("ape", "dog"), {"name": "usual", "rates": {"a": 0.1}}, 3)


def test_weights_say_how_they_were_made_and_what_they_started_from(tmp_path):
    made = replace(MADE, init="f" * 64, of_init=MADE)
    save_checkpoint(tmp_path, small_model(), training=made)
    found = described_weights(tmp_path)
    assert found.training == made
    assert found.configuration == json.loads(small_model().config.to_json())


def test_weights_that_say_nothing_of_their_training_know_their_configuration(tmp_path):
    save_checkpoint(tmp_path, small_model())
    found = described_weights(tmp_path)
    assert found.training is None
    assert found.configuration == json.loads(small_model().config.to_json())


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"config": 1}', "{" * 10_000])
def test_what_is_no_checkpoint_of_ours_says_nothing(tmp_path, text):
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    assert described_weights(tmp_path) is None


@pytest.mark.parametrize("fold", [1, 2, 3, 4])
def test_the_shipped_weights_say_which_classes_they_have_seen(fold):
    training = described_weights(SHIPPED / f"fold-{fold}").training
    assert (training.fold, training.seed, len(training.classes)) == (fold, 0, 96)
    assert (training.recipe["name"], training.of_init.recipe["name"]) == ("shapes-meta", "shapes")


def test_a_runs_options_are_those_of_the_checkpoint_and_not_the_defaults():
    method = find_method("cma-prior")
    folder = SHIPPED / "fold-2"
    options = method.pin(method.resolve({"checkpoint": folder}))
    assert {name: options[name] for name in ("backbone", "dab", "short_side", "support_frames")} == {
        "backbone": "resnet_small",
        "dab": False,
        "short_side": 64,
        "support_frames": "all",
    }
    assert options["tokenizer"] == "the checkpoint's own"
    assert method.pin(method.resolve({"checkpoint": folder, "short_side": 32}))["short_side"] == 32
    released = method.resolve({"checkpoint": ROOT / "README.md"})
    assert method.pin(released) == released
