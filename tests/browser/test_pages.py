"""The report in a browser: whole on wide and narrow screens, operable by keyboard, deaf to hostile prompts."""

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Open

PAGES = ("index.html", "gallery.html")
FILTERS = {"case": "data-case", "prompts": "data-prompts", "reason": "data-reasons", "outcome": "data-hits"}
HOSTILE = 'An evil <script>alert("x")</script> cat'


def shown(page: Page) -> int:
    """The number of samples that are shown, which the page must say too."""
    count = page.locator("article:visible").count()
    assert page.locator("output").inner_text() == f"{count} shown"
    return count


def tab_to(page: Page, selector: str) -> None:
    """Presses Tab until an element that fits the selector has the focus."""
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached by keyboard")


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_no_page_is_wider_than_its_window(open_page: Open, name: str, width: int, color_scheme: str):
    page = open_page(name, width, color_scheme=color_scheme)
    for details in page.locator("summary").all():
        details.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_image_is_one(open_page: Open):
    page = open_page("gallery.html")
    widths = """async () => Promise.all([...document.querySelectorAll("img, image")].map(async element => {
      const image = new Image();
      image.src = element.getAttribute("src") ?? element.getAttribute("href");
      await image.decode();
      return image.naturalWidth;
    }))"""
    assert min(page.evaluate(widths)) > 0
    unresolved = 'uses => uses.filter(use => !document.querySelector(use.getAttribute("href"))).length'
    assert page.locator("use").evaluate_all(unresolved) == 0
    boxes = "uses => uses.map(use => use.getBoundingClientRect().width)"
    assert min(page.locator("article:first-of-type .answer:not([hidden]) use").evaluate_all(boxes)) > 20


def test_every_image_has_a_name(open_page: Open):
    page = open_page("gallery.html")
    names = (
        page.locator("article")
        .first.get_by_role("img")
        .evaluate_all('images => images.map(image => image.alt || image.getAttribute("aria-label"))')
    )
    assert len(names) > 20 and all(names)


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_shows_what_fits_and_counts_it(open_page: Open, name: str):
    page = open_page("gallery.html")
    whole, found = shown(page), []
    options = page.locator(f"[name={name}] option").evaluate_all("options => options.map(option => option.value)")
    for value in options[1:]:
        page.select_option(f"[name={name}]", value)
        found.append(shown(page))
        if name != "outcome":
            kept = page.locator("article:visible").evaluate_all(
                "(articles, name) => articles.map(article => article.getAttribute(name))", FILTERS[name]
            )
            assert all(value in attribute for attribute in kept)
    assert whole > min(found) and sum(found) >= whole
    page.select_option(f"[name={name}]", "")
    assert shown(page) == whole


def test_hits_are_those_of_the_encoder_that_is_shown(open_page: Open):
    page = open_page("gallery.html")
    page.evaluate(
        "articles[0].hits = ['feature_similarity efficientnet_lite0']"
    )  # as if the first encoder had missed it
    page.select_option("[name=outcome]", "miss")
    assert shown(page) == 1
    page.select_option("[name=encoder]", "efficientnet_lite0")
    assert shown(page) == 0


def test_the_answers_are_those_of_the_encoder(open_page: Open):
    page = open_page("gallery.html")
    for encoder in ("efficientnet_lite0", "pixels"):
        page.select_option("[name=encoder]", encoder)
        answers = page.locator(".answer:visible").evaluate_all(
            "answers => answers.map(answer => answer.dataset.encoder)"
        )
        assert answers == [encoder] * shown(page)
        assert page.locator("article").first.locator("tr.shown th").inner_text() == encoder


def test_the_gallery_is_operated_by_keyboard(open_page: Open):
    page = open_page("gallery.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    whole = shown(page)
    for name in ("encoder", "case", "prompts", "outcome", "reason"):
        tab_to(page, f"[name={name}]")
        before = page.locator(f"[name={name}]").input_value()
        page.keyboard.press("ArrowDown")
        assert page.locator(f"[name={name}]").input_value() != before
        if name not in ("encoder", "outcome"):
            assert shown(page) < whole
            page.keyboard.press("ArrowUp")
    tab_to(page, "summary")
    page.keyboard.press("Enter")
    assert page.locator("details[open]").count() == 1
    tab_to(page, "pre")  # its long lines scroll


def test_the_tables_are_sorted_by_keyboard(open_page: Open):
    page = open_page("index.html")
    tab_to(page, "summary")
    page.keyboard.press("Enter")
    tab_to(page, "th button")
    page.keyboard.press("Enter")
    assert page.locator("th[aria-sort=descending]").count() == 1
    page.keyboard.press("Enter")
    assert page.locator("th[aria-sort=ascending]").count() == 1


def test_a_hostile_prompt_is_text(open_page: Open):
    page = open_page("gallery.html")
    assert page.locator("figcaption", has_text=HOSTILE).count() > 0
    assert page.locator(f"img[alt='Generated image for the prompt: {HOSTILE}']").count() > 0
    assert page.locator("script").count() == 1


def test_without_javascript_the_first_encoders_answers_are_there(open_page: Open):
    page = open_page("gallery.html", java_script_enabled=False)
    assert page.locator("article").count() == page.locator("article .answer:visible").count() > 0
    assert not page.locator("form").is_visible()
