"""Find things in the example images with the bundled model: print tables, write annotated pictures.

make demo        or        python scripts/demo.py [--out demo-out]
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import locany
from locany.tasks import Task

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
QUESTIONS: dict[str, Task] = {
    "band.png": Task.ground("trumpet"),
    "paper.png": Task.layout(["title", "authors", "page number"]),
    "sailing.png": Task.detect(["sailboat", "balloon", "book", "key"]),
    "shop.png": Task.gui("add this to the favourites"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("demo-out"))
    arguments = parser.parse_args()
    began = time.perf_counter()
    locator = locany.load()
    print(f"{locator!r}, loaded in {time.perf_counter() - began:.1f} s\n")
    arguments.out.mkdir(parents=True, exist_ok=True)
    seconds = []
    for name, task in QUESTIONS.items():
        began = time.perf_counter()
        found = locator.locate(os.path.relpath(EXAMPLES / name), task)
        seconds.append(time.perf_counter() - began)
        print(found, "\n")
        locany.annotate(found, absent=True).save(arguments.out / name)
    print(
        f"{sum(seconds) / len(seconds):.2f} s per image (first {seconds[0]:.2f} s, best {min(seconds):.2f} s)"
    )
    print(f"annotated pictures: {arguments.out}/")


if __name__ == "__main__":
    main()
