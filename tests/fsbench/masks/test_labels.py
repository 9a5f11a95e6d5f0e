import io
import random
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis import strategies as st
from PIL import Image

from benchmarks.fuzz_labels import check
from benchmarks.fuzz_labels import decoder
from benchmarks.fuzz_labels import encode_png
from benchmarks.fuzz_labels import ihdr
from benchmarks.fuzz_labels import INSTALLED_C
from benchmarks.fuzz_labels import INSTALLED_DEFLATE
from benchmarks.fuzz_labels import join_chunks
from benchmarks.fuzz_labels import mutate
from benchmarks.fuzz_labels import seed_files
from fsbench.errors import DataError
from fsbench.masks import labels
from fsbench.masks.labels import decode_label_map
from fsbench.masks.labels import HEADER_BYTES
from fsbench.masks.labels import label_map_size
from fsbench.masks.labels import MAX_PIXELS
from fsbench.masks.labels import read_label_map
from fsbench.masks.labels import read_label_map_size

GREY, PALETTE = 0, 3
KINDS = [(1, GREY), (2, GREY), (4, GREY), (8, GREY), (16, GREY), (1, PALETTE), (2, PALETTE), (4, PALETTE), (8, PALETTE)]
FILTERS = [(0,), (1,), (2,), (3,), (4,), (2, 1, 0), (4, 3, 2, 1, 0), (1, 4, 0, 3, 3, 2)]
END = (b"IEND", b"")


@pytest.fixture(params=["fast", "without-c", "without-deflate", "plain"], autouse=True)
def way(request):
    """All tests run with all ways of decoding; those whose parts are not installed are skipped, not repeated."""
    with_c = request.param in ("fast", "without-deflate")
    with_deflate = request.param in ("fast", "without-c")
    if (with_c and INSTALLED_C is None) or (with_deflate and INSTALLED_DEFLATE is None):
        pytest.skip("not installed")
    with decoder(with_c=with_c, with_deflate=with_deflate):
        yield request.param


def random_values(depth, height=7, width=21, seed=0):
    return np.random.default_rng(seed).integers(0, 2**depth, (height, width))


def assert_decodes(data, values, depth):
    result = decode_label_map(data, "a.png")
    assert result.dtype == (np.uint16 if depth == 16 else np.uint8)
    assert result.flags.c_contiguous
    assert result.flags.writeable
    np.testing.assert_array_equal(result, values)
    assert label_map_size(data[:HEADER_BYTES], "a.png") == values.shape


def with_pillow(data, depth, colour):
    """Pillow's pixels, without the scaling of grey."""
    with Image.open(io.BytesIO(data)) as image:
        values = np.array(image)
    return values // {2: 85, 4: 17}[depth] if colour == GREY and depth in (2, 4) else values


@pytest.mark.parametrize("interlaced", [False, True], ids=["plain", "interlaced"])
@pytest.mark.parametrize("filters", FILTERS, ids=str)
@pytest.mark.parametrize(("depth", "colour"), KINDS)
def test_every_kind_gives_the_raw_values_as_pillow_does(depth, colour, filters, interlaced):
    values = random_values(depth)
    data = encode_png(values, depth, colour, filters=filters, interlaced=interlaced)
    assert_decodes(data, values, depth)
    np.testing.assert_array_equal(with_pillow(data, depth, colour), values)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_every_width_is_unpacked(depth):
    for width in range(1, 71):
        values = random_values(depth, height=1 + width % 6, width=width, seed=width)
        for filters in ((0,), (0, 4, 3, 2, 1)):
            assert_decodes(encode_png(values, depth, PALETTE, filters=filters), values, depth)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (3, 3), (1, 9), (9, 1), (5, 8)])
@pytest.mark.parametrize(("depth", "colour"), KINDS)
def test_interlaced_files_may_have_empty_passes(depth, colour, shape):
    values = random_values(depth, *shape)
    assert_decodes(encode_png(values, depth, colour, interlaced=True, filters=(0, 1, 2, 3, 4)), values, depth)


@pytest.mark.parametrize("pieces", [1, 2, 5, 1000])
def test_image_data_may_be_split_and_other_chunks_stand_between(pieces):
    values = random_values(8)
    extra = [(b"tEXt", b"Comment\0hello"), (b"tRNS", b"\0\xff"), (b"zzZz", b"")]
    assert_decodes(encode_png(values, 8, PALETTE, filters=(0, 4), pieces=pieces, extra=extra), values, 8)


@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"bits": 4}, {"compress_level": 0}], ids=str)
@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_files_written_by_pillow_come_back(mode, options):
    values = random_values(1 if mode == "1" else 4, 40, 53).astype(np.uint8)
    image = Image.fromarray(values.astype(bool)) if mode == "1" else Image.fromarray(values)
    if mode == "P":
        image.putpalette(bytes(range(48)))
    stream = io.BytesIO()
    image.save(stream, "PNG", **(options if mode == "P" else {}))
    assert_decodes(stream.getvalue(), values, 8)


