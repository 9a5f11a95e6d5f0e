import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from fsbench_baselines.referformer.batch import Output
from fsbench_baselines.referformer.losses import Criterion
from fsbench_baselines.referformer.losses import layer_losses
from fsbench_baselines.referformer.matcher import TermWeights
from fsbench_baselines.referformer.targets import count_boxes
from fsbench_baselines.referformer.targets import join_targets
from fsbench_baselines.referformer.targets import sample_masks
from fsbench_baselines.referformer.targets import Target
from tests.baselines.referformer.criterion_samples import GOLDEN_CASES
from tests.baselines.referformer.criterion_samples import golden_layer
from tests.baselines.referformer.criterion_samples import golden_target
from tests.baselines.referformer.criterion_samples import prediction
from tests.baselines.referformer.criterion_samples import random_prediction
from tests.baselines.referformer.criterion_samples import random_target
from tests.baselines.referformer.criterion_samples import TERMS


def tiny() -> tuple[Output, Target]:
    """One clip of two frames, the second without the object; query 1 is the better one."""
    logits = torch.full((1, 2, 2, 1), -50.0)
    logits[0, 0, 1] = 0
    boxes = torch.full((1, 2, 2, 4), 0.1)
    boxes[0, :, 1] = torch.tensor([0.5, 0.5, 0.5, 0.5])
    masks = torch.full((1, 2, 2, 1, 2), -50.0)
    masks[0, 0, 1, 0, 0] = 0
    truth = torch.zeros(2, 4, 8)
    truth[0, :, :4] = 1
    target = Target(
        masks=truth,
        boxes=torch.tensor([[0.5, 0.5, 0.5, 1.0], [0.0, 0.0, 0.0, 0.0]]),
        valid=torch.tensor([1, 0]),
        labels=torch.tensor([7, 7]),
    )
    return prediction(logits, boxes, masks), target


def require_gradients(output: Output) -> list[torch.Tensor]:
    layers = [output, *output.aux]
    return [tensor.requires_grad_() for layer in layers for tensor in (layer.logits, layer.boxes, layer.masks)]


@pytest.mark.parametrize("case", GOLDEN_CASES)
def test_released_losses_of_the_last_layer(case, test_golden):
    with np.load(test_golden / f"{case}.npz") as golden:
        criterion = Criterion(valid_only=case.startswith("referformer"))
        losses = criterion(golden_layer(golden), [golden_target(test_golden, case)])
        for term in TERMS:
            assert losses[f"loss_{term}"].item() == pytest.approx(float(golden[f"loss/loss_{term}"]), rel=1e-6), term


@pytest.mark.parametrize("case", GOLDEN_CASES)
def test_released_class_and_box_losses_of_the_earlier_layers(case, test_golden):
    """The goldens hold no masks of these layers; their mask losses are checked with the model."""
    with np.load(test_golden / f"{case}.npz") as golden:
        for layer in range(3):
            queries = torch.from_numpy(golden[f"match/aux{layer}"][:, 0])
            output = golden_layer(golden, f"aux{layer}/")
            targets = join_targets([golden_target(test_golden, case)], *output.masks.shape[-2:])
            terms = layer_losses(output, targets, queries, count_boxes(targets))
            for term in ("ce", "bbox", "giou"):
                assert terms[term].item() == pytest.approx(float(golden[f"loss/loss_{term}_{layer}"]), rel=1e-6), term


def test_weights_are_the_released_ones(test_golden):
    common = json.loads((test_golden / "configs.json").read_text())["common"]
    costs = common["matcher_costs"]
    costs["ce"] = costs.pop("class")
    assert Criterion() == Criterion(weights=TermWeights(**common["loss_weights"]), costs=TermWeights(**costs))


