"""The site in a real browser, opened from disk."""

from importlib.resources import files

import numpy as np
import pytest

from fsbench.evaluation.predictions import encode_masks
from tests.fsbench.leaderboard.site.samples import HOSTILE

KINDS = ("index", "method", "compare", "gallery", "episode", "elsewhere")


def page_of(site, kind):
    patterns = {
        "index": "index.html",
        "method": "methods/close.html",
        "compare": "compare/mini-ref-shapes*.html",
        "gallery": "episodes/mini-ref-shapes*/index.html",
        "episode": "episodes/mini-ref-shapes*/f1_dax*.html",
        "elsewhere": "methods/*img*.html",
    }
    return min(site.glob(patterns[kind]))


@pytest.fixture(scope="module")
def axe():
    return files(pytest.importorskip("axe_playwright_python")).joinpath("axe.min.js").read_text(encoding="utf-8")


def board(page):
    return page.locator("section.board").filter(has_text="mini-ref-shapes, standard")


def shown(page):
    rows = board(page).locator("table.sortable tbody tr:visible")
    return [text.split("\n")[0].strip() for text in rows.locator("th").all_inner_texts()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_page_has_a_serious_barrier(site, visit, axe, kind, scheme):
    page = visit(color_scheme=scheme, viewport={"width": 1280, "height": 900}).goto(page_of(site, kind))
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")["violations"]
    serious = [(one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in ("serious", "critical")]
    assert serious == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_page_fits_a_phone(site, visit, kind):
    page = visit(viewport={"width": 360, "height": 700}).goto(page_of(site, kind))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_table_is_sorted_by_its_heads_with_keys_alone(site, visit):
    page = visit().goto(page_of(site, "index"))
    assert shown(page)[:2] == ["close", "far"]
    head = board(page).get_by_role("button", name="J&F", exact=True)
    head.focus()
    page.keyboard.press("Enter")
    assert shown(page)[-1] == "close"
    assert board(page).locator("th[aria-sort=ascending]").inner_text().endswith("J&F")
    page.keyboard.press("Enter")
    assert shown(page)[0] == "close"
    board(page).get_by_role("button", name="Trained on").click()
    assert shown(page)[-1] == "far"


def test_the_table_is_filtered_by_text_and_by_training(site, visit):
    page = visit().goto(page_of(site, "index"))
    board(page).get_by_label("Filter").fill("coco")
    assert shown(page) == ["close"]
    assert board(page).get_by_role("status").inner_text() == "1 of 3"
    board(page).get_by_label("Filter").fill("")
    board(page).get_by_label("Training").select_option("training-free")
    assert shown(page) == ["far"]


def test_bars_follow_the_chosen_methods_and_the_heat_map_its_method(site, visit):
    page = visit().goto(page_of(site, "index"))
    bars = board(page).locator(".chart.classes .bars .trace")
    before = bars.count()
    board(page).locator(".picker").get_by_label("far").uncheck()
    assert bars.count() == before - 1
    cells = board(page).locator(".heat tbody td")
    first = cells.all_inner_texts()
    assert len(first) == 5 * 3
    board(page).get_by_label("Method", exact=True).select_option("far")
    assert cells.all_inner_texts() != first


def test_dark_mode_is_switched_by_the_button_and_kept(site, visit):
    made = visit(color_scheme="light")
    page = made.goto(page_of(site, "index"))
    paper = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    button = page.get_by_role("button", name="Dark mode")
    button.click()
    dark = page.evaluate(paper)
    assert max(map(int, dark[4:-1].split(","))) < 40
    assert button.get_attribute("aria-pressed") == "true"
    assert made.goto(page_of(site, "method")).evaluate(paper) == dark


def test_the_slider_moves_frame_masks_scores_and_the_mark_in_the_curves(site, visit):
    page = visit().goto(page_of(site, "episode"))
    panel = page.locator("#panels li").filter(has_text="close")
    picture = panel.locator("image")
    edge = panel.locator(".layer-mask .edge")
    first = picture.get_attribute("href"), edge.get_attribute("d"), panel.locator(".scores").inner_text()
    assert first[2] == "J 0.0 F 0.0"
    page.locator("#frame").focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    second = picture.get_attribute("href"), edge.get_attribute("d"), panel.locator(".scores").inner_text()
    assert second[0].endswith("00010.jpg")
    assert first[0] != second[0]
    assert second[2] == "J 20.0 F 10.0"
    assert page.locator("#frame").get_attribute("aria-valuetext") == "frame 00010, 3 of 8"
    assert page.evaluate("document.getElementById('curves').layout.shapes[0].x0") == "00010"
    page.get_by_label("masks").uncheck()
    assert panel.locator(".layer-mask").count() == 0
    assert panel.locator(".layer-truth").count() == 1


def test_play_runs_through_the_frames_until_it_is_paused(site, visit):
    page = visit().goto(page_of(site, "episode"))
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("Number(document.getElementById('frame').value) >= 2")
    page.get_by_role("button", name="Pause").click()
    at = page.locator("#frame").input_value()
    page.wait_for_timeout(600)
    assert page.locator("#frame").input_value() == at


def test_pictures_are_loaded_from_the_folder(site, visit):
    page = visit().goto(page_of(site, "episode"))
    for name in page.eval_on_selector_all("image", "all => all.map(one => one.href.baseVal)"):
        assert (page_of(site, "episode").parent / name).resolve().is_file()


def test_two_methods_are_compared_in_both_directions(site, visit):
    page = visit().goto(page_of(site, "compare"))
    page.get_by_label("Method A").select_option("close")
    page.get_by_label("Method B").select_option("far")
    first = page.locator("#verdict").inner_text()
    assert page.locator("#wins li").count() > 0
    assert page.locator("#wins svg").count() > 0
    page.get_by_role("button", name="Swap").click()
    assert page.get_by_label("Method A").input_value() == "1"
    second = page.locator("#verdict").inner_text()
    assert first.replace("+", "−") != first
    assert first != second
    assert page.url.endswith("#a=1&b=0")
    assert page.evaluate("document.querySelectorAll('#scatter .point').length") > 100


@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_entry_runs_no_script_and_makes_no_element(site, visit, kind):
    page = visit().goto(page_of(site, kind))
    assert page.evaluate("window.pwned") is None
    assert page.locator("[onerror]").count() == 0
    assert page.locator("img[src=x]").count() == 0
    assert page.locator("script").count() == page.locator("script[src], script[type='application/json']").count()
    assert HOSTILE in page.locator("body").inner_text() or kind in ("method", "gallery")


def test_escaping_alone_stops_a_hostile_entry_without_the_policy(site, browser):
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    for kind in KINDS:
        page.goto(page_of(site, kind).as_uri())
        assert page.evaluate("window.pwned") is None, kind
    context.close()


def test_the_policy_stops_a_script_that_is_put_into_a_page(site, browser):
    context = browser.new_context()
    page = context.new_page()
    page.goto(page_of(site, "index").as_uri())
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.pwned=1\">')")
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.pwned=1'; document.body.append(s); }"
    )
    page.wait_for_timeout(100)
    assert page.evaluate("window.pwned") is None
    context.close()


def test_masks_are_decoded_as_coco_does(site, visit):
    page = visit().goto(page_of(site, "episode"))
    stream = np.random.default_rng(0)
    blocks = np.kron(stream.random((5, 9, 7)) < 0.4, np.ones((1, 40, 11), bool)).astype(bool)
    for mask in [*blocks, np.zeros((3, 4), bool), np.ones((3, 4), bool), stream.random((30, 20)) < 0.5]:
        (code,) = encode_masks(mask[None])
        found = page.evaluate("([c, h, w]) => [...Masks.decode(c, h, w)]", [code.decode("ascii"), *mask.shape])
        assert found == mask.T.ravel().astype(int).tolist()
        drawn = page.evaluate("([c, h, w]) => Masks.paths(c, h, w)", [code.decode("ascii"), *mask.shape])
        inner = np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1])
        length = sum(int(part.split("hv"["h" not in part])[1]) for part in drawn["edge"].split("M")[1:])
        assert length == inner
