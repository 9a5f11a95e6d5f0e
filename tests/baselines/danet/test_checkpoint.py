import argparse
import os

import pytest
import torch

from fsbench.errors import DataError
from fsbench_baselines.danet import checkpoint
from fsbench_baselines.danet import DANetConfig
from fsbench_baselines.danet import load_checkpoint
from fsbench_baselines.danet import load_released
from fsbench_baselines.danet import save_checkpoint
from fsbench_baselines.danet.checkpoint import initial_state
from fsbench_baselines.referformer import checkpoint as referformer
from fsbench_baselines.referformer.config import ModelConfig
from fsbench_baselines.referformer.model import ReferFormer
from tests.baselines.danet.samples import SMALL
from tests.baselines.danet.samples import small_model
from tests.cma.test_model import TINY_TEXT


@pytest.fixture
def model(monkeypatch):
    """A small model, which stands for the released one; that one is in test_model.py, with its golden outputs."""
    monkeypatch.setattr(checkpoint, "DANetConfig", lambda: DANetConfig(**SMALL))
    return small_model(seed=3)


def assert_same(model, other):
    ours, theirs = model.state_dict(), other.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def test_files_of_the_training_and_of_the_fine_tuning_script_load(model, tmp_path):
    path = tmp_path / "model_best.pth.tar"
    state = model.state_dict()
    # DataParallel's prefix, training arguments beside, and a count that old versions of torch did not have
    parallel = {f"module.{name}": t for name, t in state.items() if not name.endswith("num_batches_tracked")}
    for content in ({"state_dict": parallel, "args": argparse.Namespace(group=1)}, state):
        torch.save(content, path)
        loaded = load_released(path)
        assert_same(loaded, model)
        assert not loaded.training
        path.unlink()


def test_other_weights_are_refused_by_name(model):
    other = {"query_embed.weight": torch.zeros(5, 256), "backbone.0.body.conv1.weight": torch.zeros(1)}
    with pytest.raises(DataError, match=r"of no DANet: its names encoder\.\* and Decoder\.\*.*Pass a checkpoint of"):
        load_released(other)
    with pytest.raises(DataError, match=r"of no ReferFormer or CMA"):
        referformer.load_released(model.state_dict())
    state = {**model.state_dict(), "extra.weight": torch.zeros(1), "conv_q.bias": torch.zeros(3)}
    del state["Decoder.convFM.bias"]
    with pytest.raises(DataError) as error:
        load_released(state)
    for part in ("1 missing: Decoder.convFM.bias", "extra.weight", "conv_q.bias [3] instead of [16]"):
        assert part in str(error.value)


class CreatesFile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_a_malicious_file_is_not_executed(tmp_path):
    torch.save({"state_dict": CreatesFile(tmp_path / "executed")}, tmp_path / "attack.pth")
    with pytest.raises(DataError, match="Save the state dict alone"):
        load_released(tmp_path / "attack.pth")
    assert not (tmp_path / "executed").exists()


def test_own_form_gives_the_model_back(tmp_path):
    small = small_model()
    save_checkpoint(tmp_path, small)
    loaded = load_checkpoint(tmp_path)
    assert_same(loaded, small)
    assert loaded.config == small.config
    assert not loaded.training
    save_checkpoint(tmp_path / "half", small, half=True)
    half = load_checkpoint(tmp_path / "half")
    assert half.conv_q.weight.dtype == torch.float32
    assert torch.equal(half.conv_q.weight, small.conv_q.weight.half().float())


def test_folders_of_other_models_are_refused(tmp_path):
    save_checkpoint(tmp_path / "danet", small_model())
    with pytest.raises(DataError, match="not the configuration of a model"):
        referformer.load_checkpoint(tmp_path / "danet")
    parent = ReferFormer(ModelConfig(text=TINY_TEXT, backbone="resnet_small"))
    save_checkpoint(tmp_path / "referformer", parent)
    with pytest.raises(DataError, match=r"not the configuration of a model: .* no entry"):
        load_checkpoint(tmp_path / "referformer")
    with pytest.raises(DataError, match="is not there"):
        load_checkpoint(tmp_path)


@pytest.fixture(scope="module")
def released():
    """A model of the released form with random weights. Not to be changed."""
    return small_model(backbone="resnet50")


def imagenet_like(model):
    """The encoder's weights as a ResNet with a deep stem names them, with what DANet does not take."""
    stem = {"0": "conv1", "1": "bn1", "3": "conv2", "4": "bn2", "6": "conv3", "7": "bn3"}
    state = {"fc.weight": torch.zeros(2, 2), "layer4.0.conv1.weight": torch.zeros(2, 2, 1, 1)}
    for name, tensor in model.encoder.state_dict().items():
        first, rest = name.split(".", 1)
        place, _, last = rest.partition(".")
        state[f"{stem[place]}.{last}" if first == "layer0" else name] = torch.full_like(tensor, 2)
    return state


def test_a_training_starts_from_imagenet_weights_of_the_backbone(released, tmp_path):
    model = released
    torch.save(imagenet_like(model), tmp_path / "resnet50.pth")
    state = initial_state(tmp_path / "resnet50.pth", model)
    assert list(state) == list(model.state_dict())
    for name, tensor in model.state_dict().items():
        expected = torch.full_like(tensor, 2) if name.startswith("encoder.") else tensor
        assert torch.equal(state[name], expected), name


def test_a_training_starts_from_released_weights_or_a_folder_of_ours(tmp_path):
    model = small_model(seed=3)
    torch.save({"state_dict": model.state_dict()}, tmp_path / "danet.pth")
    state = initial_state(tmp_path / "danet.pth", model)
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    small = small_model(seed=8)
    save_checkpoint(tmp_path / "own", small)
    state = initial_state(tmp_path / "own", small_model())
    assert all(torch.equal(tensor, state[name]) for name, tensor in small.state_dict().items())
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(DataError, match="of no DANet"):
        initial_state(tmp_path / "other.pth", model)
