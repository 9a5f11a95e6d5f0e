import pytest
import torch
from torch import nn

from fsbench_baselines.referformer.fusion import read_words
from fsbench_baselines.referformer.text import Text

DIM, HEADS = 32, 4


def sentences(num_words: int) -> Text:
    """Two of them, the second two words shorter."""
    padding = torch.zeros(2, num_words, dtype=torch.bool)
    padding[1, num_words - 2 :] = True
    words, positions = torch.randn(2, 2, num_words, DIM)
    return Text(words.requires_grad_(), padding, torch.randn(2, DIM), positions)


def attention(rate: float = 0.0) -> nn.MultiheadAttention:
    layer = nn.MultiheadAttention(DIM, HEADS, dropout=rate, batch_first=True)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.3)
    return layer


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("num_words", [3, 10, 11, 40], ids=["few", "folded at most", "not folded", "many"])
def test_reading_words_is_attention_to_them_with_equal_gradients(num_words: int) -> None:
    layer, text = attention(), sentences(num_words)
    tokens, towards = torch.randn(2, 2, 17, DIM)
    tokens.requires_grad_()
    inputs = (tokens, text.words, *layer.parameters())
    keys = text.words + text.positions
    expected, _ = layer(tokens, keys, text.words, key_padding_mask=text.padding)
    read = read_words(layer, tokens, text)
    torch.testing.assert_close(read, expected, rtol=1e-4, atol=1e-5)
    gradients = zip(
        torch.autograd.grad(read, inputs, towards), torch.autograd.grad(expected, inputs, towards), strict=True
    )
    for ours, theirs in gradients:
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_what_is_on_padding_is_not_read() -> None:
    layer, text, tokens = attention(), sentences(5), torch.randn(2, 7, DIM)
    before = read_words(layer, tokens, text)
    with torch.no_grad():
        text.words[1, 3:] = 100
    assert torch.equal(read_words(layer, tokens, text), before)


@pytest.mark.parametrize("num_words", [5, 40])
def test_words_drop_out_in_training_only(num_words: int) -> None:
    layer, text, tokens = attention(rate=0.5), sentences(num_words), torch.randn(2, 7, DIM)
    assert not torch.equal(read_words(layer, tokens, text), read_words(layer, tokens, text))
    layer.eval()
    assert torch.equal(read_words(layer, tokens, text), read_words(layer, tokens, text))
