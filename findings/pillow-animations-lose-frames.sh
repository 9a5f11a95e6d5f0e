#!/usr/bin/env bash
# What: Pillow 13.0.0: ten palette masks of one video (an object that stands still for seven frames, then a second one
#   appears), saved with save_all=True in five formats and opened again.
# Expected: ten frames each; GIF may merge equal ones, APNG and lossless WebP are sequences of whole pictures.
# Seen: GIF, APNG and WebP have 2 frames, the equal ones are merged into longer durations; TIFF and AVIF have 10.
#   In the GIF the first frame has labels (mode P) and the second has colours (mode RGB).
# Why it matters: frame number k of the file is not frame number k of the video. A mask that stands still is the
#   ordinary case (and an absent object always), so a file of masks shrinks without a word and scores shift.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'pillow==13.0.0' 'numpy==2.3.4'
cd "$folder"
env/bin/python - <<'PYTHON'
import sys

import numpy as np
from PIL import Image

frames = []
for number in range(10):
    labels = np.zeros((48, 64), np.uint8)
    labels[4:10, 4:10] = 1
    if number >= 7:
        labels[20:25, 20:25] = 2
    frames.append(Image.fromarray(labels))
    frames[-1].putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])

options = {"gif": {}, "png": {}, "webp": {"lossless": True}, "tiff": {}, "avif": {}}
seen = {}
for ending, more in options.items():
    frames[0].save(f"masks.{ending}", save_all=True, append_images=frames[1:], duration=100, **more)
    with Image.open(f"masks.{ending}") as animation:
        modes = []
        for number in range(animation.n_frames):
            animation.seek(number)
            modes.append(animation.mode)
    seen[ending] = len(modes)
    print(f"{ending}: saved {len(frames)} frames, opened {len(modes)}, modes {sorted(set(modes))}")
if seen != {"gif": 2, "png": 2, "webp": 2, "tiff": 10, "avif": 10}:
    sys.exit(f"the behaviour has changed: {seen}")
PYTHON
