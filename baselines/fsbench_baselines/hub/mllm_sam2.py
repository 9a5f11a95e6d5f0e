"""A vision-language model (Qwen3-VL) says where the object is in some frames, SAM 2 follows it; zero-shot."""

import json
import logging
import re
from collections.abc import Iterator
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import Qwen3VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import Judged
from fsbench_baselines.hub.declarations import MLLM_SAM2
from fsbench_baselines.hub.declarations import MLLMSAM2Options
from fsbench_baselines.hub.following import boxed
from fsbench_baselines.hub.following import Coded
from fsbench_baselines.hub.following import follow
from fsbench_baselines.hub.following import judged
from fsbench_baselines.hub.following import Prompt
from fsbench_baselines.hub.following import SAM2
from fsbench_baselines.hub.following import Segmenter
from fsbench_baselines.hub.method import HubMethod
from fsbench_baselines.hub.weights import FILES
from fsbench_baselines.hub.weights import find_folder
from fsbench_baselines.hub.weights import load_model
from fsbench_baselines.hub.weights import load_processor
from fsbench_baselines.hub.weights import load_tokenizer
from fsbench_baselines.hub.weights import PROCESSOR_FILES
from fsbench_baselines.hub.weights import TOKENIZER_FILES
from fsbench_baselines.pixels import plain_sentence

__all__ = ["MLLMSAM2", "asked_frames", "read_answer"]

_LOG = logging.getLogger(__name__)
_QUESTION = (
    'Locate the object that this sentence refers to: "{}". Answer with its bounding box in JSON format and nothing '
    'else: {{"bbox_2d": [x1, y1, x2, y2]}}. If it is not in the picture, answer [].'
)
_GRID = 1000  # the model gives places on a picture of this side, whatever its size
_PLACES = {"bbox_2d": 4, "point_2d": 2}  # what an answer may name, and how many numbers it has
# How the model's chat template has a question with a picture in front.
_BEFORE, _AFTER = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"


class MLLMSAM2(HubMethod):
    """Asks for the sentence's object in some frames and follows the answers; the support is ignored."""

    info = MLLM_SAM2.info

    def __init__(self, options: MLLMSAM2Options) -> None:
        """Notes the options; `prepare` loads the weights."""
        super().__init__(options)
        self.options = options

    def prepare(self, fold: Fold) -> None:
        """Loads the weights. Raises PluginError if there are none, DataError if they cannot be read."""
        options, files = self.options, FILES + TOKENIZER_FILES + PROCESSOR_FILES
        language = find_folder(self.checkpoint, self.weights, self.revision, files, "language")
        tracker = find_folder(self.checkpoint, options.tracker_weights, options.tracker_revision, FILES, "tracker")
        self.tokenizer = load_tokenizer(language)
        self.processor = load_processor(Qwen2VLImageProcessorPil, language)
        # Any: the model's class does not say that it generates.
        model: Any = load_model(Qwen3VLForConditionalGeneration, language, self.device, self.dtype)
        self.model = model
        self.segmenter = Segmenter(SAM2, tracker, self.device, self.dtype)

    @torch.inference_mode()
    def segment(self, adapted: None, clip: Clip, expressions: Sequence[str]) -> Iterator[Judged]:
        """Yields bool [N, 1, H, W] and how sure SAM 2 is; what a sentence names is found once for all draws.

        If no answer names a place, the masks of its sentence are false.
        """
        tracks = [
            clip.memo(("mllm", sentence), partial(self._track, clip, sentence))
            for sentence in map(plain_sentence, expressions)
        ]
        yield from judged(tracks, clip.output_size)

    def _track(self, clip: Clip, sentence: str) -> list[Coded]:
        return follow(self.segmenter, clip, self.point(clip, sentence))

    def point(self, clip: Clip, sentence: str) -> dict[int, Prompt]:
        """Returns what the answers point at, by frame; how many could not be read is logged."""
        frames, prompts, unread = asked_frames(len(clip.frames), self.options.frames), {}, []
        for t in frames:
            answer = self.ask(clip.frames[t], sentence)
            try:
                prompt = read_answer(answer)
            except ValueError:
                unread.append(answer)
                continue
            if prompt is not None:
                prompts[t] = prompt
        if unread:
            told = "%s: %d of %d answers about %r are no box that can be read, such as %r."
            _LOG.warning(told, self.info.name, len(unread), len(frames), sentence, unread[0])
        return prompts

    def ask(self, frame: npt.NDArray[np.uint8], sentence: str) -> str:
        """Returns the likeliest answer to where a sentence's object is in a frame, uint8 [H, W, 3]."""
        pixels, grid = self._see(frame)
        config, count = self.model.config, int(grid.prod()) // self.processor.merge_size**2
        # What marks a turn in the model's language must not come from a sentence.
        question = _QUESTION.format((sentence or "the main object").replace("<|", "< |"))
        picture = [config.vision_start_token_id, *[config.image_token_id] * count, config.vision_end_token_id]
        tokens = torch.tensor([[*self._ids(_BEFORE), *picture, *self._ids(question + _AFTER)]], device=self.device)
        answer = self.model.generate(
            input_ids=tokens,
            attention_mask=torch.ones_like(tokens),
            mm_token_type_ids=(tokens == config.image_token_id).int(),
            pixel_values=pixels.to(self.device, self.dtype),
            image_grid_thw=grid.to(self.device),
            do_sample=False,
            max_new_tokens=self.options.max_tokens,
            pad_token_id=self.tokenizer.pad_token_id,
        )
        return str(self.tokenizer.decode(answer[0, tokens.shape[1] :], skip_special_tokens=True))

    def _see(self, frame: npt.NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """Returns a frame's patches, [patches, numbers], and their number in time, down and across, int [1, 3]."""
        most = self.options.max_pixels
        size = {"shortest_edge": min(self.processor.size["shortest_edge"], most), "longest_edge": most}
        seen = self.processor(images=[frame], size=size, return_tensors="pt")
        return seen["pixel_values"], seen["image_grid_thw"]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def asked_frames(count: int, most: int) -> list[int]:
    """Returns the frames of a video that are asked about: the middles of so many equal parts, each once, in order."""
    return sorted({(2 * part + 1) * count // (2 * most) for part in range(most)})


def read_answer(answer: str) -> Prompt | None:
    """Returns what an answer points at; None if it says that the object is not in the picture.

    Args:
        answer: JSON, in a code block or not: an object with `bbox_2d` or `point_2d`, or a list, of which the first
            entry counts and an empty one says that there is nothing. Numbers are from 0 to 1000.

    Raises:
        ValueError: It is anything else.
    """
    block = re.fullmatch(r"```(?:json)?\n(.*)\n```", answer.strip(), re.DOTALL)
    try:
        told = json.loads(block[1] if block else answer)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if told == []:
        return None
    entry = told[0] if isinstance(told, list) else told
    named = [name for name in _PLACES if isinstance(entry, dict) and name in entry]
    if len(named) != 1:
        raise ValueError("it names no place, or several")
    numbers = entry[named[0]]
    if not isinstance(numbers, list) or len(numbers) != _PLACES[named[0]] or not all(map(_is_place, numbers)):
        raise ValueError("its place is not of so many numbers on the grid")
    place = torch.tensor(numbers, dtype=torch.float32) / _GRID
    if named[0] == "point_2d":
        return Prompt(place[None], torch.tensor([1]))
    if not bool((place[:2] < place[2:]).all()):
        raise ValueError("its corners are in the wrong order")
    return boxed(place)


def _is_place(number: object) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and 0 <= number <= _GRID
