"""Kills commands at random moments, has them go on, and compares what they leave with what they leave undisturbed.

    python benchmarks/kills.py --out kills --times 100

Each time a command is started, gets SIGKILL, SIGTERM or SIGINT (once or twice) after a random part of the time that it
takes undisturbed, and is started again. It fails where a process of it lives 10 seconds after the signal, and where a
byte of its results differs. Prints the seed, a line for each failure, and a table at the end, or when it is stopped.
`--case` picks commands.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fsbench.text import columns

SIGNALS = {
    "KILL": [signal.SIGKILL],
    "TERM": [signal.SIGTERM],
    "INT": [signal.SIGINT],
    "INT twice": [signal.SIGINT, signal.SIGINT],
}
EMBEDDED = "mini-ref-shapes"
WEIGHTS = Path(__file__).parents[1] / "cma/fsbench_cma/weights/cma-prior" / EMBEDDED / "fold-1"
PATIENCE_S = 10.0
_NEVER_EQUAL = {"timing.jsonl", "lock"}  # times, and a file that holds a folder


@dataclass(frozen=True)
class Case:
    """A command that is killed.

    Attributes:
        arguments: What follows "fsbench"; "{out}" stands for its own folder.
        results: What is compared, below that folder.
        again: What is added when it goes on.
        is_done_once: Refuses a folder that is there: a command that had ended is not started again.
    """

    arguments: Sequence[str]
    results: str = "."
    again: Sequence[str] = ()
    is_done_once: bool = False


def cases(base: Path) -> dict[str, Case]:
    """Returns the commands, given the folder that `prepare` filled."""
    where = ("--data-root", f"{base}/data", "--splits", f"{base}/splits", "--dataset", EMBEDDED)
    evaluate = ("evaluate", "--method", "support-copy", *where, "--fold", "1", "--draws", "0", "--out", "{out}/run")
    train = ("train", "--method", "cma", "--fold", "1", *where, "--recipe", "shapes-meta")
    short = ("--set", "epochs=1", "--set", "episodes_per_class=1", "--workers", "2", "--out", "{out}")
    build = ("build-splits", EMBEDDED, "--draws", "2")
    site = ("leaderboard", "--entries", f"{base}/entries", "--format", "html", "--data-root", f"{base}/data")
    return {
        "evaluate": Case(evaluate),
        "evaluate, 2 workers": Case((*evaluate, "--workers", "2")),
        "evaluate, shard": Case((*evaluate, "--shard", "1/2")),
        "build-splits": Case((*build, "--data-root", f"{base}/data", "--out", "{out}/splits")),
        "generation": Case((*build, "--data-root", "{out}/data", "--out", "{out}/splits")),
        "submit": Case(("submit", f"{base}/run", "--entries", "{out}/entries")),
        "export": Case(("export", f"{base}/run/fold-1", "{out}/masks"), is_done_once=True),
        "export, zip": Case(("export", f"{base}/run/fold-1", "{out}/masks.zip"), is_done_once=True),
        "html": Case((*site, "--out", "{out}/site")),
        "convert": Case(("convert", str(WEIGHTS), "{out}/weights", "--method", "cma-prior"), is_done_once=True),
        "train": Case((*train, *short), results="model", again=("--resume",)),
    }


def prepare(base: Path) -> None:
    """Makes what the commands start from, once."""
    if (base / "entries").is_dir():
        return
    data = ("--data-root", str(base / "data"))
    finish(["build-splits", EMBEDDED, *data, "--out", str(base / "splits")])
    where = (*data, "--splits", str(base / "splits"), "--dataset", EMBEDDED, "--out", str(base / "run"))
    finish(["evaluate", "--method", "support-copy", *where, "--fold", "1", "--draws", "0"])
    finish(["submit", str(base / "run"), "--entries", str(base / "entries")])


def command(case: Case, out: Path) -> list[str]:
    """Returns a case's arguments for its own folder."""
    return [argument.replace("{out}", str(out)) for argument in case.arguments]


