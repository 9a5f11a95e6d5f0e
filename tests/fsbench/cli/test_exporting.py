import pytest

from fsbench.exports.formats import FORMATS
from tests.conftest import ROOT

SOURCES = {
    "a manifest": ROOT / "splits/mini-ref-davis/pack-v1",
    "a leaderboard entry": ROOT / "leaderboard/entries/mini-ref-davis/empty.json",
    "a text": ROOT / "README.md",
    "a folder of code": ROOT / "benchmarks",
}
MANIFEST, ENTRY = "a manifest", "a leaderboard entry"
TAKES = {"croissant": MANIFEST, "hub": MANIFEST, "every-eval-ever": ENTRY}
REFUSES = {"folders": 2, "ref-youtube-vos": 3, "croissant": 3, "hub": 3, "every-eval-ever": 2}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("form", FORMATS)
def test_a_format_takes_what_it_is_made_of_and_refuses_the_rest_in_a_line(fsbench, tmp_path, form, source):
    is_taken = TAKES.get(form) == source
    code = 0 if is_taken else REFUSES[form]
    result = fsbench("export", SOURCES[source], tmp_path / "out", "--format", form, code=code)
    assert (tmp_path / "out").exists() == is_taken
    if not is_taken and form != "ref-youtube-vos":  # which shows the lists that it looked for
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("form", "option", "value"),
    [("hub", "--draw", 1), ("folders", "--part", "test"), ("every-eval-ever", "--data-root", "data")],
)
def test_an_option_that_a_format_does_not_read_is_refused(fsbench, tmp_path, form, option, value):
    result = fsbench("export", SOURCES[MANIFEST], tmp_path / "out", "--format", form, option, value, code=2)
    assert f"{option} says nothing to --format {form}" in result.stderr


def test_a_single_draw_is_exported_by_its_number(fsbench, data, tmp_path):
    fsbench("build-splits", "mini-ref-davis", "--draws", 2)
    fsbench("evaluate", "--method", "empty", "--dataset", "mini-ref-davis")
    for name, options, tops in (("all", (), ["draw-0", "draw-1"]), ("one", ("--draw", 1), ["Annotations"])):
        assert fsbench("export", "runs/mini-ref-davis/empty", name, *options).stdout == f"{name}\n"
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == tops
    assert "no draw 2" in fsbench("export", "runs/mini-ref-davis/empty", "two", "--draw", 2, code=2).output