def test_losses_by_hand():
    output, target = tiny()
    losses = {name: loss.item() for name, loss in Criterion()(output, [target]).items()}
    assert losses["loss_ce"] == pytest.approx(0.25 * 0.25 * math.log(2))
    # Both frames count: 0.5 and 2 apart; IoU 1/2 in a hull of the union, and 0 in a hull of 0.75 squared.
    assert losses["loss_bbox"] == pytest.approx(0.5 + 2)
    assert losses["loss_giou"] == pytest.approx(1 - 0.5 + 1 + 1 - 0.25 / 0.5625, abs=1e-4)
    assert losses["loss_mask"] == pytest.approx(0.25 * 0.25 * math.log(2) / 4)
    assert losses["loss_dice"] == pytest.approx(1 - (2 * 0.5 + 1) / (0.5 + 1 + 1))
    assert losses["total"] == pytest.approx(
        sum(weight * losses[f"loss_{term}"] for term, weight in zip(TERMS, (2, 5, 2, 2, 5), strict=True))
    )


def test_losses_are_named_by_layer_and_total_is_their_weighted_sum():
    weights = TermWeights(ce=1, bbox=2, giou=3, mask=4, dice=5)
    targets = [random_target(seed=seed) for seed in range(3)]
    losses = Criterion(weights=weights)(random_prediction(layers=3), targets)
    layers = {
        suffix: sum(getattr(weights, term) * losses[f"loss_{term}{suffix}"] for term in TERMS)
        for suffix in ("", "_0", "_1")
    }
    assert set(losses) == {f"loss_{term}{suffix}" for term in TERMS for suffix in layers} | {"total"}
    torch.testing.assert_close(losses["total"], sum(layers.values()))


def test_costs_choose_the_query_and_weights_do_not():
    output, target = tiny()
    output.logits[0, :, 0] = 5  # query 0 is the better one by class alone
    by_class = Criterion(costs=TermWeights(ce=1, bbox=0, giou=0, mask=0, dice=0))(output, [target])
    by_mask = Criterion(costs=TermWeights(ce=0, bbox=0, giou=0, mask=0, dice=1))(output, [target])
    assert by_class["loss_dice"] > by_mask["loss_dice"]  # only the mask of query 1 is any good


def test_criterion_hands_valid_only_to_the_matcher():
    """Query 0 is certain of the object where it is, query 1 where it is not."""
    output, target = tiny()
    output.logits[0, :, :, 0] = torch.tensor([[0.9, 0.6], [0.01, 0.95]]).logit()
    costs = TermWeights(ce=1, bbox=0, giou=0, mask=0, dice=0)
    on_valid = Criterion(costs=costs, valid_only=True)(output, [target])
    on_all = Criterion(costs=costs)(output, [target])
    assert on_valid["loss_dice"] > on_all["loss_dice"]


def test_every_layer_is_compared_as_if_it_were_the_last():
    output, targets = random_prediction(layers=2), [random_target(seed=seed) for seed in range(3)]
    losses = Criterion()(output, targets)
    alone = Criterion()(output.aux[0], targets)
    for term in TERMS:
        assert losses[f"loss_{term}_0"] == alone[f"loss_{term}"]


@pytest.mark.parametrize("valid_only", [True, False])
def test_clip_without_any_valid_frame_teaches_silence(valid_only):
    output, target = random_prediction(clips=1), random_target(valid=[0, 0, 0, 0])
    tensors = require_gradients(output)
    losses = Criterion(valid_only=valid_only)(output, [target])
    losses["total"].backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert all(torch.isfinite(tensor.grad).all() for tensor in tensors)
    assert (output.logits.grad > 0).all()


def test_clip_of_one_frame_and_one_query():
    losses = Criterion()(random_prediction(clips=1, frames=1, queries=1), [random_target(frames=1)])
    assert all(torch.isfinite(loss) and loss >= 0 for loss in losses.values())


def test_gradient_reaches_all_logits_and_the_matched_boxes_and_masks_of_every_layer():
    output, targets = random_prediction(layers=3), [random_target(seed=seed) for seed in range(3)]
    require_gradients(output)
    Criterion()(output, targets)["total"].backward()
    for layer in (output, *output.aux):
        assert (layer.logits.grad != 0).all()
        touched = (layer.boxes.grad != 0).any(-1).all(1)  # [B, Q]
        assert touched.sum(1).tolist() == [1, 1, 1]
        assert torch.equal((layer.masks.grad != 0).any(-1).any(-1).all(1), touched)


