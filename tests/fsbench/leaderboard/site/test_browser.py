"""The site in a real browser, opened from disk."""

from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from fsbench.leaderboard.site import standalone_page
from fsbench.masks.rle import encode_masks
from tests.fsbench.leaderboard.site.samples import HOSTILE

PAGES = {
    "index": "index.html",
    "method": "methods/close.html",
    "compare": "compare/mini-ref-shapes*.html",
    "gallery": "episodes/mini-ref-shapes*/index.html",
    "episode": "episodes/mini-ref-shapes*/f1_dax*.html",
    "hostile": "methods/*img*.html",
    "without-pixels": "episodes/mini-ref-davis*/f0*.html",
}

INJECT = """() => {
    document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.pwned=1">');
    const script = document.createElement('script');
    script.textContent = 'window.pwned=1';
    document.body.append(script);
}"""


def page_of(site, kind):
    return min(site.glob(PAGES[kind]))


@pytest.fixture(scope="module", params=PAGES)
def kind(request):
    """A page of each kind; tests of one page follow one another, so that it is opened once."""
    return request.param


@pytest.fixture(scope="module")
def axe():
    return files(pytest.importorskip("axe_playwright_python")).joinpath("axe.min.js").read_text(encoding="utf-8")


def board(page):
    return page.locator("section.board").filter(has_text="mini-ref-shapes v2, standard")


def shown(page):
    rows = board(page).locator("table.sortable tbody tr:visible")
    return rows.locator("th > a").all_inner_texts()


