import pytest
import torch

from fsbench.errors import PluginError
from fsbench.methods.devices import Devices
from fsbench.methods.devices import is_out_of_memory
from fsbench.methods.devices import peak_device_bytes
from fsbench.methods.devices import read_devices


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auto", ("auto", ())),
        ("cuda", ("cuda", ())),
        ("cuda:1", ("cuda", (1,))),
        ("cuda:3,0,2", ("cuda", (3, 0, 2))),
    ],
)
def test_devices_are_a_kind_and_numbers(text, expected):
    assert read_devices(text) == expected


@pytest.mark.parametrize(
    "text", ["", ":0", "cuda:", "cuda:0,", "cuda:-1", "cuda:1,1", "cuda:0-3", "auto:0", "cuda:\u0663"]
)
def test_what_names_no_devices_is_refused(text):
    with pytest.raises(PluginError, match="names no devices"):
        read_devices(text)


def test_workers_are_dealt_out_by_turns(monkeypatch):
    assert [Devices("cpu", (4, 2)).of_worker(n) for n in range(5)] == ["cpu:4", "cpu:2", "cpu:4", "cpu:2", "cpu:4"]
    assert [Devices("cpu").of_worker(n) for n in range(2)] == ["cpu", "cpu"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for count, expected in ((1, {"cuda"}), (3, {"cuda:0", "cuda:1", "cuda:2"})):
        monkeypatch.setattr(torch.cuda, "device_count", lambda count=count: count)
        assert {Devices("auto").of_worker(n) for n in range(6)} == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 18.13 GB)"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"), True),
        (MemoryError(), True),
        (RuntimeError("shape '[2]' is invalid for input of size 3"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_errors_that_say_that_memory_does_not_do_are_known(error, expected):
    assert is_out_of_memory(error) is expected


def test_of_a_processor_no_peak_is_told():
    assert [peak_device_bytes(name) for name in (None, "cpu", "cpu:1", "mps")] == [None] * 4
