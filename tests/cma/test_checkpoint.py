import argparse
import json
import os
import pickle
from collections import Counter
from collections import OrderedDict

import pytest
import safetensors.torch
import torch
from transformers import RobertaConfig

import fsbench_cma
from fsbench.errors import DataError
from fsbench_baselines import checkpoints
from fsbench_baselines.backbones import build_backbone
from fsbench_baselines.referformer import checkpoint as referformer
from fsbench_baselines.referformer.config import ModelConfig
from fsbench_baselines.referformer.model import ReferFormer
from fsbench_cma.checkpoint import initialise_from_referformer
from fsbench_cma.checkpoint import load_checkpoint
from fsbench_cma.checkpoint import load_released
from fsbench_cma.checkpoint import save_checkpoint
from fsbench_cma.model import CMA
from tests import golden
from tests.cma.test_model import TINY_TEXT

TEXT = RobertaConfig(**TINY_TEXT)
ALIAS = "transformer.decoder.bbox_embed.0.layers.0.bias"


@pytest.fixture(scope="module")
def model():
    """A CMA as the main training script makes it, with a small text encoder. Not to be changed."""
    torch.manual_seed(0)
    return CMA(ModelConfig(affinity="cross", dab=True, text=TINY_TEXT)).eval()


@pytest.fixture(scope="module")
def parent():
    torch.manual_seed(1)
    return ReferFormer(ModelConfig(text=TINY_TEXT)).eval()


@pytest.fixture(scope="module")
def released(model, tmp_path_factory):
    """A file like those of the released training script."""
    path = tmp_path_factory.mktemp("released") / "checkpoint.pth"
    state = {"module." + name: tensor for name, tensor in model.state_dict().items()}
    state["module.text_encoder.embeddings.position_ids"] = torch.arange(20)[None]
    options = argparse.Namespace(lr=1e-4, backbone="resnet50", output_dir="out", masks=True, lr_drop=[3, 5])
    content = {"model": OrderedDict(state), "args": options, "epoch": 5}
    content |= {"optimizer": {"state": {}}, "lr_scheduler": {"milestones": Counter({3: 1}), "_last_lr": [1e-4]}}
    torch.save(content, path)
    yield path
    path.unlink()


def assert_same(model, other):
    ours, theirs = model.state_dict(), other.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def test_released_file_with_its_training_arguments_loads(model, released):
    loaded = load_released(released, text_config=TEXT)
    assert_same(loaded, model)
    assert not loaded.training
    assert loaded.config == ModelConfig(affinity="cross", dab=True, text=loaded.config.text)
    assert ModelConfig.from_json(loaded.config.to_json()) == loaded.config


