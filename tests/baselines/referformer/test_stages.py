import json
import shutil
from pathlib import Path

import pytest
import safetensors.torch
from click.testing import CliRunner

from fsbench.cli import main
from fsbench.datasets import open_dataset
from fsbench.datasets.shapes import generate_shapes
from fsbench.datasets.shapes import ShapesConfig
from fsbench.errors import DataError
from fsbench.errors import PluginError
from fsbench.errors import RunError
from fsbench.running.evaluate import evaluate_method
from fsbench.running.evaluate import Request
from fsbench.running.fold import RunOptions
from fsbench.splits.benchmark import Benchmark
from fsbench.splits.benchmark import open_benchmark
from fsbench.splits.build import build_manifest
from fsbench.splits.build import BuildOptions
from fsbench.splits.manifest import write_manifest
from fsbench.training.request import train_method
from fsbench.training.request import TrainingRequest
from fsbench_baselines.checkpoints import read_checkpoint
from fsbench_baselines.referformer.config import ModelConfig

TINY = {"epochs": "1", "episodes_per_class": "1", "batch": "6"}
STAGE = """{name: tiny, epochs: 1, episodes_per_class: 1, batch: 6, query_frames: 1, support_frames: 2, frozen: [],
    augmentation: {scales: [48, 64], max_size: 96}}"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A small set of shapes, its manifest, and a ReferFormer that took two steps on it."""
    base = tmp_path_factory.mktemp("place")
    generate_shapes(
        base / "mini-ref-shapes", ShapesConfig(videos_per_category=2, frames=3, height=48, width=64, num_categories=16)
    )
    dataset = open_dataset("mini-ref-shapes", base)
    info, rows = build_manifest(dataset, BuildOptions(draws=1, frames=1))
    write_manifest(base / "splits", info, rows)
    train(base, "referformer", base / "start", overrides={**TINY, "pretraining": STAGE, "naming": STAGE})
    return base


@pytest.fixture(scope="module")
def another(place):
    """A CMA without affinity that took a step on it."""
    train(place, "cma-add", place / "another", recipe="shapes-meta", overrides=TINY)
    return place / "another"


def opened(place: Path) -> Benchmark:
    return open_benchmark("mini-ref-shapes", place, place / "splits")


def train(place, method, out, **changes):
    settings = {"method": method, "fold": 2, "benchmark": opened(place), "device": "cpu"}
    return train_method(TrainingRequest(**{**settings, "out": out, **changes}))


def evaluate(place, method, checkpoint, out):
    request = Request(method, opened(place), device="cpu", folds=(2,), checkpoint=checkpoint, out=out, limit=1)
    (result,) = evaluate_method(request, RunOptions()).results.values()
    return result


def test_random_weights_without_a_stage_before_are_told_of(place, tmp_path, caplog):
    for number, init in enumerate((place / "start" / "model", None)):
        caplog.clear()
        train(place, "cma-add", tmp_path / str(number), recipe="shapes-meta", overrides=TINY, init=init)
        assert sum("Did you mean to pass --init?" in message for message in caplog.messages) == number


def test_a_training_leaves_what_can_be_evaluated_and_read(place, tmp_path):
    assert {path.name for path in (place / "start").iterdir()} >= {
        "backbone",
        "naming",
        "model",
        "metrics.jsonl",
        "training.json",
    }
    result = evaluate(place, "referformer", place / "start" / "model", tmp_path)
    assert result.episodes > 0
    assert not result.failures
    words = json.loads((place / "start" / "model" / "tokenizer" / "tokenizer.json").read_text())["model"]["vocab"]
    assert "nimig" in words
    assert "penen" not in words  # a novel class of fold 2
    weights = result.identity.weights
    assert (weights.training.fold, weights.training.seed, weights.training.init) == (2, 0, None)
    assert "nimig" in weights.training.classes
    assert "penen" not in weights.training.classes
    assert weights.configuration["backbone"] == result.identity.options["backbone"]


