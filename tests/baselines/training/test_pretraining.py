import numpy as np
import pytest
import torch

from fsbench.training import ClipSpec
from fsbench.training import EpisodeSpec
from fsbench.training import TrainingClip
from fsbench.training import TrainingEpisode
from fsbench_baselines.backbones import build_backbone
from fsbench_baselines.training.pretraining import BackboneTask
from fsbench_baselines.training.pretraining import class_loss
from fsbench_baselines.training.pretraining import load_backbone

CLASSES = (7, 3)


def clip(class_id, rng):
    """Two frames with a square; its brightness tells the class."""
    frames = rng.integers(90, 110, (2, 32, 48, 3), dtype=np.uint8)
    masks = np.zeros((2, 32, 48), bool)
    masks[:, 8:24, 8:32] = True
    frames[masks] = 220 if class_id == 7 else 20
    boxes = np.tile(np.float32([8, 8, 32, 24]), (2, 1))
    return TrainingClip(frames, masks, boxes, masks.any((1, 2)), "a square", class_id)


def episode(class_id, rng):
    names = ClipSpec("v", "0", (1,), ("0", "1"))
    spec = EpisodeSpec(0, 0, class_id, str(class_id), names, names)
    return TrainingEpisode(spec, clip(class_id, rng), clip(class_id, rng))


def test_a_backbone_learns_to_tell_classes_apart_and_is_loaded_as_it_was_saved(tmp_path):
    rng = np.random.default_rng(0)
    task = BackboneTask("resnet_small", CLASSES, seed=1)
    batch = task.collate([episode(class_id, rng) for class_id in CLASSES])
    assert batch.frames.shape == (8, 3, 32, 48)
    assert task.count(batch) == 8
    optimizer = torch.optim.AdamW(task.model.parameters(), lr=2e-3)
    totals = []
    for _ in range(25):
        losses = task.loss(task.model, batch, 8.0)
        optimizer.zero_grad()
        losses["total"].backward()
        optimizer.step()
        totals.append(losses["total"].item())
    assert totals[-1] < 0.2 * totals[0]
    task.save(tmp_path)
    body = build_backbone("resnet_small")
    load_backbone(tmp_path, body)
    frames = torch.randn(1, 3, 32, 48)
    for one, other in zip(body(frames, 1), task.model.body(frames, 1), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_the_seed_decides_the_weights():
    one, same, other = (BackboneTask("resnet_small", CLASSES, seed).model.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("stride", [4, 8])
def test_the_loss_is_the_mean_over_cells_on_objects_of_each_frame(stride):
    torch.manual_seed(0)
    classes = torch.randint(-1, 3, (2, 20, 28))
    classes[1] = -1  # a frame without objects costs nothing
    height, width = -(-20 // stride), -(-28 // stride)
    scores = torch.randn(2, 3, height, width)
    expected = []
    for row in range(height):
        for column in range(width):
            y, x = row * stride + stride // 2, column * stride + stride // 2
            if y < 20 and x < 28 and classes[0, y, x] >= 0:
                expected.append(-scores[0, :, row, column].log_softmax(0)[classes[0, y, x]])
    torch.testing.assert_close(class_loss(scores, classes, stride), torch.stack(expected).mean())
