"""How fast the CMA method is, against a plain rendering of the loop of the released test script.

    python benchmarks/inference.py --videos 1 --frames 10 --sentences 4 --draws 5
    python benchmarks/inference.py --videos 1 --frames 10 --sentences 4 --dtype bfloat16

Both segment one class on one thread: `draws` support sets of five frames, and for each of them every sentence of every
video. The plain loop is made of the same modules, but as the released script works: for every sentence and every ten
frames it encodes the texts, the ten frames and all frames of the support again, all frames together, samples by
`grid_sample`, multiplies by torch's own BLAS, makes the masks of all queries after all decoder layers, and keeps the
batch norms. Prints CPU seconds by part, their ratio, peak memory, and the share of mask pixels that are equal; fails
where it is under 99.99 %. With `--dtype bfloat16` the method in that type runs beside the method in float32, in place
of the plain loop, and no share of equal pixels is asked for.

Without `--checkpoint` (a folder that `fsbench convert` wrote, with a tokenizer) the weights are random, and the text
encoder is small, which favours the plain loop.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import tokenizers
import torch
from torch.nn import functional
from transformers import PreTrainedTokenizerFast

from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import Shot
from fsbench.methods import Support
from fsbench.methods import whole_masks
from fsbench.protocol import short_side_size
from fsbench_baselines import linear
from fsbench_baselines.backbones import resnet
from fsbench_baselines.declaration import Dtype
from fsbench_baselines.devices import DTYPES
from fsbench_baselines.pixels import normalised_frames
from fsbench_baselines.referformer import deformable
from fsbench_baselines.referformer import sampling
from fsbench_baselines.referformer.preprocess import Tokenizer
from fsbench_baselines.referformer.transformer import Transformer
from fsbench_cma import affinity
from fsbench_cma import CMA
from fsbench_cma import load_checkpoint
from fsbench_cma import ModelConfig
from fsbench_cma import Output
from fsbench_cma import QueryBatch
from fsbench_cma import save_checkpoint
from fsbench_cma import SupportBatch
from fsbench_cma.affinity import power_transform
from fsbench_cma.declarations import CMAOptions
from fsbench_cma.method import CMAMethod
from fsbench_cma.model import SupportFeatures

CHUNK = 10
SUPPORT_FRAMES = 5
WORDS = "the a left right small large red dark animal person on in front of moving to near".split()
TEXT = {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 512}
PARTS = {
    "text": ("encode_text",),
    "backbone": ("run_backbone",),
    "projections": ("project",),
    "fusion": ("fuse_text",),
    "affinity": ("fuse_support",),
    "encoder": ("transformer.encoder.forward",),
    "decoder": ("transformer.decoder.forward",),
    "pixel decoder": ("adapt_finest", "attend_finest", "see_finest", "read_finest", "adapt", "attend", "mask_features"),
    "mask head": ("segment",),
}
Masks = list[np.ndarray]


class PlainLoop:
    """The loop of the released test script, with nothing kept between its steps."""

    def __init__(
        self,
        model: CMA,
        tokens: Tokenizer,
        short_side: int,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.model, self.tokens, self.short_side = model, tokens, short_side
        self.device, self.dtype = device, dtype

    @torch.inference_mode()
    def segment(self, support: Support, clip: Clip, sentences: list[str]) -> np.ndarray:
        """Returns bool [N, T, H, W]."""
        with plain_arithmetic():
            starts = range(0, len(clip.frames), CHUNK)
            masks = [[self._segment_chunk(support, clip, start, each) for start in starts] for each in sentences]
        return np.stack([np.concatenate(chunks) for chunks in masks])

    def _segment_chunk(self, support: Support, clip: Clip, start: int, sentence: str) -> np.ndarray:
        shot = support.shots[0]
        size = short_side_size(*clip.frames.shape[1:3], self.short_side)
        sizes = torch.tensor([size], device=self.device)
        query = QueryBatch(*self._batch(clip.frames[start : start + CHUNK], sentence), sizes)
        shown = torch.from_numpy(shot.masks)[None].to(self.device, self.dtype)
        example = SupportBatch(*self._batch(shot.frames, shot.sentence), shown)
        result = self._forward(query, example)
        chosen = result.logits[0, ..., 0].float().sigmoid().mean(0).argmax()
        logits = functional.interpolate(result.masks[0].float(), size, mode="bilinear", align_corners=False)
        masks = logits[:, chosen].sigmoid()
        if clip.output_size != size:
            masks = functional.interpolate(masks[:, None], clip.output_size, mode="bilinear", align_corners=False)[:, 0]
            return (masks >= 0.5).cpu().numpy()
        return (masks > 0.5).cpu().numpy()

    def _batch(self, frames: np.ndarray, sentence: str) -> tuple[torch.Tensor, ...]:
        pixels = normalised_frames(frames, self.short_side)[None].to(self.device, self.dtype)
        words = (each.to(self.device) for each in self.tokens([sentence]))
        return pixels, torch.zeros_like(pixels[:, :, 0], dtype=torch.bool), *words

    def _forward(self, query: QueryBatch, support: SupportBatch) -> Output:
        model = self.model
        text = model.encode_text(support.token_ids, support.token_padding)
        *lower, top = model.project(model.run_backbone(support.frames)[1:])
        levels = model.fuse_text([*(power_transform(level) for level in lower), top], text)
        middle = slice(SUPPORT_FRAMES // 2, SUPPORT_FRAMES // 2 + 1)
        kept = SupportFeatures(tuple(level[:, middle] for level in levels), support.masks[:, middle])
        return model.forward_with(query, kept, with_aux=True)


@contextmanager
def plain_arithmetic() -> Iterator[None]:
    """Takes back what the modules do otherwise than torch's own while no gradient is asked for, as long as it runs."""
    with ExitStack() as stack:
        for owner, name, plain in (
            (sampling, "sample", deformable.sample),
            (linear, "_by_onednn", lambda *_: False),
            (affinity, "_answers_in_parts", affinity._answers),
            (Transformer, "_encode", lambda transformer, pyramid: transformer.encoder(pyramid)),
            (resnet, "_by_frames", lambda *_: False),
        ):
            stack.enter_context(mock.patch.object(owner, name, plain))
        yield