def test_the_pretrained_backbone_is_where_the_training_starts(place, tmp_path):
    out = tmp_path / "still"
    train(place, "referformer", out, overrides={**TINY, "pretraining": STAGE, "naming": "null", "lr": "0"})
    pretrained = safetensors.torch.load_file(out / "backbone" / "model" / "backbone.safetensors")
    state = read_checkpoint(out / "model", ModelConfig)[1]
    for name, tensor in pretrained.items():
        assert (state[f"backbone.0.body.{name}"] == tensor).all()


def test_what_was_learnt_of_names_is_where_the_training_starts(place, tmp_path):
    out = tmp_path / "still"
    train(place, "referformer", out, overrides={**TINY, "pretraining": STAGE, "naming": STAGE, "lr": "0"})
    named = safetensors.torch.load_file(out / "naming" / "model" / "named.safetensors")
    state = read_checkpoint(out / "model", ModelConfig)[1]
    assert any(name.startswith("text_encoder.") for name in named)
    for name, tensor in named.items():
        assert (state[name] == tensor).all()
    backbone = safetensors.torch.load_file(out / "backbone" / "model" / "backbone.safetensors")
    assert any((state[f"backbone.0.body.{name}"] != tensor).any() for name, tensor in backbone.items())


@pytest.mark.parametrize("method", ["cma", "cma-object", "cma-prior", "cma-self", "cma-add", "referformer"])
def test_a_second_training_goes_on_from_the_first(place, tmp_path, method):
    init = place / "start" / "model"
    out = tmp_path / "out"
    checkpoint = train(place, method, out, recipe="shapes-meta", init=init, overrides=TINY)
    assert checkpoint == out / "model"
    assert not (out / "backbone").exists()
    assert read_checkpoint(checkpoint, ModelConfig)[0].short_side == 64
    assert evaluate(place, method, checkpoint, tmp_path / "run").episodes > 0


@pytest.mark.parametrize(
    ("method", "options", "wiring"),
    [
        ("cma", {}, ("middle", "zero")),
        ("cma", {"mask_support": "exclude"}, ("middle", "exclude")),
        ("cma-object", {}, ("all", "exclude")),
        ("cma-object", {"support_frames": "middle"}, ("middle", "exclude")),
        ("cma-prior", {}, ("all", "exclude")),
    ],
)
def test_the_affinity_is_trained_in_the_wiring_of_method_and_options(place, tmp_path, method, options, wiring):
    init = place / "start" / "model"
    out = train(place, method, tmp_path / "out", recipe="shapes-meta", init=init, overrides=TINY, options=options)
    config = read_checkpoint(out, ModelConfig)[0]
    assert (config.support_frames, config.mask_support) == wiring


def test_the_released_recipe_leaves_the_projections_of_the_affinity_as_they_were(place, tmp_path):
    init = place / "start" / "model"
    states = {}
    for name, overrides in {"before": {**TINY, "lr": "0"}, "after": TINY}.items():
        train(place, "cma", tmp_path / name, recipe="shapes-meta-released", init=init, overrides=overrides)
        states[name] = read_checkpoint(tmp_path / name / "model", ModelConfig)[1]
    before, after = states["before"], states["after"]
    moved = {name for name in before if not (before[name] == after[name]).all()}
    left = ("support_qkv", "query_qkv", "conv_q")
    assert not {name for name in moved if name.startswith(left)}
    assert any(name.startswith("transformer") for name in moved)


def test_the_command_prints_the_checkpoint_in_one_process_alone(place, tmp_path, monkeypatch):
    line = ["train", "--method", "cma-add", "--fold", "2", "--dataset", "mini-ref-shapes", "--data-root", str(place)]
    line += ["--splits", str(place / "splits"), "--recipe", "shapes-meta", "--out", str(tmp_path), "--device", "cpu"]
    line += [part for key, value in TINY.items() for part in ("--set", f"{key}={value}")]
    first = CliRunner().invoke(main, line)
    assert first.exit_code == 0, first.output
    assert first.stdout.strip() == str(tmp_path / "model")
    monkeypatch.setenv("RANK", "1")
    again = CliRunner().invoke(main, [*line, "--resume"])
    assert again.exit_code == 0, again.output
    assert again.stdout == ""


def test_initial_weights_that_are_not_there_are_named(place, tmp_path):
    with pytest.raises(DataError, match=r"fold-2/model: there are no weights to start from"):
        train(place, "cma", tmp_path, init=tmp_path / "fold-{fold}" / "model")


