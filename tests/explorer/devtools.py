"""Drive a page in a headless Chromium by its debugging protocol, over a pipe: click, type, measure, look.

https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import fcntl
import json
import os
import select
import subprocess
import time
from contextlib import contextmanager

from reporting.browser import find_chromium

PATIENCE = 60.0
KEYS = {
    "Home": 36, "End": 35, "PageUp": 33, "PageDown": 34, "ArrowLeft": 37, "ArrowRight": 39, "Tab": 9, " ": 32,
}  # fmt: skip


class Page:
    """One page: what it says and fetches since it was opened is remembered."""

    def __init__(self, process, to_browser, from_browser):
        self.process, self.writes, self.reads = process, to_browser, from_browser
        self.rest, self.last, self.session = b"", 0, None
        self.complaints, self.fetched = [], []
        (target,) = [t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page"]
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        # Without a window the page would not always have the focus, and hear of none.
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def call(self, method, **params):
        """Send a command and return its answer; what happens in between is noted."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writes, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self.last:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _receive(self):
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.reads], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            piece = os.read(self.reads, 1 << 20)
            assert piece, "the browser is gone"
            self.rest += piece
        text, self.rest = self.rest.split(b"\0", 1)
        event = json.loads(text)
        params = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.fetched.append(params["request"]["url"])
        elif event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"]["exception"].get("description", "an exception"))
        elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(params["entry"]["text"])
        elif event.get("method") == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(" ".join(str(a.get("value", a)) for a in params["args"]))
        return event

    def open(self, path, *, width=1280, height=900, phone=False, dark=False):
        """Open a file, or an address, and wait until its script is done."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        # A mouse left over a picture would point at what scrolls under it.
        self.move_mouse(1, 1)
        self.complaints.clear()
        self.fetched.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone
        )  # fmt: skip
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)
        # A window that another has taken the focus from tells nobody what is focused in it.
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        self.call("Page.navigate", url=path if isinstance(path, str) else path.as_uri())
        self.wait_until_ready()

    def wait_until_ready(self):
        """Wait until the script of the page that is being loaded is done."""
        self.wait("document.documentElement?.dataset.ready === 'yes'")
        self.settle()

    def value(self, expression):
        """Evaluate an expression, awaiting a promise."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not self.value(f"Boolean({condition})"):
            assert time.monotonic() < deadline, f"never: {condition}; {self.complaints}"
            time.sleep(0.02)

    def settle(self):
        """Wait until what is due to be drawn is drawn."""
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def press(self, *keys):
        """Press keys, as from a keyboard."""
        for key in keys:
            text = {"text": key} if key == " " else {}
            common = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": KEYS[key]}
            self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **common, **text)
            self.call("Input.dispatchKeyEvent", type="keyUp", **common)
        self.settle()

    def move_mouse(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        self.settle()

    def swipe(self, x, y, up):
        """Draw a finger over the screen by so many pixels; by none it is a tap."""
        self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        for moved in range(10, up + 1, 10):
            self.call("Input.dispatchTouchEvent", type="touchMove", touchPoints=[{"x": x, "y": y - moved}])
            self.settle()
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        self.settle()

    def click(self, selector):
        """Click in the middle of an element, as with a mouse."""
        x, y = self.value(
            f"(e => {{ e.scrollIntoView({{block: 'center'}}); const b = e.getBoundingClientRect();"
            f" return [b.x + b.width / 2, b.y + b.height / 2]; }})(document.querySelector({selector!r}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        self.settle()

    def picture(self, path, *, whole=False):
        """Save what is seen, or the whole page."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=whole, **self._area(whole))
        path.write_bytes(base64.b64decode(shot["data"]))

    def _area(self, whole):
        if not whole:
            return {}
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}


@contextmanager
def chromium(folder):
    """A browser with a profile of its own in a folder, as a `Page`."""
    reads_here, writes_there = os.pipe()
    reads_there, writes_here = os.pipe()
    # The browser reads commands from descriptor 3 and answers on 4; the copies are out of the way of both.
    source, sink = (fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (reads_there, writes_there))

    def place():
        os.dup2(source, 3)
        os.dup2(sink, 4)

    command = [
        find_chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--disable-dev-shm-usage", "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}", "about:blank",
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        pass_fds=(3, 4),
        preexec_fn=place,  # noqa: PLW1509 - this process has no other threads that fork would harm
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for fd in (reads_there, writes_there, source, sink):
        os.close(fd)
    try:
        yield Page(process, writes_here, reads_here)
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)
        os.close(writes_here)
        os.close(reads_here)
