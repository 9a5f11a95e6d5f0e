"""Masks are scored and checked where the system is no Unix: a process that has none of what only Unix has."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.tiny import write_benchmark

_WITHOUT = """
import os, signal, sys
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
for name in ("O_NONBLOCK", "fork", "getuid", "killpg"):
    delattr(os, name)
for name in ("pthread_sigmask", "SIGKILL", "SIGCHLD", "SIGHUP"):
    delattr(signal, name)
from fsbench.cli import main
for line in sys.stdin.read().splitlines():
    main(line.split("|"), standalone_mode=False)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    base = tmp_path_factory.mktemp("other")
    write_benchmark(base, {"dog": 2}, draws=1, frames=1)
    for side in ("truth", "pred"):
        for name in ("00000", "00001"):
            path = base / side / "video" / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.eye(6, 9, dtype=np.uint8)).save(path)
    for video in ("dog-0", "dog-1"):
        path = base / "said" / video / "0" / "00000.png"
        path.parent.mkdir(parents=True)
        Image.fromarray(np.eye(24, 32, dtype=np.uint8)).save(path)
    return base


def test_scores_and_checks_need_nothing_that_only_unix_has(place, tmp_path):
    episodes = ("--dataset", "mini-ref-davis", "--data-root", place, "--splits", place / "splits")
    commands = [
        ["score", place / "pred", "--truth", place / "truth", "--json", "--out", tmp_path / "scores.csv"],
        ["validate", place / "pred", "--truth", place / "truth", "--json"],
        ["score", place / "said", *episodes, "--missing", "empty", "--extra", "ignore", "--json"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT],
        input="\n".join("|".join(map(str, command)) for command in commands),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    decoder, rest, found = json.JSONDecoder(), done.stdout.strip(), []
    while rest:
        value, end = decoder.raw_decode(rest)
        found, rest = [*found, value], rest[end:].strip()
    assert [each.get("mean", each.get("problems")) for each in found][:2] == [{"J&F": 1, "J_mean": 1, "F_mean": 1}, []]
    assert 0 <= found[2]["mean"]["J&F"] < 1
    assert (tmp_path / "scores.csv").is_file()