@contextmanager
def timed_parts(model: CMA) -> Iterator[Counter[str]]:
    """Gives CPU seconds by part of the model, while it runs."""
    seconds: Counter[str] = Counter()
    running: list[str] = []

    def timed(part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **options: Any) -> Any:
            if part in running:  # a part that calls itself is counted once
                return call(*args, **options)
            start = time.process_time()
            running.append(part)
            try:
                return call(*args, **options)
            finally:
                running.pop()
                seconds[part] += time.process_time() - start

        return run

    places = [(part, *path.rpartition(".")[::2]) for part, paths in PARTS.items() for path in paths]
    for part, owner, name in places:
        module = model.get_submodule(owner)
        setattr(module, name, timed(part, getattr(module, name)))
    try:
        yield seconds
    finally:
        for _, owner, name in places:
            delattr(model.get_submodule(owner), name)


def make_checkpoint(folder: Path, **settings: Any) -> None:
    """Writes a model with random weights, of CMA's size or as settings say, and a tokenizer of a few words."""
    torch.manual_seed(0)
    vocabulary = {word: number for number, word in enumerate(["<s>", "<pad>", "</s>", "<unk>", *WORDS])}
    text = {**TEXT, "vocab_size": len(vocabulary), "max_position_embeddings": 66, "type_vocab_size": 1}
    save_checkpoint(folder, CMA(ModelConfig(affinity="cross", dab=True, text=text, **settings)))
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>")
    wrapped.save_pretrained(str(folder / "tokenizer"))