def test_indices_beyond_the_palette_are_kept_and_what_follows_the_end_is_ignored():
    values = np.full((3, 5), 255)
    assert_decodes(encode_png(values, 8, PALETTE) + b"garbage" * 5, values, 8)


def test_files_are_read_by_path(tmp_path):
    path = tmp_path / "a.png"
    values = random_values(8)
    path.write_bytes(encode_png(values, 8, PALETTE))
    np.testing.assert_array_equal(read_label_map(path), values)
    assert read_label_map_size(path) == (7, 21)
    path.write_bytes(path.read_bytes()[:HEADER_BYTES])
    assert read_label_map_size(path) == (7, 21)


def test_files_that_cannot_be_read_are_errors_that_name_them(tmp_path):
    for read in (read_label_map, read_label_map_size):
        with pytest.raises(DataError, match=r"absent\.png: missing\. Fetch"):
            read(tmp_path / "absent.png")
        with pytest.raises(DataError, match="cannot be read"):
            read(tmp_path)


def plain(height=4, width=4, depth=8, colour=PALETTE, raw=None, extra=()):
    """The chunks of a file whose image data is `raw`."""
    raw = bytes(height * (1 + (width * depth + 7) // 8)) if raw is None else raw
    return [(b"IHDR", ihdr(height, width, depth, colour)), *extra, (b"IDAT", zlib.compress(raw)), END]


def broken_checksum(kind):
    data = bytearray(encode_png(random_values(8), 8, PALETTE))
    data[data.index(kind) + 5] ^= 1
    return bytes(data)


GOOD = encode_png(random_values(8), 8, PALETTE)
BAD = {
    "empty": (b"", "an empty file"),
    "text": (b"not a picture", "not a PNG file"),
    "jpeg": (b"\xff\xd8\xff\xe0" + bytes(50), "not a PNG file"),
    "header cut": (GOOD[:20], "ends in the header"),
    "no header": (join_chunks(plain()[1:] * 3), "no whole chunk IHDR"),
    "header checksum": (broken_checksum(b"IHDR"), "no whole chunk IHDR"),
    "data checksum": (broken_checksum(b"IDAT"), "wrong checksum"),
    "zero width": (join_chunks(plain(width=0)), "makes no sense: 0 x 4"),
    "zero height": (join_chunks(plain(height=0)), "makes no sense: 4 x 0"),
    "palette of 16 bits": (join_chunks(plain(depth=16)), "colour type 3 of 16 bits"),
    "grey of 3 bits": (join_chunks(plain(depth=3, colour=GREY)), "colour type 0 of 3 bits"),
    "colour type 1": (join_chunks(plain(colour=1)), "colour type 1"),
    "RGB": (join_chunks(plain(colour=2)), "one index a pixel, this picture has mode RGB. Save"),
    "grey and alpha": (join_chunks(plain(colour=4)), "mode LA"),
    "RGBA": (join_chunks(plain(colour=6)), "mode RGBA"),
    "no end": (join_chunks(plain()[:-1]), "truncated"),
    "no data": (join_chunks([plain()[0], END]), "too little image data"),
    "critical chunk": (join_chunks(plain(extra=[(b"ABCD", b"")])), "chunk b'ABCD' is unknown"),
    "no chunk at all": (join_chunks(plain(extra=[(b"a\0\0\0", b"")])), "is unknown"),
    "second header": (join_chunks(plain()[:1] + plain()), "chunk b'IHDR' is unknown"),
    "bad filter": (join_chunks(plain(raw=bytes(15) + b"\5" + bytes(4))), "cannot be decoded"),
    "too little data": (join_chunks(plain(raw=bytes(19))), "declared size"),
    "too much data": (join_chunks(plain(raw=bytes(21))), "declared size"),
    "no zlib stream": (join_chunks([plain()[0], (b"IDAT", b"nonsense" * 9), END]), "declared size"),
    "half a zlib stream": (join_chunks([plain()[0], (b"IDAT", zlib.compress(bytes(20))[:-2]), END]), "declared size"),
}


@pytest.mark.parametrize(("data", "message"), BAD.values(), ids=BAD)
def test_a_bad_file_is_an_error_that_names_it_and_the_fault(data, message):
    with pytest.raises(DataError) as caught:
        decode_label_map(data, "dir/a.png")
    assert str(caught.value).startswith("dir/a.png: ")
    assert message in str(caught.value)
    assert str(caught.value).endswith(("fetch or write it again.", "whose index is the object id."))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("depth", [1, 8, 16])
def test_a_file_cut_anywhere_is_an_error(depth, interlaced):
    data = encode_png(random_values(depth, 5, 5), depth, GREY, interlaced=interlaced, pieces=2)
    for length in range(len(data)):
        with pytest.raises(DataError, match=r"^a\.png: "):
            decode_label_map(data[:length], "a.png")


@pytest.mark.parametrize(("depth", "interlaced"), [(16, False), (8, True), (1, True)])
def test_bad_filters_are_found_in_files_that_pillow_decodes(depth, interlaced):
    header = ihdr(4, 4, depth, GREY, interlaced=interlaced)
    size = labels._read_header(join_chunks([(b"IHDR", header), END]), "a.png").raw_bytes
    data = join_chunks([(b"IHDR", header), (b"IDAT", zlib.compress(b"\7" * size)), END])
    with pytest.raises(DataError, match="cannot be decoded"):
        decode_label_map(data, "a.png")


def peak_bytes(data):
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            decode_label_map(data, "a.png")
        return tracemalloc.get_traced_memory()[1], str(caught.value)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shape", [(2**31 - 1, 2**31 - 1), (2**32 - 1, 1), (2**13, 2**13 + 1)])
def test_a_huge_size_is_refused_before_memory_is_taken(shape):
    data = join_chunks([(b"IHDR", ihdr(*shape, 8, PALETTE)), (b"IDAT", zlib.compress(bytes(100))), END])
    peak, message = peak_bytes(data)
    assert f"{shape[1]} x {shape[0]} pixels are declared, more than the {MAX_PIXELS} " in message
    assert peak < 100_000
    with pytest.raises(DataError, match="declared"):
        label_map_size(data[:HEADER_BYTES], "a.png")


def test_the_largest_size_with_too_little_data_takes_no_memory():
    peak, message = peak_bytes(join_chunks(plain(2**13, 2**13, raw=bytes(100))))
    assert "too little image data" in message
    assert peak < 100_000


def test_a_small_image_whose_data_goes_on_for_megabytes_takes_little_memory():
    data = join_chunks(plain(raw=bytes(50_000_000)))
    peak, message = peak_bytes(data)
    assert "declared size" in message
    assert peak < 4 * len(data) + 100_000


once = pytest.mark.parametrize("way", ["plain"], indirect=True)  # for what tries all ways by itself


@once
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])  # each example sets its way
@given(data=st.sampled_from(seed_files()), rng=st.randoms(use_true_random=False), times=st.integers(1, 3))
def test_damaged_files_are_decoded_or_refused_and_all_ways_agree(way, data, rng, times):
    for _ in range(times):
        data = mutate(data, rng)
        check(data)


