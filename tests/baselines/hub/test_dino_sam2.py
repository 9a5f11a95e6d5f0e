import json

import numpy as np
import pytest
import torch

from fsbench.errors import DataError
from fsbench.masks.rle import decode_masks
from fsbench.methods import Clip
from fsbench.methods import Shot
from fsbench.methods import Support
from fsbench.methods import whole_masks
from fsbench_baselines.hub.following import follow
from fsbench_baselines.hub.following import Memory
from fsbench_baselines.hub.frames import IMAGENET
from fsbench_baselines.hub.frames import masks_from
from fsbench_baselines.hub.frames import normalised
from fsbench_baselines.hub.matching import match
from fsbench_baselines.hub.matching import object_patches
from fsbench_baselines.hub.matching import Patches
from fsbench_baselines.hub.matching import PatchFeatures
from fsbench_baselines.hub.matching import prompt_at
from tests.baselines.hub.test_methods import make

CPU, FLOAT = torch.device("cpu"), torch.float32
RNG = np.random.default_rng(5)
FRAME = RNG.integers(0, 255, (32, 48, 3), np.uint8)  # 4 x 6 patches
MASK = np.zeros((32, 48), bool)
MASK[8:16, 16:40] = True  # patches 2 to 4 of row 1


@pytest.fixture(autouse=True)
def inference():
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("name", ["dino/features", "dinov3"])
def test_features_are_those_of_the_patches_alone_after_the_last_norm(models, name):
    features = PatchFeatures(models / name, CPU, FLOAT, 32)
    pixels = normalised(FRAME[None], (32, 48), IMAGENET)
    tokens = features.model(pixels).last_hidden_state[0]
    assert len(tokens) > 24  # class and registers go before the 24 patches
    expected = tokens[-24:] / tokens[-24:].norm(dim=1, keepdim=True)
    torch.testing.assert_close(features.see(FRAME), expected)


def test_no_pixel_is_cut_off_whatever_the_frame_s_size(models):
    features = PatchFeatures(models / "dinov3", CPU, FLOAT, 32)
    frame = RNG.integers(0, 255, (37, 61, 3), np.uint8)
    grid = features.grid(37, 61)
    assert grid == (4, 7)
    seen = features.see(frame)
    assert len(seen) == 28
    frame[-2:, -2:] = 255 - frame[-2:, -2:]
    assert not torch.equal(features.see(frame), seen)
    mask = np.zeros((37, 61), bool)
    mask[-1, -1] = True
    assert object_patches(mask, grid).nonzero().flatten().tolist() == [27]


def test_a_model_of_another_kind_is_refused(models, tmp_path):
    for text in (json.dumps({"model_type": "sam2_video"}), "[", "[]", "{}"):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(DataError, match=r"config\.json names the model type .*dinov2, "):
            PatchFeatures(tmp_path, CPU, FLOAT, 32)


def test_a_match_counts_if_it_holds_both_ways():
    axes = torch.eye(4)
    support = Patches(axes[:3], torch.tensor([True, True, False]))
    query = torch.stack([axes[3], axes[0], 0.6 * axes[1] + 0.8 * axes[2], axes[2]])
    found = match(query, support)
    # The second patch of the object is nearest to the query's third, which is nearer to the background.
    assert found.strength.tolist() == [-torch.inf, 1, -torch.inf, -torch.inf]
    torch.testing.assert_close(found.likeness, torch.tensor([0, 1, 0.6, 0]))
    assert found.score == 0.5
    point, other = prompt_at(found, (2, 2), "points", 3).points.tolist(), prompt_at(found, (2, 2), "box", 3)
    assert point == [[0.75, 0.25], [0.25, 0.25]]
    assert other.points.tolist() == [[0.5, 0], [1, 0.5]]
    assert other.labels.tolist() == [2, 3]


def test_without_a_match_nothing_is_pointed_at():
    support = Patches(torch.eye(3)[:2], torch.tensor([True, False]))
    found = match(torch.eye(3)[1:], support)
    assert found.score == 0
    assert prompt_at(found, (1, 2), "points", 3) is None


def method_and_support(models, **options):
    method = make("dino-sam2", models, **options)
    return method, method.adapt(Support((Shot(FRAME[None], MASK[None], ""),)))


QUERY = np.stack([RNG.integers(0, 255, FRAME.shape, np.uint8), FRAME, RNG.integers(0, 255, FRAME.shape, np.uint8)])


def test_of_the_support_s_own_frame_the_object_s_patches_are_matched(models):
    method, adapted = method_and_support(models, prompt="box")
    prompt, score = method.point(adapted, Clip(QUERY), 1)
    assert score == pytest.approx(1)
    torch.testing.assert_close(prompt.points, torch.tensor([[2 / 6, 1 / 4], [5 / 6, 2 / 4]]))
    method, adapted = method_and_support(models, points=2)
    prompt, _ = method.point(adapted, Clip(QUERY), 1)
    assert prompt.labels.tolist() == [1, 1, 0]
    on = [MASK[int(y * 32), int(x * 48)] for x, y in prompt.points.tolist()]
    assert on == [True, True, False]


def test_the_best_frame_s_prompt_is_followed(models):
    method, adapted = method_and_support(models)
    clip = Clip(QUERY)
    expected = follow(method.segmenter, clip, {1: method.point(adapted, clip, 1)[0]})
    found = whole_masks(method.segment(adapted, clip, ["a", "b"]))
    np.testing.assert_array_equal(found, [decode_masks([each.mask for each in expected], 32, 48)] * 2)


def test_each_frame_may_be_prompted_by_itself(models):
    method, adapted = method_and_support(models, frames="each")
    clip = Clip(QUERY)
    found = whole_masks(method.segment(adapted, clip, ["a"]))[0]
    for t in range(3):
        prompt, _ = method.point(adapted, clip, t)
        logits = Memory(method.segmenter).point(method.segmenter.see(QUERY[t]), prompt).logits if prompt else None
        expected = np.zeros((32, 48), bool) if logits is None else masks_from(logits[None], (32, 48), 0.0)[0]
        np.testing.assert_array_equal(found[t], expected)


def test_a_support_without_the_object_gives_nothing(models):
    method = make("dino-sam2", models)
    adapted = method.adapt(Support((Shot(FRAME[None], np.zeros_like(MASK)[None], ""),)))
    assert not whole_masks(method.segment(adapted, Clip(QUERY), ["a"])).any()
