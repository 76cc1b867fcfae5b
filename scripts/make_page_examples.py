"""Screenshots of pages that are not ours, with named controls measured in the page: examples/pages/.

    python scripts/make_page_examples.py NAME=ADDRESS ...

Every page is one that its makers ship. Each is served on this machine, for example:

    jupyterlab    jupyter lab --no-browser --IdentityProvider.token=''     address/lab?reset
    streamlit     streamlit hello --server.headless true
    django        the admin of an empty project, a user admin with the password pw
    optuna        optuna-dashboard sqlite:///study.db                      address/dashboard
    tensorboard   tensorboard --logdir runs
    python        file:///usr/share/doc/python3.11/html/library/random.html (Debian's python3.11-doc)
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from locany.files import write_whole
from locany.synth.browser import find_browser

FOLDER = Path(__file__).resolve().parent.parent / "examples" / "pages"
VIEWPORTS = {"small": (800, 600), "large": (1280, 800)}
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-lcd-text", "--font-render-hinting=none",
         "--force-color-profile=srgb", "--hide-scrollbars")  # fmt: skip
TIMEOUT = 180_000  # milliseconds; for a busy machine

# The box of an element that is wholly to be seen: its centre and what lies near its corners can be clicked.
MEASURE = """element => {
  const r = element.getBoundingClientRect();
  const inside = r.left >= 0 && r.top >= 0 && r.right <= innerWidth && r.bottom <= innerHeight;
  if (r.width < 4 || r.height < 4 || !inside || getComputedStyle(element).opacity < 0.1) return null;
  const reaches = ([u, v]) => {
    const x = r.left + u * r.width, y = r.top + v * r.height;
    let hit = document.elementFromPoint(x, y);
    while (hit && hit.shadowRoot) {
      const inner = hit.shadowRoot.elementFromPoint(x, y);
      if (!inner || inner === hit) break;
      hit = inner;
    }
    return hit && (element.contains(hit) || hit.contains(element) || hit.getRootNode().host === element);
  };
  if (![[0.5, 0.5], [0.15, 0.15], [0.85, 0.15], [0.15, 0.85], [0.85, 0.85]].every(reaches)) return null;
  return [r.left, r.top, r.right, r.bottom].map(v => Math.round(v * 100) / 100);
}"""


@dataclass(frozen=True)
class Page:
    """A page of others: what it is, and a selector for each control as a person would call it."""

    title: str
    version: str
    licence: str
    origin: str
    controls: Mapping[str, str]
    login: tuple[str, Mapping[str, str]] | None = field(default=None)  # path, fields


def _button(name: str) -> str:
    return f'role=button[name="{name}"]'


_TOP = 'div.related[aria-label="related navigation"] >> nth=0'

PAGES = {
    "jupyterlab": Page(
        "JupyterLab, the launcher",
        "4.6.6",
        "BSD-3-Clause",
        "PyPI jupyterlab",
        {
            "the Terminal button": '.jp-LauncherCard[title="Start a new terminal session"]',
            "the Markdown File button": '.jp-LauncherCard[title="Create a new markdown file"]',
            "the Settings menu": '.lm-MenuBar-item:has-text("Settings")',
            "the Help menu": '.lm-MenuBar-item:has-text("Help")',
            "create a new folder": '[title="New Folder"]',
            "the upload icon": '[title="Upload Files"]',
            "the refresh icon": '[title="Refresh the file browser."]',
            "the No button": '.jp-toast-button:has-text("No")',
        },
    ),
    "streamlit": Page(
        "Streamlit, its own demo",
        "1.67.0",
        "Apache-2.0",
        "PyPI streamlit",
        {
            "the DataFrame demo link": 'a:has-text("DataFrame demo")',
            "the Mapping demo link": 'a:has-text("Mapping demo")',
            "the Deploy button": 'button:has-text("Deploy")',
            "the documentation link": 'a:text-is("documentation")',
            "the community forums link": 'a:text-is("community forums")',
            "the three dots icon": '[aria-label="Main menu"]',
        },
    ),
    "django": Page(
        "Django, adding a user in the admin",
        "5.2.19",
        "BSD-3-Clause",
        "PyPI django",
        {
            "the Save button": "input[name=_save]",
            "the Save and add another button": "input[name=_addanother]",
            "the Username field": "#id_username",
            "the Password field": "#id_password1",
            "the Password confirmation field": "#id_password2",
            "the Log out button": "#logout-form button",
            "the View site link": 'a:has-text("View site")',
            "the Groups link": 'th a:text-is("Groups")',
        },
        login=("/admin/login/", {"#id_username": "admin", "#id_password": "pw"}),
    ),
    "optuna": Page(
        "Optuna Dashboard, the studies",
        "0.21.0",
        "MIT",
        "PyPI optuna-dashboard",
        {
            "the Reload button": _button("Reload"),
            "the Create button": _button("Create"),
            "the Compare button": 'a:has-text("Compare")',
            "the Search study field": ".MuiTextField-root:has(#search-study) .MuiInputBase-root",
            "the Sort descending drop-down": ".MuiInputBase-root:has(.MuiSelect-select)",
            "the trash can icon": '[aria-label="delete study"]',
            "the menu icon": '[aria-label="open drawer"]',
            "the pencil icon": '[aria-label="rename study"]',
        },
    ),
    "tensorboard": Page(
        "TensorBoard, time series",
        "2.21.0",
        "Apache-2.0",
        "PyPI tensorboard",
        {
            "the Time series tab": "#mat-tab-label-0-0",
            "the Histogram button": "button.filter-view-button:has-text('Histogram')",
            "the Image button": "button.filter-view-button:has-text('Image')",
            "the Filter tags field": 'input[placeholder="Filter tags (regex)"]',
            "the Filter runs field": 'input[placeholder="Filter runs (regex)"]',
            "the reload icon": "button.reload-button",
            "the Settings button": 'button[aria-label="Toggle settings side pane"]',
        },
    ),
    "python": Page(
        "Python's library reference, random",
        "3.11.2",
        "PSF-2.0",
        "Debian python3.11-doc",
        {
            "the next link": f'{_TOP} >> a:text-is("next")',
            "the modules link": f'{_TOP} >> a:text-is("modules")',
            "the index link": f'{_TOP} >> a:text-is("index")',
            "the Quick search field": "input[type=text][name=q]:visible",
            "the Go button": "input[type=submit]:visible",
            "the menu icon": ".mobile-nav .toggler__label",
            "the Lib/random.py link": 'a:has-text("Lib/random.py")',
            "the Table of Contents link": '.sphinxsidebar a:text-is("Table of Contents")',
            "the Bookkeeping functions link": '.sphinxsidebar a:text-is("Bookkeeping functions")',
        },
    ),
}


def capture(
    browser: Any, name: str, address: str, viewport: tuple[int, int], settle: float
) -> tuple[bytes, dict[str, Any]]:
    """Screenshot as PNG, and the boxes of the controls that are wholly to be seen."""
    definition = PAGES[name]
    context = browser.new_context(
        viewport={"width": viewport[0], "height": viewport[1]}, locale="en-US", timezone_id="UTC"
    )
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    if definition.login:
        path, fields = definition.login
        page.goto("/".join(address.split("/")[:3]) + path)
        for selector, value in fields.items():
            page.fill(selector, value)
        page.click("[type=submit]")
    page.goto(address)
    page.wait_for_timeout(1000 * settle)
    page.evaluate("() => document.activeElement && document.activeElement.blur()")
    page.mouse.move(viewport[0] - 1, viewport[1] - 1)
    boxes = {}
    for phrase, selector in definition.controls.items():
        found = page.locator(selector)
        box = found.first.evaluate(MEASURE) if found.count() else None
        print(
            f"  {phrase}: {box or 'not to be seen'}"
            + (f" (first of {found.count()})" if found.count() > 1 else "")
        )
        if box:
            boxes[phrase] = box
    shot = page.screenshot(animations="disabled")
    context.close()
    with Image.open(io.BytesIO(shot)) as image:
        stream = io.BytesIO()
        image.convert("RGB").quantize(256).save(stream, "PNG", optimize=True)
    return stream.getvalue(), boxes


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("addresses", nargs="+", metavar="NAME=ADDRESS", help=", ".join(PAGES))
    parser.add_argument("--settle", type=float, default=8, help="seconds until a page shows all that it will")
    options = parser.parse_args()
    addresses = dict(text.split("=", 1) for text in options.addresses)
    FOLDER.mkdir(parents=True, exist_ok=True)
    index = FOLDER / "pages.json"
    known = json.loads(index.read_text(encoding="utf-8"))["pages"] if index.is_file() else []
    entries = {page["image"]: page for page in known}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(find_browser()), args=list(FLAGS))
        for name, address in addresses.items():
            for size, viewport in VIEWPORTS.items():
                file = f"{name}-{size}.png"
                print(file)
                shot, boxes = capture(browser, name, address, viewport, options.settle)
                write_whole(FOLDER / file, shot)
                page = PAGES[name]
                entries[file] = {
                    "image": file,
                    "size": list(viewport),
                    "title": page.title,
                    "version": page.version,
                    "licence": page.licence,
                    "origin": page.origin,
                    "controls": boxes,
                }
        browser.close()
    pages = [entries[file] for file in sorted(entries)]
    write_whole(index, (json.dumps({"pages": pages}, indent=1, ensure_ascii=False) + "\n").encode())


if __name__ == "__main__":
    main()
