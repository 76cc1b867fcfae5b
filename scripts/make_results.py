"""Write the measured tables of docs/results.md between their markers, and the pictures beside it.

    locany eval home --mode hybrid,fast,slow,verified --out runs/home
    locany calibrate runs/home/hybrid
    python scripts/run_ablation.py --out runs/ablation
    python scripts/run_ablation.py --out runs/ablation --scaling
    python scripts/make_results.py --home runs/home --ablation runs/ablation

Either can be left out: its tables then stay. All numbers go to benchmarks/results/ as JSON, too.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from locany.eval.ablation_plots import draw
from locany.eval.ablation_report import SCALING, markdown, read_results
from locany.eval.metrics.profile import Profile
from locany.eval.report import Report
from locany.eval.report_cells import Run
from locany.eval.report_pictures import sheets_of
from locany.eval.results_folder import find_results
from locany.files import write_whole
from locany.train.log import read_log

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "results.md"
PICTURES = ROOT / "docs" / "results"
RESULTS = ROOT / "benchmarks" / "results"
START, STOP = "<!-- {} -->\n", "<!-- end of {} -->\n"
_LEFT_OUT = " x "  # tables of pairs of groups are too long for a page


def home_tables(folder: Path, today: str) -> dict[str, str]:
    """The tables of the benchmark `home` by the name of their markers; writes numbers and pictures."""
    finished, unfinished = find_results([folder])
    if unfinished:
        raise SystemExit(f"not finished: {', '.join(map(str, unfinished))}")
    runs = [Run(found.config(), found.metrics(), str(found.path)) for found in finished]
    order = ["fast", "hybrid", "verified", "slow"]
    pairs = sorted(zip(finished, runs, strict=True), key=lambda pair: order.index(pair[1].mode))
    tables = [
        table
        for _, found in Report([run for _, run in pairs], [Profile.FIXED]).tables()
        for table in found
        if _LEFT_OUT not in table.title
    ]
    document = {run.mode: {"metrics": run.metrics, "config": _public(run.config)} for _, run in pairs}
    _write_json(RESULTS / f"home_{today}.json", document)
    hybrid = next(pair for pair in pairs if pair[1].mode == "hybrid")
    if (hybrid[0].path / "calibration.png").is_file():
        write_whole(PICTURES / "calibration.png", (hybrid[0].path / "calibration.png").read_bytes())
    for sheet in sheets_of(hybrid[0], hybrid[1], 6):
        kind = "best" if "best" in sheet.title.lower() else "worst"
        write_whole(PICTURES / f"home_{kind}.jpg", _smaller(sheet.jpeg))
    return {"home": "\n".join(table.markdown() for table in tables)}


def _public(config: Mapping[str, Any]) -> dict[str, Any]:
    """Without folders and names of this machine."""
    versions = {name: version for name, version in config["versions"].items() if name != "platform"}
    return {"settings": config["settings"], "versions": versions, "threads": config["threads"]}


def _smaller(jpeg: bytes, width: int = 1200) -> bytes:
    with Image.open(BytesIO(jpeg)) as image:
        image.thumbnail((width, 4 * width))
        out = BytesIO()
        image.save(out, "JPEG", quality=80)
    return out.getvalue()


def ablation_tables(folder: Path, today: str) -> dict[str, str]:
    """The tables of the study by the name of their markers; writes numbers and the picture."""
    logs = {run.name: read_log(run) for run in sorted(folder.iterdir()) if run.is_dir()}
    scaling = folder / SCALING
    document = {
        "runs": read_results(folder),
        "scaling": json.loads(scaling.read_text(encoding="utf-8")) if scaling.is_file() else None,
    }
    _write_json(RESULTS / f"ablation_{today}.json", document)
    draw(folder, logs, PICTURES / "ablation.png")
    return {"ablation": markdown(folder)}


def _write_json(path: Path, document: object) -> None:
    write_whole(path, json.dumps(document, separators=(",", ":")).encode() + b"\n")


def fill(page: Path, tables: Mapping[str, str]) -> None:
    """Put tables between their markers."""
    text = page.read_text(encoding="utf-8")
    for name, table in tables.items():
        start, stop = START.format(name), STOP.format(name)
        before, found, rest = text.partition(start)
        _, closed, after = rest.partition(stop)
        if not (found and closed):
            raise SystemExit(f"{page} lacks the markers {start.strip()} and {stop.strip()}")
        text = f"{before}{start}\n{table.strip()}\n\n{stop}{after}"
    write_whole(page, text.encode())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, help="folder of `locany eval home`")
    parser.add_argument("--ablation", type=Path, help="folder of scripts/run_ablation.py")
    options = parser.parse_args()
    PICTURES.mkdir(exist_ok=True)
    today = datetime.date.today().isoformat()
    if options.home:
        fill(PAGE, home_tables(options.home, today))
    if options.ablation:
        fill(PAGE, ablation_tables(options.ablation, today))


if __name__ == "__main__":
    main()
