from dataclasses import replace

import numpy as np
import pytest
import torch

from fsbench_baselines.referformer.naming import _Collate
from fsbench_baselines.referformer.naming import load_named
from fsbench_baselines.referformer.naming import NamingTask
from fsbench_baselines.referformer.task import build_task
from fsbench_baselines.referformer.task import Start
from fsbench_baselines.training.pretraining import OFF
from tests.baselines.referformer.training_samples import clip
from tests.baselines.referformer.training_samples import episode
from tests.baselines.referformer.training_samples import recipe

NAMES = {7: "cat", 3: "dog"}
SENTENCES = ["the left dog", "a big cat"]


def family_task():
    return build_task(recipe(), Start(sentences=SENTENCES))


def dark(of):
    """A clip of the other class: the object is dark on light ground."""
    frames = np.where(of.masks[..., None], np.uint8(5), np.uint8(200)) + np.zeros(3, np.uint8)
    return replace(of, frames=frames, sentence="a big cat", class_id=7)


def test_every_clip_comes_with_the_name_of_every_class_in_its_sentence():
    tokens = family_task().tokens
    small = dark(clip((32, 40)))
    batch = _Collate(tokens, NAMES)([episode(clip()), episode(small)])
    expected, padding = tokens(["the left dog", "the left cat", "a big dog", "a big cat"])
    assert torch.equal(batch.token_ids, expected)
    assert torch.equal(batch.token_padding, padding)
    assert batch.frames.shape == (2, 2, 3, 48, 64)
    assert batch.classes.shape == (2, 2, 48, 64)
    # in the order of ids: dog, cat
    assert batch.classes[0].unique().tolist() == [OFF, 0]
    assert batch.classes[1].unique().tolist() == [OFF, 1]
    assert torch.equal(batch.classes[1, :, :32, :40] == 1, torch.from_numpy(small.masks))


def test_names_are_learnt_and_taken_over_and_nothing_behind_the_fusion_moves(tmp_path):
    family = family_task()
    task = NamingTask(family.model, family.tokens, NAMES, seed=1)
    batch = task.collate([episode(clip(seed=1)), episode(dark(clip(seed=2)))])
    assert task.count(batch) == 4
    before = {name: tensor.clone() for name, tensor in family.model.state_dict().items()}
    optimizer = torch.optim.AdamW([p for p in task.model.parameters() if p.requires_grad], lr=2e-3)
    totals = []
    for _ in range(40):
        losses = task.loss(task.model, batch, 4.0)
        optimizer.zero_grad()
        losses["total"].backward()
        optimizer.step()
        totals.append(losses["total"].item())
    assert totals[0] == pytest.approx(3 * np.log(2), rel=0.3)  # two names, three strides
    assert totals[-1] < 0.2 * totals[0]
    task.save(tmp_path)
    fresh = build_task(recipe(), Start(sentences=SENTENCES, seed=5)).model
    untouched = {name: tensor.clone() for name, tensor in fresh.state_dict().items()}
    load_named(tmp_path, fresh)
    learnt = ("backbone.", "input_proj.", "text_encoder.", "resizer.", "fusion_module.")
    for name, tensor in fresh.state_dict().items():
        source = family.model.state_dict() if name.startswith(learnt) else untouched
        assert torch.equal(tensor, source[name]), name
        if not name.startswith(learnt):
            assert torch.equal(family.model.state_dict()[name], before[name]), name


def test_scores_of_a_clip_do_not_depend_on_its_company():
    family = family_task()
    task = NamingTask(family.model, family.tokens, NAMES, seed=1)
    one, other = episode(clip(seed=1)), episode(dark(clip(seed=2)))
    with torch.no_grad():
        alone = task.model(task.collate([other]))
        together = task.model(task.collate([one, other]))
    for single, both in zip(alone, together, strict=True):
        torch.testing.assert_close(single, both[2:], rtol=1e-4, atol=1e-5)
