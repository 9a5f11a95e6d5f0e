"""What all methods on hub models have in common."""

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors import safe_open

from fsbench.cli import main
from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import Shot
from fsbench.methods import Support
from fsbench.methods import whole_masks
from fsbench.methods.registry import find_method
from tests.tiny import write_dataset

FOLD = Fold("mini-ref-davis", 0, ("dog",), ())
OPTIONS = {
    "seggpt": ("seggpt", {}),
    "clipseg": ("clipseg", {"side": 32}),
    "clipseg-support": ("clipseg", {"side": 32}),
    "grounded-sam2": ("grounded", {"short_side": 72}),
    "dino-sam2": ("dino", {"short_side": 32}),
    "mllm-sam2": ("mllm", {"max_tokens": 3, "max_pixels": 1024}),
    "sam2-support": ("grounded/tracker", {}),
    "sam3": ("sam3", {}),
    "sam3-support": ("sam3", {}),
    "sam3-exemplar": ("sam3", {"threshold": 0.1}),
}
LONG = "the brown dog " * 40


def make(name, models, **more):
    folder, options = OPTIONS[name]
    method = find_method(name).create({"checkpoint": models / folder, "device": "cpu", **options, **more})
    method.prepare(FOLD)
    return method


@pytest.fixture(scope="module", params=OPTIONS)
def method(request, models):
    return make(request.param, models)


def clip(frames=2, size=None):
    return Clip(np.random.default_rng(3).integers(0, 255, (frames, 24, 32, 3), np.uint8), size)


def support(masks=None, frames=2):
    pixels = np.random.default_rng(4).integers(0, 255, (frames, 20, 30, 3), np.uint8)
    if masks is None:
        masks = np.zeros((frames, 20, 30), bool)
        masks[:, 5:15, 6:20] = True
    return Support((Shot(pixels, masks, "the dog"),))


def test_masks_have_the_wanted_size_and_no_sentence_depends_on_another(method):
    adapted = method.adapt(support())
    together = whole_masks(method.segment(adapted, clip(size=(36, 50)), ["the left dog", LONG]))
    assert together.shape == (2, 2, 36, 50)
    assert together.dtype == np.bool_
    forgetful = Clip(clip().frames, (36, 50), memo_limit=0)
    alone = whole_masks(method.segment(adapted, forgetful, [LONG]))
    np.testing.assert_array_equal(together[1], alone[0])


def test_one_frame_and_a_support_without_the_object_are_no_trouble(method):
    empty = method.adapt(support(np.zeros((2, 20, 30), bool)))
    assert whole_masks(method.segment(empty, clip(frames=1), ["the dog"])).shape == (1, 1, 24, 32)


def test_it_counts_the_parameters_of_all_its_weights(method, models):
    folder, total = models / OPTIONS[method.info.name][0], 0
    for file in (*folder.glob("*.safetensors"), *folder.glob("*/*.safetensors")):
        with safe_open(file, "pt") as tensors:
            total += sum(int(np.prod(tensors.get_slice(key).get_shape())) for key in tensors.keys())  # noqa: SIM118
    if method.info.name in ("sam3-exemplar", "sam3-support"):  # which load a part of SAM 3
        assert total / 3 < method.num_parameters < total
    else:
        assert total - 256 <= method.num_parameters <= total  # SAM's positions are weights and no parameters


def test_bfloat16_runs(method, models):
    half = make(method.info.name, models, dtype="bfloat16")
    assert whole_masks(half.segment(half.adapt(support()), clip(frames=1), ["the dog"])).shape == (1, 1, 24, 32)


@pytest.mark.parametrize("name", OPTIONS)
def test_it_evaluates_end_to_end(name, models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_dataset(tmp_path / "data/mini-ref-davis", {"dog": 2}, frames=2)
    assert CliRunner().invoke(main, ["build-splits", "mini-ref-davis"]).exit_code == 0
    folder, options = OPTIONS[name]
    arguments = ["evaluate", "--method", name, "--checkpoint", str(models / folder), "--dataset", "mini-ref-davis"]
    arguments += ["--draws", "0", "--out", "run", "--device", "cpu"]
    arguments += [part for key, value in options.items() for part in ("--option", f"{key}={value}")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    assert f"{name} {find_method(name).info.version} on mini-ref-davis" in result.stdout
