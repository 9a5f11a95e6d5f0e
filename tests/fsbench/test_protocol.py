import pytest

from fsbench.errors import RunError
from fsbench.protocol import named_protocol
from fsbench.protocol import PROTOCOLS


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


def test_an_unknown_protocol_is_an_error_with_near_names():
    with pytest.raises(RunError, match="'standard'"):
        named_protocol("standart")