def test_a_step_against_the_gradient_lowers_the_loss():
    output, targets = random_prediction(), [random_target(seed=seed) for seed in range(3)]
    tensors = require_gradients(output)
    before = Criterion()(output, targets)["total"]
    before.backward()
    with torch.no_grad():
        for tensor in tensors:
            tensor -= 1e-3 * tensor.grad
    assert Criterion()(output, targets)["total"] < before


def test_order_of_clips_changes_nothing():
    output = random_prediction(clips=3)
    targets = [random_target(seed=1), random_target(size=(9, 31), seed=2), random_target(valid=[0, 1, 1, 0], seed=3)]
    order = [2, 0, 1]
    moved = [prediction(layer.logits[order], layer.boxes[order], layer.masks[order]) for layer in (output, *output.aux)]
    losses = Criterion()(output, targets)
    after = Criterion()(replace(moved[0], aux=tuple(moved[1:])), [targets[clip] for clip in order])
    for name in losses:
        torch.testing.assert_close(after[name], losses[name])


def test_batch_is_the_mean_of_its_clips_by_valid_frames():
    output = random_prediction(clips=2, layers=1)
    targets = [random_target(seed=1), random_target(valid=[0, 1, 0, 0], seed=2)]
    singles = [
        Criterion()(prediction(output.logits[[i]], output.boxes[[i]], output.masks[[i]]), [targets[i]]) for i in (0, 1)
    ]
    for name, loss in Criterion()(output, targets).items():
        torch.testing.assert_close(loss, (4 * singles[0][name] + 1 * singles[1][name]) / 5)


def test_labels_choose_the_column_of_the_logits():
    output = random_prediction(clips=1, classes=4)
    target = random_target(label=2, valid=[1, 1, 0, 1])
    require_gradients(output)
    queries = torch.tensor([3])
    layer_losses(output, join_targets([target], 6, 8), queries, 3)["ce"].backward()
    rising = output.logits.grad[0] < 0  # the loss asks for more of it
    assert rising.nonzero().tolist() == [[0, 3, 2], [1, 3, 2], [3, 3, 2]]


def test_divisor_is_the_number_of_valid_frames_and_at_least_one():
    assert count_boxes(join_targets([random_target(valid=[1, 0, 0, 1]), random_target()], 6, 8)) == 6
    assert count_boxes(join_targets([random_target(valid=[0, 0, 0, 0])], 6, 8)) == 1


def test_another_divisor_takes_the_place_of_the_number_of_valid_frames():
    output, targets = random_prediction(), [random_target(seed=seed) for seed in range(3)]
    losses, halved = Criterion()(output, targets), Criterion()(output, targets, 2 * 3 * 4.0)
    for name in losses:
        torch.testing.assert_close(halved[name], losses[name] / 2)


def test_targets_may_be_joined_beforehand():
    output, targets = random_prediction(), [random_target(seed=seed) for seed in range(3)]
    losses = Criterion()(output, join_targets(targets, 6, 8))
    assert losses == Criterion()(output, targets)


def test_masks_are_sampled_at_the_third_of_four_pixels_and_padded_with_zeros():
    pixels = torch.arange(6 * 9).reshape(1, 6, 9)
    target = replace(random_target(frames=1), masks=pixels)
    expected = torch.tensor([[2 * 9 + 2, 2 * 9 + 6, 0], [0, 0, 0]])
    assert torch.equal(sample_masks([target], 2, 3), expected[None, None].float())


def test_masks_larger_than_the_padded_frame_are_an_error():
    with pytest.raises(ValueError, match="24x33 pixels do not fit predictions of 6x8 cells"):
        sample_masks([random_target(size=(24, 33))], 6, 8)
