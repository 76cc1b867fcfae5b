"""A real browser that renders pages for us: one headless Chromium per process, offline, always the same.

    page = browser()
    page.show(html, (1280, 800), scale=2.0)
    facts = page.evaluate("() => document.title")
    pixels = page.screenshot()

A browser that crashes, or does not answer any more, is ended and started anew (`restarting`).

Links in `html` are relative to the assets folder (`render_assets`), from where style sheets and scripts of
the interface toolkits are read as files; everything else that a page asks for fails at once.
"""

from __future__ import annotations

import atexit
import base64
import io
import os
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
from PIL import Image

from locany.errors import BrowserLostError, MissingAssetsError, MissingExtraError
from locany.synth.fonts import SETUP_HINT
from locany.synth.render_assets import assets_folder

P = ParamSpec("P")
T = TypeVar("T")

BROWSER_VARIABLE = "LOCANY_BROWSER"
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")

_FLAGS = (
    "--no-sandbox",  # containers run as root; the only pages shown are our own, and they are offline
    "--disable-gpu",
    "--disable-lcd-text",  # grey anti-aliasing: what a screenshot of a scaled screen shows
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--allow-file-access-from-files",
)
# A picture of a page in motion depends on the moment; a caret blinks.
_STILL = (
    "*, *::before, *::after { animation: none !important; transition: none !important; "
    "caret-color: transparent !important; scroll-behavior: auto !important; }"
)
_RESOURCE = re.compile(r"<(?:link|script)\b[^>]*(?:href|src)=[^>]*>")
_SETTLING_SHOWS = 4  # two were enough in most trials and three in all
_SHOW_TIMEOUT = 20_000  # milliseconds; our largest page needs one
# Seconds for all that is asked of it at once. Scripts and screenshots have no limit of their own, and a long
# training stood still for a page that was never done (docs/log.md).
_HANGS = 120.0


def find_browser() -> Path:
    """The Chromium to use: $LOCANY_BROWSER, else the first known name on the path.

    Raises:
        MissingAssetsError: there is none.
    """
    given = os.environ.get(BROWSER_VARIABLE)
    if given:
        if not os.access(given, os.X_OK):
            raise MissingAssetsError(f"{BROWSER_VARIABLE} is {given!r}, which is no program that can be run")
        return Path(given)
    for name in _NAMES:
        if path := shutil.which(name):
            return Path(path)
    raise MissingAssetsError(f"no Chromium found ({', '.join(_NAMES)}); {SETUP_HINT}")


