"""The report as people read it: on a screen, on a phone and on paper, without any network."""

import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

from mvemotion.report import build_report
from report_files import FAILED, TRAINED, results_folder, tier0_folder

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright for Python is needed")
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is needed"),
]
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SMALL_DESKTOP = {"width": 1200, "height": 800}
A4 = {"width": 695, "height": 1000}  # what the margins leave of 210 mm, at 96 to an inch
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SCROLLING = """[...document.querySelectorAll('article *')].filter(box =>
    box.scrollWidth > box.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(box).overflowX)
).length"""
FACTS = """({
    title: document.title,
    language: document.documentElement.lang,
    skips: document.querySelectorAll("a[href='#main-content']").length,
    mains: document.querySelectorAll("main#main-content").length,
    levels: [...document.querySelectorAll("main :is(h1,h2,h3,h4)")].map(h => +h.tagName[1]),
    alts: [...document.querySelectorAll("article img")].map(i => i.alt),
    broken: [...document.images].filter(i => !i.naturalWidth).map(i => i.src),
    links: [...document.querySelectorAll("a[href]")].map(a => a.href),
    ids: [...document.querySelectorAll("[id]")].map(one => one.id),
})"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "report"
    return build_report(results_folder(), out, tier0=tier0_folder()).parent


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def tab(browser):
    """A tab that notes every complaint and every request for something elsewhere."""
    tab = browser.new_context(viewport=WIDE).new_page()
    tab.complaints = []
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.on("console", lambda m: m.type in ("error", "warning") and tab.complaints.append(m.text))
    tab.on(
        "requestfailed",  # what a page still loads when it is left for the next is aborted
        lambda r: r.failure == "net::ERR_ABORTED" or tab.complaints.append(f"failed: {r.url}"),
    )
    tab.on(
        "request",
        lambda r: r.url.startswith(("file:", "data:")) or tab.complaints.append(f"asks {r.url}"),
    )
    return tab


@pytest.fixture(scope="module")
def pages(site):
    return sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)


@pytest.fixture(scope="module")
def facts(pages, tab):
    """What each page holds and complained of, by its path; every page is visited once."""
    found = {}
    for page in pages:
        visit(tab, page)
        found[page] = tab.evaluate(FACTS) | {"complaints": list(tab.complaints)}
        tab.complaints.clear()
    return found


def visit(tab, page: Path, viewport: dict = WIDE, media: str = "screen") -> None:
    tab.set_viewport_size(viewport)
    tab.emulate_media(media=media)
    tab.goto(page.as_uri())
    tab.wait_for_load_state("load")
    tab.evaluate("Promise.all([document.fonts.ready, window.MathJax?.startup?.promise])")


def test_every_page_is_there(site, pages):
    tables = [f"table-{number}" for number in range(1, 9)]
    others = ["index", "figures", "claims", "discrepancies", "assumptions", "provenance", "search"]
    lessons = ["index", "04_a", "05_table3_music", "06_b.failed", "solutions/05_table3_music"]
    expected = {*tables, *others, *(f"notebooks/{name}" for name in lessons)}
    assert {page.relative_to(site).as_posix().removesuffix(".html") for page in pages} == expected


def test_every_page_loads_whole_and_asks_for_nothing_elsewhere(facts):
    assert [(page, one["complaints"]) for page, one in facts.items() if one["complaints"]] == []
    assert [(page, one["broken"]) for page, one in facts.items() if one["broken"]] == []


def test_every_page_has_a_title_a_language_one_heading_and_a_skip_link(facts):
    assert len({one["title"] for one in facts.values()}) == len(facts)
    for page, one in facts.items():
        assert (one["language"], one["skips"], one["mains"]) == ("en", 1, 1)
        assert one["levels"][:1] == [1], page
        assert one["levels"].count(1) == 1, page
        assert all(b - a <= 1 for a, b in pairwise(one["levels"])), page


def test_every_picture_is_told_in_words(facts):
    alts = [alt for one in facts.values() for alt in one["alts"]]
    assert len(alts) == 3 + 1 + 2 * 4  # of figures, of a table, two in each notebook
    assert [alt for alt in alts if len(alt.split()) < 3] == []


def test_every_link_leads_somewhere(facts):
    ids = {page.as_uri(): {*one["ids"], ""} for page, one in facts.items()}
    links = {(page.name, link) for page, one in facts.items() for link in one["links"]}
    local = [(page, link) for page, link in links if link.startswith("file:")]
    assert len(local) > 100
    for page, link in local:
        target, anchor = urldefrag(link)
        if target in ids:
            assert unquote(anchor) in ids[target], f"{page}: {link}"
        else:
            assert Path(unquote(target.removeprefix("file://"))).is_file(), f"{page}: {link}"


def test_on_a_phone_nothing_stands_out_and_what_is_wide_scrolls_in_its_box(site, pages, tab):
    scrolling = {}
    for page in pages:
        visit(tab, page, PHONE)
        assert tab.evaluate(OVERFLOW) <= 0, page
        scrolling[page.relative_to(site).as_posix()] = tab.evaluate(SCROLLING)
    for name in ("table-3.html", "provenance.html"):
        assert scrolling[name] >= 1
    assert scrolling["notebooks/05_table3_music.html"] >= 2  # the table and the code


def test_on_a_phone_the_name_of_a_row_stays_while_its_numbers_scroll(site, tab):
    visit(tab, site / "table-3.html", PHONE)
    name = tab.locator("table.compared tbody tr", has=tab.locator(f"code:text-is('{TRAINED}')"))
    before = name.locator("th").bounding_box()["x"]
    tab.locator("div.wide", has=name).first.evaluate("box => box.scrollLeft = 400")
    assert name.locator("td").first.bounding_box()["x"] < 0
    assert name.locator("th").bounding_box()["x"] == pytest.approx(before, abs=1)


def test_on_a_small_desktop_code_has_the_room_of_the_contents_beside_it(site, tab):
    page = site / "notebooks" / "05_table3_music.html"
    visit(tab, page, SMALL_DESKTOP)
    assert tab.locator("article").bounding_box()["width"] > 0.7 * SMALL_DESKTOP["width"]
    visit(tab, page, {"width": 1500, "height": 900})
    assert tab.locator(".bd-sidebar-secondary").is_visible()


def test_every_head_of_a_column_stands_on_a_line(site, tab):
    visit(tab, site / "table-3.html")
    heads = tab.locator("table.compared thead th:not([colspan])")
    lines = heads.evaluate_all("all => all.map(one => getComputedStyle(one).borderBottomWidth)")
    assert "0px" not in lines


def test_on_paper_everything_is_there(site, pages, tab):
    for page in pages:
        visit(tab, page, A4, "print")
        assert tab.evaluate(OVERFLOW) <= 0, page
        assert tab.evaluate(SCROLLING) == 0, page


def test_a_number_leads_to_the_run_that_it_came_from(site, tab):
    visit(tab, site / "table-3.html")
    row = tab.locator("tr", has=tab.locator(f"code:text-is('{TRAINED}')"))
    assert re.fullmatch(r"0\.\d{3}|1\.000", row.locator(".number-link").first.inner_text())
    row.locator(".number-link").first.click()
    tab.wait_for_url("**/provenance.html#run-*")
    origin = tab.locator("tr:target")
    assert TRAINED in origin.inner_text()
    assert re.search(r"\b[0-9a-f]{12}\b", origin.inner_text())


@pytest.mark.parametrize("number", range(1, 9))
def test_tables_are_filled(site, tab, number):
    visit(tab, site / f"table-{number}.html")
    heads = tab.locator("table.compared tbody th").all_inner_texts()
    assert len(heads) >= 3
    assert all(heads)
    cells = tab.locator("table.compared tbody td").all_inner_texts()
    assert sum(bool(re.search(r"\d", cell)) for cell in cells) >= len(heads)


def test_formulas_are_set(site, tab):
    visit(tab, site / "notebooks" / "05_table3_music.html")
    tab.wait_for_selector("mjx-container[display='true'] svg")
    assert tab.locator("mjx-container").count() == 2
    assert tab.locator("mjx-merror").count() == 0
    assert tab.locator("mjx-assistive-mml").count() == 2
    assert tab.complaints == []


def test_sentences_can_be_chosen_by_verdict(site, tab):
    visit(tab, site / "claims.html")
    visible = tab.locator(".ledger .claim:visible")
    total = visible.count()
    tab.get_by_label("untested").check()
    untested = visible.count()
    assert 0 < untested <= total
    assert untested == tab.locator(".ledger .claim[data-verdict='untested']").count()
    tab.get_by_label("all").check()
    assert visible.count() == total


def test_a_failure_is_seen_first_and_unfolds_on_screen_and_on_paper(site, tab):
    visit(tab, site / "index.html")
    box = tab.locator(".failures")
    assert box.bounding_box()["y"] < WIDE["height"]
    assert FAILED in box.locator("summary").inner_text()
    assert box.locator("pre").is_visible()
    box.locator("summary").click()
    assert not box.locator("pre").is_visible()
    tab.emulate_media(media="print")
    assert box.locator("pre").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground(site, browser, scheme):
    context = browser.new_context(viewport=WIDE, color_scheme=scheme)
    tab = context.new_page()
    visit(tab, site / "index.html")
    ground = _brightness(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert ground > 0.9 if scheme == "light" else ground < 0.1
    for selector in ("article p", ".soft", ".failures summary", ".number-link, article a"):
        colour = tab.locator(selector).first.evaluate("one => getComputedStyle(one).color")
        words = _brightness(colour)
        contrast = (max(words, ground) + 0.05) / (min(words, ground) + 0.05)
        assert contrast >= 4.5, (selector, colour)  # WCAG 2, level AA
    context.close()


def test_the_search_finds_a_word_without_a_server(site, tab):
    tab.goto(f"{(site / 'search.html').as_uri()}?q=provenance")
    tab.wait_for_selector("#search-results li a")
    assert tab.complaints == []


def _brightness(colour: str) -> float:
    """Relative luminance of ``rgb(...)``, as WCAG defines it."""
    channels = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
