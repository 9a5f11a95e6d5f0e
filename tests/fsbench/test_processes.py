import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fsbench import processes
from fsbench.errors import RunError
from fsbench.processes import _deaths_untold
from fsbench.processes import _shared_cores
from fsbench.processes import worker_pool
from fsbench.processes import WorkerContext

PARENT = """
import os, time
from fsbench.processes import worker_pool

if __name__ == "__main__":
    with worker_pool(2) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        if {forks} and os.fork() == 0:  # what a library might do: it holds the parent's pipes
            print(os.getpid(), flush=True)
            time.sleep(60)
            os._exit(0)
        pool.submit(time.sleep, 3600).result()
"""

STARTING = """
import os, time
from fsbench.processes import WorkerContext

class Work:
    def __reduce__(self):
        return unpacked, ()

def unpacked():  # as slow as the import of a large package
    print(os.getpid(), flush=True)
    time.sleep(60)
    return print

if __name__ == "__main__":
    WorkerContext().Process(target=Work()).start()
    time.sleep(60)
"""


def is_alive(pid):
    """Returns whether a process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid, seconds=20):
    """Returns whether a process ends in so many seconds."""
    deadline = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_alive(pid)


def interrupt_self():
    os.kill(os.getpid(), signal.SIGINT)
    return "went on"


def interrupted_work(workers):
    with worker_pool(2) as pool:
        workers.append(pool.submit(os.getpid).result())
        pool.submit(time.sleep, 3600)
        pool.submit(time.sleep, 3600)
        raise KeyboardInterrupt


def test_a_worker_leaves_ctrl_c_to_its_parent():
    with worker_pool(1) as pool:
        assert pool.submit(interrupt_self).result() == "went on"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("forks", [False, True])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_dies_with_its_parent(tmp_path, how, forks):
    script = tmp_path / "parent.py"
    script.write_text(PARENT.replace("{forks}", str(forks)))
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        worker = int(parent.stdout.readline())
        fork = int(parent.stdout.readline()) if forks else None
        assert is_alive(worker)
        parent.send_signal(how)
        parent.wait()
        assert gone(worker)
        if fork:
            os.kill(fork, signal.SIGKILL)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_a_worker_dies_with_its_parent_while_its_work_is_still_unpickled(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(STARTING)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        worker = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        assert worker != parent.pid
        assert gone(worker)


class Deadly:
    def __reduce__(self):
        return os._exit, (3,)


def test_starting_a_worker_does_not_wait_for_it_to_read_much_work():
    worker = WorkerContext().Process(target=print, args=(Deadly(), bytes(10**6)))  # no pipe holds so much
    starting = threading.Thread(target=worker.start, daemon=True)
    starting.start()
    starting.join(20)
    assert not starting.is_alive()
    worker.join()
    assert worker.exitcode == 3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_a_block_that_raises_waits_for_no_worker():
    workers = []
    with pytest.raises(KeyboardInterrupt):
        interrupted_work(workers)
    assert gone(workers[0])


def test_a_worker_that_is_killed_is_an_error_that_says_what_to_do():
    with pytest.raises(RunError, match=r"lack of memory.*fewer --workers"), worker_pool(1) as pool:
        pool.submit(signal.raise_signal, signal.SIGKILL).result()


def test_a_worker_that_ends_by_itself_is_an_error_that_tells_of_scripts():
    with pytest.raises(RunError, match=r"exit code 3.*__main__"), worker_pool(1) as pool:
        pool.submit(os._exit, 3).result()


@pytest.mark.parametrize(("processes", "threads"), [(2, "3"), (4, "1"), (9, "1")])
def test_processes_share_the_cores_unless_the_user_says_how_many_threads(processes, threads, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with _shared_cores(processes):
        assert os.environ["OMP_NUM_THREADS"] == threads
    assert "OMP_NUM_THREADS" not in os.environ
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    with _shared_cores(processes):
        assert os.environ["OMP_NUM_THREADS"] == "5"


@pytest.mark.parametrize("is_there", [True, False])
def test_what_keeps_a_worker_from_its_work_is_told_unless_its_parent_has_left(is_there, monkeypatch):
    monkeypatch.setattr(processes, "_END_SECONDS", 0.1)
    told = []
    processes._tell_unless_left(os.getppid() if is_there else -1, lambda *error: told.append(error), ValueError, "why")
    assert told == ([(ValueError, "why")] if is_there else [])


def test_deaths_are_untold_in_the_block_alone():
    def tell(number, frame):  # as torch's loaders set one
        raise RuntimeError

    before = signal.signal(signal.SIGCHLD, tell)
    try:
        with _deaths_untold():
            assert callable(signal.getsignal(signal.SIGCHLD))  # at SIG_DFL, a signal on its way is an OSError somewhere
            signal.raise_signal(signal.SIGCHLD)
        with pytest.raises(RuntimeError):
            signal.raise_signal(signal.SIGCHLD)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with _deaths_untold():
            assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGCHLD, before)
