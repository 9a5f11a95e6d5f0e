"""Episodes to batches, losses and modes; with a model small enough to train here."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from transformers import RobertaConfig

from fsbench.cli import main
from fsbench.errors import DataError
from fsbench.errors import RunError
from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import whole_masks
from fsbench_baselines.pixels import normalised_frames
from fsbench_baselines.referformer.batch import Output
from fsbench_baselines.referformer.batch import QueryBatch
from fsbench_baselines.referformer.config import ModelConfig
from fsbench_baselines.referformer.declarations import REFERFORMER
from fsbench_baselines.referformer.losses import Criterion
from fsbench_baselines.referformer.model import ReferFormer
from fsbench_baselines.referformer.targets import Targets
from fsbench_baselines.referformer.task import build_task
from fsbench_baselines.referformer.task import FamilyTask
from fsbench_baselines.referformer.task import Start
from fsbench_baselines.referformer.text import SentenceCache
from fsbench_baselines.training.optimisation import freeze
from tests.baselines.referformer.training_samples import clip
from tests.baselines.referformer.training_samples import episode
from tests.baselines.referformer.training_samples import MODEL
from tests.baselines.referformer.training_samples import recipe
from tests.baselines.referformer.training_samples import SENTENCES
from tests.baselines.referformer.training_samples import TEXT
from tests.tiny import write_dataset


def make(**changes) -> FamilyTask:
    """A task in the state in which the loop takes its first step."""
    settings = recipe(**changes)
    task = build_task(settings, Start(sentences=SENTENCES))
    for head in task.model.bbox_embed:  # these start at zero, which would hide what the boxes depend on
        torch.nn.init.normal_(head.layers[-1].weight, 0, 0.1)
    freeze(task.model, settings)
    task.set_modes()
    return task


def losses_of(task, episodes):
    batch = task.collate(episodes)
    return task.loss(task.model, batch, task.count(batch))


def test_a_batch_holds_frames_as_the_method_sees_them_and_padding():
    small, large = clip((48, 64), seed=1), clip((60, 50), seed=2, sentence="a wug")
    batch = make().collate([episode(small), episode(large)])
    query = batch.query
    assert query.frames.shape == (2, 2, 3, 60, 64)
    for number, each in enumerate((small, large)):
        height, width = each.frames.shape[1:3]
        assert torch.equal(
            query.frames[number, ..., :height, :width], normalised_frames(each.frames, min(height, width))
        )
        inside = torch.zeros(60, 64, dtype=torch.bool)
        inside[:height, :width] = True
        assert torch.equal(query.padding[number], ~inside.expand(2, -1, -1))
        assert query.frames[number].masked_select(~inside).count_nonzero() == 0
    assert query.sizes.tolist() == [[48, 64], [60, 50]]
    assert query.token_ids.tolist()[1][:4] == [0, 4, 3, 2]
    assert query.token_padding[1].tolist() == [False] * 4 + [True]


def test_targets_are_shares_of_the_unpadded_frame_on_the_grid_of_the_masks():
    small = clip((48, 64), hidden=(1,))
    targets = make().collate([episode(small), episode(clip((60, 50)))]).targets
    assert targets.boxes[0].tolist() == [pytest.approx([22 / 64, 19 / 48, 24 / 64, 22 / 48]), [0, 0, 0, 0]]
    assert targets.valid.tolist() == [[True, False], [True, True]]
    assert targets.masks.shape == (2, 2, 15, 16)
    padded = np.pad(small.masks, ((0, 0), (0, 12), (0, 0)))
    assert torch.equal(targets.masks[0].bool(), torch.from_numpy(padded[:, 2::4, 2::4]))


def test_the_grid_of_the_targets_is_that_of_the_predictions():
    for size in ((45, 61), (46, 62), (47, 63), (48, 64)):
        losses_of(make(), [episode(clip(size))])


def test_a_clip_that_is_padded_in_a_batch_gives_the_losses_that_it_gives_alone():
    task = make()
    batch = task.collate([episode(clip((48, 64), hidden=(1,))), episode(clip((60, 50), seed=2, sentence="a big cat"))])
    together = task.loss(task.model, batch, task.count(batch))
    singles = []
    for number in range(2):
        query, targets = (
            type(part)(**{name: value[number : number + 1] for name, value in vars(part).items()})
            for part in (batch.query, batch.targets)
        )
        singles.append(task.loss(task.model, replace(batch, query=query, targets=targets), task.count(batch)))
    for name, loss in together.items():
        torch.testing.assert_close(loss, singles[0][name] + singles[1][name], rtol=1e-4, atol=1e-5, msg=name)


def test_the_mean_over_processes_is_the_loss_of_the_whole_batch():
    task = make()
    first, second = clip(hidden=(0,)), clip(seed=2, sentence="a big cat")
    batch = task.collate([episode(first), episode(second)])
    assert task.count(batch) == 3
    parts = [task.collate([episode(each)]) for each in (first, second)]
    losses = [task.loss(task.model, part, 3 / 2)["total"] for part in parts]
    whole = task.loss(task.model, batch, 3)["total"]
    torch.testing.assert_close(torch.stack(losses).mean(), whole, rtol=1e-4, atol=1e-5)


def test_losses_are_those_of_the_criterion_for_every_layer():
    task = make()
    batch = task.collate([episode()])
    output = task.model(batch.query, with_aux=True)
    assert isinstance(output, Output)
    expected = Criterion(valid_only=True)(output, batch.targets)
    losses = task.loss(task.model, batch, task.count(batch))
    assert losses.keys() == expected.keys()
    for name, loss in losses.items():
        torch.testing.assert_close(loss, expected[name])
    assert task.criterion == Criterion(valid_only=True)


def test_what_crosses_processes_can_be_pickled():
    task = make()
    collate = pickle.loads(pickle.dumps(task.collate))
    batch = pickle.loads(pickle.dumps(collate([episode()])))
    assert isinstance(batch.query, QueryBatch)
    assert isinstance(batch.targets, Targets)
    assert torch.equal(batch.query.token_ids, task.collate([episode()]).query.token_ids)


def test_everything_trains_that_no_recipe_freezes():
    assert all(parameter.requires_grad for parameter in make().model.parameters())
    released = make(model={**MODEL, "backbone": "resnet50"}).model
    fixed = {name for name, parameter in released.named_parameters() if not parameter.requires_grad}
    assert fixed
    assert all(name.startswith(("backbone.0.body.conv1", "backbone.0.body.layer1")) for name in fixed)


@pytest.mark.parametrize("frozen_eval", [True, False])
def test_frozen_parts_have_neither_gradient_nor_graph_and_what_follows_trains(frozen_eval):
    task = make(frozen=("backbone", "text_encoder"), frozen_eval=frozen_eval)
    seen = {}

    def note(name):
        return lambda module, inputs, output: seen.update({name: output})

    task.model.backbone[0]["body"].register_forward_hook(note("backbone"))
    task.model.text_encoder.register_forward_hook(note("text"))
    losses_of(task, [episode()])["total"].backward()
    tensors = [*seen["backbone"], seen["text"].last_hidden_state, seen["text"].pooler_output]
    assert not any(tensor.requires_grad for tensor in tensors)
    for name, parameter in task.model.named_parameters():
        is_frozen = name.startswith(("backbone", "text_encoder"))
        assert (parameter.grad is None) is is_frozen, name
    assert task.model.text_encoder.training is not frozen_eval
    assert task.model.resizer.training


def test_the_released_recipe_keeps_the_dropout_of_the_frozen_text_encoder():
    text = {**TEXT, "hidden_dropout_prob": 0.5}
    task = make(model={**MODEL, "text": text}, frozen=("text_encoder",), frozen_eval=False)
    batch = task.collate([episode()])
    first, second = (task.loss(task.model, batch, 2)["total"] for _ in range(2))
    assert first != second
    assert task.model.sentence_cache is None


def test_features_of_frozen_sentences_are_computed_once_and_change_nothing():
    task = make(frozen=("text_encoder",), frozen_eval=True)
    episodes = [episode(clip(sentence=sentence)) for sentence in SENTENCES]
    calls = []
    task.model.text_encoder.register_forward_hook(lambda *_: calls.append(1))
    cached = []
    for order in (1, -1):
        task.set_modes()  # a new epoch
        cached.append(losses_of(task, episodes[::order])["total"])
    assert len(calls) == len(SENTENCES)
    task.model.sentence_cache = None
    torch.testing.assert_close(cached[0], losses_of(task, episodes)["total"])
    torch.testing.assert_close(cached[1], losses_of(task, episodes[::-1])["total"])


def test_the_cache_of_sentences_is_bounded_and_forgets_the_one_used_longest_ago():
    task = make(frozen=("text_encoder",), frozen_eval=True)
    encoder, cache = task.model.text_encoder, SentenceCache(limit=2)
    calls = []
    encoder.register_forward_hook(lambda *_: calls.append(1))
    for sentence, expected in zip("ABACAB", (1, 2, 2, 3, 3, 4), strict=True):
        cache(encoder, torch.tensor([[0, ord(sentence) - 61, 2]]), torch.zeros(1, 3, dtype=torch.bool))
        assert len(calls) == expected


def test_a_trained_text_encoder_is_not_cached():
    assert make(frozen=("backbone",), frozen_eval=True).model.sentence_cache is None


def test_a_few_steps_lower_the_loss_of_one_episode():
    task = make()
    optimizer = torch.optim.AdamW(task.model.parameters(), lr=2e-3)
    values = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = losses_of(task, [episode()])["total"]
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < 0.8 * values[0]


def test_mixed_precision_gives_losses_in_full_precision():
    task = make()
    batch = task.collate([episode()])
    exact = task.loss(task.model, batch, 2)["total"]
    with torch.autocast("cpu", torch.bfloat16):
        output = task.model(batch.query, with_aux=True)
    model = task.model
    model.forward = lambda *args, **options: output
    losses = task.loss(model, batch, 2)
    assert all(loss.dtype == torch.float32 for loss in losses.values())
    torch.testing.assert_close(losses["total"], exact, rtol=0.1, atol=0)


def test_weights_follow_from_the_seed():
    def weights(seed):
        return build_task(recipe(), Start(sentences=SENTENCES, seed=seed)).model.state_dict()

    one, same, other = (torch.cat([t.flatten() for t in weights(seed).values()]) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_saved_task_is_a_checkpoint_that_training_and_the_method_take(tmp_path):
    task = make()
    task.save(tmp_path)
    again = build_task(recipe(), Start(sentences=["other words"], seed=5, init=tmp_path))
    for name, tensor in task.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], tensor), name
    assert torch.equal(again.tokens(SENTENCES)[0], task.tokens(SENTENCES)[0])
    assert again.model.config == task.model.config

    method = REFERFORMER(checkpoint=tmp_path, short_side=48, device="cpu")
    method.prepare(Fold("mini-ref-shapes", 0, ("wug",), ("dog",)))
    assert method.tokens(["the wug"])[0].tolist() == [[0, 11, 3, 2]]
    frames = clip(frames=3).frames
    assert whole_masks(method.segment(None, Clip(frames), ["the dog"])).shape == (1, 3, 48, 64)


def test_a_checkpoint_is_evaluated_by_the_harness(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make().save(tmp_path / "model")
    write_dataset(tmp_path / "data/mini-ref-davis", {"dog": 3})
    assert CliRunner().invoke(main, ["build-splits", "mini-ref-davis"]).exit_code == 0
    arguments = ["evaluate", "--method", "referformer", "--checkpoint", "model", "--dataset", "mini-ref-davis"]
    arguments += ["--draws", "0", "--out", "run", "--device", "cpu", "--option", "short_side=32"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    assert "referformer 2 on mini-ref-davis" in result.stdout


def test_a_recipe_that_does_not_fit_the_initial_weights_or_any_model_is_an_error(tmp_path):
    make().save(tmp_path)
    with pytest.raises(DataError, match="do not fit the model"):
        build_task(recipe(model={**MODEL, "hidden_dim": 128}), Start(init=tmp_path))
    with pytest.raises(RunError, match=r"no model.*hiden_dim"):
        build_task(recipe(model={**MODEL, "hiden_dim": 64}), Start())


def test_released_weights_and_a_tokenizer_of_the_users_are_taken(tmp_path):
    task = make()
    text = task.model.config.text
    released = ReferFormer(ModelConfig(text=text)).state_dict()
    torch.save({"model": released}, tmp_path / "released.pth")
    task.tokens.save(tmp_path / "words")
    start = Start(init=tmp_path / "released.pth", text_config=RobertaConfig(**text), tokenizer=str(tmp_path / "words"))
    taken = build_task(recipe(model={}), start)
    assert all(torch.equal(taken.model.state_dict()[name], tensor) for name, tensor in released.items())
    assert torch.equal(taken.tokens(SENTENCES)[0], task.tokens(SENTENCES)[0])
