import torch
from transformers import AutoTokenizer

from fsbench_baselines.referformer.preprocess import Tokenizer
from fsbench_baselines.referformer.vocabulary import build_tokenizer


def test_special_tokens_have_robertas_ids_and_words_follow_sorted():
    tokenizer = build_tokenizer(["the red Dax", "the  blue dax,"])
    assert tokenizer.get_vocab() == {
        "<s>": 0,
        "<pad>": 1,
        "</s>": 2,
        "<unk>": 3,
        ",": 4,
        "blue": 5,
        "dax": 6,
        "red": 7,
        "the": 8,
    }
    assert len(tokenizer) == 9


def test_sentences_get_ends_and_padding_and_unknown_words_a_token_of_their_own():
    tokens = Tokenizer(build_tokenizer(["the red dax"]), max_tokens=22)
    ids, padding = tokens(["The RED  dax", "the wug", "a <unk>"])
    assert ids.tolist() == [[0, 6, 5, 4, 2], [0, 6, 3, 2, 1], [0, 3, 3, 2, 1]]
    assert torch.equal(padding, ids == 1)


def test_long_sentences_are_cut_to_what_the_text_encoder_takes():
    tokens = Tokenizer(build_tokenizer(["the red dax"]), max_tokens=4)
    assert tokens(["the red dax the red dax"])[0].tolist() == [[0, 6, 5, 2]]


def test_the_same_words_give_the_same_bytes_and_a_saved_folder_loads(tmp_path):
    for name, sentences in (("one", ["b a", "c"]), ("two", ["c", "a b", "B"])):
        Tokenizer(build_tokenizer(sentences), max_tokens=9).save(tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    loaded = AutoTokenizer.from_pretrained(tmp_path / "one")
    assert loaded(["c a zup"])["input_ids"] == [[0, 6, 4, 3, 2]]
    assert Tokenizer(str(tmp_path / "one"), max_tokens=9)(["B"])[0].tolist() == [[0, 5, 2]]
