"""The web demo as people use it: in a browser, by mouse and keyboard, wide and narrow."""

import re
from pathlib import Path

import pytest

from demo_servers import serving, tiny_weights, wait_until
from media_files import Movie, face_picture, write_movie
from mvemotion.explanation import explain_recording, write_page
from mvemotion.prediction import Predictor
from mvemotion.specs import EMOTIONS

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright for Python is needed")
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is needed"),
]
expect = sync_api.expect
expect.set_options(timeout=30_000)
SECONDS, WINDOW_S, HOP_S = 6.0, 2.0, 1.0
REFUSED = "the server responded with a status of 422"  # what Chromium says of any refused upload
NAMES = "|".join(EMOTIONS)
OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    drawn = Movie(seconds=SECONDS, height=96, width=160, draw=face_picture)
    return write_movie(tmp_path_factory.mktemp("movie") / "My clip (1).mp4", drawn)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with serving(tiny_weights(tmp_path_factory.mktemp("w") / "w.safetensors"), hop_s=HOP_S) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def new_page(browser, url):
    """Opens the page in a window of its own; at the end none may have complained or strayed."""
    contexts, complaints, addresses = [], [], []

    def open_page(path: str = "", *, before=lambda page: None, excused=REFUSED, **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)

        def listen(message):
            if message.type == "error" and excused not in message.text:
                complaints.append(message.text)

        page.on("console", listen)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: addresses.append(request.url))
        before(page)
        page.goto(url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
    assert [address for address in addresses if not address.startswith(url)] == []


@pytest.fixture(scope="module")
def result_path(browser, url, movie):
    """Where the result of one upload stays."""
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    page.set_input_files("#file", movie)
    page.wait_for_selector("#result:not([hidden])")
    path = page.url.removeprefix(url)
    page.close()
    return path


@pytest.fixture
def result(new_page, result_path):
    page = new_page(result_path)
    page.wait_for_selector("#chart path.curve")
    wait_until(lambda: page.evaluate("document.querySelector('video').readyState >= 1"))
    return page


def cursor_share(page) -> float:
    """Where the cursor stands between the first and the last moment of the curves."""
    x = float(page.get_attribute("#chart .cursor", "x1"))
    left, right = (
        float(page.get_attribute("#chart .grid >> nth=0", name)) for name in ("x1", "x2")
    )
    return (x - left) / (right - left)


def video_time_s(page) -> float:
    return page.evaluate("document.querySelector('video').currentTime")


def click_chart(page, share: float) -> None:
    page.locator("#chart").scroll_into_view_if_needed()
    box = page.locator("#chart .grid").first.bounding_box()
    page.mouse.click(box["x"] + share * box["width"], box["y"] - 40)


def choose(page, file: Path) -> None:
    page.set_input_files("#file", file)


def drop(page, file: Path) -> None:
    make_transfer = """([bytes, name]) => { const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], name)); return data; }"""
    transfer = page.evaluate_handle(make_transfer, [list(file.read_bytes()), file.name])
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})


# --- From file to curves --------------------------------------------------------------------------
def test_an_upload_becomes_curves_pictures_and_a_name(new_page, movie):
    page = new_page()
    expect(page.locator("#drop")).to_contain_text("Drop a music video here")
    page.set_input_files("#file", movie)
    expect(page.locator("#result")).to_be_visible()
    assert page.title() == "My clip (1).mp4 – mvemotion"
    curves = page.locator("#chart .series")
    assert [curve.get_attribute("data-emotion") for curve in curves.all()] == list(EMOTIONS)
    looks = {
        (path.get_attribute("stroke"), path.get_attribute("stroke-dasharray"))
        for path in page.locator("#chart path.curve").all()
    }
    assert len(looks) == len(EMOTIONS)
    assert page.locator("#chart .series").first.locator(".dot").count() == 5
    assert page.locator("#now-emotion").text_content() in EMOTIONS
    expect(page.locator("#bars li")).to_have_count(len(EMOTIONS))
    assert page.locator("#film img").count() >= 3
    for form in ("json", "csv", "srt"):
        with page.expect_download() as download:
            page.click(f"#get-{form}")
        assert download.value.suggested_filename == f"My clip (1).timeline.{form}"


