#!/usr/bin/env bash
# What: imageio 2.38.1 with imageio-ffmpeg 0.8.1, beside av 18.1.0 and opencv-python-headless 4.14.0.94: one MP4 of
#   twelve frames whose times are uneven, as phones and screen recorders write.
# Expected: twelve frames from every reader; or, where a reader evens out the times, a count that says so.
# Seen: PyAV and OpenCV read 12. One and the same imageio reader says count_frames() = 12 and then yields 30: frames
#   are repeated to fill the gaps, so its frame 4 is frame 3 of the file.
# Why it matters: masks are matched to frames by number. The count agrees with the annotations, the pictures do not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'imageio==2.38.1' 'imageio-ffmpeg==0.8.1' 'av==18.1.0' 'numpy==2.3.4' \
    'opencv-python-headless==4.14.0.94'
cd "$folder"
env/bin/python - <<'PYTHON'
import sys
from fractions import Fraction

import av
import cv2
import imageio.v2
import numpy as np

TICK = Fraction(1, 25)
TIMES = [0, 1, 2, 3, 8, 9, 10, 20, 21, 22, 23, 24]
with av.open("clip.mp4", "w") as clip:
    stream = clip.add_stream("libx264", rate=25, width=64, height=64, pix_fmt="yuv420p", options={"crf": "1"})
    stream.codec_context.time_base = TICK
    for number, time in enumerate(TIMES):
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 * number, np.uint8))
        frame.pts, frame.time_base = time, TICK
        clip.mux(stream.encode(frame))
    clip.mux(stream.encode())


def numbers(pictures):
    return [round(float(picture.mean()) / 20) for picture in pictures]


with av.open("clip.mp4") as clip:
    by_av = numbers(frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0))
capture = cv2.VideoCapture("clip.mp4")
pictures = []
while (answer := capture.read())[0]:
    pictures.append(answer[1])
by_opencv = numbers(pictures)
with imageio.v2.get_reader("clip.mp4", "ffmpeg") as reader:
    counted = reader.count_frames()
    by_imageio = numbers(reader)
print("PyAV     ", by_av)
print("OpenCV   ", by_opencv)
print("imageio  ", by_imageio, "although count_frames() is", counted)
if not (by_av == by_opencv == list(range(12)) and counted == 12 and len(by_imageio) == 30 and by_imageio[4] == 3):
    sys.exit("the behaviour has changed")
PYTHON