def test_a_training_is_not_overwritten(place):
    with pytest.raises(RunError, match="--resume"):
        train(place, "referformer", place / "start", overrides={**TINY, "pretraining": STAGE, "naming": STAGE})


def test_a_method_without_training_says_so(place, tmp_path):
    with pytest.raises(PluginError, match="'full-frame' cannot be trained"):
        train(place, "full-frame", tmp_path)


@pytest.mark.parametrize(("method", "recipe"), [("cma", "corrected"), ("cma", "released"), ("danet", "released")])
def test_random_weights_are_never_frozen(place, tmp_path, method, recipe):
    with pytest.raises(
        RunError, match=r"(backbone, text_encoder|encoder), which would keep random values.*Pass --init"
    ):
        train(place, method, tmp_path / "out", recipe=recipe)
    assert not (tmp_path / "out").exists()


def test_what_a_stage_teaches_may_be_frozen_after_it(place, tmp_path):
    overrides = {**TINY, "frozen": "[backbone]"}
    with pytest.raises(RunError, match="does not train backbone, which"):
        train(place, "referformer", tmp_path / "out", overrides={**overrides, "pretraining": "null", "naming": "null"})
    train(place, "referformer", tmp_path / "out", overrides={**overrides, "pretraining": STAGE, "naming": "null"})


def test_an_interrupted_training_says_how_to_go_on(place, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("fsbench.training.request.train_method", interrupted)
    line = ["train", "--method", "cma", "--fold", "2", "--dataset", "mini-ref-shapes", "--data-root", str(place)]
    result = CliRunner().invoke(main, [*line, "--splits", str(place / "splits"), "--out", str(tmp_path)])
    assert result.exit_code == 130
    assert "Run the same command again with --resume to go on" in result.stderr


@pytest.mark.parametrize("resume", [False, True])
def test_another_method_or_model_is_another_training(place, another, tmp_path, resume):
    settings = {"recipe": "shapes-meta", "overrides": TINY, "resume": resume}
    with pytest.raises(RunError, match=r"method: cma-add, now cma-self; model\.affinity: add, now self\)"):
        train(place, "cma-self", another, **settings)
    with pytest.raises(RunError, match=r"\(options\.dab: None, now True\)"):
        train(place, "cma-add", another, options={"dab": "true"}, **settings)
    (tmp_path / "words").mkdir()
    for text in ("one", "two"):
        (tmp_path / "words" / "text").write_text(text)
        with pytest.raises(RunError, match=r"options\.tokenizer: roberta-base, now [0-9a-f]{64}\)"):
            train(place, "cma-add", another, options={"tokenizer": str(tmp_path / "words")}, **settings)


def test_stages_serve_their_own_training_alone_and_are_mended_from_their_states(place, tmp_path):
    out, settings = tmp_path / "out", {"overrides": {**TINY, "pretraining": STAGE, "naming": STAGE}, "resume": True}
    whole = (place / "start" / "model" / "model.safetensors").read_bytes()
    shutil.copytree(place / "start", out)
    for name in ("training.json", "state.pt"):
        (out / name).unlink()
    shutil.rmtree(out / "model")
    with pytest.raises(RunError, match=r"backbone/training\.json: is of another training \(method: referformer, now"):
        train(place, "cma", out, **settings)
    shutil.rmtree(out / "backbone" / "model")
    (out / "naming" / "model" / "named.safetensors").write_bytes(b"cut")
    train(place, "referformer", out, **settings)
    assert (out / "model" / "model.safetensors").read_bytes() == whole
    for path in (place / "start" / "model" / "tokenizer").iterdir():
        assert (out / "model" / "tokenizer" / path.name).read_bytes() == path.read_bytes()


def test_a_training_that_has_begun_needs_its_stages_no_more(place, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(place / "start", out)
    for name in ("backbone", "naming", "model"):
        shutil.rmtree(out / name)
    train(place, "referformer", out, overrides={**TINY, "pretraining": STAGE, "naming": STAGE}, resume=True)
    assert (out / "model" / "model.safetensors").read_bytes() == (
        place / "start" / "model" / "model.safetensors"
    ).read_bytes()
    assert not (out / "backbone").exists()
