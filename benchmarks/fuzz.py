"""Damages every kind of file that fsbench reads, and reads it: nothing but fine, or an FsbenchError, may come of it.

    python -m benchmarks.fuzz [--seconds 600] [--seed 0] [--target NAME ...]
    python -m benchmarks.fuzz --repeat metadata:1234

The good files are made by the project itself (`fuzz_targets`), the damage is of the bytes and of what they mean
(`fuzz_mutators`). An input is named by its target and a number, from which all that is random in it follows; a failure
is printed with that name. Inputs are read in a process of their own, a batch each, which may not take more memory than
the limit, and which is ended where an input takes too long.

A failure is any other exception, more than `--wall` seconds, more than 1 GB over what the process had before, or the
death of the process. The exit code is 1 if there was one.
"""

import argparse
import logging
import multiprocessing
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from benchmarks.fuzz_mutators import mutate_file
from benchmarks.fuzz_targets import Target
from benchmarks.fuzz_targets import TARGETS
from fsbench.errors import FsbenchError
from fsbench.processes import WorkerContext

__all__ = ["Finding", "fuzz_batch", "run_input"]

KINDS = ("DataError", "ManifestError", "PluginError", "RunError", "SubmissionError", "FsbenchError")
GROWTH_BYTES = 10**9
BATCH, BATCH_SECONDS = 500, 30.0
GRACE_SECONDS = 300.0
"""For a process to start and make the good files, and beyond an input's own limit."""


class Finding(NamedTuple):
    """What came of an input.

    Attributes:
        name: Of the input: target and number.
        outcome: "fine", the name of an FsbenchError, or what kind of failure it is.
        detail: The message, or where it failed.
        seconds: How long it took.
    """

    name: str
    outcome: str
    detail: str
    seconds: float

    @property
    def is_failure(self) -> bool:
        """Whether it should not have come to this."""
        return self.outcome not in ("fine", *KINDS)


class _TooLong(BaseException):
    """Raised by the alarm; no `except Exception` on the way stops it."""


def run_input(target: Target, folder: Path, number: int, wall: float) -> Finding:
    """Damages one of the files in a folder, has the target read them, and puts the good file back.

    Args:
        target: What reads.
        folder: Holds the good files.
        number: Names the input.
        wall: Seconds that it may take.
    """
    name = f"{target.name}:{number}"
    rng = random.Random(name)
    file = rng.choice(target.files(folder))
    before = _contents(folder)
    file.write_bytes(mutate_file(file.name, before[file], rng))
    if target.sign is not None and rng.random() < 0.7:
        with suppress(Exception):  # what is too damaged to be signed stays as it is
            target.sign(folder)
    started, memory = time.monotonic(), _Memory()
    try:
        with _alarm(wall):
            target.read(folder)
        outcome, detail = "fine", ""
    except FsbenchError as error:
        kind = next(kind for kind in type(error).__mro__ if kind.__name__ in KINDS)
        outcome, detail = kind.__name__, str(error)
    except _TooLong:
        outcome, detail = "hang", f"over {wall:.0f} s: {_place(sys.exc_info()[1])}"
    except BaseException as error:
        outcome, detail = type(error).__name__, f"{_place(error)}: {error}"
    if memory.grown > GROWTH_BYTES:
        outcome, detail = "growth", f"{memory.grown >> 20} MiB, {outcome}: {detail}"
    _restore(folder, before)
    return Finding(name, outcome, f"{file.relative_to(folder)}: {detail}"[:400], time.monotonic() - started)


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _restore(folder: Path, before: dict[Path, bytes]) -> None:
    now = _contents(folder)
    for path in now.keys() - before.keys():
        path.unlink()
    for path, content in before.items():
        if now.get(path) != content:
            path.write_bytes(content)


def _place(error: BaseException | None) -> str:
    """Returns where an error arose, in the project's own code where that was on the way."""
    frames = traceback.extract_tb(error.__traceback__ if error else None)
    own = [frame for frame in frames if "fsbench" in Path(frame.filename).parent.as_posix().rpartition("/fsbench")[1]]
    frame = (own or frames)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"


class _Memory:
    """The growth of this process's largest resident memory, from when it was made."""

    def __init__(self) -> None:
        with suppress(OSError):  # Linux alone can forget the peak; elsewhere only a new one shows
            Path("/proc/self/clear_refs").write_text("5")
        self._before = self._peak()

    @property
    def grown(self) -> int:
        """Bytes so far."""
        return self._peak() - self._before

    @staticmethod
    def _peak() -> int:
        with suppress(OSError):
            lines = Path("/proc/self/status").read_text().splitlines()
            return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise _TooLong

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _limit_memory() -> None:
    """Has an allocation far beyond the limit fail, instead of the machine."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + 4 * GROWTH_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _work(pipe: Connection, target_name: str, folder: Path, numbers: range, wall: float) -> None:
    """Runs a batch in a process of its own and sends each input's finding; then None."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    target = TARGETS[target_name]
    if not folder.is_dir():
        folder.mkdir()
        target.make(folder)
    target.read(folder)  # good files must be read; and what is imported on the way is no growth
    _limit_memory()
    end = time.monotonic() + BATCH_SECONDS
    for number in numbers:
        pipe.send(run_input(target, folder, number, wall))
        if time.monotonic() > end:
            break
    pipe.send(None)


