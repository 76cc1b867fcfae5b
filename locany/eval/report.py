"""A report of runs: the same tables as Markdown, as one HTML file and as pictures, with sheets of images."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from locany.eval.metrics.profile import Profile
from locany.eval.report_cells import Run, Table
from locany.eval.report_pictures import Sheet
from locany.eval.report_tables import PROFILE_WORDS, tables_of
from locany.files import write_whole
from locany.wording import counted

_HEAD = "Evaluation"
_PAGE = Path(__file__).parent.parent / "assets" / "eval" / "report.html"


@dataclass
class Report:
    """Finished runs, and how they are counted.

    Attributes:
        runs: in the order of rows.
        profiles: each gets tables of its own.
        sheets: of images, for the files.
    """

    runs: Sequence[Run]
    profiles: Sequence[Profile]
    sheets: list[Sheet] = field(default_factory=list)

    def add(self, sheets: Sequence[Sheet]) -> None:
        """Sheets of one more run; a file whose name is taken gets a number."""
        for sheet in sheets:
            taken, number = {other.file for other in self.sheets}, 1
            path = Path(sheet.file)
            name = sheet.file
            while name in taken:
                number += 1
                name = f"{path.stem}-{number}{path.suffix}"
            self.sheets.append(replace(sheet, file=name))

    def tables(self) -> list[tuple[Profile, list[Table]]]:
        """The tables of each profile that anything was measured in."""
        found = [(profile, tables_of(self.runs, profile)) for profile in self.profiles]
        return [(profile, tables) for profile, tables in found if tables]

    def markdown(self) -> str:
        """All tables, and links to the sheets."""
        parts = [f"# {_HEAD}\n"]
        for profile, tables in self.tables():
            parts.append(f"## Profile `{profile.value}`\n\n{PROFILE_WORDS[profile]}\n")
            parts += [table.markdown() for table in tables]
        if self.sheets:
            parts.append("## Best and worst images\n")
            for sheet in self.sheets:
                parts.append(f"### {sheet.title}\n\n{sheet.words}\n\n![{sheet.title}]({sheet.file})\n")
        return "\n".join(parts)

    def page(self) -> str:
        """One HTML page with everything in it."""
        parts = []
        for profile, tables in self.tables():
            parts.append(
                f"<section><h2>Profile <code>{profile.value}</code></h2>"
                f"<p class=lead>{html.escape(PROFILE_WORDS[profile])}</p>"
            )
            parts += [_html_table(table) for table in tables]
            parts.append("</section>")
        if self.sheets:
            parts.append("<section><h2>Best and worst images</h2>")
            for sheet in self.sheets:
                parts.append(
                    f"<figure><figcaption><h3>{html.escape(sheet.title)}</h3>"
                    f"<p>{html.escape(sheet.words)}</p></figcaption>"
                    f'<img src="{sheet.data_url()}" alt="{html.escape(sheet.title)}"></figure>'
                )
            parts.append("</section>")
        page = (
            _PAGE.read_text(encoding="utf-8")
            .replace("{head}", _HEAD)
            .replace("{made}", html.escape(self._made()))
        )
        return page.replace("{body}", "\n".join(parts))

    def _made(self) -> str:
        versions = dict.fromkeys(run.config.get("versions", {}).get("locany", "") for run in self.runs)
        return f"{counted(len(self.runs), 'run')}, locany {', '.join(filter(None, versions))}"


def write_report(report: Report, out: Path) -> list[Path]:
    """Write everything; the paths of the files.

    Args:
        out: a folder that exists.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    from locany.eval.report_png import draw_tables

    written = []
    for name, text in (("report.md", report.markdown()), ("report.html", report.page())):
        write_whole(out / name, text.encode())
        written.append(out / name)
    for profile, tables in report.tables():
        path = out / f"report_{profile.value}.png"
        draw_tables(tables, f"profile {profile.value}", path)
        written.append(path)
    for sheet in report.sheets:
        write_whole(out / sheet.file, sheet.jpeg)
        written.append(out / sheet.file)
    return written


def _html_table(table: Table) -> str:
    heads = "".join(_cell("th", head, ["n"] * (i >= table.num_names)) for i, head in enumerate(table.heads))
    rows = []
    for at, row in enumerate(table.rows):
        cells = []
        for i, cell in enumerate(row):
            kinds = ["n"] * (i >= table.num_names) + ["best"] * ((at, i) in table.best)
            cells.append(_cell("td", cell, kinds))
        kinds = []
        if table.num_ours is not None and at >= table.num_ours:
            kinds = ["printed"] + ["first"] * (at == table.num_ours)
        rows.append(f"<tr{_kinds(kinds)}>{''.join(cells)}</tr>")
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in table.notes)
    body = (
        f"<div class=wide><table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        + (f"<ul class=notes>{notes}</ul>" if notes else "")
    )
    title = html.escape(table.title)
    if table.is_long:
        return f"<details><summary><h3>{title}</h3> {len(table.rows)} rows</summary>{body}</details>"
    return f"<h3>{title}</h3>{body}"


def _cell(tag: str, text: str, kinds: Sequence[str]) -> str:
    return f"<{tag}{_kinds(kinds)}>{html.escape(text)}</{tag}>"


def _kinds(kinds: Sequence[str]) -> str:
    return f' class="{" ".join(kinds)}"' if kinds else ""
