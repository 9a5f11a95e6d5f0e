"""ReferFormer over whole videos, held against its own inference, written out plainly."""

from functools import partial

import numpy as np
import pytest
import torch
from torch.nn import functional

from fsbench.datasets.shapes import ShapesConfig
from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import whole_masks
from fsbench.methods.refining import refined
from fsbench.methods.registry import find_method
from fsbench_baselines.backbones import BACKBONES
from fsbench_baselines.backbones import VideoSwin
from fsbench_baselines.pixels import normalised_frames
from fsbench_baselines.referformer.batch import QueryBatch
from fsbench_baselines.referformer.declarations import REFERFORMER
from fsbench_baselines.referformer.recipes import SHAPES
from fsbench_baselines.referformer.task import build_task
from fsbench_baselines.referformer.task import Start
from tests.baselines.referformer.training_samples import clip as training_clip
from tests.baselines.referformer.training_samples import MODEL
from tests.baselines.referformer.training_samples import recipe
from tests.baselines.referformer.training_samples import SENTENCES

FOLD = Fold("mini-ref-shapes", 1, ("dog",), ("cat",))
FRAMES = 7
TOLERANCE = 2e-3  # of logits whose deviation is about 20: parts of another size round otherwise
AT_ONCE = 1e-3  # standard deviations of logits, by which sentences at once may differ
SIZE = (50, 77)  # wanted; the model sees a shorter side of 32


def save(folder, **settings):
    """Writes a model whose three queries have boxes, scores and masks of their own."""
    task = build_task(
        recipe(model={**MODEL, "num_queries": 3, "short_side": 32, **settings}), Start(sentences=SENTENCES)
    )
    torch.manual_seed(3)
    with torch.no_grad():
        for heads in (*task.model.bbox_embed, *task.model.class_embed, task.model.controller):
            last = heads.layers[-1] if hasattr(heads, "layers") else heads
            last.weight.normal_(std=0.2)
        task.model.query_embed.weight.normal_(std=3)
    task.save(folder)
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def of_clips(tmp_path_factory):
    """A model whose backbone sees clips."""
    with pytest.MonkeyPatch.context() as patch:
        small = {"dim": 16, "depths": (2, 2, 2, 2), "heads": (1, 2, 4, 8), "drop_path": 0.0}
        patch.setitem(BACKBONES, "video_swin_small", partial(VideoSwin, **small))
        yield save(tmp_path_factory.mktemp("clips"), backbone="video_swin_small")


def make(checkpoint, **options):
    method = REFERFORMER(checkpoint=checkpoint, device="cpu", **options)
    method.prepare(FOLD)
    return method


def clip(frames=FRAMES, size=SIZE, **more):
    return Clip(training_clip((40, 60), frames=frames, seed=5).frames, size, **more)


@torch.inference_mode()
def plain(method, frames, sentence):
    """Scores [T, Q] and mask logits [T, Q, h, w] of frames that the model sees as one clip."""
    pixels = normalised_frames(frames, 32)[None]
    size = torch.tensor([pixels.shape[-2:]])
    batch = QueryBatch(
        pixels, torch.zeros_like(pixels[:, :, 0], dtype=torch.bool), *method.tokens([sentence]), sizes=size
    )
    output = method.model(batch, with_aux=True)
    return output.logits[0, ..., 0].sigmoid(), output.masks[0]


def own_inference(method, frames, sentence, chunk, *, choose_once):
    """Mask logits [T, H, W] of the chosen queries, enlarged at once."""
    seen = [plain(method, frames[start : start + chunk], sentence) for start in range(0, len(frames), chunk)]
    once = torch.cat([scores for scores, _ in seen]).mean(0).argmax()
    logits = [masks[:, once if choose_once else scores.mean(0).argmax()] for scores, masks in seen]
    return functional.interpolate(torch.cat(logits)[:, None], SIZE, mode="bilinear", align_corners=False)[:, 0]


def method_logits(method, query, monkeypatch, sentences=SENTENCES[:2]):
    """What becomes masks: enlarged logits [N, T, H, W], and the masks."""
    seen = []
    enlarge = method.enlarge
    monkeypatch.setattr(method, "enlarge", lambda logits, *sizes: seen.append(logits) or enlarge(logits, *sizes))
    masks = whole_masks(method.segment(None, query, sentences))
    parts = [torch.cat(seen[number :: len(sentences)]) for number in range(len(sentences))]
    return [functional.interpolate(each, SIZE, mode="bilinear", align_corners=False)[:, 0] for each in parts], masks


