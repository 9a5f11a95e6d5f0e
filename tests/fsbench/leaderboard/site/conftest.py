import shutil

import pytest

from fsbench.leaderboard.site import make_boards
from fsbench.leaderboard.site import write_site
from tests.conftest import ROOT
from tests.fsbench.leaderboard.site import samples

FLAGS = "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync"


@pytest.fixture(scope="session")
def boards():
    contributions = [
        samples.shapes_contribution("close", 2, trained_on=("ImageNet-1k", "COCO")),
        samples.shapes_contribution("far", 12, trained_on=()),
        *samples.hostile_contributions(),
    ]
    return make_boards(contributions, ROOT / "splits")


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
        started = driver.chromium.launch(executable_path=path, args=FLAGS.split())
        yield started
        started.close()


class Visit:
    """A page in the browser, and everything that went wrong on it."""

    def __init__(self, page):
        self.page = page
        self.problems = []
        page.on("console", lambda message: self._note(message.type in ("error", "warning"), message.text))
        page.on("pageerror", lambda error: self._note(True, str(error)))
        page.on("dialog", lambda dialog: self._note(True, f"dialog {dialog.message}"))
        page.on("request", lambda request: self._note(not request.url.startswith(("file:", "data:")), request.url))
        page.on("requestfailed", lambda request: self._note(True, f"not loaded: {request.url}"))

    def _note(self, is_problem, what):
        if is_problem:
            self.problems.append(what)

    def goto(self, path, fragment=""):
        self.page.goto(path.as_uri() + fragment)
        self.page.wait_for_load_state("load")
        return self.page


@pytest.fixture
def visit(browser):
    """Makes a visit: `visit()`, or `visit(color_scheme="dark")`; afterwards nothing may have gone wrong on any."""
    visits, contexts = [], []

    def start(**options):
        contexts.append(browser.new_context(**options))
        visits.append(Visit(contexts[-1].new_page()))
        return visits[-1]

    yield start
    problems = [problem for made in visits for problem in made.problems]
    for context in contexts:
        context.close()
    assert problems == []
