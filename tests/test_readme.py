"""What the README shows is run as it stands."""

import re
import sys

import numpy as np
from click.testing import CliRunner

from fsbench.cli import main
from tests.conftest import ROOT
from tests.tiny import write_benchmark
from tests.tiny import write_dataset


def test_the_method_of_the_readme_takes_under_thirty_lines_and_runs(tmp_path, monkeypatch):
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Your method")[2]
    code, in_parts = re.findall(r"```python\n(.*?)```", text.partition("\n## ")[0], re.DOTALL)
    command = re.search(r"`fsbench (evaluate --method my_package\.blue:Blue)`", text)[1]
    assert len([line for line in code.splitlines() if line.strip()]) < 30
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "blue.py").write_text(f"{code}\n\n{in_parts}")
    write_dataset(tmp_path / "data/mini-ref-davis", {"dog": 2})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))  # to which the working folder is added
    assert CliRunner().invoke(main, ["build-splits", "mini-ref-davis", "--draws", "1"]).exit_code == 0
    result = CliRunner().invoke(main, [*command.split(), "--dataset", "mini-ref-davis"])
    assert result.exit_code == 0, (result.output, result.exception)
    assert "blue 1 on mini-ref-davis" in result.stdout
    other = [f"{word}InParts" if word.endswith(":Blue") else word for word in command.split()]
    parts = CliRunner().invoke(main, [*other, "--dataset", "mini-ref-davis", "--out", "parts"])
    assert parts.exit_code == 0, (parts.output, parts.exception)
    whole, same = ([p.read_bytes() for p in sorted((tmp_path / f).rglob("part-*"))] for f in ("runs", "parts"))
    assert whole == same
    assert whole


def test_the_dataset_of_the_readme_is_split_as_its_file_says(tmp_path, monkeypatch):
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Your dataset")[2]
    (tmp_path / "my-set.yaml").write_text(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1])
    write_dataset(tmp_path / "videos", {"cat": 3, "dog": 3, "owl": 3})
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["build-splits", "my-set.yaml"])
    assert result.exit_code == 0, (result.output, result.exception)
    assert ["3", "1", "3", "18"] in [
        line.split() for line in result.stdout.splitlines()
    ]  # fold, classes, videos, episodes


def test_the_calls_of_the_readme_run_as_they_stand(tmp_path, monkeypatch, capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("### From Python")[2]
    write_benchmark(tmp_path / "data", {"dog": 3}, draws=1, frames=2)
    (tmp_path / "data/splits").rename(tmp_path / "splits")
    monkeypatch.chdir(tmp_path)
    masks = np.ones((4, 24, 32), np.uint8)
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], {"pred": masks, "truth": masks})
    assert "colour-prototype  full-frame  difference" in capsys.readouterr().out