def test_no_page_has_a_serious_barrier_in_light_or_dark(site, opened, axe, kind):
    page = opened(page_of(site, kind))
    page.evaluate(axe)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        options = "{resultTypes: ['violations'], preload: false}"
        found = page.evaluate(f"axe.run({{exclude: ['.js-plotly-plot', '.picture g']}}, {options})")["violations"]
        serious = [(v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in ("serious", "critical")]
        assert serious == [], scheme


def test_a_hostile_entry_runs_no_script_and_makes_no_element(site, opened, kind):
    page = opened(page_of(site, kind))
    assert page.evaluate("window.pwned") is None
    assert page.locator("[onerror], img").count() == 0
    assert page.locator("script").count() == page.locator("script[src], script[type='application/json']").count()
    if kind in ("index", "compare", "episode", "hostile"):
        assert HOSTILE in page.evaluate("document.body.textContent")


def test_every_page_fits_a_phone(site, opened, kind):
    """The last of a page's tests, which leaves it narrow."""
    page = opened(page_of(site, kind))
    page.set_viewport_size({"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_rows_fold_on_a_phone_with_score_and_interval_always_there(site, fresh):
    page = fresh(page_of(site, "index"))
    page.set_viewport_size({"width": 390, "height": 800})
    row = board(page).locator("table.sortable tbody tr").filter(has_text="far")
    box = row.locator("td:has(.num)").bounding_box()  # which holds the interval
    assert 0 < box["x"] < box["x"] + box["width"] <= 390
    assert row.bounding_box()["height"] < 100
    assert not row.locator(".rest").first.is_visible()
    more = row.get_by_role("button", name="More of far")
    more.click()
    below = board(page).locator("tr.unfolded")
    told = dict(zip(below.locator("dt").all_inner_texts(), below.locator("dd").all_inner_texts(), strict=True))
    heads = [text.strip() for text in board(page).locator("th.rest:not(.whiskers)").all_text_contents()]
    assert list(told) == heads
    assert told["Trained on"] == "nothing"
    assert row.locator("xpath=following-sibling::tr[1]").get_attribute("class") == "unfolded"
    more.click()
    assert below.count() == 0
    more.click()
    board(page).get_by_role("button", name="J&F", exact=True).click()
    assert below.count() == 0
    assert more.get_attribute("aria-expanded") == "false"
    page.set_viewport_size({"width": 1280, "height": 800})
    assert not more.is_visible()


def test_escaping_alone_stops_a_hostile_entry_without_the_policy(site, fresh):
    page = fresh(page_of(site, "index"), bypass_csp=True)
    assert page.evaluate("window.pwned") is None
    page.goto(page_of(site, "hostile").as_uri())
    assert page.evaluate("window.pwned") is None


def test_the_policy_stops_a_script_that_is_put_into_a_page(site, browser):
    context = browser.new_context()
    page = context.new_page()
    page.goto(page_of(site, "gallery").as_uri())
    page.evaluate(INJECT)
    page.wait_for_timeout(100)
    assert page.evaluate("window.pwned") is None
    context.close()


def test_the_table_is_sorted_by_its_heads_with_keys_alone(site, fresh):
    page = fresh(page_of(site, "index"))
    assert shown(page)[0] == "close"
    board(page).get_by_role("button", name="J&F", exact=True).focus()
    page.keyboard.press("Enter")
    assert shown(page)[-1] == "close"
    assert board(page).locator("th[aria-sort=ascending]").inner_text().strip().endswith("J&F")
    page.keyboard.press("Enter")
    assert shown(page)[0] == "close"
    board(page).get_by_role("button", name="Trained on").click()
    assert shown(page)[-1] == "far"


def test_the_table_is_filtered_by_text_and_by_training(site, fresh):
    page = fresh(page_of(site, "index"))
    board(page).get_by_label("Filter").fill("coco")
    assert shown(page) == ["close"]
    assert board(page).get_by_role("status").inner_text() == "1 of 3"
    board(page).get_by_label("Filter").fill("")
    board(page).get_by_label("Training").select_option("training-free")
    assert shown(page) == ["far"]


def test_bars_follow_the_chosen_methods_and_the_heat_map_its_method(site, fresh):
    page = fresh(page_of(site, "index"))
    bars = board(page).locator(".chart.classes .barlayer .trace")
    before = bars.count()
    board(page).locator(".picker").get_by_label("far").uncheck()
    assert bars.count() == before - 1
    cells = board(page).locator(".heat tbody td")
    first = cells.all_inner_texts()
    assert len(first) == 5 * 3
    board(page).locator(".heat-method").select_option("far")
    assert cells.all_inner_texts() != first


def cells(place):
    return [row.locator("th, td").all_inner_texts() for row in place.locator("tbody tr").all()]


def test_the_board_and_a_method_are_shown_by_the_chosen_attribute(site, boards, fresh):
    found = next(each for each in boards if each.table.dataset == "mini-ref-shapes")
    by = {each.attribute.name: each for each in found.breakdowns}
    page = fresh(page_of(site, "index"))
    place = board(page).locator(".by")
    for name in ("words", "has_motion"):
        place.locator("select").select_option(name)
        heads = [text.split() for text in place.locator("thead th").all_inner_texts()]
        assert heads == [["Method"], *([*label.split(), str(n)] for label, n in by[name].slices.items())]
        for shown_cells, row in zip(cells(place), by[name].rows, strict=True):
            assert shown_cells[1:] == [f"{100 * each.score.headline:.1f}" for each in row.values()]
    page.goto(page_of(site, "method").as_uri())
    place = board(page).locator(".by")
    place.locator("select").select_option("words")
    assert place.locator(".about").inner_text() == "Number of its words."
    row = by["words"].rows[found.methods.index("close")]
    expected = [[k, str(v.episodes), *(f"{100 * v.score[m]:.1f}" for m in ("J&F", "J", "F"))] for k, v in row.items()]
    assert cells(place) == expected


def test_dark_mode_is_switched_by_the_button_and_kept(site, fresh):
    page = fresh(page_of(site, "gallery"), color_scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    button = page.get_by_role("button", name="Dark mode")
    button.click()
    dark = page.evaluate(paper)
    assert max(map(int, dark[4:-1].split(","))) < 40
    assert button.get_attribute("aria-pressed") == "true"
    page.reload()
    assert page.evaluate(paper) == dark


def test_the_slider_moves_frame_masks_scores_and_the_mark_in_the_curves(site, fresh):
    page = fresh(page_of(site, "episode"))
    panel = page.locator("#panels li").filter(has_text="close")
    picture, edge = panel.locator("image"), panel.locator(".layer-mask .edge")
    scores = panel.locator(".scores")
    first = picture.get_attribute("href"), edge.get_attribute("d")
    assert scores.text_content() == "J 0.0  F 0.0"
    page.locator("#frame").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert scores.text_content() == "J 20.0  F 10.0"
    assert picture.get_attribute("href").endswith("00010.jpg")
    assert (picture.get_attribute("href"), edge.get_attribute("d")) != first
    assert page.locator("#frame").get_attribute("aria-valuetext") == "frame 00010, 3 of 8"
    assert page.evaluate("document.getElementById('curves').layout.shapes[0].x0") == "00010"
    page.get_by_label("masks").uncheck()
    assert panel.locator(".layer-mask").count() == 0
    assert panel.locator(".layer-truth").count() == 1
    page.get_by_role("button", name="Play").click()
    while int(page.locator("#frame").input_value()) < 4:
        page.wait_for_timeout(50)
    page.get_by_role("button", name="Pause").click()
    at = page.locator("#frame").input_value()
    page.wait_for_timeout(500)
    assert page.locator("#frame").input_value() == at


def test_the_object_that_the_support_shows_is_outlined_as_the_truth_is(site, opened):
    page = opened(page_of(site, "episode"))
    shown = page.locator("[data-support]")
    assert shown.count() > 0
    assert shown.locator(".layer-truth .edge").count() == shown.count()
    assert shown.locator(".layer-mask").count() == 0
    swatch = page.locator("#panels li .swatch").first.evaluate("each => getComputedStyle(each).backgroundColor")
    fill = page.locator("#panels li .layer-mask .fill").first.evaluate("each => getComputedStyle(each).fill")
    assert fill == swatch


def test_the_gallery_is_filtered_by_class_and_by_sentence(site, fresh):
    page = fresh(page_of(site, "gallery"))
    cards = page.locator(".gallery li:visible")
    count = cards.count()
    sentence = cards.locator(".said").first.inner_text()
    page.get_by_label("Filter").fill("wug")
    assert page.locator(".gallery h2:visible").all_inner_texts() == ["wug"]
    assert page.get_by_role("status").inner_text() == f"{cards.count()} of {count}"
    page.get_by_label("Filter").fill(sentence)
    assert cards.locator(".said").all_inner_texts().count(sentence) == cards.count() > 0
    page.get_by_label("Filter").fill("no such sentence")
    assert page.locator(".gallery section:visible").count() == 0


def test_many_classes_are_dots_from_each_methods_best_to_its_worst(site, boards, opened):
    page = opened(page_of(site, "index"))
    drawn = """([classes, methods]) => {
        const place = document.body.appendChild(document.createElement('div'));
        place.dataset.long = '';
        FS.classBars(place, classes, methods, 'J&F');
        const found = place.data.map(({ x, y, text }) => [x, y, text]);
        place.remove();
        return found;
    }"""
    methods = [{"label": "one", "colour": 0, "values": [[0.25, None, None], None, [0.75, 0.5, 1.0]]}]
    assert page.evaluate(drawn, [["dog", "cat", "emu"], methods]) == [[[1, 2], [75, 25], ["emu", "dog"]]]


def test_two_methods_are_compared_in_both_directions(site, fresh):
    page = fresh(page_of(site, "compare"))
    page.locator("#a").select_option("close")
    page.locator("#b").select_option("far")
    first = page.locator("#verdict b").all_inner_texts()
    assert page.locator("#wins li").count() > 0
    assert page.locator("#wins svg").count() > 0
    page.get_by_role("button", name="Swap").click()
    second = page.locator("#verdict b").all_inner_texts()
    assert second[0] == first[0].replace("+", "\N{MINUS SIGN}")
    assert second[-1].split(" : ") == first[-1].split(" : ")[::-1]
    chosen = [page.locator(name).input_value() for name in ("#a", "#b")]
    assert page.url.endswith(f"#a={chosen[0]}&b={chosen[1]}")
    assert page.locator("#scatter .point").count() > 100


def test_wins_and_losses_are_grouped_by_video_the_biggest_first(site, boards, fresh):
    found = next(each for each in boards if each.table.dataset == "mini-ref-shapes")
    one, other = (found.methods.index(name) for name in ("close", "far"))
    scores = [found.scores[i][["J", "F"]].mean(axis=1) for i in (one, other)]
    keys = found.scores.index.str.split("/")
    by_video = (scores[0] - scores[1]).groupby([keys.str[0], keys.str[1], keys.str[3]]).agg(["mean", "size"])
    page = fresh(page_of(site, "compare"))
    page.locator("#a").select_option("close")
    page.locator("#b").select_option("far")
    (fold, name, video), (difference, count) = next(iter(by_video.sort_values("mean", ascending=False).iterrows()))
    first = page.locator("#wins > li").first
    assert first.locator("strong").inner_text() == f"{video}, {name} (fold {fold[1:]})"
    assert first.locator(".what").first.inner_text().endswith(f"{100 * difference:+.1f}")
    assert first.locator("summary").inner_text() == f"{count:.0f} episodes"
    assert first.locator("details li").count() == count
    titles = page.locator("#wins > li strong, #losses > li strong").all_inner_texts()
    assert len(set(titles)) == len(titles)


def test_without_pixels_a_page_says_how_to_see_masks_and_has_nothing_to_play(site, opened):
    page = opened(page_of(site, "without-pixels"))
    assert page.locator("#play, #frame, #panels, .picture").count() == 0
    told = page.get_by_label("Command that shows masks").inner_text()
    assert told.startswith("fsbench show f0/")
    assert "--dataset mini-ref-davis --data-root DIR --run RUN" in told
    assert page.locator("#curves .scatterlayer .trace").count() > 0


@pytest.mark.parametrize(("masked", "drawn"), [([True, False], ["far"]), ([False, False], ["Truth"])])
def test_methods_without_masks_have_no_empty_tiles_and_are_named(boards, fresh, tmp_path, masked, drawn):
    view = next(each for each in boards if each.table.dataset == "mini-ref-shapes").gallery[0]
    answers = {each.title: each for each in view.answers}
    chosen = [answers["far"], answers["close"]]
    shown = [each if has else replace(each, masks=None) for each, has in zip(chosen, masked, strict=True)]
    path = tmp_path / "page.html"
    path.write_text(standalone_page(replace(view, answers=tuple(shown)), "set", lambda *_: "data:,"), "utf-8")
    page = fresh(path)
    assert page.locator("#panels .name").all_inner_texts() == drawn
    assert page.locator("#panels svg").count() == 1
    assert page.locator("#show-mask").count() == int(any(masked))
    told = page.locator("p.note").first.inner_text()
    missing = ", ".join(each.title for each, has in zip(chosen, masked, strict=True) if not has)
    assert told.startswith(f"No masks are here of {missing}. Who has the data")


def test_differences_by_attribute_follow_methods_metric_and_direction(site, boards, fresh):
    found = next(each for each in boards if each.table.dataset == "mini-ref-shapes")
    words = found.breakdowns[-1]
    close, far = (words.rows[found.methods.index(name)] for name in ("close", "far"))
    page = fresh(page_of(site, "compare"))
    page.locator("#a").select_option("close")
    page.locator("#b").select_option("far")
    place = page.locator(".by")
    place.locator("select").select_option("words")
    for metric in ("J&F", "F"):
        page.locator("#metric").select_option(metric)
        for label, episodes, one, other, difference in cells(place):
            expected = [100 * side[label].score[metric] for side in (close, far)]
            assert (episodes, one, other) == (str(close[label].episodes), *(f"{value:.1f}" for value in expected))
            assert difference == f"{expected[0] - expected[1]:+.1f}".replace("-", "\N{MINUS SIGN}")
    before = cells(place)
    page.get_by_role("button", name="Swap").click()
    assert [row[2:4] for row in cells(place)] == [row[2:4][::-1] for row in before]


def test_masks_are_decoded_as_coco_does(site, opened):
    page = opened(page_of(site, "gallery"))
    stream = np.random.default_rng(0)
    blocks = np.kron(stream.random((5, 9, 7)) < 0.4, np.ones((1, 40, 11), bool)).astype(bool)
    for mask in [*blocks, np.zeros((3, 4), bool), np.ones((3, 4), bool), stream.random((30, 20)) < 0.5]:
        code = [encode_masks(mask[None])[0].decode("ascii"), *mask.shape]
        assert page.evaluate("([c, h, w]) => [...Masks.decode(c, h, w)]", code) == mask.T.ravel().astype(int).tolist()
        edge = page.evaluate("([c, h, w]) => Masks.paths(c, h, w).edge", code)
        lengths = [int(piece.replace("v", "h").split("h")[1]) for piece in edge.split("M")[1:]]
        borders = np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1])
        assert sum(lengths) == borders
