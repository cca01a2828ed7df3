"""The page itself, as a person uses it, in Chromium where that is installed (Debian: chromium and chromium-driver)."""

import shutil

import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import ActionChains, ChromeOptions, ChromeService, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from made import make_model, values
from retint.labeling.files.desk import FirstLabels
from retint.labeling.starts import UNKNOWN

CHROMIUM, DRIVER = (next(filter(None, map(shutil.which, names)), None) for names in (("chromium", "google-chrome"), ("chromedriver",)))
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no browser comes with pip: needs Chromium and its driver (Debian: chromium, chromium-driver)")

IDLE = "return typeof waiting === 'number' && waiting === 0 && !opening && open !== null"


@pytest.fixture(scope="module")
def browser():
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    for switch in ("headless", "no-sandbox", "disable-gpu", "disable-background-networking", "disable-sync", "window-size=1000,700"):
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    try:
        driver = webdriver.Chrome(options, ChromeService(DRIVER))
    except WebDriverException as error:
        pytest.skip(f"Chromium does not start: {error.msg}")
    with driver:
        yield driver


class Hand:
    """A person at the page."""

    def __init__(self, browser, page):
        self.browser, self.page = browser, page
        browser.get(page.server.address)
        self.wait()

    def run(self, script):
        return self.browser.execute_script(script)

    def wait(self):
        WebDriverWait(self.browser, 60, 0.02).until(lambda browser: browser.execute_script(IDLE))

    def find(self, name):
        return self.browser.find_element(By.ID, name)

    def said(self):
        return self.find("said").text

    def press(self, *keys, control=False, shift=False):
        held = [Keys.CONTROL] * control + [Keys.SHIFT] * shift
        chain = ActionChains(self.browser, duration=0)
        for key in held:
            chain.key_down(key)
        chain.send_keys(*keys)
        for key in held:
            chain.key_up(key)
        chain.perform()
        self.wait()

    def click(self, name):
        self.find(name).click()
        self.wait()

    def move(self, place, chain=None):
        """The pointer to a pixel of the image, (row, column)."""
        row, column, (wide, high) = *place, self.run("return [board.clientWidth, board.clientHeight]")
        x, y = self.run(f"return [view.x + ({column} + 0.5) * view.zoom, view.y + ({row} + 0.5) * view.zoom]")
        chain = chain or ActionChains(self.browser, duration=0)
        return chain.move_to_element_with_offset(self.find("board"), round(x - wide / 2), round(y - high / 2))

    def draw(self, *places):
        chain = self.move(places[0]).click_and_hold()
        for place in places[1:]:
            self.move(place, chain)
        chain.release().perform()
        self.wait()

    def labels(self):
        """Of the slice that is shown, as the page has them, (rows, columns)."""
        return np.array(self.run("return Array.from(labels)"), np.uint8).reshape(self.run("return open.size.slice(1)"))

    def canvas(self, name):
        """Its pixels, (rows, columns, 4): red, green, blue, alpha."""
        script = f"return Array.from(canvases.{name}.getContext('2d').getImageData(0, 0, open.size[2], open.size[1]).data)"
        return np.array(self.run(script), np.uint8).reshape(*self.run("return open.size.slice(1)"), 4)

    def truth(self, name="labels"):
        """What the server has of the slice that is shown."""
        number, at, shape = self.run("return [open.image, slice, open.size.slice(1)]")
        return np.frombuffer(self.page.get(f"{name}?image={number}&slice={at}"), np.uint8).reshape(shape)


@pytest.fixture
def hand(browser, opened):
    """Begins a page of images in the browser; at the end, nothing may have gone wrong in its scripts."""
    yield lambda arrays, *given, **wish: Hand(browser, opened(arrays, *given, **wish))
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


@pytest.fixture
def person(hand):
    return hand([values(20, 30, 3), values(16, 24, 3)], steps=3)


def check_shown(person):
    """Labels and strokes on the page are the server's, in the colours of their classes."""
    palette = np.zeros((256, 4), np.uint8)
    palette[: len(person.page.drawings.colours)] = [(*colour, 255) for colour in person.page.drawings.colours]
    np.testing.assert_array_equal(person.labels(), person.truth())
    np.testing.assert_array_equal(person.canvas("labels"), palette[person.truth()])
    np.testing.assert_array_equal(person.canvas("hints"), palette[person.truth("hints")])
    shares = [float(share.text.removesuffix(" %") or 0) for share in person.browser.find_elements(By.CSS_SELECTOR, "#classes small")]
    counts = np.bincount(person.truth().ravel(), minlength=256)[:3]
    np.testing.assert_allclose(shares, 100 * counts / person.truth().size, atol=0.051)


def test_the_image_and_its_labels_are_shown(person):
    check_shown(person)
    np.testing.assert_array_equal(person.canvas("picture")[..., :3], person.page.drawings.desk.shown[0])
    assert person.browser.title == "0.tif – Retint"


def test_a_stroke_is_where_the_pointer_was_of_the_class_that_is_chosen(person):
    person.press("3")
    person.draw((5, 4), (5, 20))
    hints = person.truth("hints")
    np.testing.assert_array_equal(np.argwhere(hints == 2).min(0), (3, 2))  # 5 pixels broad, with round ends
    np.testing.assert_array_equal(np.argwhere(hints == 2).max(0), (7, 22))
    assert set(np.unique(hints)) == {2, UNKNOWN}
    check_shown(person)
    assert person.said().startswith("1 stroke · ")