def test_a_dropped_file_is_taken_too(new_page, movie):
    page = new_page()
    page.wait_for_selector("#drop")
    drop(page, movie)
    expect(page.locator("#result-name")).to_have_text(movie.name)
    expect(page.locator("main")).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "none"


@pytest.fixture
def slow_page(new_page):
    """A page that waits for what it needs to know, and what lets it go on."""

    def open_page(path: str = ""):
        held = []

        def hold(page):
            page.route("**/api/about", lambda route: held.append(route))

        page = new_page(path, before=hold)
        wait_until(lambda: page.evaluate("true") and held)  # asking lets the route be told
        return page, held[0].continue_

    return open_page


@pytest.mark.parametrize("take", [choose, drop])
def test_a_file_that_comes_before_the_page_is_set_up_is_taken(slow_page, movie, take):
    page, go_on = slow_page()
    take(page, movie)
    expect(page.locator("#drop")).to_be_hidden()
    go_on()
    expect(page.locator("#result-name")).to_have_text(movie.name)


def test_of_a_result_and_a_file_that_comes_early_the_file_is_shown(slow_page, result_path, movie):
    page, go_on = slow_page(result_path)
    newer = movie.with_name("newer.mp4")
    newer.write_bytes(movie.read_bytes())
    drop(page, newer)
    go_on()
    expect(page.locator("#result-name")).to_have_text("newer.mp4")


def test_an_early_refusal_stays_whatever_comes_after_it(slow_page, result_path, tmp_path):
    page, go_on = slow_page(result_path)
    with (tmp_path / "huge.mp4").open("wb") as file:
        file.truncate(501_000_000)
    choose(page, tmp_path / "huge.mp4")
    with page.expect_response("**/api/analyses/*"):
        go_on()
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("alert")).to_contain_text("at most 500 MB")
    expect(page.locator("#result")).to_be_hidden()


def test_a_page_that_cannot_be_set_up_says_so_and_takes_no_file(new_page, result_path, movie):
    answer = {"status": 503, "json": {"error": "Too much at once."}}

    def refuse(page):
        page.route("**/api/about", lambda route: route.fulfill(**answer))

    page = new_page(result_path, before=refuse, excused="the server responded with a status of 503")
    sent = []
    page.on("request", lambda request: sent.append(request.method))
    choose(page, movie)
    expect(page.get_by_role("alert")).to_contain_text("This page could not be set up")
    expect(page.get_by_role("alert")).to_contain_text("Too much at once.")
    expect(page.get_by_role("button", name="Choose another video")).to_be_hidden()
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#result-name")).to_have_text("My clip (1).mp4")
    assert "POST" not in sent


def test_words_named_mp4_are_refused_in_words(new_page, tmp_path):
    page = new_page()
    (tmp_path / "words.mp4").write_text("not a video")
    page.set_input_files("#file", tmp_path / "words.mp4")
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("This file cannot be analysed")
    expect(problem).to_contain_text("words.mp4")
    expect(problem).to_contain_text("unreadable: 11 bytes")
    page.get_by_role("button", name="Choose another video").click()
    expect(page.locator("#drop")).to_be_visible()


def test_a_hostile_name_is_only_text(new_page, movie):
    page = new_page(viewport={"width": 390, "height": 844})
    name = "<img src=x onerror=document.title=1>" + "x" * 150 + ".mp4"
    page.set_input_files(
        "#file", {"name": name, "mimeType": "video/mp4", "buffer": movie.read_bytes()}
    )
    expect(page.locator("#result-name")).to_contain_text("<img src=x onerror=document.title=1>")
    assert page.locator("#result-name img").count() == 0
    assert page.evaluate(OVERFLOW) <= 0


def test_a_file_beyond_the_limit_is_not_even_sent(new_page, tmp_path):
    page = new_page()
    page.wait_for_selector("#drop")
    with (tmp_path / "huge.mp4").open("wb") as file:
        file.truncate(501_000_000)
    page.set_input_files("#file", tmp_path / "huge.mp4")
    expect(page.get_by_role("alert")).to_contain_text("at most 500 MB")


