import errno
import subprocess
import sys
from pathlib import Path

import pytest

from fsbench.cli import main

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")


def run(arguments, **streams):
    return subprocess.run([sys.executable, "-m", "fsbench", *arguments], text=True, **streams)


@needs_full
@pytest.mark.parametrize(
    "arguments", [["--help"], ["list", "methods"], ["list", "protocols", "--json"], ["show", "-h"]]
)
def test_a_full_disk_behind_standard_output_is_a_line(arguments):
    with FULL.open("w") as full:
        done = run(arguments, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 3
    assert done.stderr.startswith("Error: standard output: No space left on device. ")
    assert done.stderr.count("\n") == 1


@needs_full
def test_a_full_disk_behind_standard_error_changes_no_exit_code():
    with FULL.open("w") as full:
        assert run(["list", "protocols"], stdout=subprocess.DEVNULL, stderr=full).returncode == 0
        assert run(["frobnicate"], stdout=subprocess.DEVNULL, stderr=full).returncode == 2
        assert run(["verify", "nowhere"], stdout=subprocess.DEVNULL, stderr=full).returncode == 3


def test_a_reader_that_has_ended_is_a_line():
    command = [sys.executable, "-m", "fsbench", "list", "protocols"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == "Error: standard output: Broken pipe. The program that reads it has ended.\n"
    assert process.returncode == 3


def test_no_standard_output_at_all_is_no_error():
    command = f'"{sys.executable}" -m fsbench list protocols >&-'
    assert subprocess.run(command, shell=True, capture_output=True, text=True).stderr == ""


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "runs/x"),
            "runs/x: No space left on device. Free some space",
        ),
        (OSError(errno.EROFS, "Read-only file system", "runs/x"), "runs/x: Read-only file system. Give a folder"),
        (OSError(errno.EMFILE, "Too many open files", b"a.jpg"), "a.jpg: Too many open files. Allow more"),
        (PermissionError(errno.EACCES, "Permission denied", "a"), "a: Permission denied. Check who"),
        (OSError(errno.EXDEV, "Invalid cross-device link", "a", None, "b"), "a -> b: Invalid cross-device link."),
        (OSError("something\nof a library"), "something of a library."),
        (OSError(), "OSError."),
    ],
)
def test_an_error_of_the_system_is_a_line_with_the_path_and_what_helps(fsbench, monkeypatch, error, message):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(main.commands["list"].commands["protocols"], "callback", fail)
    shown = fsbench("list", "protocols", code=3).output
    assert shown.startswith(f"Error: {message}")
    assert shown.count("\n") == 1
