"""Training of CMA: its batches, where its weights come from, and what of them trains."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from fsbench.cli import main
from fsbench.errors import DataError
from fsbench_baselines.checkpoints import save_checkpoint
from fsbench_baselines.referformer.losses import Criterion
from fsbench_baselines.referformer.task import build_task as build_referformer_task
from fsbench_baselines.referformer.task import Start
from fsbench_baselines.training.optimisation import freeze
from fsbench_cma import declarations
from fsbench_cma.checkpoint import load_checkpoint
from fsbench_cma.task import build_task
from tests.baselines.referformer.training_samples import clip
from tests.baselines.referformer.training_samples import episode
from tests.baselines.referformer.training_samples import MODEL
from tests.baselines.referformer.training_samples import recipe
from tests.baselines.referformer.training_samples import SENTENCES
from tests.tiny import write_dataset

VARIANTS = ["cross", "self", "add"]
OBJECT = declarations.CMA_OBJECT().deviations


def make(affinity="cross", *, start=None, wiring=None, **changes):
    settings = recipe(**changes)
    wiring = {"dab": False, **(wiring or {})}
    task = build_task(settings, start or Start(sentences=SENTENCES), affinity=affinity, wiring=wiring)
    freeze(task.model, settings)
    task.set_modes()
    return task


def losses_of(task, batch):
    return task.loss(task.model, batch, task.count(batch))


def one_of(batch, number):
    """The part of a batch that concerns one clip."""
    query, targets, support = (
        type(part)(**{name: value[number : number + 1] for name, value in vars(part).items()})
        for part in (batch.query, batch.targets, batch.support)
    )
    return replace(batch, query=query, targets=targets, support=support)


def test_supports_are_padded_with_their_masks_and_all_sentences_to_one_length():
    small = clip((40, 64), frames=3, sentence="a big cat")
    episodes = [episode(support=small), episode(clip(seed=3), clip((48, 50), frames=3, seed=4))]
    batch = make().collate(episodes)
    support = batch.support
    assert support.frames.shape == (2, 3, 3, 48, 64)
    assert support.masks.shape == (2, 3, 48, 64)
    expected = np.pad(small.masks, ((0, 0), (0, 8), (0, 0)))
    assert torch.equal(support.masks[0].bool(), torch.from_numpy(expected))
    assert support.padding[0, :, 40:].all()
    assert not support.padding[0, :, :40].any()
    assert support.token_ids.shape == batch.query.token_ids.shape
    assert support.token_ids[0].tolist() == [0, *[support.token_ids[0, i].item() for i in (1, 2, 3)], 2]


@pytest.mark.parametrize(("affinity", "wiring"), [*((name, {}) for name in VARIANTS), ("cross", OBJECT)])
def test_each_clip_of_a_batch_learns_from_its_own_support(affinity, wiring):
    task = make(affinity, wiring=wiring)
    episodes = [
        episode(clip((48, 64), hidden=(1,)), clip(seed=5, frames=3, sentence="a big cat")),
        episode(clip((60, 50), seed=2), clip((40, 64), seed=6, frames=3, sentence=SENTENCES[2])),
    ]
    batch = task.collate(episodes)
    singles = [task.loss(task.model, one_of(batch, number), task.count(batch)) for number in range(2)]
    for name, loss in losses_of(task, batch).items():
        torch.testing.assert_close(loss, singles[0][name] + singles[1][name], rtol=1e-4, atol=1e-5, msg=name)
    swapped = replace(
        batch,
        support=task.collate(
            [replace(e, support=o.support) for e, o in zip(episodes, episodes[::-1], strict=True)]
        ).support,
    )
    assert not torch.isclose(losses_of(task, swapped)["total"], losses_of(task, batch)["total"], rtol=1e-4)


@pytest.mark.parametrize(("wiring", "seen"), [({}, {1}), (OBJECT, {0, 1, 2})])
def test_training_shows_the_affinity_the_support_frames_that_it_is_wired_to(wiring, seen):
    task = make(wiring=wiring)
    batch = task.collate([episode()])
    before, changed = losses_of(task, batch)["total"], set()
    for frame in range(3):
        frames = batch.support.frames.clone()
        frames[:, frame] += 0.5
        after = losses_of(task, replace(batch, support=replace(batch.support, frames=frames)))["total"]
        changed |= set() if torch.equal(after, before) else {frame}
    assert changed == seen


def test_the_class_cost_counts_all_frames_as_released():
    assert make().criterion == Criterion(valid_only=False)


@pytest.mark.parametrize(
    ("affinity", "unused"),
    [
        ("cross", {"support_qkv.query"}),
        ("self", {"support_qkv"}),
        ("add", {"support_qkv", "query_qkv", "conv_q", "layer_norm"}),
    ],
)
def test_everything_trains_but_what_the_variant_does_not_use(affinity, unused):
    task = make(affinity)
    for head in task.model.bbox_embed:
        torch.nn.init.normal_(head.layers[-1].weight, 0, 0.1)
    losses_of(task, task.collate([episode()]))["total"].backward()
    assert all(parameter.requires_grad for parameter in task.model.parameters())
    without = {name for name, parameter in task.model.named_parameters() if parameter.grad is None}
    assert {name for name in without if not name.startswith(tuple(unused))} == set()
    assert all(any(name.startswith(prefix) for name in without) for prefix in unused)


def test_released_freezing_leaves_backbone_and_text_without_gradient():
    task = make(frozen=("backbone", "text_encoder"), frozen_eval=True)
    losses_of(task, task.collate([episode()]))["total"].backward()
    frozen = {name for name, parameter in task.model.named_parameters() if not parameter.requires_grad}
    assert {name.split(".")[0] for name in frozen} == {"backbone", "text_encoder"}
    assert task.model.resizer.fc.weight.grad is not None
    assert task.model.sentence_cache is not None


def test_a_few_steps_lower_the_loss_of_one_episode():
    task = make()
    batch = task.collate([episode()])
    optimizer = torch.optim.AdamW(task.model.parameters(), lr=2e-3)
    values = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = losses_of(task, batch)["total"]
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < 0.8 * values[0]


@pytest.fixture
def parent(tmp_path):
    """The folder of a ReferFormer that has been trained."""
    task = build_referformer_task(recipe(), Start(sentences=SENTENCES, seed=3))
    task.save(tmp_path / "parent")
    return tmp_path / "parent", task


def test_it_starts_from_the_folder_of_a_referformer_and_its_vocabulary(parent):
    folder, before = parent
    task = make(start=Start(sentences=["other words"], init=folder))
    own, taken = task.model.state_dict(), before.model.state_dict()
    kept = {name for name, tensor in taken.items() if not torch.equal(own[name], tensor)}
    assert kept == {"class_embed.0.weight", "class_embed.1.weight"}  # as released these start anew
    assert torch.equal(task.tokens(SENTENCES)[0], before.tokens(SENTENCES)[0])
    bare = make(start=Start(init=folder), model={})  # the architecture is that of the folder
    assert bare.model.config == task.model.config


def test_other_initial_weights_are_errors(parent, tmp_path):
    folder, _ = parent
    make().save(tmp_path / "cma")
    with pytest.raises(DataError, match="this is a CMA"):
        make(start=Start(init=tmp_path / "cma"))
    with pytest.raises(DataError, match="resnet_small, the model has a resnet50"):
        make(start=Start(init=folder), model={**MODEL, "backbone": "resnet50"})
    with pytest.raises(DataError, match="another shape"):
        make(start=Start(init=folder), model={**MODEL, "dim_feedforward": 32})


def test_dab_is_the_variants_unless_the_recipe_says_otherwise():
    start = Start(sentences=SENTENCES)
    assert build_task(recipe(), start, affinity="cross", wiring={"dab": True}).model.config.dab
    settings = recipe(model={**MODEL, "dab": False})
    assert not build_task(settings, start, affinity="cross", wiring={"dab": True}).model.config.dab


def test_the_wiring_is_the_methods_unless_the_recipe_says_otherwise():
    start = Start(sentences=SENTENCES)
    config = build_task(recipe(), start, affinity="cross", wiring=OBJECT).model.config
    assert (config.support_frames, config.mask_support) == ("all", "exclude")
    settings = recipe(model={**MODEL, "mask_support": "zero"})
    config = build_task(settings, start, affinity="cross", wiring=OBJECT).model.config
    assert (config.support_frames, config.mask_support) == ("all", "zero")


@pytest.mark.parametrize("affinity", VARIANTS)
def test_a_saved_task_loads_with_equal_predictions(affinity, tmp_path):
    task = make(affinity)
    task.save(tmp_path)
    loaded = load_checkpoint(tmp_path)
    assert loaded.config == task.model.config
    batch = task.collate([episode()])
    with torch.no_grad():
        ours = task.model.eval()(batch.query, batch.support)
        torch.testing.assert_close(loaded(batch.query, batch.support).masks, ours.masks, atol=0, rtol=0)


def test_a_checkpoint_is_evaluated_by_the_harness(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task = make()
    save_checkpoint(tmp_path / "model", task.model)
    task.tokens.save(tmp_path / "model/tokenizer")
    write_dataset(tmp_path / "data/mini-ref-davis", {"dog": 3})
    assert CliRunner().invoke(main, ["build-splits", "mini-ref-davis"]).exit_code == 0
    arguments = ["evaluate", "--method", "cma", "--checkpoint", "model", "--dataset", "mini-ref-davis"]
    arguments += ["--draws", "0", "--out", "run", "--device", "cpu", "--option", "short_side=32"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    assert "cma 1 on mini-ref-davis" in result.stdout