def test_a_stroke_on_what_was_zoomed_and_moved(person):
    wheel = "board.dispatchEvent(new WheelEvent('wheel', {deltaY: -900, clientX: 500, clientY: 300, cancelable: true}))"
    before = person.run("return view.zoom")
    person.run(wheel)
    assert person.run("return view.zoom") > 2 * before
    chain = person.move((10, 15)).key_down(Keys.SPACE).click_and_hold()
    person.move((8, 12), chain).release().key_up(Keys.SPACE).perform()
    person.press("[", "[", "2")  # narrower, 3 pixels
    person.draw((12, 15))
    hints = person.truth("hints")
    assert set(np.unique(hints)) == {1, UNKNOWN}  # what moved the image drew nothing
    assert np.argwhere(hints == 1).mean(0).tolist() == [12, 15]
    assert (hints == 1).sum() in (5, 9)
    assert person.find("under").text == f"class{person.truth()[12, 15]} · row 12, column 15"
    person.press("0")
    assert person.run("return view.fitted")


def test_what_lies_off_the_image_is_no_stroke(hand):
    person = hand([values(30, 12, 3)], steps=1)
    person.press(*"[[[[")  # a pixel broad
    person.draw((3, -2), (12, -2))
    assert (person.truth("hints") == UNKNOWN).all()
    assert not person.find("undo").is_enabled()


def test_back_and_again(person):
    first = person.truth()
    person.press("2")
    person.draw((5, 4), (5, 20))
    second = person.truth()
    person.press("z", control=True)
    np.testing.assert_array_equal(person.labels(), first)
    check_shown(person)
    assert [person.find(name).is_enabled() for name in ("undo", "redo", "clear")] == [False, True, False]
    person.press("z", control=True, shift=True)
    np.testing.assert_array_equal(person.labels(), second)
    person.click("clear")
    np.testing.assert_array_equal(person.labels(), first)
    person.click("undo")
    np.testing.assert_array_equal(person.labels(), second)
    check_shown(person)


def test_one_step_more_and_doubt(person):
    assert person.find("steps").text == "3 steps"
    person.click("advance")
    assert person.find("steps").text == "4 steps"
    check_shown(person)
    person.press("d")
    palette = np.array(person.run("return model.doubt"), np.uint8)
    np.testing.assert_array_equal(person.canvas("labels")[..., :3], palette[person.truth("doubt")])
    person.press("d")
    check_shown(person)


def test_from_image_to_image(person):
    person.press("2")
    person.draw((5, 4), (5, 20))
    person.press(Keys.PAGE_DOWN)
    assert person.browser.title == "1.tif – Retint"
    check_shown(person)
    assert [option.text for option in person.find("images").find_elements(By.TAG_NAME, "option")] == ["✓ 0.tif", "1.tif"]
    assert not person.find("next").is_enabled()
    person.press(Keys.PAGE_UP)
    assert (person.truth("hints") == 1).any()
    check_shown(person)


def test_it_is_saved_and_ended(person, tmp_path):
    person.press("2")
    person.draw((5, 4), (5, 20))
    person.press("s", control=True)
    assert person.said() == f"saved {tmp_path / 'out' / '0.png'}"
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / "out" / "0.hints.png")), person.truth("hints"))
    person.click("finish")
    assert person.said() == "Ended: 1 of 2 written. You may close this page."
    assert not person.find("undo").is_enabled()
    person.page.thread.join(60)
    assert not person.page.thread.is_alive()


def test_slices_of_a_volume_and_strokes_on_them(hand):
    person = hand([values(5, 16, 18)], make_model("slices-2", channels=1), steps=2)
    assert person.find("slice-now").text == "2"
    check_shown(person)
    person.run("$('slice').value = 3; $('slice').oninput(); $('slice').onchange()")
    person.wait()
    person.press("2")
    person.draw((8, 9))
    check_shown(person)
    hints = person.page.drawings.desk.session.hints
    assert (hints[3] == 1).any()
    assert (hints[[0, 1, 2, 4]] == UNKNOWN).all()


def test_a_page_shows_at_its_next_action_what_another_one_drew(browser, begun, tmp_path):
    images = [tmp_path / "0.png"]
    Image.fromarray(values(20, 30, 3)).save(images[0])
    person = Hand(browser, begun(FirstLabels(("a", "b", "c"), None, images, tmp_path / "labels")))
    person.page.tell("stroke", image=0, **{"class": 2}, points=[[16, 3], [16, 25]], width=3)
    assert (person.labels() == UNKNOWN).all()
    person.press("2")
    person.draw((5, 4), (5, 20))
    assert set(np.unique(person.truth())) == {1, 2, UNKNOWN}
    check_shown(person)


def test_what_the_server_refuses_is_said(person):
    person.page.tell("open", image=1)  # by another page
    person.draw((5, 4), (5, 20))
    assert person.said() == "another image is open by now: reload the page"
    assert "wrong" in person.find("said").get_attribute("class")
    person.browser.get_log("browser")  # which tells the answer's status, too
