import argparse
import json
import shutil
from itertools import chain

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from fsbench.cli import main
from fsbench.errors import DataError
from fsbench.errors import PluginError
from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import Shot
from fsbench.methods import Support
from fsbench.methods import whole_masks
from fsbench.methods.registry import find_method
from fsbench_baselines.referformer.config import ModelConfig
from fsbench_cma import declarations
from fsbench_cma.checkpoint import save_checkpoint
from fsbench_cma.model import CMA
from tests.cma.test_model import small_config
from tests.tiny import write_dataset

TEXT = {
    "vocab_size": 32,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 20,
    "type_vocab_size": 1,
    "pad_token_id": 1,
}
FOLD = Fold("mini-ref-davis", 0, ("dog",), ())


def write_tokenizer(folder):
    from tokenizers import models
    from tokenizers import pre_tokenizers
    from tokenizers import processors
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    words = ["<s>", "<pad>", "</s>", "<unk>", "the", "left", "right", "dog", "cat", "both", "of", "them"]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [("<s>", 0), ("</s>", 2)]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    special = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A checkpoint as the released code writes them, whose size is that of its model, and our own of a small model.

    Both have random weights, a small text encoder and the tokenizer beside them.
    """
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(1)
    model = CMA(ModelConfig(affinity="cross", dab=True, text=TEXT, enc_layers=4, dec_layers=4))
    state = {"model": model.state_dict(), "args": argparse.Namespace(lr=1e-4, backbone="resnet50"), "epoch": 1}
    torch.save(state, folder / "checkpoint.pth")
    (folder / "text.json").write_text(json.dumps(TEXT))
    save_checkpoint(folder / "small", CMA(small_config(dab=True, text=TEXT)))
    write_tokenizer(folder / "tokenizer")
    return folder


def make(files, **options):
    given = {"checkpoint": files / "small", "short_side": 48}
    method = declarations.CMA(**{**given, "tokenizer": str(files / "tokenizer"), "device": "cpu", **options})
    method.prepare(FOLD)
    return method


@pytest.fixture(scope="module")
def method(files):
    return make(files)


def clip(frames=5, size=None):
    rng = np.random.default_rng(3)
    return Clip(rng.integers(0, 255, (frames, 48, 70, 3), np.uint8), size)


def support(shots=1, frames=3):
    rng = np.random.default_rng(4)
    masks = np.zeros((frames, 48, 64), bool)
    masks[:, 10:30, 20:40] = True
    made = [Shot(rng.integers(0, 255, (frames, 48, 64, 3), np.uint8), masks, "the dog") for _ in range(shots)]
    return Support(tuple(made))


def logits(method, adapted, query, sentence="the left dog"):
    """The queries' last states: finer than masks, which random weights make flat."""
    seen = []
    decode = method.model.decode
    method.model.decode = lambda *args: seen.append(decode(*args)) or seen[-1]
    whole_masks(method.segment(adapted, query, [sentence]))
    del method.model.decode
    (decoded,) = seen
    return decoded.states[-1]


def test_masks_have_the_wanted_size_and_are_the_same_each_time(method):
    adapted = method.adapt(support())
    sentences = ["the left dog", "the right dog"]
    for size in (None, (96, 140)):
        masks = whole_masks(method.segment(adapted, clip(size=size), sentences))
        assert masks.shape == (2, 5, *(size or (48, 70)))
        assert masks.dtype == np.bool_
        assert np.array_equal(masks, whole_masks(method.segment(adapted, clip(size=size), sentences)))


def test_results_do_not_depend_on_company_order_or_memo(method):
    adapted = method.adapt(support())
    together = whole_masks(method.segment(adapted, clip(), ["the left dog", "a very long sentence " * 20]))
    alone = whole_masks(method.segment(adapted, clip(), ["a very long sentence " * 20]))
    forgetful = Clip(clip().frames, memo_limit=0)
    assert np.array_equal(together[1], alone[0])
    assert np.array_equal(
        together, whole_masks(method.segment(adapted, forgetful, ["the left dog", "a very long sentence " * 20]))
    )


