import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from fsbench_baselines.referformer import matcher
from fsbench_baselines.referformer.batch import Output
from fsbench_baselines.referformer.matcher import dice_coefficient
from fsbench_baselines.referformer.matcher import focal_loss
from fsbench_baselines.referformer.matcher import generalized_iou
from fsbench_baselines.referformer.matcher import TermWeights
from fsbench_baselines.referformer.targets import join_targets
from fsbench_baselines.referformer.targets import Target
from tests.baselines.referformer.criterion_samples import GOLDEN_CASES
from tests.baselines.referformer.criterion_samples import golden_layer
from tests.baselines.referformer.criterion_samples import golden_target
from tests.baselines.referformer.criterion_samples import prediction
from tests.baselines.referformer.criterion_samples import random_prediction
from tests.baselines.referformer.criterion_samples import random_target

NOTHING = TermWeights(ce=0, bbox=0, giou=0, mask=0, dice=0)
CLASS_ONLY = replace(NOTHING, ce=1)


def match(output: Output, targets: Sequence[Target], costs: TermWeights, *, valid_only: bool = False) -> torch.Tensor:
    joined = join_targets(targets, *output.masks.shape[-2:])
    return matcher.match(output, joined, costs, valid_only=valid_only)


def of_probabilities(*frames: list[float]) -> Output:
    """One clip whose queries differ in nothing but the class; frames are lists over queries."""
    logits = torch.tensor(frames).logit()[None, :, :, None]
    return prediction(logits, torch.full((*logits.shape[:3], 4), 0.5))


def of_valid(*valid: int) -> Target:
    frames = len(valid)
    return Target(
        masks=torch.zeros(frames, 4, 4),
        boxes=torch.zeros(frames, 4),
        valid=torch.tensor(valid),
        labels=torch.zeros(frames, dtype=torch.long),
    )


@pytest.mark.parametrize("case", GOLDEN_CASES)
def test_released_models_choose_the_same_query(case, test_golden):
    with np.load(test_golden / f"{case}.npz") as golden:
        chosen = match(
            golden_layer(golden),
            [golden_target(test_golden, case)],
            TermWeights(),
            valid_only=case.startswith("referformer"),
        )
        assert chosen.tolist() == golden["match/main"][:, 0].tolist()


def test_focal_loss_of_an_undecided_logit():
    undecided = focal_loss(torch.zeros(2), torch.tensor([1.0, 0.0]))
    assert undecided.tolist() == pytest.approx([0.25 * 0.25 * math.log(2), 0.75 * 0.25 * math.log(2)])


def test_focal_loss_of_a_certain_and_right_logit_is_zero():
    assert focal_loss(torch.tensor([50.0, -50.0]), torch.tensor([1.0, 0.0])).tolist() == pytest.approx(
        [0, 0], abs=1e-12
    )


def test_dice_takes_all_frames_as_one_mask():
    logits = torch.full((2, 1, 2), 50.0)  # four cells found
    truth = torch.tensor([[[1.0, 1.0]], [[0.0, 0.0]]])  # two of them right
    assert dice_coefficient(logits, truth).item() == pytest.approx((2 * 2 + 1) / (4 + 2 + 1))


def test_dice_of_two_empty_masks_is_one():
    assert dice_coefficient(torch.full((3, 2, 2), -50.0), torch.zeros(3, 2, 2)).item() == pytest.approx(1)


@pytest.mark.parametrize(
    ("box", "other", "expected"),
    [
        ([0.5, 0.5, 0.4, 0.2], [0.5, 0.5, 0.4, 0.2], 1),
        ([0.1, 0.1, 0.2, 0.2], [0.9, 0.9, 0.2, 0.2], -0.92),  # a hull of 1 with 0.08 in it
        ([0.25, 0.5, 0.5, 1.0], [0.5, 0.5, 1.0, 1.0], 0.5),
        ([0.5, 0.5, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0], 0),
        ([0.25, 0.25, 0.5, 0.5], [0.5, 0.25, 0.5, 0.5], 1 / 3),  # side by side, half shared, the hull is the union
    ],
)
def test_generalized_iou_of_boxes_by_hand(box, other, expected):
    assert generalized_iou(torch.tensor(box), torch.tensor(other)).item() == pytest.approx(expected, abs=1e-4)
    assert generalized_iou(torch.tensor(other), torch.tensor(box)).item() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("term", ["ce", "bbox", "giou", "mask", "dice"])
