from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest

from fsbench import protocol
from fsbench.errors import RunError
from fsbench.protocol import declared_protocol
from fsbench.protocol import named_protocol
from fsbench.protocol import Protocol
from fsbench.protocol import PROTOCOLS
from fsbench.protocol import reported_metrics
from fsbench.protocol import reported_names
from fsbench.registry import Registry

LOOSE = Protocol("loose", "a stranger's", tolerance=0.1)


def test_signatures_tell_protocols_apart():
    assert len({protocol.signature for protocol in PROTOCOLS.usable()}) == len(PROTOCOLS.points) >= 6
    expected = "standard|size=native|tolerance=0.008|frames=all|mean=frame>expression>video>class"
    assert named_protocol("standard").signature == expected


@pytest.mark.parametrize(
    ("native", "size"),
    [((480, 854), (360, 640)), ((720, 1280), (360, 640)), ((854, 480), (640, 360)), ((9, 9), (360, 360))],
)
def test_released_compares_at_shorter_side_360(native, size):
    assert named_protocol("released").output_size(*native) == size
    assert named_protocol("standard").output_size(*native) == native


def test_inner_frames_leave_out_first_and_last():
    assert list(range(5))[named_protocol("davis-2017").counted(5)] == [1, 2, 3]
    assert list(range(1))[named_protocol("davis-2017").counted(1)] == []


def test_a_signature_says_how_episodes_are_averaged_whether_or_not_its_protocol_is_installed():
    known = ("frames", "chain", "metrics", "headline", "names")
    for each in [*(each for each in PROTOCOLS.usable() if each.chain), replace(LOOSE, chain=("frame", "class"))]:
        declared = declared_protocol(each.signature)
        assert [getattr(declared, name) for name in known] == [getattr(each, name) for name in known]
        assert declared.counted(5) == each.counted(5)
    assert declared_protocol("other").chain is None


def test_a_strangers_protocol_comes_in_by_its_entry_point(monkeypatch):
    points = [EntryPoint("loose", f"{__name__}:LOOSE", "fsbench.protocols")]
    monkeypatch.setattr(protocol, "PROTOCOLS", Registry("fsbench.protocols", Protocol, unknown=RunError, found=points))
    assert named_protocol("loose") is LOOSE


def test_an_unknown_protocol_is_an_error_with_near_names():
    with pytest.raises(RunError, match="'standard'"):
        named_protocol("standart")


def test_a_signature_names_the_metrics_where_they_are_not_j_and_f():
    standard = named_protocol("standard")
    assert reported_names(standard.signature) == standard.names == ("J", "F", "J&F")
    other = replace(standard, name="dotted", metrics=("J", "F_dot", "tIoU"), headline="J&F_dot")
    assert "|metrics=J,F_dot,tIoU|headline=J&F_dot|mean=" in other.signature
    assert reported_names(other.signature) == other.names
    single = replace(standard, metrics=("tool/mIoU", "J"), headline="mIoU")
    assert reported_metrics(single.signature) == ("tool/mIoU", "J")
    assert reported_names(single.signature) == ("J", "mIoU")


def test_another_tolerance_is_another_signature_at_any_precision():
    standard = named_protocol("standard")
    signatures = {standard.with_tolerance(t).signature for t in (None, 0.008, 0.0081, 0.00812, 3)}
    assert len(signatures) == 4
    assert "|tolerance=0.0081|" in standard.with_tolerance(0.0081).signature
    for wrong in (-0.1, 1.5, float("nan"), float("inf")):
        with pytest.raises(RunError, match="A tolerance is a share of the diagonal below 1, or whole pixels"):
            standard.with_tolerance(wrong)