@pytest.mark.parametrize("affinity", ["cross", "self", "add"])
def test_sentences_at_once_have_the_masks_that_each_has_by_itself(files, tmp_path, affinity, monkeypatch):
    torch.manual_seed(2)
    save_checkpoint(tmp_path / "weights", CMA(small_config(affinity=affinity, dab=affinity == "cross", text=TEXT)))
    declared = {"cross": declarations.CMA, "self": declarations.CMA_SELF, "add": declarations.CMA_ADD}[affinity]
    sentences = ["the left dog", "the right dog of them both", "dog"]
    found = []
    for batch in (1, 2, 3):
        options = {"tokenizer": str(files / "tokenizer"), "short_side": 48, "chunk": 3, "device": "cpu"}
        method = declared(checkpoint=tmp_path / "weights", batch_sentences=batch, **options)
        method.prepare(FOLD)
        seen, enlarge = [], method.enlarge
        monkeypatch.setattr(
            method, "enlarge", lambda logits, *sizes, e=enlarge, n=seen: n.append(logits) or e(logits, *sizes)
        )
        whole_masks(method.segment(method.adapt(support()), clip(), sentences))
        found.append(torch.cat([part.flatten() for part in seen]))
    assert (found[0] - found[1]).abs().max() < 1e-3 * found[0].std()
    assert (found[0] - found[2]).abs().max() < 1e-3 * found[0].std()


def test_the_support_reaches_the_result(method):
    with torch.inference_mode():
        one = logits(method, method.adapt(support()), clip())
        other = Support((Shot(support().shots[0].frames[::-1].copy(), ~support().shots[0].masks, "the cat"),))
        assert not torch.allclose(one, logits(method, method.adapt(other), clip()), atol=1e-4)


def test_several_shots_empty_masks_and_one_frame_work(method):
    masks = whole_masks(method.segment(method.adapt(support(shots=3, frames=1)), clip(frames=1), ["the dog"]))
    assert masks.shape == (1, 1, 48, 70)
    shot = support().shots[0]
    empty = Support((Shot(shot.frames, np.zeros_like(shot.masks), shot.sentence),))
    assert whole_masks(method.segment(method.adapt(empty), clip(frames=1), ["the dog"])).shape == (1, 1, 48, 70)


def test_chunks_and_one_choice_for_the_video_cover_all_frames(files):
    chunked = make(files, chunk=2, query_choice="video")
    assert whole_masks(chunked.segment(chunked.adapt(support()), clip(), ["the dog"])).shape == (1, 5, 48, 70)


def test_max_frames_bounds_the_chunk():
    assert [declarations.CMA(max_frames=number).chunk for number in (None, 2, 99)] == [10, 2, 10]


def test_a_converted_checkpoint_gives_the_same_masks(files, tmp_path):
    options = {name: files / place for name, place in (("text_config", "text.json"), ("tokenizer", "tokenizer"))}
    given = chain.from_iterable(("--option", f"{name}={path}") for name, path in options.items())
    convert(files / "checkpoint.pth", tmp_path / "own", *given)
    released = make(files, checkpoint=files / "checkpoint.pth", text_config=files / "text.json")
    own = make(files, checkpoint=tmp_path / "own", tokenizer="none")  # which it brings along
    with torch.inference_mode():
        one = logits(released, released.adapt(support()), clip())
        assert torch.equal(one, logits(own, own.adapt(support()), clip()))


def test_deviations_are_options(files, method):
    with torch.inference_mode():
        other = make(files, mask_support="exclude", support_frames="all")
        assert other.model.config.mask_support == "exclude"
        one, two = (logits(m, m.adapt(support()), clip()) for m in (method, other))
        assert not torch.allclose(one, two, atol=1e-4)


def test_the_object_variant_is_cma_with_two_options(files, method):
    options = {"checkpoint": files / "small", "short_side": 48, "tokenizer": str(files / "tokenizer"), "device": "cpu"}
    variant = declarations.CMA_OBJECT(**options)
    variant.prepare(FOLD)
    released = declarations.CMA_OBJECT(**options, support_frames="middle", mask_support="zero")
    released.prepare(FOLD)
    with torch.inference_mode():
        found = [logits(each, each.adapt(support()), clip()) for each in (variant, released)]
        same = make(files, mask_support="exclude", support_frames="all")
        assert torch.equal(found[0], logits(same, same.adapt(support()), clip()))
        assert torch.equal(found[1], logits(method, method.adapt(support()), clip()))


def test_weights_without_a_prior_are_refused_by_the_variant_that_has_one(files):
    options = {"checkpoint": files / "small", "short_side": 48, "tokenizer": str(files / "tokenizer"), "device": "cpu"}
    with pytest.raises(DataError, match="affinity 'cross', the method 'cma-prior' has 'prior'"):
        declarations.CMA_PRIOR(**options).prepare(FOLD)


def test_bfloat16_comes_close(files, method):
    half = make(files, dtype="bfloat16")
    with torch.inference_mode():
        one = logits(method, method.adapt(support()), clip())
        two = logits(half, half.adapt(support()), clip()).float()
    assert torch.nn.functional.cosine_similarity(one.flatten(), two.flatten(), dim=0) > 0.95