def fuzz_batch(target: str, folder: Path, numbers: range, wall: float) -> Iterator[Finding]:
    """Yields the findings of some inputs of a target, as far as `BATCH_SECONDS` reach.

    Where the process that reads them dies or hangs, that is the last finding.

    Args:
        target: Its name.
        folder: Of its good files; if it is not there, they are made.
        numbers: Of the inputs.
        wall: Seconds that an input may take.
    """
    context = WorkerContext()
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, target, folder, numbers, wall))
    process.start()
    theirs.close()
    patience = 0.0
    for number in numbers:
        name = f"{target}:{number}"
        try:
            found = ours.recv() if ours.poll(wall + GRACE_SECONDS) else Finding(name, "hang", "does not answer", wall)
        except EOFError:
            process.join(5)
            found = Finding(name, "crash", f"exit code {process.exitcode}", 0.0)
        if found is None:
            patience = 5.0
            break
        yield found
        if found.outcome == "crash" or found.detail == "does not answer":
            shutil.rmtree(folder, ignore_errors=True)  # holds damaged files
            break
    context.end(patience)


def _report(counts: dict[str, Counter[str]], slowest: dict[str, Finding]) -> str:
    """Returns the counts by target and outcome."""
    outcomes = sorted({outcome for counter in counts.values() for outcome in counter}, key=lambda o: (o != "fine", o))
    width = max(map(len, [*counts, "target"]))
    lines = ["  ".join(["target".ljust(width), *outcomes, "inputs", "slowest"])]
    for name, counter in counts.items():
        cells = [str(counter[outcome]).rjust(len(outcome)) for outcome in outcomes]
        slow = f"{slowest[name].seconds:.1f} s"
        lines.append("  ".join([name.ljust(width), *cells, str(counter.total()).rjust(6), slow.rjust(7)]))
    total: Counter[str] = sum(counts.values(), Counter())
    cells = [str(total[outcome]).rjust(len(outcome)) for outcome in outcomes]
    return "\n".join([*lines, "  ".join(["all".ljust(width), *cells, str(total.total()).rjust(6)])])


def fuzz(targets: list[str], seconds: float, seed: int, wall: float, scratch: Path) -> bool:
    """Tries batches of all targets in turn until the time is over; prints failures and counts.

    Returns:
        Whether all is well.
    """
    counts: dict[str, Counter[str]] = {name: Counter() for name in targets}
    slowest: dict[str, Finding] = {}
    tried = dict.fromkeys(targets, seed * 10**6)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name in targets:
            for found in fuzz_batch(name, scratch / name, range(tried[name], tried[name] + BATCH), wall):
                tried[name] += 1
                counts[name][found.outcome] += 1
                slowest[name] = max(slowest.get(name, found), found, key=lambda each: each.seconds)
                if found.is_failure:
                    print(f"FAILURE {found.name} {found.outcome}: {found.detail}", flush=True)
            if time.monotonic() > end:
                break
    counts = {name: counter for name, counter in counts.items() if counter}
    print(f"seed {seed}\n{_report(counts, slowest)}")
    return all(outcome in ("fine", *KINDS) for counter in counts.values() for outcome in counter)


def repeat(name: str, wall: float, scratch: Path, keep: Path | None) -> bool:
    """Tries one input again, in this process, and prints the traceback. Returns if all is well."""
    target_name, _, number = name.partition(":")
    target = TARGETS[target_name]
    folder = scratch / target_name
    folder.mkdir()
    target.make(folder)
    if keep is not None:
        raising = target.read

        def read(damaged: Path) -> None:
            shutil.copytree(damaged, keep)
            raising(damaged)

        target = target._replace(read=read)
    found = run_input(target, folder, int(number), wall)
    print(found)
    return not found.is_failure


def main() -> None:
    """Fuzzes and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600, help="the last batch is finished")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="may be repeated; default: all")
    parser.add_argument("--wall", type=float, default=60, help="seconds that an input may take")
    parser.add_argument("--repeat", metavar="TARGET:NUMBER", help="one input again, with the traceback of its failure")
    parser.add_argument("--keep", type=Path, help="with --repeat: a folder for the damaged files")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.repeat:
            fine = repeat(arguments.repeat, arguments.wall, Path(scratch), arguments.keep)
        else:
            targets = arguments.target or list(TARGETS)
            fine = fuzz(targets, arguments.seconds, arguments.seed, arguments.wall, Path(scratch))
    sys.exit(not fine)


if __name__ == "__main__":
    main()
