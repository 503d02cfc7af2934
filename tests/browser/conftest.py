"""A browser, and pages of the synthetic study's report that must open without a complaint."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.unit import chain

CHROMIUM = shutil.which("chromium")
Open = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("needs a browser: apt install chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture(scope="session")
def study(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> chain.Chain:
    """The study with its report; made only if there is a browser."""
    made = chain.make_chain(tmp_path_factory.mktemp("study"))
    chain.evaluate_all(made)
    chain.report(made)
    return made


@pytest.fixture
def open_page(browser: Browser, study: chain.Chain) -> Iterator[Open]:
    """Opens a page of the report in a window of a width; at the end of the test nothing may have gone wrong in it."""
    wrong, pages = [], []

    def open_(name: str, width: int = 1280, **context: bool | str) -> Page:
        page = browser.new_page(viewport={"width": width, "height": 900}, **context)
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("requestfailed", lambda request: wrong.append(request.url))
        page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        page.goto(study.report(name).as_uri())
        pages.append(page)
        return page

    yield open_
    for page in pages:
        page.close()
    assert wrong == []
