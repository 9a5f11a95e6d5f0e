import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from fsbench.cli import main
from fsbench.errors import PluginError
from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import whole_masks
from fsbench.methods.registry import find_method
from fsbench_baselines.danet import save_checkpoint
from fsbench_baselines.danet.declarations import DANET
from tests.baselines.danet.samples import clip
from tests.baselines.danet.samples import small_model
from tests.baselines.danet.samples import support
from tests.tiny import write_dataset
from tests.ytvis import expected_scores
from tests.ytvis import write_youtube_vis

FOLD = Fold("mini-ref-davis", 0, ("dog",), ())
UNDECIDED = -0.53  # what lets random weights cross the threshold
ONLINE = {"online_steps": 2, "online_lr": 1e-2, "online_enough": 0.99}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("danet")
    save_checkpoint(path, small_model(seed=2))
    return path


def make(folder, **options):
    method = DANET(checkpoint=folder, device="cpu", **options)
    method.prepare(FOLD)
    return method


@pytest.fixture(scope="module")
def method(folder):
    return make(folder)


def probabilities(method, adapted, query):
    """What the masks of a clip are thresholded from: finer than masks, which random weights make flat."""
    maps = [
        method.model.decode(
            low := method._low(query, start),
            method._query(low, adapted.level or method.model.encoder.layer3),
            adapted.support,
            method.canvas,
        )[0].detach()
        for start in range(0, len(query.frames), method.chunk)
    ]
    return torch.cat(maps)


def mixed_masks(method, adapted, query):
    """The method's masks with a threshold that random weights cross: both values are there."""
    middle = probabilities(method, adapted, query).median()
    method.model.Decoder.pred2.bias.sub_(middle)
    masks = whole_masks(method.segment(adapted, query, ["the dog"]))
    method.model.Decoder.pred2.bias.add_(middle)
    return masks


def test_all_sentences_get_the_same_masks_at_the_wanted_size(method):
    adapted = method.adapt(support())
    for size in (None, (50, 70)):
        masks = whole_masks(method.segment(adapted, clip(output_size=size), ["the left dog", "the right dog", ""]))
        assert masks.shape == (3, 7, *(size or (24, 40)))
        assert masks.dtype == np.bool_
        assert np.array_equal(masks[0], masks[1])
        assert np.array_equal(masks[0], masks[2])


def test_masks_are_those_of_the_model_on_chunks_with_the_remainder_last(method):
    query, adapted = clip(), method.adapt(support())
    maps = probabilities(method, adapted, query)
    frames = method._box(query).frames(query.frames)
    shots = support().shots
    boxed = [(method._box(Clip(shot.frames)), shot) for shot in shots]
    images = torch.cat([box.frames(shot.frames) for box, shot in boxed])[None]
    masks = torch.cat([box.masks(shot.masks) for box, shot in boxed])[None]
    with torch.no_grad():
        expected = [method.model(part[None], images, masks)[0] for part in (frames[:5], frames[5:])]
    torch.testing.assert_close(maps.sigmoid(), torch.cat(expected), rtol=0, atol=1e-5)
    mixed = mixed_masks(method, adapted, query)
    assert 0.2 < mixed.mean() < 0.8


def test_masks_depend_on_neither_memo_nor_other_support_sets(method):
    one, other = method.adapt(support()), method.adapt(support(seed=11))
    shared, forgetful = clip(), Clip(clip().frames, memo_limit=0)
    whole_masks(method.segment(other, shared, ["the dog"]))
    assert torch.equal(probabilities(method, one, shared), probabilities(method, one, forgetful))
    assert np.array_equal(mixed_masks(method, one, shared), mixed_masks(method, one, forgetful))


def test_any_shots_of_any_sizes_are_all_support(method):
    for shots, frames, sizes in ((1, 5, [(24, 40)]), (5, 1, [(24, 40), (60, 30)]), (2, 3, [(9, 9)])):
        adapted = method.adapt(support(shots=shots, frames=frames, sizes=sizes))
        assert adapted.support.keys.shape[1] == shots * frames
        assert whole_masks(method.segment(adapted, clip(1), ["the dog"])).shape == (1, 1, 24, 40)


def test_the_support_reaches_the_result(method):
    one, other = (probabilities(method, method.adapt(support(seed=seed)), clip()) for seed in (5, 30))
    assert not torch.allclose(one, other, atol=1e-4)


def test_the_size_of_the_chunks_is_an_option_and_makes_a_difference(folder, method):
    one, other = (probabilities(m, m.adapt(support()), clip()) for m in (method, make(folder, chunk=3)))
    assert one.shape == other.shape
    assert not torch.allclose(one, other, atol=1e-5)
    assert make(folder, max_frames=2).chunk == 2
    assert make(folder, max_frames=9).chunk == 5