def draw_video(rng: np.random.Generator, num_frames: int, short_side: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws a disc that moves over a blurred background: uint8 [T, H, W, 3] and bool [T, H, W]."""
    size = (short_side, short_side * 16 // 9)
    coarse = rng.integers(0, 256, (9, 16, 3), dtype=np.uint8)
    background = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    colour, frames, masks = rng.integers(0, 256, 3).tolist(), [], []
    for t in range(num_frames):
        centre = (int(size[1] * (0.3 + 0.02 * t)), int(size[0] * 0.5))
        mask = cv2.circle(np.zeros(size, np.uint8), centre, size[0] // 5, 1, thickness=-1) > 0
        noise = rng.integers(-8, 9, (*size, 3))
        frames.append(np.clip(np.where(mask[..., None], colour, background) + noise, 0, 255).astype(np.uint8))
        masks.append(mask)
    return np.stack(frames), np.stack(masks)


def run(name: str, segment: Callable[[Support], Masks], supports: list[Support], model: CMA) -> tuple[float, Masks]:
    """Runs one of the two over all support sets, prints where its time went, returns CPU seconds and masks."""
    start, masks = time.process_time(), []
    with timed_parts(model) as parts:
        for number, support in enumerate(supports):
            masks += segment(support)
            print(f"{name}: draw {number + 1}, {time.process_time() - start:.1f} s", file=sys.stderr)
    total = time.process_time() - start
    parts["rest"] = total - parts.total()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{name}: {total:.1f} CPU-s, peak of the process so far {peak:.2f} GiB")
    print("  " + " | ".join(f"{part} {seconds:.2f}" for part, seconds in parts.items()))
    return total, masks


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--short-side", type=int, default=360)
    parser.add_argument("--videos", type=int, default=2)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--sentences", type=int, default=2)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--dtype", choices=DTYPES, default="float32")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    sentences = [" ".join(rng.choice(WORDS, 8)) for _ in range(options.sentences)]
    shots = [Shot(*draw_video(rng, SUPPORT_FRAMES, options.short_side), sentences[0]) for _ in range(options.draws)]
    supports = [Support((shot,)) for shot in shots]
    videos = [draw_video(rng, options.frames, options.short_side)[0] for _ in range(options.videos)]

    with tempfile.TemporaryDirectory() as folder:
        if options.checkpoint is None:
            make_checkpoint(Path(folder))
        checkpoint = options.checkpoint or Path(folder)

        def ours(dtype: Dtype) -> tuple[float, Masks]:
            method = CMAMethod(
                CMAOptions(checkpoint=checkpoint, short_side=options.short_side, device="cpu", dtype=dtype)
            )
            method.prepare(Fold("synthetic", 1, novel=("disc",), base=()))
            clips = [Clip(frames) for frames in videos]

            def segment(support: Support) -> Masks:
                adapted = method.adapt(support)
                return [whole_masks(method.segment(adapted, clip, sentences)) for clip in clips]

            return run(f"method, {dtype}", segment, supports, method.model)

        def plain() -> tuple[float, Masks]:
            tokens = Tokenizer(str(checkpoint / "tokenizer"), 64)
            loop = PlainLoop(load_checkpoint(checkpoint).eval(), tokens, options.short_side)
            return run(
                "plain loop", lambda s: [loop.segment(s, Clip(v), sentences) for v in videos], supports, loop.model
            )

        peer = plain() if options.dtype == "float32" else ours("float32")
        differing = report(*ours(options.dtype), *peer)
    if options.dtype == "float32" and differing > 1e-4:
        sys.exit("The masks differ.")


def report(seconds: float, masks: Masks, peer_seconds: float, peer_masks: Masks) -> float:
    """Prints ratio and agreement; returns the share of pixels that differ."""
    pairs = zip(masks, peer_masks, strict=True)
    pixels = sum(mask.size for mask in masks)
    differing = sum(np.count_nonzero(a != b) for a, b in pairs) / pixels
    foreground = sum(np.count_nonzero(mask) for mask in masks) / pixels
    print(f"CPU seconds {peer_seconds:.1f} | {seconds:.1f} | ratio {peer_seconds / seconds:.2f}")
    print(f"equal mask pixels {1 - differing:.6%} of {pixels}, foreground {foreground:.1%}")
    return differing


if __name__ == "__main__":
    main()
