"""Where a process does units: it holds one setup, and makes its worker at the first unit."""

import pickle
import traceback
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

from fsbench.running.outcomes import Keep
from fsbench.running.outcomes import UnitResult
from fsbench.running.plan import Unit
from fsbench.running.worker import Worker
from fsbench.running.worker import WorkerSetup

__all__ = ["Desk", "RunUnits", "sendable_errors"]

RunUnits = Callable[[WorkerSetup, Sequence[Unit], Keep], Generator[None]]
"""Does units, calls what keeps a result with that of each (one at a time, maybe in another thread), and yields then."""


class Desk:
    """Where a process does units.

    Attributes:
        source: Where its setup came from; None if it does not matter.
    """

    def __init__(self) -> None:
        self.source: Path | None = None
        self._setup: WorkerSetup | None = None
        self._worker: Worker | None = None

    def take(self, setup: WorkerSetup, source: Path | None = None) -> None:
        """Takes a setup in place of the one before."""
        self._worker = None  # two models at once might not fit
        self._setup, self.source = setup, source

    @property
    def worker(self) -> Worker:
        """What does the units of its setup."""
        assert self._setup is not None, "a desk takes a setup first"
        self._worker = self._worker or Worker(self._setup)
        return self._worker

    def run(self, unit: Unit) -> UnitResult:
        """Does a unit for another process; errors are such that they reach it."""
        with sendable_errors():
            return self.worker.run(unit)


@contextmanager
def sendable_errors() -> Iterator[None]:
    """Raises errors that do not survive pickling, as those of whose constructor takes other arguments, as RuntimeError.

    Such an error would never be told: it takes the pool with it that is to bring it here.
    """
    try:
        yield
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # whatever the error's own code raises
            told = RuntimeError(f"{type(error).__name__}: {error}")
            for note in (*getattr(error, "__notes__", ()), "".join(traceback.format_exception(error))):
                told.add_note(note)
            raise told from None
        raise
