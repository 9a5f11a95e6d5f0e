"""How fast the CMA method is on an accelerator, against a plain rendering of the loop of the released test script.

    python benchmarks/accelerator.py                                 # CMA R50, random weights, a class of 4 videos
    python benchmarks/accelerator.py --device cpu --small --short-side 48 --videos 1 --frames 3 --sentences 2 --draws 1

As `benchmarks/inference.py` does on a processor: for each support set every sentence of every video, by the method (one
sentence at a time, and `--batch-sentences` at once) and by the plain loop, in float32 and in bfloat16. A line each,
after one chunk that is not timed: frames a second (each frame counted once for each sentence and support set), the most
device memory that was taken, and how many mask pixels are those of the method in float32 on this processor, in the
first chunk of the first video; it fails where these are under 99.9 % in float32. No line is begun after `--minutes`.

The first line names device and versions. This was run on a processor alone, at a tiny size, and on no accelerator.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from inference import CHUNK
from inference import draw_video
from inference import make_checkpoint
from inference import PlainLoop
from inference import SUPPORT_FRAMES
from inference import WORDS

from fsbench.methods import Clip
from fsbench.methods import Fold
from fsbench.methods import Shot
from fsbench.methods import Support
from fsbench.methods import whole_masks
from fsbench.methods.devices import real_device
from fsbench_cma import load_checkpoint
from fsbench_cma.declarations import CMAOptions
from fsbench_cma.method import CMAMethod

EQUAL = 0.999
SMALL = {
    "backbone": "resnet_small",
    "hidden_dim": 64,
    "heads": 4,
    "mask_dim": 16,
    "dim_feedforward": 64,
    "enc_layers": 1,
    "dec_layers": 2,
}
Segment = Callable[[Support, Clip, list[str]], np.ndarray]


def make_method(checkpoint: Path, short_side: int, device: str, dtype: str, batch: int = 1) -> CMAMethod:
    """Returns the method, ready."""
    settings = {"short_side": short_side, "device": device, "dtype": dtype, "batch_sentences": batch}
    method = CMAMethod(CMAOptions(checkpoint=checkpoint, **settings))
    method.prepare(Fold("synthetic", 1, novel=("disc",), base=()))
    return method


def by_method(method: CMAMethod) -> Segment:
    """Returns what segments by the method, which sees a support set once, and a clip for all."""
    adapted: dict[int, object] = {}

    def segment(support: Support, clip: Clip, sentences: list[str]) -> np.ndarray:
        if id(support) not in adapted:
            adapted[id(support)] = method.adapt(support)
        return whole_masks(method.segment(adapted[id(support)], clip, sentences))

    return segment


def by_loop(checkpoint: Path, method: CMAMethod) -> Segment:
    """Returns what segments by the plain loop."""
    model = load_checkpoint(checkpoint).eval().to(method.device, method.dtype)
    return PlainLoop(model, method.tokens, method.short_side, method.device, method.dtype).segment


def timed(segment: Segment, supports: list[Support], videos: list[np.ndarray], sentences: list[str]) -> float:
    """Returns the seconds that all of it takes, after a first chunk."""
    is_cuda = torch.cuda.is_available()
    segment(supports[0], Clip(videos[0][:CHUNK]), sentences)
    if is_cuda:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    clips = [Clip(frames) for frames in videos]
    for support in supports:
        for clip in clips:
            segment(support, clip, sentences)
    if is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - started


def main() -> None:
    """Measures, prints, and fails where masks differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--small", action="store_true", help="a model of a few layers, to try this on a processor")
    parser.add_argument("--short-side", type=int, default=360)
    parser.add_argument("--videos", type=int, default=4)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--sentences", type=int, default=4)
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--batch-sentences", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=7, help="after which no further line is begun")
    options = parser.parse_args()
    device = real_device(options.device)
    is_cuda = device.startswith("cuda")
    deadline = time.monotonic() + 60 * options.minutes
    rng = np.random.default_rng(0)
    sentences = [" ".join(rng.choice(WORDS, 8)) for _ in range(options.sentences)]
    drawn = [draw_video(rng, SUPPORT_FRAMES, options.short_side) for _ in range(options.draws)]
    supports = [Support((Shot(*each, sentences[0]),)) for each in drawn]
    videos = [draw_video(rng, options.frames, options.short_side)[0] for _ in range(options.videos)]
    looked_at = Clip(videos[0][:CHUNK])
    asked = options.videos * options.frames * options.sentences * options.draws

    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder)
        make_checkpoint(checkpoint, **(SMALL if options.small else {}))
        expected = by_method(make_method(checkpoint, options.short_side, "cpu", "float32"))(
            supports[0], looked_at, sentences
        )
        where = torch.cuda.get_device_name() if is_cuda else device
        print(f"{where}, torch {torch.__version__}, {asked} frames, {np.mean(expected):.1%} of masks", flush=True)
        for dtype in ("float32", "bfloat16"):
            ways = {"method": 1, f"method, {options.batch_sentences} sentences at once": options.batch_sentences}
            for name, batch in {**ways, "plain loop": 0}.items():
                if time.monotonic() > deadline:
                    print(f"{dtype:9s} {name:32s} left out: {options.minutes:g} minutes are over")
                    continue
                method = make_method(checkpoint, options.short_side, device, dtype, batch or 1)
                segment = by_method(method) if batch else by_loop(checkpoint, method)
                seconds = timed(segment, supports, videos, sentences)
                peak = f"{torch.cuda.max_memory_allocated() / 1e9:6.2f} GB" if is_cuda else "     - GB"
                equal = np.mean(segment(supports[0], Clip(looked_at.frames), sentences) == expected)
                print(
                    f"{dtype:9s} {name:32s} {asked / seconds:8.2f} frames a second {peak} {equal:9.4%} equal",
                    flush=True,
                )
                if dtype == "float32" and equal < EQUAL:
                    sys.exit("The masks differ.")
                del method, segment
                if is_cuda:
                    torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