def test_raw_state_dict_files_and_safetensors_load(model, tmp_path):
    state = model.state_dict()
    for name in [name for name in state if name.startswith("transformer.decoder.bbox_embed.")]:
        del state[name]  # safetensors has each tensor once
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    torch.save(half, tmp_path / "raw.pth")
    torch.save(half, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    safetensors.torch.save_file(half, tmp_path / "weights.safetensors")
    for name in ("raw.pth", "old.pth", "weights.safetensors"):
        loaded = load_released(str(tmp_path / name), text_config=TEXT)
        weight = loaded.support_qkv.Key.weight
        assert weight.dtype == torch.float32
        assert torch.equal(weight, half["support_qkv.Key.weight"].float())
        (tmp_path / name).unlink()


class CreatesFile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("place", ["model", "args", "whole"])
def test_a_malicious_pickle_is_not_executed(place, is_zip, tmp_path):
    attack, victim = tmp_path / "attack.pth", tmp_path / "executed"
    payload = CreatesFile(victim)
    content = {
        "model": {"model": {"weight": payload}},
        "args": {"model": {"weight": torch.zeros(2)}, "args": argparse.Namespace(output_dir=payload)},
        "whole": payload,
    }[place]
    torch.save(content, attack, _use_new_zipfile_serialization=is_zip)
    for load in (load_released, referformer.load_released):
        with pytest.raises(DataError, match=r"attack\.pth asks for .*system.*Save the state dict alone"):
            load(attack)
    assert not victim.exists()


def test_a_bare_malicious_pickle_is_not_executed(tmp_path):
    attack, victim = tmp_path / "attack.pkl", tmp_path / "executed"
    attack.write_bytes(pickle.dumps(CreatesFile(victim)))
    with pytest.raises(DataError, match="attack"):
        load_released(attack)
    assert not victim.exists()


@pytest.mark.parametrize("kind", ["cut", "cut early", "old, cut", "empty", "text", "page", "safetensors, cut"])
def test_a_damaged_file_is_named_with_what_to_do(kind, tmp_path):
    path = tmp_path / "damaged"
    tensors = {"model": {"weight": torch.zeros(5000)}}
    if kind.startswith("safetensors"):
        safetensors.torch.save_file(tensors["model"], path)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=kind != "old, cut")
    whole = path.read_bytes()
    content = {"empty": b"", "text": b"hello world" * 9, "page": b"<!DOCTYPE html>", "cut early": whole[:50]}
    path.write_bytes(content.get(kind, whole[: len(whole) // 2]))
    with pytest.raises(DataError, match=r"damaged is truncated or not a checkpoint .*Download it again"):
        load_released(path)


def test_missing_files_folders_and_files_without_state_dict_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.pth: no such checkpoint file"):
        load_released(tmp_path / "none.pth")
    with pytest.raises(DataError, match=r"is a folder.*load_checkpoint"):
        load_released(tmp_path)
    for number, content in enumerate(
        ({"epoch": 3}, [1, 2], torch.zeros(3), {}, {"model": {}}, {"model": {1: torch.zeros(1)}})
    ):
        path = tmp_path / f"{number}.pth"
        torch.save(content, path)
        with pytest.raises(DataError, match=rf"{number}\.pth: there is no state dict"):
            load_released(path)


def test_a_small_backbone_whose_configuration_is_not_there_is_refused_with_what_to_pass():
    with pytest.raises(DataError, match=r"are of a backbone that .* do not tell\. Pass the folder .*config\.json"):
        referformer.identify(
            {"backbone.0.body.layer3.0.conv2.weight": torch.zeros(1), "query_embed.weight": torch.zeros(1)}, "x"
        )


def test_wrong_backbone_and_variant_are_told_apart(model, parent):
    state = model.state_dict()
    with pytest.raises(DataError, match=r"of CMA with resnet50, with DAB: pass backbone='resnet50', dab=True\."):
        load_released(state, backbone="swin_t_p4w7", dab=False, text_config=TEXT)
    with pytest.raises(DataError, match=r"pass backbone='resnet50'\."):
        load_released(state, backbone="resnet101", text_config=TEXT)
    with pytest.raises(DataError, match=r"without DAB.*'fsbench train --init'.*--method referformer.*\.load_released"):
        load_released(parent.state_dict(), text_config=TEXT)
    with pytest.raises(DataError, match=r"of CMA with resnet50, with DAB.*--method cma.*fsbench_cma\.load_released"):
        referformer.load_released(state, text_config=TEXT)
    with pytest.raises(DataError, match=r"pass backbone='resnet50'\."):
        referformer.load_released(parent.state_dict(), backbone="swin_t_p4w7", text_config=TEXT)
    with pytest.raises(
        DataError, match=r"no ReferFormer or CMA: backbone\.0\.body\.\* is not among their names.*fc\.bias"
    ):
        load_released({"fc.weight": torch.zeros(2, 2), "fc.bias": torch.zeros(2)})


def test_released_models_say_which_they_are(test_golden):
    for tag, arguments in golden.MODELS.items():
        found = referformer.identify(golden.sketch(test_golden, tag), tag)
        assert (found.backbone, found.dab, found.has_affinity) == (arguments["backbone"], arguments["dab"], True)
    state = golden.sketch(test_golden, "cma_vswin_t")
    with pytest.raises(
        DataError, match=r"of CMA with video_swin_t_p4w7, with DAB: pass backbone='video_swin_t_p4w7'\."
    ):
        load_released(state)


@pytest.mark.parametrize(
    "name",
    [f"swin_{size}_p4w7" for size in "tsbl"]
    + [f"video_swin_{size}_p4w7" for size in "tsb"]
    + ["resnet50", "resnet101"],
)
def test_every_backbone_is_recognised(name):
    with torch.device("meta"):
        body = build_backbone(name)
    state = {f"backbone.0.body.{key}": tensor for key, tensor in body.state_dict().items()}
    state["query_embed.weight"] = torch.zeros(5, 256)
    assert referformer.identify(state, "test") == referformer.ModelTraits(name, False, False, 5)


def test_loading_is_strict(model):
    state = model.state_dict()
    wrong = {**state, "extra.weight": torch.zeros(2), "conv_q.bias": torch.zeros(3)}
    del wrong["layer_norm.bias"]
    with pytest.raises(DataError) as error:
        load_released(wrong, text_config=TEXT)
    message = str(error.value)
    assert "1 missing: layer_norm.bias" in message
    assert "1 not part of the model: extra.weight" in message
    assert "conv_q.bias [3] instead of [128]" in message
    with pytest.raises(DataError, match="text_config"):
        load_released(state, text_config=RobertaConfig(**{**TINY_TEXT, "vocab_size": 40}))
    torn = {**state, ALIAS: state[ALIAS] + 1}
    with pytest.raises(DataError, match="differ, but are one tensor"):
        load_released(torn, text_config=TEXT)


def test_harmless_differences_are_accepted():
    torch.manual_seed(0)
    model = CMA(ModelConfig(backbone="swin_t_p4w7", affinity="add", text=TINY_TEXT))
    state = {
        name: tensor for name, tensor in model.state_dict().items() if not name.endswith("relative_position_index")
    }
    state["text_encoder.embeddings.position_ids"] = torch.arange(20)[None]
    state["backbone.0.body.total_ops"] = torch.zeros(1)
    before = len(state)
    loaded = load_released({"model": state}, backbone="swin_t_p4w7", affinity="add", dab=False, text_config=TEXT)
    assert_same(loaded, model)
    assert len(state) == before, "the caller's state dict is left alone"


def test_own_form_gives_the_model_back(model, tmp_path):
    save_checkpoint(tmp_path / "new" / "folder", model)
    loaded = load_checkpoint(tmp_path / "new" / "folder")
    assert loaded.config == model.config
    assert not loaded.training
    assert_same(loaded, model)
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == ["config.json", "model.safetensors"]
    with pytest.raises(DataError, match=r"this is a CMA.*fsbench_cma\.load_checkpoint"):
        referformer.load_checkpoint(tmp_path / "new" / "folder")


def test_half_precision_halves_the_file_and_loads_as_float32(parent, tmp_path):
    save_checkpoint(tmp_path, parent, half=True)
    elements = sum(tensor.numel() for tensor in parent.parameters())
    assert (tmp_path / "model.safetensors").stat().st_size < 2.1 * elements
    loaded = referformer.load_checkpoint(tmp_path)
    expected = parent.state_dict()
    for name, tensor in loaded.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, expected[name].half().float()), name
    with pytest.raises(DataError, match="this is a ReferFormer"):
        load_checkpoint(tmp_path)


def test_half_precision_keeps_what_would_overflow():
    class Two(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("large", torch.tensor([1e6, 1.0]))
            self.register_buffer("small", torch.tensor([0.5]))

    kept = {name: checkpoints._halved(tensor).dtype for name, tensor in Two().state_dict().items()}
    assert kept == {"large": torch.float32, "small": torch.float16}


def test_damaged_folders_are_named(parent, tmp_path):
    with pytest.raises(DataError, match=r"model\.safetensors is not there"):
        load_checkpoint(tmp_path)
    save_checkpoint(tmp_path, parent, half=True)
    config, weights = tmp_path / "config.json", tmp_path / "model.safetensors"
    text = config.read_text()
    record = json.loads(text)
    assert record["version"] == 1
    config.write_text(json.dumps({**record, "config": {**record["config"], "num_queries": 6}}))
    with pytest.raises(DataError, match=r"is not the configuration that model\.safetensors was written with"):
        referformer.load_checkpoint(tmp_path)
    for broken in ('{"version": 2, "config": {}}', "nothing", "[]", '{"version": 1, "config": {"nonsense": 1}}'):
        config.write_text(broken)
        safetensors.torch.save_file({"weight": torch.zeros(1)}, weights, metadata={"config": broken})
        with pytest.raises(DataError, match=r"config\.json is not the configuration of a model"):
            referformer.load_checkpoint(tmp_path)
    weights.write_bytes(weights.read_bytes()[:-2])
    with pytest.raises(DataError, match="is damaged"):
        referformer.load_checkpoint(tmp_path)


def test_starting_from_referformer_lists_every_tensor(parent):
    torch.manual_seed(2)
    child = CMA(ModelConfig(affinity="cross", dab=True, text=TINY_TEXT))
    before = {name: tensor.clone() for name, tensor in child.state_dict().items()}
    source = parent.state_dict()
    report = initialise_from_referformer(child, source)
    after = child.state_dict()

    assert sorted(report.taken + report.missing) == sorted(after)
    assert all(torch.equal(after[name], source[name]) for name in report.taken)
    assert all(torch.equal(after[name], before[name]) for name in report.missing)
    new = ("tgt_embed", "refpoint_embed", "transformer.decoder.query_scale", "transformer.decoder.ref_point_head")
    new += ("support_qkv", "query_qkv", "conv_q", "layer_norm", "class_embed")
    assert {name for name in after if name.startswith(new)} == set(report.missing)
    assert ALIAS in report.taken
    assert {name.split(".")[0] for name in report.left} == {"query_embed", "transformer", "class_embed"}
    assert "transformer.reference_points.weight" in report.left
    assert child.training, "the mode is the caller's"
    with pytest.raises(DataError, match="pass backbone='resnet50'"):
        initialise_from_referformer(CMA(ModelConfig(backbone="swin_t_p4w7", affinity="cross", text=TINY_TEXT)), source)


def test_the_package_exports_what_a_user_needs():
    assert fsbench_cma.load_released is load_released
    assert fsbench_cma.QueryBatch.__module__ == "fsbench_baselines.referformer.batch"
    assert {"CMA", "ModelConfig", "SupportBatch", "load_checkpoint", "save_checkpoint"} <= set(fsbench_cma.__all__)
