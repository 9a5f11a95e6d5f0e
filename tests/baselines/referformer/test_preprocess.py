"""Tokenizers from the files that people have, and to files that depend on nothing else."""

import json

import pytest
from tokenizers.pre_tokenizers import ByteLevel
from transformers import AutoTokenizer
from transformers import RobertaTokenizerFast

from fsbench.errors import DataError
from fsbench_baselines.referformer import preprocess
from fsbench_baselines.referformer.preprocess import load_tokenizer
from fsbench_baselines.referformer.preprocess import Tokenizer
from fsbench_baselines.referformer.vocabulary import build_tokenizer

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
SENTENCES = ["the dog", "A  dog on the left"]


def write_vocabulary(folder):
    words = (*SPECIAL, *sorted(ByteLevel.alphabet()), "do", "dog", "<mask>")
    folder.mkdir(exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\nd o\ndo g\n")
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder as RoBERTa's tokenizer is saved, without config.json."""
    base = tmp_path_factory.mktemp("words")
    RobertaTokenizerFast.from_pretrained(str(write_vocabulary(base / "vocabulary"))).save_pretrained(base / "whole")
    return base / "whole"


@pytest.mark.parametrize("config", [None, {"model_max_length": 512}, {"tokenizer_class": "RobertaTokenizer"}])
def test_tokenizer_json_is_enough_whatever_its_configuration_says(config, whole, tmp_path):
    (tmp_path / "tokenizer.json").write_bytes((whole / "tokenizer.json").read_bytes())
    if config is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    ids, padding = Tokenizer(str(tmp_path), 20)(SENTENCES)
    assert ids.tolist() == Tokenizer(str(whole), 20)(SENTENCES)[0].tolist()
    assert padding[0].any()
    assert (ids[padding] == 1).all()


def test_vocabulary_and_merges_are_enough(whole, tmp_path):
    ids, _ = Tokenizer(str(write_vocabulary(tmp_path)), 20)(SENTENCES)
    assert ids.tolist() == Tokenizer(str(whole), 20)(SENTENCES)[0].tolist()
    (tmp_path / "merges.txt").unlink()
    with pytest.raises(DataError, match=r"is no tokenizer .*vocab\.json and merges\.txt"):
        load_tokenizer(str(tmp_path))


@pytest.mark.parametrize("named", [[], ["unk_token"]])
def test_special_tokens_that_the_files_do_not_name_are_those_of_roberta_that_the_vocabulary_has(named, tmp_path):
    build_tokenizer(SENTENCES).save_pretrained(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    config = {key: value for key, value in json.loads(path.read_text()).items() if not key.endswith("_token")}
    path.write_text(json.dumps({**config, **dict.fromkeys(named, "dog")}))
    (tmp_path / "special_tokens_map.json").unlink(missing_ok=True)
    assert AutoTokenizer.from_pretrained(tmp_path, local_files_only=True).pad_token is None
    mended = load_tokenizer(str(tmp_path))
    assert (mended.bos_token, mended.pad_token, mended.eos_token, mended.mask_token) == ("<s>", "<pad>", "</s>", None)
    assert mended.unk_token == ("dog" if named else "<unk>")
    assert Tokenizer(str(tmp_path), 20)(SENTENCES)[0].tolist() == Tokenizer(mended, 20)(SENTENCES)[0].tolist()


def test_a_tokenizer_that_cannot_pad_is_refused_by_name(tmp_path):
    tokenizer = build_tokenizer(SENTENCES)
    text = tokenizer.backend_tokenizer.to_str().replace("<pad>", "[empty]")
    (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises(DataError, match="has no padding token"):
        load_tokenizer(str(tmp_path))


def test_a_tokenizer_that_fails_only_on_a_sentence_is_refused_when_it_is_loaded(tmp_path, monkeypatch):
    class Panic(BaseException):
        """As what the tokenizer's parts in Rust raise is no Exception."""

    def fail(*texts, **options):
        raise Panic("no such token")

    tokenizer = build_tokenizer(SENTENCES)
    monkeypatch.setattr(type(tokenizer), "__call__", fail)
    monkeypatch.setattr(preprocess, "_load", lambda source: tokenizer)
    with pytest.raises(DataError, match=r"fails on a sentence \(no such token\)"):
        load_tokenizer(str(tmp_path))


def test_the_files_of_a_tokenizer_do_not_depend_on_what_it_was_asked_last(tmp_path):
    tokens = Tokenizer(build_tokenizer(SENTENCES), 5)
    tokens.save(tmp_path / "before")
    before = tokens(SENTENCES)[0]
    tokens.save(tmp_path / "after")
    again = Tokenizer(str(tmp_path / "after"), 5)
    assert again(SENTENCES)[0].tolist() == before.tolist() == tokens(SENTENCES)[0].tolist()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "before" / name).read_bytes() == (tmp_path / "after" / name).read_bytes()
