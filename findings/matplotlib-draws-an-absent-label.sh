#!/usr/bin/env bash
# What: matplotlib 3.11.2: imshow of a label map with the labels 0 and 2 only, listed colours black, red and green,
#   drawn at exactly three times its size with the default interpolation.
# Expected: black and green: imshow's documentation has the nearest pixel from "at least three times the size" on.
# Seen: 692 pixels of pure red, the colour of label 1, around the object. At three times, and only there, numbers are
#   blended before the colours are looked up, and half way from 0 to 2 is 1. At 2.9 times colours are blended, at 3.1
#   the nearest pixel is drawn.
# Why it matters: a figure shows an object that neither the truth nor the prediction has. interpolation="nearest" shows
#   what is there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'matplotlib==3.11.2' 'numpy==2.3.4'
"$folder/env/bin/python" - <<'PYTHON'
import sys

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.colors import ListedColormap

rows, columns = np.mgrid[:480, :854]
labels = np.where(np.hypot(rows - 240, columns - 400) < 150, 2, 0)


def red_pixels(times, **options):
    figure = plt.figure(figsize=(854 * times / 100, 480 * times / 100), dpi=100)
    axes = figure.add_axes([0, 0, 1, 1])
    axes.axis("off")
    axes.imshow(labels, cmap=ListedColormap(["black", "#ff0000", "#00ff00"]), vmin=0, vmax=2, aspect="auto", **options)
    figure.canvas.draw()
    picture = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    plt.close(figure)
    return int((picture == (255, 0, 0)).all(axis=2).sum())


seen = {times: red_pixels(times) for times in (0.5, 1, 2, 2.9, 3, 3.1, 4)}
nearest = red_pixels(3, interpolation="nearest")
print("pixels in the colour of the absent label 1, by times the size:", seen)
print("three times with nearest:", nearest)
if seen.pop(3) != 692 or any(seen.values()) or nearest:
    sys.exit("the behaviour has changed")
PYTHON