def test_the_size_of_the_model_is_known(method):
    assert method.num_parameters == sum(parameter.numel() for parameter in small_model().parameters())


def test_the_canvas_is_an_option(folder):
    large = make(folder, size="48x64")
    assert probabilities(large, large.adapt(support()), clip()).shape == (7, 48, 64)
    assert whole_masks(large.segment(large.adapt(support()), clip(), ["the dog"])).shape == (1, 7, 24, 40)


def test_online_learning_starts_from_the_base_weights_for_each_support_set(folder, method):
    online = make(folder, **ONLINE)
    before = {name: tensor.clone() for name, tensor in online.model.state_dict().items()}
    first = online.adapt(support(seed=5))
    second = online.adapt(support(seed=30))
    again = online.adapt(support(seed=5))
    assert all(torch.equal(tensor, before[name]) for name, tensor in online.model.state_dict().items())
    shared = clip()
    whole_masks(online.segment(second, shared, ["the dog"]))
    alone = probabilities(online, first, clip())
    assert torch.equal(alone, probabilities(online, again, shared))
    assert np.array_equal(
        whole_masks(online.segment(first, clip(), ["a"])), whole_masks(online.segment(again, shared, ["a"]))
    )
    assert not torch.allclose(alone, probabilities(method, method.adapt(support(seed=5)), clip()), atol=1e-4)
    assert not torch.allclose(alone, probabilities(online, second, clip()), atol=1e-4)


def test_online_learning_that_is_not_needed_changes_nothing(folder, method):
    content = make(folder, online_steps=2, online_enough=-1.0)
    one, other = (probabilities(m, m.adapt(support()), clip()) for m in (method, content))
    # Convolutions may differ in their last bits with where in memory their weights lie.
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_bfloat16_comes_close(folder, method):
    half = make(folder, dtype="bfloat16")
    one, other = (probabilities(m, m.adapt(support()), clip()).float() for m in (method, half))
    assert torch.nn.functional.cosine_similarity(one.flatten(), other.flatten(), dim=0) > 0.95


def test_what_cannot_be_is_refused_with_what_to_do(folder):
    with pytest.raises(PluginError, match="--checkpoint with a released file"):
        find_method("danet").create({}).prepare(FOLD)
    for options, message in (
        ({"size": "241"}, "HEIGHTxWIDTH"),
        ({"size": "0x5"}, "HEIGHTxWIDTH"),
        ({"chunk": 0}, "chunk is at least 1"),
        ({"online_steps": -1}, "online_steps at least 0"),
        ({"online_steps": 1, "dtype": "bfloat16"}, "dtype=float32"),
    ):
        with pytest.raises(PluginError, match=message):
            make(folder, **options)


def test_a_checkpoint_is_evaluated_and_converted_by_the_harness(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_dataset(tmp_path / "data/mini-ref-davis", {"dog": 3})
    assert CliRunner().invoke(main, ["build-splits", "mini-ref-davis"]).exit_code == 0
    arguments = ["evaluate", "--method", "danet", "--checkpoint", str(folder), "--dataset", "mini-ref-davis"]
    arguments += ["--draws", "0", "--out", "run", "--device", "cpu", "--option", "online_steps=1"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    assert "danet 1 on mini-ref-davis" in result.stdout
    converted = CliRunner().invoke(main, ["convert", str(folder), "out", "--method", "danet"])
    assert converted.exit_code == 0, (converted.output, converted.exception)
    one, other = make(folder), make(tmp_path / "out")
    assert torch.equal(*(probabilities(m, m.adapt(support()), clip()) for m in (one, other)))


def test_few_shot_vos_without_sentences_has_the_scores_that_pycocotools_and_numpy_give(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = write_youtube_vis(tmp_path / "data/YouTube-VIS")
    name = "few-shot-youtube-vis"
    assert CliRunner().invoke(main, ["build-splits", name, "--draws", "1"]).exit_code == 0
    model = small_model(seed=2)
    with torch.no_grad():
        model.Decoder.pred2.bias.add_(UNDECIDED)
    save_checkpoint(tmp_path / "undecided", model)
    evaluate = ["evaluate", "--method", "danet", "--checkpoint", "undecided", "--dataset", name, "--device", "cpu"]
    result = CliRunner().invoke(main, [*evaluate, "--protocol", "fss-vos", "--json"])
    assert result.exit_code == 0, (result.output, result.exception)
    expected = expected_scores(root / "train/train.json", tmp_path / f"runs/{name}/danet")["mean"]
    found = json.loads(result.stdout)["mean"]
    assert {key: found[key] for key in expected} == pytest.approx(expected, abs=1e-12)
    assert 0.05 < expected["J"] < 0.5
    assert 0 < expected["F"] < 0.9
