"""How the time of a site grows with the entries of one board, and what a pair of methods takes of it.

    python benchmarks/site.py --other PYTHON        # of an environment with another build of fsbench

Copies the entries of a dataset that are committed here, as variants with episodes whose scores are a little others,
until there are as many as asked for, and writes a site of each number. Prints CPU seconds, start-up included, and peak
memory; beside them what testing all pairs of the board takes (they grow with the square of the entries, all else
should not), and what printing its table does.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.rvos_scoring import run
from fsbench.leaderboard import Entry
from fsbench.leaderboard import read_entries
from fsbench.leaderboard import write_entries
from fsbench.leaderboard.details import Details

ENTRIES = Path(__file__).parents[1] / "leaderboard" / "entries"
PAIRS = """
import sys, time
from itertools import combinations
from pathlib import Path
from fsbench.leaderboard import read_entries
from fsbench.leaderboard.compare import compare_means
entries = read_entries(Path(sys.argv[1]))
start = time.process_time()
for one, other in combinations(entries, 2):
    compare_means(one, other)
print(time.process_time() - start)
"""


def copies(entries: list[Entry], count: int) -> list[Entry]:
    """Returns so many entries: those that there are, then copies of them."""
    return [entries[k] if k < len(entries) else copy(entries[k % len(entries)], k) for k in range(count)]


def copy(entry: Entry, number: int) -> Entry:
    """Returns an entry with another variant and with scores of episodes that are up to a thousandth less."""
    details = entry.known_details
    moved = 1 - 1e-3 * np.random.default_rng(number).random(details.episodes.num_rows)
    episodes = details.episodes
    for place, name in enumerate(episodes.column_names):
        if name in ("J", "F"):
            values = np.array(episodes[name].to_pylist()) * moved
            episodes = episodes.set_column(place, episodes.schema.field(name), pa.array(values))
    varied = Details(episodes, details.gallery)
    about = {"variant": f"copy-{number}", "details": varied, "details_sha256": varied.digest}
    return entry.model_copy(update=about)


def measure(folder: Path, entries: list[Entry], count: int, pythons: dict[str, str], rounds: int) -> None:
    """Prints a line for each build."""
    board = folder / str(count) / "entries"
    write_entries(board, copies(entries, count))
    for name, python in pythons.items():
        ours = [python, "-m", "fsbench", "leaderboard", "--entries", board]
        site, _ = min(run([*ours, "--format", "html", "--out", folder / name], folder) for _ in range(rounds))
        table, _ = min(run([*ours, "--format", "md"], folder) for _ in range(rounds))
        tested = min(float(run([python, "-c", PAIRS, board], folder)[1]) for _ in range(rounds))
        pairs, rest = count * (count - 1) // 2, site.cpu - tested
        print(
            f"{count:4d} entries  {name:5s}  site {site.cpu:7.2f} s CPU {site.peak:5.0f} MB, of which pairs "
            f"{tested:6.2f} s = {1000 * tested / pairs:5.2f} ms each, the rest {rest:5.2f} s, table {table.cpu:5.2f} s",
            flush=True,
        )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", type=os.path.abspath, help="the Python that runs another build of fsbench")
    parser.add_argument("--dataset", default="mini-ref-shapes")
    parser.add_argument("--entries", type=int, nargs="+", default=[19, 50, 100])
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    entries = [entry for entry in read_entries(ENTRIES) if entry.dataset == arguments.dataset]
    pythons = {"this": sys.executable, **({"other": arguments.other} if arguments.other else {})}
    with tempfile.TemporaryDirectory() as folder:
        for count in arguments.entries:
            measure(Path(folder), entries, count, pythons, arguments.rounds)


if __name__ == "__main__":
    main()
