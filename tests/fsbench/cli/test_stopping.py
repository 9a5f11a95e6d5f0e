import signal
import subprocess
import sys

import pytest

PROGRAM = """
import sys, time
import click
from fsbench.cli import main
from fsbench.cli import run
from fsbench.processes import worker_pool

class Deaf:
    def __del__(self):
        print("ready", flush=True)
        time.sleep(60)

class Clumsy:
    def __del__(self):
        raise AttributeError("half made")

@main.command()
@click.option("--stubborn", is_flag=True)
@click.option("--deaf", is_flag=True)
@click.option("--pool", is_flag=True)
def wait(stubborn, deaf, pool):
    clumsy = Clumsy()
    try:
        if pool:
            with worker_pool(1) as workers:
                workers.submit(print, "ready", flush=True)
                workers.submit(time.sleep, 60).result()
        if deaf:
            Deaf()
        print("ready", flush=True)
        time.sleep(60)  # here
    finally:
        if stubborn:
            print("busy", flush=True)
            time.sleep(60)
        del clumsy

if __name__ == "__main__":
    run()
"""


@pytest.fixture
def waiting():
    """Starts a command that waits, and cleans up for long if it is stubborn."""
    started = []

    def start(*arguments):
        command = [sys.executable, "-c", PROGRAM, "wait", *arguments]
        heard = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731 - tests may run under nohup
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard)
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("where", [(), ("--pool",)])
def test_a_signal_ends_a_command_with_a_line(waiting, number, where):
    process = waiting(*where)
    process.send_signal(number)
    error = process.communicate(timeout=30)[1]
    assert process.returncode == 128 + number
    assert error == "Stopped. Run the same command again to go on.\n"


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_waits_for_nothing(waiting, first, second):
    process = waiting("--stubborn")
    process.send_signal(first)
    assert process.stdout.readline() == "busy\n"
    process.send_signal(second)
    assert process.communicate(timeout=30)[1] == ""
    assert process.returncode == -second


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_while_an_object_is_deleted_is_not_lost(waiting, number):
    process = waiting("--deaf")
    process.send_signal(number)
    error = process.communicate(timeout=30)[1]
    assert process.returncode == 128 + number
    assert error == "Stopped. Run the same command again to go on.\n"


def test_signals_that_the_caller_ignores_stay_ignored():
    code = PROGRAM.replace("time.sleep(60)  # here", "import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    handler = lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)  # noqa: E731 - as nohup and "&" have it
    done = subprocess.run([sys.executable, "-c", code, "wait"], preexec_fn=handler, capture_output=True)
    assert done.returncode == 0


def test_handlers_are_as_before_after_a_command(fsbench):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    fsbench("list", "protocols")
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
