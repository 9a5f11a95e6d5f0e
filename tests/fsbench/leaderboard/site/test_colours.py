"""The colours of methods: told apart by everybody, on both grounds, and the same on every page."""

import json
import re
from importlib.resources import files

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000
from skimage.color import rgb2lab

from tests.fsbench.leaderboard.site.test_writing import DATA
from tests.fsbench.leaderboard.site.test_writing import read

CSS = files("fsbench.leaderboard.site").joinpath("assets/site.css").read_text(encoding="utf-8")

# Machado, Oliveira and Fernandes, A Physiologically-based Model for Simulation of Color Vision Deficiency (IEEE TVCG
# 15(6), 2009), severity 1.0, of linear RGB.
SEEN = {
    "everything": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def scheme(name):
    """The custom properties of a scheme, those that refer to others resolved, as sRGB in [0, 1]."""
    blocks = re.findall(r"(:root[^{]*)\{(.*?)\}", CSS, re.DOTALL)
    found = {}
    for selector, body in blocks:
        if selector.strip() == ":root" or name in selector:
            found |= dict(re.findall(r"--(\w+): ([^;]+);", body))
    for key, value in found.items():
        while value.startswith("var("):
            value = found[value[6:-1]]
        found[key] = value
    return {k: np.array([int(v[i : i + 2], 16) for i in (1, 3, 5)]) / 255 for k, v in found.items() if v[0] == "#"}


def linear(colours):
    return np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)


def as_seen(colours, matrix):
    found = np.clip(linear(colours) @ np.transpose(matrix), 0, 1)
    return np.where(found <= 0.0031308, 12.92 * found, 1.055 * found ** (1 / 2.4) - 0.055)


def contrast(one, other):
    """By WCAG 2.2, of relative luminances."""
    low, high = sorted(float(linear(each) @ [0.2126, 0.7152, 0.0722]) for each in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("vision", SEEN)
def test_any_two_of_the_eight_colours_are_told_apart_by_everybody(vision):
    found = scheme("light")
    seen = rgb2lab(as_seen(np.array([found[f"m{i}"] for i in range(8)]), SEEN[vision]))
    one, other = np.triu_indices(8, 1)
    assert deltaE_ciede2000(seen[one], seen[other]).min() > 10


def test_the_eight_colours_are_the_same_in_both_schemes():
    light, dark = (scheme(name) for name in ("light", "dark"))
    assert all((light[f"m{i}"] == dark[f"m{i}"]).all() for i in range(8))


def test_a_line_on_pictures_or_its_casing_stands_out_on_any_ground(site, opened):
    page = opened(site / "index.html")
    read_back = """(colour) => {
        const context = document.createElement('canvas').getContext('2d');
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
    }"""
    greys = np.linspace(0, 1, 64)[:, None].repeat(3, axis=1)
    for number in range(8):
        line = np.array(page.evaluate(read_back, page.evaluate(f"FS.line({number})"))) / 255
        assert min(max(contrast(line, ground), contrast(np.zeros(3), ground)) for ground in greys) > 2.8


@pytest.mark.parametrize("name", ["light", "dark"])
def test_texts_and_marks_stand_out_on_their_grounds(name):
    found = scheme(name)
    for ground in ("paper", "raised"):
        for text in ("ink", "dim", "link"):
            assert contrast(found[text], found[ground]) >= 4.5, (text, ground)
        for mark in ("best", "focus", "mark", *(f"m{i}" for i in range(8))):
            assert contrast(found[mark], found[ground]) >= 3, (mark, ground)


def test_a_method_has_one_colour_on_every_page_and_no_other_has_it(boards, site):
    numbers = {}
    for board in boards:
        for row, number in zip(board.table.rows, board.colours, strict=True):
            numbers.setdefault(row.entry.title, set()).add(number)
    assert sorted(number for found in numbers.values() for number in found) == list(range(len(numbers)))
    assert len(numbers) < sum(len(board.table.rows) for board in boards)  # one is on several
    known = {title: number for title, (number,) in numbers.items()}
    told = 0
    for page in site.rglob("*.html"):
        data = json.loads(DATA.search(read(page)).group(1))
        pairs = dict(zip(data.get("methods", ()), data.get("colours", ()), strict=True))
        pairs |= {each["title"]: each["colour"] for each in data.get("answers", ())}
        pairs |= {each["label"]: each["colour"] for board in data.get("boards", ()) for each in board["methods"]}
        pairs |= {data["title"]: data["colour"]} if "parts" in data else {}
        assert all(known[title] == number for title, number in pairs.items()), page
        told += len(pairs)
    assert told > len(known)


def test_methods_beyond_eight_have_the_same_colours_with_hatches(site, fresh):
    page = fresh(site / "index.html")
    colours, hatches = (page.evaluate(f"[...Array(32).keys()].map(FS.{name})") for name in ("colour", "hatch"))
    assert colours[:8] == colours[8:16]
    assert len(set(colours)) == 8
    assert len(set(zip(colours, hatches, strict=True))) == 32


def test_methods_are_numbered_by_the_best_place_that_each_has(boards):
    best = {}
    for board in boards:
        for place, number in enumerate(board.colours):
            best[number] = min(place, best.get(number, place))
    places = [best[number] for number in sorted(best)]
    assert places == sorted(places)
    assert len(set(places)) > 1
