#!/usr/bin/env bash
# What: av 18.1.0 (FFmpeg's FFV1, a lossless codec): a label map of 0 to 255 as a grey frame, written with the pixel
#   format yuv420p, the usual one, and with gray.
# Expected: lossless: the labels come back; at worst the colour planes, which a grey picture leaves empty, are lost.
# Seen: with yuv420p, 36 of 256 labels come back as another one, the first of them 4; 220 distinct labels are left. The
#   values 0 to 255 are squeezed into 16 to 235 before the codec sees them. With gray all come back.
# Why it matters: masks of three objects survive, so a test with few objects passes, and the fourth object of a crowded
#   video becomes its neighbour.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'av==18.1.0' 'numpy==2.3.4'
cd "$folder"
env/bin/python - <<'PYTHON'
import sys

import av
import numpy as np

labels = np.arange(256, dtype=np.uint8).reshape(16, 16).repeat(4, axis=0).repeat(4, axis=1)


def there_and_back(pixel_format):
    with av.open("labels.mkv", "w") as video:
        stream = video.add_stream("ffv1", rate=5, width=64, height=64, pix_fmt=pixel_format)
        video.mux(stream.encode(av.VideoFrame.from_ndarray(labels, format="gray")))
        video.mux(stream.encode())
    with av.open("labels.mkv") as video:
        return next(video.decode(video=0)).to_ndarray(format="gray")


seen = {}
for pixel_format in ("yuv420p", "gray"):
    back = there_and_back(pixel_format)
    wrong = np.unique(labels[back != labels]).tolist()
    seen[pixel_format] = len(wrong)
    pairs = [f"{label} as {int(back[labels == label][0])}" for label in wrong[:4]]
    print(f"{pixel_format}: {len(wrong)} labels come back as another one: {', '.join(pairs) or 'none'}")
if seen != {"yuv420p": 36, "gray": 0}:
    sys.exit(f"the behaviour has changed: {seen}")
PYTHON