class Browser:
    """One page of one Chromium. Not shared between threads or processes; see `browser`."""

    def __init__(self) -> None:
        try:
            from playwright.sync_api import sync_playwright
        except ImportError:
            raise MissingExtraError("playwright", "render", "rendering pages") from None
        folder = assets_folder()
        executable = find_browser()
        self._playwright = sync_playwright().start()
        try:
            self._browser = self._playwright.chromium.launch(
                executable_path=str(executable), args=list(_FLAGS), headless=True
            )
            self.version = self._browser.version
            context = self._browser.new_context(offline=True, locale="en-US", timezone_id="UTC")
            self._page = context.new_page()
            self._page.set_default_timeout(_SHOW_TIMEOUT)
            # A document from the folder lends its address to what is written into it.
            self._page.goto((folder / "blank.html").as_uri())
            self._cdp = context.new_cdp_session(self._page)
            self._pid = self._find_pid()
            self._crashed = False
            self._page.on("crash", self._note_crash)
            self._num_shown = 0
            self._settled: set[tuple[str, ...]] = set()
        except BaseException:
            self._playwright.stop()
            raise

    def show(self, html: str, size_wh: tuple[int, int], *, scale: float = 1.0) -> None:
        """Render a document and wait until its styles, fonts and images are there.

        Args:
            html: a whole document.
            size_wh: the viewport in CSS pixels.
            scale: device pixels per CSS pixel; a screenshot has `size_wh` times it.
        """
        with self._answering():
            self._show(html, size_wh, scale)

    def _show(self, html: str, size_wh: tuple[int, int], scale: float) -> None:
        metrics = {"width": size_wh[0], "height": size_wh[1], "deviceScaleFactor": scale, "mobile": False}
        self._cdp.send("Emulation.setDeviceMetricsOverride", metrics)
        html = html.replace("</head>", f"<style>{_STILL}</style></head>", 1)
        resources = tuple(sorted(set(_RESOURCE.findall(html))))
        # The first pages of a browser that use a style sheet have some text of form controls off by a shade;
        # the same page shown again has not. A page must not depend on what was shown before it.
        for _ in range(1 if resources in self._settled else _SETTLING_SHOWS):
            self._forget_fonts()
            self._page.set_content(html, wait_until="load")
            self._page.evaluate("() => document.fonts.ready.then(() => true)")
        self._settled.add(resources)

    def _forget_fonts(self) -> None:
        """Empty the browser's font cache, so that a page looks the same whatever was shown before it.

        The cache takes sizes that differ by less than a hundredth of a pixel for one, and keeps the first.
        Only a change of the generic families empties it, and a session may make one; nothing uses `fantasy`.
        """
        self._num_shown += 1
        session = self._page.context.new_cdp_session(self._page)
        session.send("Page.setFontFamilies", {"fontFamilies": {"fantasy": f"none {self._num_shown}"}})
        session.detach()

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """Run a JavaScript function in the page and return what it returns, as JSON would hold it."""
        with self._answering():
            return self._page.evaluate(script, argument)

    def screenshot(self) -> np.ndarray:
        """The viewport: [height, width, 3] uint8 RGB, in device pixels."""
        with self._answering():
            shot = self._cdp.send("Page.captureScreenshot", {"format": "png", "optimizeForSpeed": True})
        with Image.open(io.BytesIO(base64.b64decode(shot["data"]))) as image:
            return np.array(image.convert("RGB"))

    def _find_pid(self) -> int:
        processes = self._browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
        return next(int(one["id"]) for one in processes["processInfo"] if one["type"] == "browser")

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """End the browser if it takes too long, and say that it is lost where it is.

        Raises:
            BrowserLostError: it, or its page, crashed or did not answer; other errors stay what they are.
        """
        hangs = threading.Timer(_HANGS, self._kill)
        hangs.daemon = True
        hangs.start()
        try:
            yield
        except Exception as error:
            from playwright.sync_api import TimeoutError as ShowTimeoutError

            # Where a page alone is gone, or hangs, the browser is still there, and of no more use to us.
            gone = self._crashed or "crashed" in str(error) or isinstance(error, ShowTimeoutError)
            if self._browser.is_connected() and not gone:
                raise
            self._kill()
            raise BrowserLostError(
                f"the browser crashed, or did not answer for {_HANGS:.0f} s ({type(error).__name__}); memory "
                "may have run out: draw with fewer processes"
            ) from error
        finally:
            hangs.cancel()

    def _note_crash(self, _page: Any) -> None:
        self._crashed = True
        self._kill()  # what is asked of the page at this moment would not be answered any more

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def close(self) -> None:
        """End the browser."""
        with suppress(Exception):  # it may be gone
            self._browser.close()
        self._playwright.stop()


_browser: Browser | None = None
_owner = 0


def browser() -> Browser:
    """This process's browser, started at the first call and ended with the process.

    Raises:
        MissingAssetsError: Chromium or the assets folder is missing.
        MissingExtraError: playwright is not installed.
    """
    global _browser, _owner
    if _browser is None or _owner != os.getpid():  # a fork inherits the object, not the browser behind it
        _browser, _owner = Browser(), os.getpid()
        atexit.register(_close, _owner)
    return _browser


def restarting(render: Callable[P, T]) -> Callable[P, T]:
    """A function that draws with the browser, begun again with a new one where the browser is lost.

    Raises:
        BrowserLostError: the second one was lost, too.
    """

    @wraps(render)
    def twice(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return render(*args, **kwargs)
        except BrowserLostError:
            _close(os.getpid())
            return render(*args, **kwargs)

    return twice


def _close(owner: int) -> None:
    global _browser
    if _browser is not None and owner == _owner == os.getpid():
        _browser.close()
        _browser = None