def test_each_term_alone_finds_the_query_that_is_right_in_it(term):
    target = random_target(size=(24, 32))
    output = random_prediction(clips=1)
    output.logits[0, :, 3] = 9
    output.boxes[0, :, 3] = target.boxes
    output.masks[0, :, 3] = 20 * target.masks[:, 2::4, 2::4].float() - 10
    assert match(output, [target], replace(NOTHING, **{term: 1})).tolist() == [3]


def test_one_query_is_chosen_for_all_frames_by_the_mean():
    assert match(of_probabilities([0.9, 0.8], [0.1, 0.8]), [of_valid(1, 1)], CLASS_ONLY).tolist() == [1]


def test_class_cost_rewards_certainty_more_than_it_punishes_one_miss():
    """As the object alone, without the part of the background, the second query would be cheaper."""
    assert match(of_probabilities([0.9, 0.3], [0.1, 0.3]), [of_valid(1, 1)], CLASS_ONLY).tolist() == [0]


@pytest.mark.parametrize(("valid_only", "chosen"), [(True, 0), (False, 1)])
def test_class_cost_counts_frames_without_the_object_only_where_asked(valid_only, chosen):
    output = of_probabilities([0.9, 0.6], [0.01, 0.95])
    assert match(output, [of_valid(1, 0)], CLASS_ONLY, valid_only=valid_only).tolist() == [chosen]


def test_boxes_of_frames_without_the_object_count_always():
    output = of_probabilities([0.5, 0.5], [0.5, 0.5])
    output.boxes[0, 1, 1] = 0  # nearer to the zeros of the frame without the object
    assert match(output, [of_valid(1, 0)], replace(NOTHING, bbox=1), valid_only=True).tolist() == [1]


@pytest.mark.parametrize("valid_only", [True, False])
def test_clip_without_any_valid_frame_gets_a_query(valid_only):
    output, target = random_prediction(clips=1), random_target(valid=[0, 0, 0, 0])
    chosen = match(output, [target], TermWeights(), valid_only=valid_only)
    assert 0 <= chosen.item() < 5
    if valid_only:
        assert torch.equal(chosen, match(output, [target], replace(TermWeights(), ce=0)))


def test_first_of_equal_queries_is_chosen():
    assert match(of_probabilities([0.3, 0.7, 0.7]), [of_valid(1)], TermWeights()).tolist() == [1]


def test_labels_name_the_class_where_there_are_several():
    logits = torch.full((1, 1, 3, 4), -3.0)
    logits[0, 0, 2, 1] = 3
    logits[0, 0, 1, 0] = 3
    output = prediction(logits, torch.full((1, 1, 3, 4), 0.5))
    target = replace(of_valid(1), labels=torch.tensor([1]))
    assert match(output, [target], CLASS_ONLY).tolist() == [2]


def test_batched_equals_single_in_any_order():
    output = random_prediction(clips=3)
    targets = [random_target(seed=1), random_target(size=(9, 31), seed=2), random_target(valid=[0, 1, 1, 0], seed=3)]
    batched = match(output, targets, TermWeights())
    for order in ([0], [1], [2], [2, 0, 1]):
        part = prediction(output.logits[order], output.boxes[order], output.masks[order])
        assert torch.equal(match(part, [targets[clip] for clip in order], TermWeights()), batched[order])


def test_choice_follows_the_order_of_queries():
    output, targets = random_prediction(), [random_target(seed=seed) for seed in range(3)]
    order = torch.tensor([4, 2, 0, 1, 3])
    moved = prediction(output.logits[:, :, order], output.boxes[:, :, order], output.masks[:, :, order])
    assert torch.equal(order[match(moved, targets, TermWeights())], match(output, targets, TermWeights()))


def test_another_number_of_targets_than_clips_is_an_error():
    with pytest.raises(ValueError, match="3 clips were predicted and 2 targets given"):
        match(random_prediction(clips=3), [random_target()] * 2, TermWeights())
