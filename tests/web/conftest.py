"""Pages at work, for the tests of the server and of what runs in the browser."""

import http.client
import json
from threading import Thread

import numpy as np
import pytest
import tifffile

from retint.errors import RetintError
from retint.labeling.files.desk import Corrections
from retint.labeling.files.images import Wish
from retint.web.server import Server


class Page:
    """A server at work, and a browser of it."""

    def __init__(self, drawings):
        self.drawings, self.server = drawings, Server(drawings, 0)
        self.where, self.path = self.server.address.removeprefix("http://").split("/", 1)
        self.start()

    def start(self):
        self.failed, self.thread = [], Thread(target=self._run)
        self.thread.start()

    def _run(self):
        try:
            self.server.run()
        except RetintError as error:
            self.failed.append(error)

    def ask(self, method, path, body=None, **fields):
        browser = http.client.HTTPConnection(self.where, timeout=60)
        browser.request(method, path, body, {"Content-Type": "application/json", **fields})
        answer = browser.getresponse()
        return answer.status, answer.read(), answer

    def get(self, name):
        status, body, _ = self.ask("GET", f"/{self.path}{name}")
        return body if status == 200 else json.loads(body)["error"]

    def tell(self, name, **given):
        status, body, _ = self.ask("POST", f"/{self.path}{name}", json.dumps(given))
        told = json.loads(body)
        return told if status == 200 else told["error"]

    def plane(self, name, shape, query=""):
        return np.frombuffer(self.get(f"{name}?image=0{query}"), np.uint8).reshape(shape)


@pytest.fixture
def begun():
    """Begins pages; they end with the test."""
    pages = []

    def begin(drawings):
        pages.append(Page(drawings))
        return pages[-1]

    yield begin
    for page in pages:
        page.server.stop()
        page.thread.join(60)
        assert not page.thread.is_alive()
        page.server.close()


@pytest.fixture
def opened(begun, model, tmp_path):
    """Begins pages of images that a model labels."""

    def begin(arrays, model=model, **wish):
        paths = [tmp_path / f"{n}.tif" for n in range(len(arrays))]
        for path, array in zip(paths, arrays, strict=True):
            tifffile.imwrite(path, array, **({"photometric": "rgb"} if array.shape[-1] == 3 else {"imagej": True, "metadata": {"axes": "ZYX"}}))
        return begun(Corrections(model, paths, tmp_path / "out", Wish(**wish)))

    return begin