def test_without_weights_or_tokenizer_the_error_says_what_to_get(files, monkeypatch):
    for name in ("cma", "cma-object", "cma-prior", "cma-self", "cma-add", "referformer"):
        with pytest.raises(PluginError, match="--checkpoint"):
            find_method(name).create({}).prepare(FOLD)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match="tokenizer=FOLDER"):
        make(files, tokenizer="no-such-user/no-such-tokenizer")


def evaluate(files, checkpoint, data_root, out, *more):
    options = [f"text_config={files / 'text.json'}", f"tokenizer={files / 'tokenizer'}", "short_side=32"]
    arguments = ["evaluate", "--method", "cma", "--checkpoint", files / checkpoint, "--dataset", "mini-ref-davis"]
    arguments += ["--data-root", data_root, "--draws", "0", "--out", out, "--device", "cpu", "--backbone", "resnet50"]
    arguments += [part for option in options for part in ("--option", option)]
    result = CliRunner().invoke(main, [str(argument) for argument in (*arguments, *more)])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def test_a_checkpoint_released_or_our_own_evaluates_end_to_end(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_dataset(tmp_path / "data/mini-ref-davis", {"dog": 3})
    assert CliRunner().invoke(main, ["build-splits", "mini-ref-davis"]).exit_code == 0
    table = evaluate(files, "checkpoint.pth", tmp_path / "data", tmp_path / "run")
    assert "cma 1 on mini-ref-davis" in table
    table = evaluate(files, "small", tmp_path / "data", tmp_path / "other", "--protocol", "released")
    assert "released|size=short360" in table


def test_it_evaluates_on_real_videos(files, test_data, tmp_path):
    (tmp_path / "videos.txt").write_text("dog\ndog-agility\n")
    build = ["build-splits", "mini-ref-davis", "--data-root", test_data, "--videos", tmp_path / "videos.txt"]
    assert CliRunner().invoke(main, [str(part) for part in (*build, "--out", tmp_path / "splits")]).exit_code == 0
    table = evaluate(files, "small", test_data, tmp_path / "run", "--splits", tmp_path / "splits")
    assert "cma 1 on mini-ref-davis pack-v1" in table
    assert "fold 0" in table


def test_weights_of_another_affinity_are_refused_by_name(files, tmp_path):
    save_checkpoint(tmp_path, CMA(small_config(affinity="add", text=TEXT)))
    with pytest.raises(DataError, match="of the affinity 'add', the method 'cma' has 'cross'"):
        make(files, checkpoint=tmp_path)


def test_shipped_weights_are_the_method_s_own():
    assert declarations.CMA_PRIOR.shipped_checkpoint("mini-ref-shapes", 1).is_dir()
    assert declarations.CMA_PRIOR.shipped_checkpoint("mini-ref-davis", 0) is None
    assert declarations.CMA.shipped_checkpoint("mini-ref-shapes", 1) is None


def test_half_a_checkpoint_keeps_its_tokenizer_and_nearly_its_masks(files, method, tmp_path):
    own, half = tmp_path / "own", tmp_path / "half"
    shutil.copytree(files / "small", own)
    shutil.copytree(files / "tokenizer", own / "tokenizer")
    convert(own, half, "--half")
    assert (half / "model.safetensors").stat().st_size < 0.6 * (own / "model.safetensors").stat().st_size
    halved = make(files, checkpoint=half, tokenizer="no-such-tokenizer")
    with torch.inference_mode():
        one, two = (logits(m, m.adapt(support()), clip()) for m in (method, halved))
    assert not torch.equal(one, two)
    torch.testing.assert_close(one, two, rtol=0.02, atol=0.02)


def test_a_conversion_touches_nothing_that_is_there(files, tmp_path):
    own, link = tmp_path / "own", tmp_path / "link"
    convert(files / "small", own)
    link.symlink_to(own)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for source, out in (
        (own, own),
        (own, link),
        (link, own),
        (own, own / "half"),
        (own, tmp_path / "full"),
        (files / "checkpoint.pth", own),
    ):
        result = CliRunner().invoke(main, ["convert", str(source), str(out)])
        assert result.exit_code == 2, result.output
        assert "Give a" in result.stderr
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_conversion_that_fails_leaves_no_folder(files, tmp_path, monkeypatch):
    def full(*_, **__):
        raise DataError("no space")

    monkeypatch.setattr("fsbench_baselines.referformer.method.save_checkpoint", full)
    result = CliRunner().invoke(main, ["convert", str(files / "small"), str(tmp_path / "out")])
    assert result.exit_code == 3
    assert not list(tmp_path.iterdir())


def convert(source, out, *more):
    result = CliRunner().invoke(main, ["convert", str(source), str(out), *more])
    assert result.exit_code == 0, result.output