def test_who_comes_second_sees_how_many_are_before_and_may_cancel(new_page):
    first, second = new_page(), new_page()
    for page in (first, second):
        page.locator("#examples button").first.click()
        wait_until(lambda page=page: page.evaluate("location.hash.length > 1"))
    expect(second.locator("#status")).to_have_text("1 before you")
    expect(first.locator("#status")).to_have_text(re.compile("Drawing the film: [1-9]+ of 12 s"))
    for page in (first, second):
        page.click("#cancel")
        expect(page.locator("#empty")).to_be_visible()


# --- Moving through it ----------------------------------------------------------------------------
def test_the_cursor_follows_the_video(result):
    for time_s in (4.5, 1.5):
        result.evaluate(f"document.querySelector('video').currentTime = {time_s}")
        wait_until(lambda: not result.evaluate("document.querySelector('video').seeking"))
        assert cursor_share(result) == pytest.approx(time_s / SECONDS, abs=0.02)
    result.evaluate("const v = document.querySelector('video'); v.muted = true; v.play()")
    wait_until(lambda: video_time_s(result) > 2.2)
    assert cursor_share(result) > 2.1 / SECONDS


def test_a_click_on_the_curve_seeks_and_names_the_moment(result):
    click_chart(result, 0.75)
    assert video_time_s(result) == pytest.approx(0.75 * SECONDS, abs=0.1)
    assert cursor_share(result) == pytest.approx(0.75, abs=0.02)
    expect(result.locator("#now-span")).to_have_text(re.compile("From 0:0[34] to 0:0[56]"))
    result.locator("#film button").first.click()
    assert video_time_s(result) < 1.5


def test_arrow_keys_go_from_answer_to_answer(result):
    chart = result.get_by_role("slider", name="Moment of the video")
    chart.focus()
    result.keyboard.press("Home")
    for _ in range(2):
        result.keyboard.press("ArrowRight")
    assert video_time_s(result) == pytest.approx(2 * HOP_S + WINDOW_S / 2, abs=0.05)
    result.keyboard.press("End")
    assert cursor_share(result) == pytest.approx(1.0, abs=0.01)
    assert float(chart.get_attribute("aria-valuenow")) == pytest.approx(SECONDS, abs=0.1)
    assert re.match(r"0:0[56], \w+ \d+ %", chart.get_attribute("aria-valuetext"))


def test_the_sigmoid_reading_is_another_one(result):
    def shares():
        texts = result.locator("#bars .value").all_text_contents()
        return [int(text.removesuffix(" %")) for text in texts]

    assert sum(shares()) == pytest.approx(100, abs=3)
    before = result.get_attribute("#chart path.curve >> nth=0", "d")
    result.get_by_text("sigmoid", exact=True).click()
    assert sum(shares()) > 150  # six outputs of about a half
    assert result.get_attribute("#chart path.curve >> nth=0", "d") != before


def test_an_emotion_can_be_stressed(result):
    result.get_by_role("button", name="Fear").click()
    weak = result.locator("#chart .series.weak")
    assert weak.count() == len(EMOTIONS) - 1
    result.get_by_role("button", name="Fear").click()
    assert weak.count() == 0


def test_why_shows_shares_and_pictures_with_words_for_them(result):
    result.locator("#why-button").click()
    expect(result.locator("#why-status")).to_contain_text("here (softmax)")
    assert result.locator(".parts li").count() == 3
    for image in result.locator(".evidence img").all():
        assert re.search("Log-mel spectrogram|Frames of the", image.get_attribute("alt"))
        image.scroll_into_view_if_needed()
        wait_until(lambda image=image: image.evaluate("image => image.naturalWidth > 100"))
    assert result.locator(".evidence img").count() == 3
    result.locator("#why-emotion").select_option("Tension")
    expect(result.locator("#why-title")).to_contain_text("Tension")
    expect(result.locator("#why-status")).to_contain_text("Tension has")


