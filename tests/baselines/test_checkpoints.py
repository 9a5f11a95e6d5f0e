"""Models from configurations and weights: what is drawn, what is refused, and what a conversion carries on."""

from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner

from fsbench.cli import main
from fsbench.errors import DataError
from fsbench.methods.contract import Training
from fsbench_baselines import checkpoints
from fsbench_baselines.checkpoints import load_model
from fsbench_baselines.checkpoints import random_model
from fsbench_baselines.checkpoints import save_checkpoint
from fsbench_baselines.declaration import described_weights
from fsbench_baselines.referformer.config import ModelConfig
from fsbench_baselines.referformer.model import ReferFormer
from tests.baselines.danet.samples import small_model
from tests.baselines.referformer.training_samples import MODEL

CONFIG = ModelConfig(**{**MODEL, "hidden_dim": 32, "dec_layers": 1})
IMPOSSIBLE = [
    (replace(CONFIG, heads=5), "AssertionError: embed_dim must be divisible by num_heads"),
    (replace(CONFIG, backbone="resnet_none"), "PluginError: There is no backbone 'resnet_none'"),
    (replace(CONFIG, text={**CONFIG.text, "hidden_size": -1}), "RuntimeError: .*negative dimension -1"),
    (replace(CONFIG, num_queries=1 << 40), r"it has \d+ GiB of weights, more than this machine has memory"),
]
PARENT = Training("a", "v1", "0a", 1, ("cat",), {"epochs": 1}, 3)
TRAINING = Training("b", "v2", "1b", 0, ("dog", "owl"), {"model": {"heads": 4}}, 7, init="2c", of_init=PARENT)


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(4)
    return ReferFormer(CONFIG).state_dict()


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_random_weights_follow_the_seed_as_if_nothing_had_been_tried_before(state):
    torch.manual_seed(4)
    model = random_model(ReferFormer, CONFIG)
    assert same(model.state_dict(), state)
    assert not same(random_model(ReferFormer, CONFIG).state_dict(), state)
    assert model.training


@pytest.mark.parametrize(("config", "why"), IMPOSSIBLE)
def test_a_configuration_that_describes_no_model_is_refused_before_it_takes_memory(config, why, state):
    with pytest.raises(ValueError, match=why):
        random_model(ReferFormer, config)
    with pytest.raises(DataError, match=rf"here: its configuration describes no model \(.*({why}).*Save it again"):
        load_model(ReferFormer, config, state, "here")


def test_a_loaded_model_has_the_weights_that_it_was_given_and_no_dropout(state):
    model = load_model(ReferFormer, CONFIG, state, "here")
    assert same(model.state_dict(), state)
    assert not model.training


@pytest.mark.parametrize("draw", ["uniform_", "normal_"])
def test_what_is_not_drawn_is_zero_so_that_nothing_is_drawn_again_for_ever(draw):
    outside = torch.full((3,), 9.0)
    with checkpoints._Undrawn():
        getattr(outside, draw)()
        assert not outside.any()
        assert not torch.nn.init.trunc_normal_(outside, std=0.02).any()


def test_weights_of_another_model_are_refused_by_their_names(state):
    other = {**state, "more.weight": torch.zeros(1)}
    del other["query_embed.weight"]
    with pytest.raises(DataError, match=r"here: .*1 missing: query_embed\.weight; 1 not part .*more\.weight"):
        load_model(ReferFormer, CONFIG, other, "here")


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("method", ["danet", "referformer"])
def test_a_converted_checkpoint_tells_how_it_was_trained(method, half, state, tmp_path):
    folder, out = tmp_path / "trained", tmp_path / "out"
    model = small_model() if method == "danet" else load_model(ReferFormer, CONFIG, state, "here")
    save_checkpoint(folder, model, training=TRAINING)
    arguments = ["convert", str(folder), str(out), "--method", method, *(["--half"] if half else [])]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    assert described_weights(out).training == described_weights(folder).training == TRAINING


def test_a_converted_checkpoint_says_nothing_of_a_training_that_is_not_known(tmp_path):
    save_checkpoint(tmp_path / "plain", small_model())
    arguments = ["convert", str(tmp_path / "plain"), str(tmp_path / "out"), "--method", "danet"]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert described_weights(tmp_path / "out").training is None