def start(arguments: Sequence[str]) -> subprocess.Popen[str]:
    """Starts fsbench in a session of its own, as a terminal would."""
    program = [sys.executable, "-m", "fsbench", *arguments]
    return subprocess.Popen(
        program, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def finish(arguments: Sequence[str]) -> float:
    """Runs fsbench to its end; returns the seconds that it took. Raises RuntimeError if it fails."""
    started = time.monotonic()
    process = start(arguments)
    error = process.communicate()[1]
    if process.returncode:
        raise RuntimeError(f"fsbench {' '.join(arguments)} ended with {process.returncode}: {error[-500:]}")
    return time.monotonic() - started


def session(leader: int) -> list[int]:
    """Returns the processes of a session that live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of, *_ = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(of) == leader and state != "Z":
            found.append(int(path.parent.name))
    return found


def kill(arguments: Sequence[str], signals: Sequence[int], delay: float) -> list[str]:
    """Starts fsbench and sends signals to its whole session, as Ctrl-C does, but SIGKILL and SIGTERM to it alone.

    Returns:
        What is wrong then.
    """
    process = start(arguments)
    time.sleep(delay)
    for number in signals:
        if process.poll() is None:
            (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        time.sleep(0.1)
    deadline = time.monotonic() + PATIENCE_S
    while session(process.pid) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
    while (left := session(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for each in left:
        os.kill(each, signal.SIGKILL)
    error = process.communicate()[1]
    wrong = [f"{len(left)} processes live {PATIENCE_S:.0f} s later"] if left else []
    return [*wrong, *(["a traceback"] if "Traceback" in error and delay > 1 else [])]


def contents(folder: Path) -> dict[str, bytes]:
    """Returns the bytes of all files below a folder that do not differ from run to run."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in _NEVER_EQUAL)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def differences(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Returns the names of the files that are not the same in both."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def try_once(case: Case, out: Path, expected: dict[str, bytes], signals: Sequence[int], delay: float) -> list[str]:
    """Kills a command, has it go on; returns what is wrong."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    wrong = kill(command(case, out), signals, delay)
    visible = [path for path in out.iterdir() if not path.name.startswith(".")]
    if not (case.is_done_once and visible):
        again = case.again if visible else ()
        try:
            finish([*command(case, out), *again])
        except RuntimeError as error:
            return [*wrong, str(error)]
    return [*wrong, *(f"{name} differs" for name in differences(contents(out / case.results), expected)[:3])]


def main() -> int:
    """Runs the trials; returns 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", action="append", default=[])
    arguments = parser.parse_args()
    # What a shell starts with "&" leaves Ctrl-C alone, and so would all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print(f"seed {arguments.seed}", flush=True)
    random_numbers = random.Random(arguments.seed)
    base = arguments.out.absolute() / "base"
    prepare(base)
    chosen = {name: case for name, case in cases(base).items() if name in (arguments.case or [name])}
    undisturbed: dict[str, tuple[float, dict[str, bytes]]] = {}
    tries: Counter[tuple[str, str]] = Counter()
    failed: Counter[str] = Counter()
    try:
        for number in range(arguments.times):
            name = list(chosen)[number % len(chosen)]
            case, how = chosen[name], random_numbers.choice(list(SIGNALS))
            if name not in undisturbed:
                whole = arguments.out.absolute() / "whole" / name.replace(", ", "-")
                shutil.rmtree(whole, ignore_errors=True)
                undisturbed[name] = finish(command(case, whole)), contents(whole / case.results)
            seconds, expected = undisturbed[name]
            delay = random_numbers.uniform(0.1, 1) * seconds
            wrong = try_once(case, arguments.out.absolute() / "killed", expected, SIGNALS[how], delay)
            tries[name, how] += 1
            failed[name] += bool(wrong)
            if wrong:
                print(f"{name}, {how} after {delay:.1f} s: {'; '.join(wrong)}", flush=True)
    except KeyboardInterrupt:
        print("stopped", flush=True)
    rows = [(name, *(str(tries[name, how]) for how in SIGNALS), str(failed[name])) for name in chosen]
    print(columns([("command", *SIGNALS, "failed"), *rows]))
    return int(any(failed.values()))


if __name__ == "__main__":
    sys.exit(main())
