"""Long work in pieces: commands of fsbench that need one another, each done once, over any number of calls and kills.

What is done stands in a record beside the logs, with the commands that led to it and the CPU time that it took; from
these times follows how long the rest will take. A piece is done anew when a command of it, or of what it needs, has
changed; fsbench refuses what the other command left behind, so that this is removed first, or another folder taken.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsbench.files import write_whole
from fsbench.text import columns

__all__ = ["Piece", "Work"]


@dataclass(frozen=True)
class Piece:
    """Commands that belong together.

    Attributes:
        name: Of its record and its log; unlike that of any other.
        commands: Arguments of fsbench, one command after the other. Each may be given again after a kill.
        needs: Names of the pieces that must be done before.
        kind: Pieces of a kind are as much quicker or slower than they were thought to be.
        seconds: Of CPU time that it is thought to take.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    needs: tuple[str, ...] = ()
    kind: str = ""
    seconds: float = 1.0


class Work:
    """Pieces, the most telling ones first, and a folder that says which are done."""

    def __init__(self, folder: Path, pieces: Iterable[Piece]) -> None:
        """Takes the pieces.

        Args:
            folder: For records and logs; created where it is missing.
            pieces: In the order of their worth; what a piece needs goes before it, and one may be there more than once.

        Raises:
            ValueError: Different pieces have one name, or one needs another that is not there, or itself.
        """
        self.folder = folder
        self._by_name: dict[str, Piece] = {}
        for piece in pieces:
            if self._by_name.setdefault(piece.name, piece) != piece:
                raise ValueError(f"two pieces have one name: {piece.name}")
        self.pieces = tuple(self._ordered())
        self._state = threading.Condition()
        self._running: set[str] = set()
        self._failed = False

    def _ordered(self) -> Iterator[Piece]:
        given: set[str] = set()

        def with_needs(piece: Piece, above: tuple[str, ...]) -> Iterator[Piece]:
            if piece.name in above or not self._by_name.keys() >= set(piece.needs):
                raise ValueError(f"{piece.name} needs itself, or what is not there: {', '.join(piece.needs)}")
            for name in piece.needs:
                yield from with_needs(self._by_name[name], (*above, piece.name))
            if piece.name not in given:
                given.add(piece.name)
                yield piece

        for piece in self._by_name.values():
            yield from with_needs(piece, ())

    def taken(self) -> dict[str, float]:
        """Returns the CPU seconds that each piece took that is done, by name; since the last kill, if there was one."""
        found = {}
        for piece in self.pieces:
            path = self.folder / "done" / f"{piece.name}.json"
            record = json.loads(path.read_bytes()) if path.exists() else {}
            if record.get("commands") == self._plain(piece):
                found[piece.name] = float(record["seconds"])
        return found

    def plan(self) -> str:
        """Returns a table of what is left, in order, with the CPU minutes that it will take by what is done."""
        taken = self.taken()
        rates = {}
        for kind in {piece.kind for piece in self.pieces}:
            done = [piece for piece in self.pieces if piece.kind == kind and piece.name in taken]
            expected = sum(piece.seconds for piece in done)
            rates[kind] = sum(taken[piece.name] for piece in done) / expected if done else 1.0
        rows: list[tuple[str, ...]] = [("piece", "CPU minutes", "sum")]
        total = 0.0
        for piece in self.pieces:
            if piece.name not in taken:
                minutes = piece.seconds * rates[piece.kind] / 60
                total += minutes
                rows.append((piece.name, f"{minutes:.1f}", f"{total:.0f}"))
        foot = (
            f"{len(taken)} of {len(self.pieces)} pieces are done, in {sum(taken.values()) / 60:.0f} CPU minutes; "
            f"{total:.0f} are left."
        )
        return "\n".join([columns(rows), "", foot]) if total else foot

    def run(self, jobs: int) -> None:
        """Does what is left, several pieces at once, each with one thread. Raises SystemExit if one fails."""
        threads = [threading.Thread(target=self._serve) for _ in range(jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failed:
            raise SystemExit(1)

    def _serve(self) -> None:
        while (piece := self._take()) is not None:
            seconds = self._do(piece)
            with self._state:
                self._running.discard(piece.name)
                self._failed |= seconds is None
                self._state.notify_all()
            said = "failed, see the log" if seconds is None else f"done in {seconds / 60:.1f} CPU minutes"
            print(f"{piece.name}: {said}", flush=True)

    def _take(self) -> Piece | None:
        """Returns the next piece that can be done, once there is one; None when there is no more to do."""
        with self._state:
            while not self._failed:
                left = self._by_name.keys() - self.taken().keys()
                waiting = [piece for piece in self.pieces if piece.name in left - self._running]
                if not waiting:
                    return None
                if ready := next((piece for piece in waiting if left.isdisjoint(piece.needs)), None):
                    self._running.add(ready.name)
                    return ready
                self._state.wait()
            return None

    def _do(self, piece: Piece) -> float | None:
        """Returns the CPU seconds of a piece; None if a command of it failed."""
        log = self.folder / "logs" / f"{piece.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        seconds = 0.0
        for command in piece.commands:
            with log.open("ab") as stream:
                stream.write(f"fsbench {' '.join(command)}\n".encode())
                stream.flush()
                taken = _run([sys.executable, "-m", "fsbench", *command], stream)
            if taken is None:
                return None
            seconds += taken
        record = {"commands": self._plain(piece), "seconds": seconds}
        path = self.folder / "done" / f"{piece.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(record, indent=1) + "\n")
        return seconds

    def _plain(self, piece: Piece) -> list[list[str]]:
        """Returns the commands that lead to a piece as a record has them: the same wherever the folder lies."""
        before = [command for name in piece.needs for command in self._plain(self._by_name[name])]
        return before + [[part.replace(str(self.folder), "OUT") for part in command] for command in piece.commands]


def _run(line: Sequence[str], log: Any) -> float | None:  # Any: a binary stream
    """Runs a command with one thread; returns its CPU seconds, with those of its workers, or None if it failed."""
    process = subprocess.Popen(line, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "OMP_NUM_THREADS": "1"})
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime if process.returncode == 0 else None