@pytest.mark.parametrize("memo_limit", [0, 512 << 20])
@pytest.mark.parametrize(
    ("options", "chunk", "choose_once"),
    [
        ({}, FRAMES, True),
        ({"max_frames": 3}, FRAMES, True),
        ({"chunk": 3}, 3, True),
        ({"chunk": 3, "query_choice": "chunk"}, 3, False),
        ({"chunk": 9, "max_frames": 2, "query_choice": "chunk"}, 2, False),
    ],
)
def test_masks_are_those_of_its_own_inference(checkpoint, monkeypatch, options, chunk, choose_once, memo_limit):
    method = make(checkpoint, **options)
    query = clip(memo_limit=memo_limit)
    found, masks = method_logits(method, query, monkeypatch)
    for sentence, logits, mask in zip(SENTENCES[:2], found, masks, strict=True):
        expected = own_inference(method, query.frames, sentence, chunk, choose_once=choose_once)
        torch.testing.assert_close(logits, expected, rtol=0, atol=TOLERANCE)
        clear = expected.abs() > TOLERANCE
        assert np.array_equal(mask[clear.numpy()], (expected > 0)[clear].numpy())
        assert 0.02 < mask.mean() < 0.98, "the masks tell nothing"


@pytest.mark.parametrize("memo_limit", [0, 512 << 20])
@pytest.mark.parametrize("options", [{}, {"max_frames": 3}, {"chunk": 3, "query_choice": "chunk"}])
def test_sentences_at_once_have_the_masks_that_each_has_by_itself(checkpoint, monkeypatch, options, memo_limit):
    sentences = [*SENTENCES[:2], " ".join(SENTENCES[:2]), "dog", SENTENCES[0]]
    alone, _ = method_logits(make(checkpoint, **options), clip(), monkeypatch, sentences)
    spread = torch.stack(alone).std()
    assert (alone[0] - alone[1]).std() > 0.02 * spread
    for batch in (2, 9):
        method, asked = make(checkpoint, batch_sentences=batch, **options), []
        decode = method.model.decode
        monkeypatch.setattr(
            method.model, "decode", lambda *args, d=decode, n=asked: n.append(len(args[0][0])) or d(*args)
        )
        query = clip(memo_limit=memo_limit)
        for _ in range(2):
            found, masks = method_logits(method, query, monkeypatch, sentences)
            for logits, expected, mask in zip(found, alone, masks, strict=True):
                assert (logits - expected).abs().max() < AT_ONCE * spread
                clear = expected.abs() > AT_ONCE * spread
                assert np.array_equal(mask[clear.numpy()], (expected > 0)[clear].numpy())
        assert set(asked) == ({1, 2} if batch == 2 else {5})


def test_the_ways_to_run_differ(checkpoint, monkeypatch):
    """Otherwise the test above could not fail."""
    method = make(checkpoint)
    frames = clip().frames
    ways = [
        own_inference(method, frames, SENTENCES[0], chunk, choose_once=once) for chunk, once in ((7, 1), (3, 1), (3, 0))
    ]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (ways[one] - ways[other]).abs().max() > 100 * TOLERANCE


def test_a_part_of_a_video_is_all_that_is_encoded_at_once(checkpoint, monkeypatch):
    method = make(checkpoint, max_frames=2)
    encoded = []
    run = method.model.run_backbone
    monkeypatch.setattr(method.model, "run_backbone", lambda frames: encoded.append(frames.shape[1]) or run(frames))
    parts = list(method.segment(None, clip(), SENTENCES[:1]))
    assert encoded == [2, 2, 2, 1], "a clip that is kept is encoded once"
    assert [part.shape[1] for part in parts] == [2, 2, 2, 1]


def test_a_backbone_that_sees_clips_gets_the_whole_video(of_clips, monkeypatch):
    method = make(of_clips, max_frames=2)
    (logits, _), _ = method_logits(method, clip(), monkeypatch)
    expected = own_inference(method, clip().frames, SENTENCES[0], FRAMES, choose_once=True)
    torch.testing.assert_close(logits, expected, rtol=0, atol=TOLERANCE)


def test_on_the_embedded_set_both_ways_give_the_same_bits(checkpoint):
    """Its videos are shorter than a chunk and not enlarged: entries that were made by chunks of ten hold."""
    config = ShapesConfig()
    assert (config.frames, config.height) == (8, SHAPES.model["short_side"])
    assert SHAPES.model["num_queries"] == 1
    query = clip(frames=8, size=(32, 48))
    by_chunks = make(checkpoint, chunk=10, query_choice="chunk")
    assert np.array_equal(
        whole_masks(make(checkpoint).segment(None, query, SENTENCES)),
        whole_masks(by_chunks.segment(None, query, SENTENCES)),
    )


def test_less_memory_is_fewer_frames_encoded_at_once_where_no_chunk_decides():
    factory = find_method("referformer")
    options, found = factory.resolve({}), []
    while (smaller := factory.smaller_options(options)) is not None:
        found.append(smaller["max_frames"])
        assert {**smaller, "max_frames": options["max_frames"]} == options
        options = smaller
    assert found == [5, 2, 1]
    assert factory.smaller_options(factory.resolve({"chunk": 10})) is None
    assert find_method("cma").smaller_options(find_method("cma").resolve({})) is None
    refined_by_flow = refined(factory, "flow")
    assert refined_by_flow.smaller_options(refined_by_flow.resolve({}))["max_frames"] == 5
