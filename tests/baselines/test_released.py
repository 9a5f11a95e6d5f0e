"""Weights as the training scripts of others save them. No model is needed: names and tensors are read."""

import argparse
import collections
import itertools
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from fsbench.errors import DataError
from fsbench_baselines.released import read_released

WEIGHTS = {"backbone.weight": torch.arange(4.0), "head.bias": torch.ones(2)}
AVERAGE = {name: tensor + 10 for name, tensor in WEIGHTS.items()}


def prefixed(prefix, weights=WEIGHTS):
    return {prefix + name: tensor for name, tensor in weights.items()}


def reads(content, path, expected=WEIGHTS):
    torch.save(content, path)
    state, where = read_released(path)
    assert where == str(path)
    assert state.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in state.items())


@pytest.mark.parametrize("place", ["", "model", "state_dict", "model_state_dict", "net", "module"])
def test_a_state_dict_is_found_wherever_scripts_put_it(place, tmp_path):
    reads({place: WEIGHTS, "epoch": 3} if place else WEIGHTS, tmp_path / "c.pth")


def test_a_state_dict_is_found_within_a_checkpoint_within_a_checkpoint(tmp_path):
    reads({"state_dict": collections.OrderedDict(model=WEIGHTS)}, tmp_path / "c.pth")
    holder = collections.defaultdict(dict)
    holder["model"] = WEIGHTS
    reads(holder, tmp_path / "c.pth")


@pytest.mark.parametrize("wraps", list(itertools.permutations(["module.", "_orig_mod.", "model."], 2)))
def test_names_lose_whatever_wraps_the_model_in_any_order(wraps, tmp_path):
    reads({"model": prefixed("".join(wraps))}, tmp_path / "c.pth")
    reads({"model": prefixed(wraps[0])}, tmp_path / "c.pth")


def test_names_lose_what_wraps_a_part_of_the_model():
    state = {"backbone._orig_mod.weight": torch.zeros(1), "head._checkpoint_wrapped_module.bias": torch.zeros(1)}
    assert read_released(state)[0].keys() == WEIGHTS.keys()
    with pytest.raises(DataError, match="within a wrapper of torch, and without"):
        read_released({"backbone.weight": torch.zeros(1), "backbone._orig_mod.weight": torch.zeros(1)})


@pytest.mark.parametrize(
    "content",
    [
        {"model": WEIGHTS, "model_ema": AVERAGE},
        {"ema": {"module": AVERAGE}, "state_dict": WEIGHTS},
        {"state_dict": prefixed("model.") | prefixed("model_ema.", AVERAGE)},
        {"state_dict": WEIGHTS | prefixed("ema.", AVERAGE)},
    ],
)
def test_beside_a_running_average_the_weights_themselves_are_taken_and_that_is_said(content, tmp_path, caplog):
    reads(content, tmp_path / "c.pth")
    assert "c.pth: takes the " in caplog.text


@pytest.mark.parametrize(
    "content",
    [{"model_ema": AVERAGE}, {"ema_state_dict": prefixed("module.", AVERAGE) | {"n_averaged": torch.tensor(3)}}],
)
def test_an_average_alone_is_taken_and_that_is_said(content, tmp_path, caplog):
    reads(content, tmp_path / "c.pth", AVERAGE)
    assert "averaged weights" in caplog.text


def test_what_is_no_part_of_the_model_in_a_module_that_holds_it_is_left_and_named(caplog):
    state, _ = read_released({"state_dict": prefixed("model.") | {"criterion.weight": torch.ones(3)}})
    assert state.keys() == WEIGHTS.keys()
    assert "not 1 beside it, such as criterion.weight" in caplog.text


BESIDE = {
    "numpy scalar": np.float64(0.5),
    "numpy array": np.arange(3),
    "numpy text": np.array(["a", "bc"]),
    "numpy type": np.dtype("int16"),
    "path": Path("out"),
    "path as a key": {Path("out"): 1},
    "arguments": argparse.Namespace(output_dir=Path("out"), best=np.float32(1), lr=1e-4),
    "namespace": types.SimpleNamespace(lr=1e-4),
    "default": collections.defaultdict(list, {"loss": [1.0, np.float64(2)]}),
    "queue": collections.deque([1.0, Path("out")], maxlen=5),
    "counts": collections.Counter("aab"),
    "random state": np.random.RandomState(0).get_state(),
    "type": float,
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", BESIDE)
def test_what_lies_beside_the_weights_does_not_keep_them_from_being_read(kind, zipped, tmp_path):
    torch.save({"model": WEIGHTS, "more": BESIDE[kind]}, tmp_path / "c.pth", _use_new_zipfile_serialization=zipped)
    assert read_released(tmp_path / "c.pth")[0].keys() == WEIGHTS.keys()


def test_names_of_numpy_before_its_second_version_are_passed_over_too(tmp_path):
    torch.save({"model": WEIGHTS, "best": np.float64(1)}, tmp_path / "c.pth", _use_new_zipfile_serialization=False)
    old = (tmp_path / "c.pth").read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    (tmp_path / "old.pth").write_bytes(old)
    assert read_released(tmp_path / "old.pth")[0].keys() == WEIGHTS.keys()


class Touching:
    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


def touch(path):
    Path(path).touch()


def test_nothing_that_a_file_names_is_called_whether_it_is_passed_over_or_refused(tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr(np, "dtype", lambda *given: called.append(given))
    torch.save({"model": WEIGHTS, "more": Touching(Path, "anything")}, tmp_path / "path.pth")
    read_released(tmp_path / "path.pth")
    assert not called
    torch.save({"model": WEIGHTS, "more": Touching(touch, str(tmp_path / "seen"))}, tmp_path / "refused.pth")
    with pytest.raises(
        DataError, match=r"asks for tests\.baselines\.test_released\.touch .*nothing in it is ever exec"
    ):
        read_released(tmp_path / "refused.pth")
    assert not (tmp_path / "seen").exists()
