import numpy as np
import pytest
import torch

from fsbench.methods import Clip
from fsbench.methods import Shot
from fsbench.methods import Support
from fsbench.methods import whole_masks
from fsbench_baselines.hub.sam3_exemplar import Exemplar
from fsbench_baselines.hub.sam3_exemplar import object_box
from fsbench_baselines.hub.sam3_exemplar import pooled
from tests.baselines.hub.test_methods import make
from tests.baselines.test_contract import pixels

QUERY = pixels(2, 32, 44, seed=1)[0]


@pytest.fixture(scope="module")
def method(models):
    return make("sam3-exemplar", models, threshold=0.1)


def found(method, shot, frames=QUERY, sentences=("the dog",)):
    return whole_masks(method.segment(method.adapt(Support((shot,))), Clip(frames), sentences))


def test_a_box_is_centre_and_extent_in_shares_x_before_y():
    mask = np.zeros((10, 20), bool)
    mask[2:4, 5] = mask[3, 5:15] = True
    torch.testing.assert_close(object_box(mask), torch.tensor([0.5, 0.3, 0.5, 0.2]))


@pytest.mark.parametrize("shape", [(32, 44), (44, 32)])
def test_support_and_query_lie_in_halves_and_the_box_on_the_support_s(method, shape):
    white, black = np.full((20, 30, 3), 255, np.uint8), np.zeros((*shape, 3), np.uint8)
    mask = np.zeros((20, 30), bool)
    mask[5:10, 15:30] = True
    canvas, box, is_tall = method.canvas(Exemplar(white, object_box(mask)), black)
    assert canvas.shape == (1, 3, 56, 56)
    assert is_tall == (shape == (44, 32))
    first, second = canvas.chunk(2, dim=3 if is_tall else 2)
    assert bool((first == 1).all())
    assert bool((second == -1).all())
    expected = [0.375, 0.375, 0.25, 0.25] if is_tall else [0.75, 0.1875, 0.5, 0.125]
    torch.testing.assert_close(box, torch.tensor(expected))


def test_the_frame_in_which_the_object_is_largest_is_the_exemplar(method):
    frames, _ = pixels(3, 20, 30, seed=4)
    masks = np.zeros((3, 20, 30), bool)
    masks[1, 2:9, 3:12] = masks[2, 0, 0] = True
    exemplar = method.adapt(Support((Shot(frames, masks, ""),)))
    np.testing.assert_array_equal(exemplar.frame, frames[1])
    assert torch.equal(exemplar.box, object_box(masks[1]))


def test_masks_are_of_what_scores_and_lies_in_the_query_s_half(method, monkeypatch):
    maps = torch.full((1, 4, 16, 16), -1.0)
    maps[0, 0, 8:12, 4:8] = maps[0, 2, 12:, 8:] = 1.0  # in the query's half
    maps[0, 1, :8] = maps[0, 3, 8:, :2] = 1.0  # in the support's; and one that scores too little
    logits = torch.tensor([[2.0, 9.0, 3.0, -9.0]])
    outputs = type("Outputs", (), {"pred_logits": logits, "presence_logits": torch.zeros(1, 1), "pred_masks": maps})()
    monkeypatch.setattr(method.model, "forward", lambda **inputs: outputs)
    adapted = method.adapt(Support((Shot(QUERY[:1], np.ones((1, 32, 44), bool), ""),)))
    (part,) = method.segment(adapted, Clip(QUERY[:1], (32, 64)), ["a"])
    expected = np.zeros((32, 64), bool)
    expected[0:16, 16:32] = expected[16:, 32:] = True
    assert (part.masks[0, 0] != expected).mean() < 0.1  # borders are interpolated
    assert part.sureness[0, 0] == pytest.approx(float(torch.sigmoid(torch.tensor(3.0))) / 2)


def test_the_exemplar_changes_what_is_found_and_the_sentence_does_so_if_it_is_asked_for(method, models):
    shot, other = (Shot(*pixels(1, 32, 44, seed=seed), "") for seed in (2, 9))
    sentences = ("the left dog", "a cat")
    adapted, different = (method.adapt(Support((each,))) for each in (shot, other))

    def scores(a_method, adapted):
        return np.concatenate([part.sureness for part in a_method.segment(adapted, Clip(QUERY), sentences)], axis=1)

    plain = scores(method, adapted)
    np.testing.assert_array_equal(plain[0], plain[1])
    assert not np.array_equal(scores(method, different), plain)
    reading = scores(make("sam3-exemplar", models, threshold=0.1, sentences=True), adapted)
    assert not np.array_equal(reading[0], reading[1])


def test_a_support_without_the_object_gives_nothing(method):
    assert not found(method, Shot(QUERY, np.zeros((2, 32, 44), bool), "")).any()


def bilinear(features, y, x):
    """A feature between four, by the definition of torchvision's roi_align: [D]."""
    height, width = features.shape[1:]
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = min(int(y), height - 2), min(int(x), width - 2)
    corners = features[:, top : top + 2, left : left + 2]
    down, right = np.array([1 - (y - top), y - top]), np.array([1 - (x - left), x - left])
    return np.einsum("dij,i,j->d", corners, down, right)


@pytest.mark.parametrize("box", [(0.5, 0.5, 1, 1), (0.4, 0.3, 0.5, 0.2), (0.95, 0.5, 0.1, 0.02), (0.05, 0.9, 0.1, 0.2)])
def test_a_box_is_pooled_by_means_of_evenly_spread_samples_in_its_cells(box):
    features = np.random.default_rng(0).normal(size=(3, 9, 12))
    (height, width), cells = features.shape[1:], 3
    x0, y0 = (box[0] - box[2] / 2) * width, (box[1] - box[3] / 2) * height
    long, high = max(box[2] * width, 1), max(box[3] * height, 1)
    across, down = int(np.ceil(long / cells)), int(np.ceil(high / cells))
    expected = np.zeros((3, cells, cells))
    for row, column, i, j in np.ndindex(cells, cells, down, across):
        y = y0 + (row + (i + 0.5) / down) * high / cells
        x = x0 + (column + (j + 0.5) / across) * long / cells
        expected[:, row, column] += bilinear(features, y, x) / (down * across)
    found = pooled(torch.tensor(features)[None].float(), torch.tensor(box), cells)[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_boxes_are_encoded_by_the_layers_of_the_library(method, monkeypatch):
    """Its own function, with the one call of torchvision's that it makes replaced."""
    from transformers.models.sam3 import modeling_sam3

    encoder, calls = method.model.geometry_encoder, []

    def roi_align(features, boxes, cells):
        calls.append(boxes)
        x0, y0, x1, y1 = (boxes[0][0] / torch.tensor([4.0, 4, 4, 4])).tolist()
        return pooled(features, torch.tensor([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0]), cells)

    ops = type("ops", (), {"roi_align": staticmethod(roi_align)})
    monkeypatch.setattr(modeling_sam3, "torchvision", type("torchvision", (), {"ops": ops}), raising=False)
    boxes, features = torch.tensor([[[0.4, 0.3, 0.5, 0.2]]]), torch.randn(1, 128, 4, 4)
    given = boxes, torch.tensor([[True]]), torch.tensor([[1]]), features
    with torch.inference_mode():
        ours, valid = encoder._encode_boxes(*given)
        theirs, _ = type(encoder)._encode_boxes(encoder, *given)
    assert len(calls) == 1
    assert valid is given[1]
    torch.testing.assert_close(ours, theirs)
