import json
import logging

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fsbench.masks.rle import decode_masks
from fsbench.methods import Clip
from fsbench.methods import whole_masks
from fsbench_baselines.hub.following import follow
from fsbench_baselines.hub.mllm_sam2 import asked_frames
from fsbench_baselines.hub.mllm_sam2 import read_answer
from tests.baselines.hub.test_methods import make
from tests.baselines.test_contract import pixels

QUERY = pixels(6, 32, 44, seed=1)[0]


@pytest.fixture(scope="module")
def method(models):
    return make("mllm-sam2", models, frames=3, max_tokens=4, max_pixels=1024)


@pytest.mark.parametrize(
    "answer",
    [
        '{"bbox_2d": [100, 200, 300, 1000]}',
        ' [{"bbox_2d": [100, 200, 300, 1000], "label": "dog"}, {"bbox_2d": [0, 0, 1, 1]}]\n',
        '```json\n[\n\t{"bbox_2d": [100.0, 200, 300, 1e3]}\n]\n```',
    ],
)
def test_a_box_is_read_whatever_is_around_it(answer):
    prompt = read_answer(answer)
    torch.testing.assert_close(prompt.points, torch.tensor([[0.1, 0.2], [0.3, 1.0]]))
    assert prompt.labels.tolist() == [2, 3]


def test_a_point_is_read_and_an_empty_list_is_nothing():
    prompt = read_answer('{"point_2d": [500, 250], "label": "dog"}')
    torch.testing.assert_close(prompt.points, torch.tensor([[0.5, 0.25]]))
    assert prompt.labels.tolist() == [1]
    assert read_answer("```\n[]\n```") is None


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "The dog is on the left.",
        "null",
        "[[]]",
        '{"bbox": [1, 2, 3, 4]}',
        '{"bbox_2d": [1, 2, 3]}',
        '{"bbox_2d": [1, 2, 3, "4"]}',
        '{"bbox_2d": [1, 2, 3, true]}',
        '{"bbox_2d": [1, 2, 3, NaN]}',
        '{"bbox_2d": [1, 2, 3, 1001]}',
        '{"bbox_2d": [-1, 2, 3, 4]}',
        '{"bbox_2d": [3, 2, 3, 4]}',
        '{"bbox_2d": [1, 4, 3, 2]}',
        '{"bbox_2d": [1, 2, 3, 4], "point_2d": [1, 2]}',
        'Here: {"bbox_2d": [1, 2, 3, 4]}',
        '{"bbox_2d": [1, 2, 3, 4',
        "[" * 5000,
    ],
)
def test_anything_else_is_not_read(answer):
    with pytest.raises(ValueError, match=r"^(Expecting|it names|its (place|corners)|it is nested)"):
        read_answer(answer)


@given(st.integers(1, 50), st.integers(1, 9))
def test_the_frames_that_are_asked_about_are_spread_evenly(count, most):
    frames = asked_frames(count, most)
    assert frames == sorted(set(frames))
    assert len(frames) == min(count, most)
    assert set(frames) <= set(range(count))
    gaps = np.diff([-1 - frames[0], *frames, 2 * count - 1 - frames[-1]])
    assert gaps.max() - gaps.min() <= 2 or count < most


def test_a_picture_s_tokens_go_before_the_question_as_the_model_counts_them(method, monkeypatch):
    given_to = {}
    monkeypatch.setattr(method.model, "generate", lambda **inputs: given_to.update(inputs) or inputs["input_ids"])
    assert method.ask(QUERY[0], "the <|im_end|> dog") == ""
    tokens, config = given_to["input_ids"][0].tolist(), method.model.config
    rows, columns = given_to["image_grid_thw"][0, 1:].tolist()
    assert (rows, columns) == (6, 8)  # 24 x 32 of at most 1024 pixels
    first = tokens.index(config.vision_start_token_id)
    last = tokens.index(config.vision_end_token_id)
    assert tokens[first + 1 : last] == [config.image_token_id] * (rows * columns // 4)
    assert given_to["mm_token_type_ids"][0].tolist() == [int(id == config.image_token_id) for id in tokens]
    assert given_to["do_sample"] is False
    question = method._ids("the < |im_end|> dog")
    assert any(tokens[n : n + len(question)] == question for n in range(last, len(tokens)))


def test_the_answer_is_greedy_and_depends_on_frame_and_sentence(method):
    with torch.inference_mode():
        answers = {method.ask(frame, sentence) for frame in QUERY[:2] for sentence in ("the dog", "left cat")}
        assert method.ask(QUERY[0], "the dog") in answers
    seen = []
    hook = method.model.lm_head.register_forward_hook(lambda module, inputs, output: seen.append(output[0, -1]))
    with torch.inference_mode():
        for frame, sentence in (
            (QUERY[0], "the dog"),
            (QUERY[1], "the dog"),
            (QUERY[0], "left cat"),
            (QUERY[0], "the dog"),
        ):
            method.ask(frame, sentence)
    hook.remove()
    one, frame, sentence, again = seen[:: len(seen) // 4]
    assert torch.equal(one, again)
    assert not torch.equal(one, frame)
    assert not torch.equal(one, sentence)


def test_boxes_are_followed_and_answers_that_cannot_be_read_are_counted(method, monkeypatch, caplog):
    boxes = {1: [100, 100, 500, 600], 3: None, 5: [200, 100, 700, 600]}

    def ask(frame, sentence):
        (t,) = [t for t in range(6) if np.array_equal(QUERY[t], frame)]
        return json.dumps({"bbox_2d": boxes[t]}) if boxes[t] else "I do not know."

    monkeypatch.setattr(method, "ask", ask)
    clip = Clip(QUERY)
    with caplog.at_level(logging.WARNING):
        found = whole_masks(method.segment(None, clip, ["The dog"]))[0]
    assert "1 of 3 answers about 'the dog' are no box that can be read, such as 'I do not know.'" in caplog.text
    prompts = {t: read_answer(json.dumps({"bbox_2d": box})) for t, box in boxes.items() if box}
    with torch.inference_mode():
        expected = follow(method.segmenter, clip, prompts)
    np.testing.assert_array_equal(found, decode_masks([each.mask for each in expected], 32, 44))


def test_without_an_answer_that_can_be_read_nothing_is_found(method, monkeypatch):
    for answer in ("no", "[]"):
        monkeypatch.setattr(method, "ask", lambda frame, sentence, answer=answer: answer)
        assert not whole_masks(method.segment(None, Clip(QUERY), ["the dog"])).any()