@once
def test_the_fuzzer_reaches_both_ends(way):
    rng = random.Random(0)
    accepted = [check(mutate(data, rng)) for data in seed_files() * 10]
    assert 0 < sum(accepted) < len(accepted)


@once
def test_the_extension_checks_what_it_is_given(way):
    unfilter = pytest.importorskip("fsbench.masks._png").unfilter
    assert unfilter(b"\0\x80\0\0", 2, 1, 1) == b"\1\0"
    for arguments in [
        (b"\0\0", 1, 1, 3),
        (b"\0\0", 1, 2, 8),
        (b"", 0, 1, 8),
        (b"", 1, -1, 8),
        (b"", 2**62, 2**62, 8),
        (b"", 2**40, 2**40, 1),
        (b"\5\0", 1, 1, 8),
    ]:
        with pytest.raises(ValueError, match=r"depth|size|instead|filter"):
            unfilter(*arguments)
    with pytest.raises(TypeError):
        unfilter("text", 1, 1, 8)


@once
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rng=st.randoms(use_true_random=False), height=st.integers(1, 40), width=st.integers(1, 150))
def test_filters_are_undone_in_place_as_they_are_elsewhere(way, rng, height, width):
    png = pytest.importorskip("fsbench.masks._png")
    raw = bytearray(b"".join(bytes([rng.randrange(5)]) + rng.randbytes(width) for _ in range(height)))
    expected = png.unfilter(bytes(raw), height, width, 8)
    png.unfilter_in_place(raw, height, width)
    assert raw[: height * width] == expected


@once
def test_the_extension_checks_what_it_is_given_in_place(way):
    unfilter = pytest.importorskip("fsbench.masks._png").unfilter_in_place
    for raw, height, width in ((b"\0\0", 1, 2), (b"", 0, 1), (b"", 1, -1), (b"", 2**62, 2**62), (b"\5\0", 1, 1)):
        with pytest.raises(ValueError, match=r"size|instead|filter"):
            unfilter(bytearray(raw), height, width)
    with pytest.raises(TypeError):
        unfilter(b"\0\0", 1, 1)
