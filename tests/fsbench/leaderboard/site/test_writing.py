import json
import re

import pytest

from fsbench.errors import RunError
from fsbench.leaderboard.site import write_site
from tests.fsbench.leaderboard.site.samples import HOSTILE

DATA = re.compile(r'id="data">(.*?)</script>', re.DOTALL)


def read(page):
    return page.read_text(encoding="utf-8")


def strings(value):
    """All texts in a JSON value, keys included."""
    if isinstance(value, dict):
        return [text for item in value.items() for part in item for text in strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in strings(part)]
    return [value] if isinstance(value, str) else []


def test_every_address_in_the_site_leads_to_a_file_of_the_site(site):
    for page in site.rglob("*.html"):
        text = read(page)
        for target in re.findall(r"(?:href|src)=\"([^\"#]+)", text):
            if not target.startswith(("data:", "https://example.org/")):
                assert (page.parent / target).is_file(), (page, target)
        data = json.loads(DATA.search(text).group(1))
        for target in re.findall(r"'(?:src|href)': '([^']+)'", str(data)):
            assert (page.parent / target).is_file(), (page, target)


def test_pages_load_nothing_from_a_network_and_link_to_what_the_entry_names_alone(site):
    linked = 0
    for page in site.rglob("*.html"):
        text, count = re.subn(r'<a href="https://[^"]*" rel="noopener noreferrer">[^<]*</a>', "", read(page))
        assert not re.search(r"https?://", text), page
        linked += count
    assert linked > 0


def test_hostile_texts_are_escaped_in_every_page_and_in_its_data(site):
    pages = [read(page) for page in site.rglob("*.html")]
    assert not any(HOSTILE in text or "<img" in text or "<script>" in text for text in pages)
    assert any(HOSTILE in strings(json.loads(DATA.search(text).group(1))) for text in pages)


def test_a_site_is_replaced_as_a_whole_and_nothing_else_is(site, boards, tmp_path):
    out = tmp_path / "out"
    write_site(out, boards[:1])
    (out / "left-over.html").write_text("old")
    assert write_site(out, boards[:1]) == out / "index.html"
    assert not (out / "left-over.html").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("keep")
    for taken in (other, other / "mine.txt"):
        with pytest.raises(RunError, match="holds something that is no site"):
            write_site(taken, boards[:1])
    assert (other / "mine.txt").read_text() == "keep"


def test_the_same_boards_give_the_same_site(boards, tmp_path):
    one, other = (write_site(tmp_path / name, boards[:1]).read_bytes() for name in ("one", "other"))
    assert one == other
