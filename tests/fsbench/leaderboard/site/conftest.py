import shutil
from dataclasses import replace

import pytest

from fsbench.leaderboard.site import make_boards
from fsbench.leaderboard.site import write_site
from tests.conftest import ROOT
from tests.fsbench.leaderboard.site import samples

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def boards():
    entries = [
        samples.shapes_entry("close", 2, trained_on=("ImageNet-1k", "COCO")),
        samples.shapes_entry("far", 12, trained_on=()),
        samples.davis_entry("close"),
        *samples.hostile_entries(),
    ]
    made = make_boards(entries, ROOT / "splits")
    return [
        replace(each, slicer=samples.slicer()) if each.table.dataset == "mini-ref-shapes" else each for each in made
    ]


@pytest.fixture(scope="session")
def site(boards, tmp_path_factory):
    """The folder of a site."""
    return write_site(tmp_path_factory.mktemp("site") / "out", boards).parent


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("there is no Chromium; 'apt-get install chromium' brings one")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        yield started
        started.close()


class Tab:
    """A tab of the browser, and everything that went wrong on the page in it.

    A page that follows another in one tab takes a fifth of the time: its scripts are compiled already.

    Attributes:
        at: The page in it, as it was opened; None once that was used.
    """

    def __init__(self, browser, **options):
        self.problems, self.at = [], None
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(120_000)  # a loaded machine is no failure
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self._note(message.type in ("error", "warning"), message.text))
        self.page.on("pageerror", lambda error: self._note(True, str(error)))
        self.page.on("dialog", lambda dialog: self._note(True, f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self._note(not request.url.startswith(("file:", "data:")), request.url))
        self.page.on("requestfailed", lambda request: self._note(True, f"not loaded: {request.url}"))

    def open(self, path):
        """Loads a page anew, in the size and the colours of a new tab."""
        self.problems.clear()
        self.page.set_viewport_size({"width": 1280, "height": 720})
        self.page.emulate_media(color_scheme="light")
        self.page.goto(path.as_uri())
        self.at = path

    def _note(self, is_problem, what):
        if is_problem:
            self.problems.append(what)


@pytest.fixture(scope="module")
def tab(browser):
    """A tab that tests share."""
    made = Tab(browser)
    yield made
    made.context.close()


@pytest.fixture
def opened(tab):
    """Opens a page, unless it is open already: for tests that leave it as it was. Nothing may go wrong on it."""

    def open_page(path):
        if tab.at != path:
            tab.open(path)
        return tab.page

    yield open_page
    assert tab.problems == []


@pytest.fixture
def fresh(browser, tab):
    """Opens a page anew, with options in a tab of its own: for tests that use it. Nothing may go wrong on it."""
    used = []

    def open_page(path, **options):
        used.append(Tab(browser, **options) if options else tab)
        used[-1].open(path)
        return used[-1].page

    yield open_page
    tab.at = None
    problems = [problem for each in used for problem in each.problems]
    for each in used:
        if each is not tab:
            each.context.close()
    assert problems == []
