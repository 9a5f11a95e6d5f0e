#!/usr/bin/env bash
# What: imageio 2.38.1 with imageio-ffmpeg 0.8.1, and opencv-python-headless 4.14.0.94: writing frames of 854 x 480, the
#   size of DAVIS, and of 853 x 479 into a video.
# Expected: the size that went in, or an error; above all with FFV1 and Motion JPEG, which know odd sizes.
# Seen: imageio stretches 854 to 864 columns (one line in the log). OpenCV cuts odd sizes to 852 x 478 in silence, with
#   every codec tried; the file's last row and column are gone.
# Why it matters: pictures or masks read back from such a file do not lie on the truth. Resized to the right size again
#   they look right and score less.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'imageio==2.38.1' 'imageio-ffmpeg==0.8.1' 'numpy==2.3.4' \
    'opencv-python-headless==4.14.0.94'
cd "$folder"
env/bin/python - <<'PYTHON'
import sys

import cv2
import imageio.v2
import numpy as np


def size_of(path):
    capture = cv2.VideoCapture(path)
    picture = capture.read()[1]
    return picture.shape[1], picture.shape[0]


with imageio.v2.get_writer("imageio.mp4", fps=5) as writer:
    for _ in range(3):
        writer.append_data(np.zeros((480, 854, 3), np.uint8))
seen = {"imageio, 854 x 480": size_of("imageio.mp4")}
for codec, ending in (("FFV1", "avi"), ("MJPG", "avi"), ("mp4v", "mp4")):
    path = f"opencv-{codec}.{ending}"
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*codec), 5, (853, 479))
    for _ in range(3):
        writer.write(np.zeros((479, 853, 3), np.uint8))
    writer.release()
    seen[f"OpenCV {codec}, 853 x 479"] = size_of(path)
for written, read in seen.items():
    print(f"{written}: read back {read[0]} x {read[1]}")
if list(seen.values()) != [(864, 480), (852, 478), (852, 478), (852, 478)]:
    sys.exit("the behaviour has changed")
PYTHON