def test_what_the_browser_cannot_play_is_shown_in_pictures(new_page, tmp_path):
    page = new_page()
    film = Movie(seconds=3.0, codec="mpeg4", b_frames=0, height=96, width=160)
    page.set_input_files("#file", write_movie(tmp_path / "old.avi", film))
    expect(page.locator("#unplayable")).to_contain_text("cannot play")
    click_chart(page, 0.5)
    assert cursor_share(page) == pytest.approx(0.5, abs=0.02)
    expect(page.locator("#still")).to_be_visible()
    assert "The video at 0:0" in page.get_attribute("#still", "alt")


def test_a_reloaded_result_is_still_there_and_a_lost_one_says_so(result, new_page):
    result.reload()
    expect(result.locator("#result-name")).to_have_text("My clip (1).mp4")
    result.get_by_role("button", name="New video").click()
    expect(result.locator("#empty")).to_be_visible()
    result.go_back()
    expect(result.locator("#result")).to_be_visible()


def test_an_unsure_answer_is_called_uncertain_and_can_be_asked_about(browser, movie, tmp_path):
    weights = tiny_weights(tmp_path / "w.safetensors")
    with serving(weights, hop_s=HOP_S, abstain_below=0.99) as url:
        page = browser.new_page()
        page.goto(url)
        page.set_input_files("#file", movie)
        expect(page.locator("#now-emotion")).to_have_text("Uncertain")
        expect(page.locator("#now-value")).to_have_text(re.compile(rf"^(?:{NAMES}) \d+ %$"))
        expect(page.locator("#chart .threshold")).to_be_attached()
        page.locator("#why-button").click()
        expect(page.locator("#why-status")).to_contain_text("here (softmax)")
        page.close()


# --- Everyone, everywhere -------------------------------------------------------------------------
@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(new_page, result_path, width, theme):
    size = {"viewport": {"width": width, "height": 844}, "color_scheme": theme}
    page = new_page(**size)
    page.wait_for_selector("#examples img")
    assert page.evaluate(OVERFLOW) <= 0
    page = new_page(result_path, **size)
    page.wait_for_selector("#chart path.curve")
    assert page.evaluate(OVERFLOW) <= 0


def test_the_page_of_an_unsure_explanation_fits_a_phone(browser, movie, tmp_path):
    weights = tiny_weights(tmp_path / "w.safetensors")
    predictor = Predictor(weights, device="cpu", abstain_below=1.0)
    timeline = predictor.predict(movie, hop_s=2.0)
    written = write_page(explain_recording(movie, predictor, timeline), tmp_path / "why")
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(written.as_uri())
    expect(page.locator("td .whole").first).to_contain_text("uncertain: ")
    widest = "nodes => nodes.forEach(node => node.lastChild.data = 'uncertain: Relaxation')"
    page.locator("td .whole").evaluate_all(widest)
    assert page.evaluate(OVERFLOW) <= 0
    page.close()


def test_the_notice_is_seen_and_says_which_network(new_page):
    page = new_page()
    notice = page.get_by_role("complementary", name="About the network")
    expect(notice).to_be_visible()
    notice.get_by_text("Which network is this?").click()
    expect(notice).to_contain_text("video_a2+music_a2+face_a2 (Table 6 of the paper)")


def test_everything_that_can_be_pressed_has_a_name_and_every_picture_words(result):
    nameless = result.evaluate(
        """() => [...document.querySelectorAll('button, a, input, select')]
        .filter(node => !(node.textContent.trim() || node.ariaLabel || node.labels?.length))
        .map(node => node.outerHTML)"""
    )
    assert nameless == []
    assert result.locator("img:not([alt])").count() == 0


def test_the_whole_way_works_by_keyboard(new_page, movie):
    page = new_page()
    page.wait_for_selector("#examples img")
    focused = []
    for _ in range(8):
        page.keyboard.press("Tab")
        focused.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert "file" in focused
    assert focused.count("BUTTON") == 3  # the examples


def test_who_wants_no_motion_gets_none(new_page, result_path):
    page = new_page(result_path, reduced_motion="reduce")
    page.wait_for_selector("#bars .fill")
    style = "getComputedStyle(document.querySelector('#bars .fill')).transitionDuration"
    assert page.evaluate(style) in ("0s", "")
