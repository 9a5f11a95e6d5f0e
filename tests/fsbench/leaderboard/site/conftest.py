import shutil

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
    return make_boards(entries, ROOT / "splits")


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


class Visit:
    """A page in the browser, and everything that went wrong on it."""

    def __init__(self, browser, path, **options):
        self.problems = []
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(120_000)  # a loaded machine is no failure
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self._note(message.type in ("error", "warning"), message.text))
        self.page.on("pageerror", lambda error: self._note(True, str(error)))
        self.page.on("dialog", lambda dialog: self._note(True, f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self._note(not request.url.startswith(("file:", "data:")), request.url))
        self.page.on("requestfailed", lambda request: self._note(True, f"not loaded: {request.url}"))
        self.page.goto(path.as_uri())

    def _note(self, is_problem, what):
        if is_problem:
            self.problems.append(what)


@pytest.fixture(scope="module")
def opened(browser):
    """Opens a page, or returns the one that is open already: for tests that leave it as it was."""
    visits = {}

    def open_page(path):
        if path not in visits:
            visits[path] = Visit(browser, path)
        assert visits[path].problems == []
        return visits[path].page

    yield open_page
    for visit in visits.values():
        visit.context.close()


@pytest.fixture
def fresh(browser):
    """Opens a page anew: for tests that use it. Afterwards nothing may have gone wrong on any."""
    visits = []

    def open_page(path, **options):
        visits.append(Visit(browser, path, **options))
        return visits[-1].page

    yield open_page
    problems = [problem for visit in visits for problem in visit.problems]
    for visit in visits:
        visit.context.close()
    assert problems == []
