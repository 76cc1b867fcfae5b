"""Business pages: letter, invoice, form, receipt, account statement."""

from __future__ import annotations

from locany.synth.documents import figures
from locany.synth.documents.blocks import Page, escape, mark
from locany.synth.documents.templates.template import LANDSCAPE, PORTRAIT, Template

_RECEIPT_CSS = """
.page { padding: 1.4em 1.6em; } td { padding: .12em 0; } table { font-size: 1em; }
"""


def _letterhead(page: Page, firm: str) -> str:
    """The sender: logo and address at either end."""
    w = page.writer
    logo = figures.logo(w, w.whole(36, 60), page.style.accent) if w.chance(0.75) else ""
    name = f'<div class="head bold" style="font-size:1.25em;color:{page.style.accent}">{escape(firm)}</div>'
    lines = [w.street(), w.city(), w.phone(), w.address(firm)][: w.whole(2, 4)]
    address = "<br>".join(escape(line) for line in lines)
    picture = mark("picture", logo) if logo else ""
    block = mark(
        "page header",
        f"{name}<div class='small'>{address}</div>",
        part="sender",
        names="the sender's address",
    )
    order = [picture, block] if w.chance(0.6) else [block, picture]
    return (
        f'<div class="row between" style="align-items:flex-start;margin-bottom:1.6em">{"".join(order)}</div>'
    )


def _recipient(page: Page, title: str = "") -> str:
    w = page.writer
    lines = [w.firm(), w.person(), w.street(), w.city()][w.whole(0, 1) :]
    inner = "<br>".join(escape(line) for line in lines)
    head = f'<div class="small bold">{escape(title)}</div>' if title else ""
    return mark("text", head + inner, part="recipient", names="the recipient's address")


def letter(page: Page) -> str:
    """A business letter."""
    w = page.writer
    firm = w.firm()
    date = mark("text", escape(w.date()), part="date", names="the date of the letter|the date")
    place = "end" if w.chance(0.6) else "start"
    date = f'<div class="row" style="justify-content:flex-{place};margin:1em 0">{date}</div>'
    subject = mark(
        "section header",
        escape(f"{w.label('subject')}: {w.title()}"),
        cls="bold",
        names="the subject line",
        part="subject",
    )
    comma = "," if w.lexicon.script == "latin" else ""
    greeting = f"{w.label('dear')} {w.person()}{comma}"
    dear = mark(
        "text", escape(greeting), tag="p", part="salutation", names="the salutation|the greeting line"
    )
    body = [page.paragraph(w.paragraph(w.whole(2, 6)), names=f"the {n} paragraph of the letter")
            for n in ("first", "second", "third", "fourth")[: w.whole(2, 4) if page.full else 2]]  # fmt: skip
    if w.chance(0.3):
        body.append(page.bullets([w.phrase() for _ in range(w.whole(2, 4))], sign="–"))
    person = w.person()
    regards = mark(
        "text", escape(w.label("regards")), tag="p", part="closing formula", names="the closing formula"
    )
    hand = mark("picture", figures.signature(w, w.whole(110, 190), w.whole(36, 58)))
    name = mark(
        "text", escape(person), part="name of the signer", names="the printed name under the signature"
    )
    foot = f"{firm} · {w.street()} · {w.city()} · {w.phone()}"
    footer = mark(
        "page footer",
        escape(foot),
        cls="tiny center",
        names="the page footer",
        more='style="margin-top:auto"',
    )
    close = f'<div style="margin-top:.8em">{regards}{hand}{name}</div>'
    return (
        f'{_letterhead(page, firm)}<div class="row">{_recipient(page)}</div>{date}'
        f'<div style="margin:.6em 0 1em">{subject}</div>'
        f'<div class="flow" data-clip style="columns:1;flex:0 1 auto">{dear}{"".join(body)}</div>'
        f"{close}{footer}"
    )


def _money_table(page: Page, count: int) -> tuple[str, int]:
    """Lines of an invoice as a table, and their sum in cents."""
    w = page.writer
    wide = page.full or page.width > 42 * 16
    keys = ["description", "quantity", "price", "amount"] if wide else ["description", "amount"]
    header = [w.label(key) for key in keys]
    body, total = [], 0
    for i, item in enumerate(w.several(w.lexicon.items, count)):
        quantity, price = w.whole(1, 20), w.whole(95, 30000)
        total += quantity * price
        values = {"description": item, "quantity": str(quantity), "price": w.money(price)}
        values["amount"] = w.money(quantity * price)
        body.append([values[key] for key in keys])
        if wide and w.chance(0.2):
            body[-1][0] = f"{i + 1}. {item} ({w.code()})"
    grid = page.rows(header, body)
    table = mark("table", grid, tag="table", names="the table of items", more='data-ink style="width:100%"')
    return table, total


def _sums(page: Page, total: int) -> str:
    """Subtotal, tax and total, flushed to the end."""
    w = page.writer
    rate = w.whole(5, 25)
    tax = total * rate // 100
    rows = [
        (w.label("subtotal"), w.money(total), "subtotal", ""),
        (f"{w.label('tax')} {rate}%", w.money(tax), "tax amount", ""),
        (
            w.label("total"),
            w.money(total + tax),
            "total amount",
            f"font-weight:700;border-top:1.5px solid {page.style.ink}",
        ),
    ]
    lines = "".join(
        f'<tr><td style="{css}">{escape(name)}</td>'
        f'<td class="r" style="{css}">'
        f"{mark('', escape(value), tag='span', part=part, names=f'the {part}')}</td></tr>"
        for name, value, part, css in rows
    )
    return mark(
        "table",
        lines,
        tag="table",
        names="the table of sums",
        more='data-ink style="margin-inline-start:auto"',
    )


def _facts(page: Page, keys: tuple[tuple[str, str, str], ...]) -> str:
    """A few named values, one under the other, as one text: (label, value, part)."""
    rows = "".join(
        f"<div><b>{escape(label)}:</b> "
        f"{mark('', escape(value), tag='span', part=part, names=f'the {part}')}</div>"
        for label, value, part in keys
    )
    return mark("text", rows, names="the block with number and date")


def invoice(page: Page) -> str:
    """An invoice with its items and sums."""
    w = page.writer
    firm = w.firm()
    title = page.title(w.label("invoice").upper() if w.chance(0.4) else w.label("invoice"))
    keys = (
        (w.label("invoice") + " " + w.label("number"), w.code(), "invoice number"),
        (w.label("date"), w.date(), "invoice date"),
        (w.label("due"), w.date(), "due date"),
    )[: w.whole(2, 3)]
    meta = _facts(page, keys)
    to = _recipient(page, w.label("bill_to"))
    second = (
        _recipient(page, w.label("ship_to")).replace("recipient", "delivery")
        if w.chance(0.3) and page.full
        else ""
    )
    table, total = _money_table(page, w.whole(2, 5) if not page.full else w.whole(3, 12))
    notes = mark("text", escape(w.label("terms")), tag="p", part="payment terms", names="the payment terms")
    thanks = page.paragraph(w.label("thanks"), names="the line of thanks") if w.chance(0.6) else ""
    foot = f"{firm} · {w.label('bank')}: {w.code()} · {w.label('account')} {w.digits(8)}"
    footer = mark(
        "page footer",
        escape(foot),
        cls="tiny center",
        names="the page footer",
        more='style="margin-top:auto"',
    )
    if w.chance(0.25):
        title = title.replace("<h1", f'<h1 style="color:{page.style.accent}"', 1)
    return (
        f'{_letterhead(page, firm)}<div class="row between"><div>{title}</div>{meta}</div>'
        f'<div class="row between" style="margin:1.2em 0">{to}{second}</div>{table}'
        f'<div class="row" style="margin:.8em 0">{_sums(page, total)}</div>{notes}{thanks}{footer}'
    )


def receipt(page: Page) -> str:
    """A till receipt."""
    w = page.writer
    width = "100%"
    head = mark(
        "page header",
        f'<div class="bold" style="font-size:1.25em">{escape(w.firm())}</div>'
        f'{escape(w.street())}<br>{escape(w.city())}'
        f"<br>{escape(w.phone())}",
        cls="center", part="shop", names="the name and address of the shop",
    )  # fmt: skip
    rows, total = [], 0
    for item in w.several(w.lexicon.items, w.whole(3, 10) if page.full else w.whole(2, 5)):
        count, price = w.whole(1, 4), w.whole(50, 3000)
        total += count * price
        name = f"{count} x {item}" if count > 1 else item
        price_names = f"the price of '{item}'"
        value = mark("", escape(w.amount(count * price)), tag="span", part="price", names=price_names)
        rows.append(f'<tr data-trim data-o="item"><td>{escape(name)}</td><td class="r">{value}</td></tr>')
    table = mark(
        "table", "".join(rows), tag="table", names="the list of items", more=f'style="width:{width}"'
    )
    tax, paid = total * 7 // 107, -(-total // 1000) * 1000
    sums = [(w.label("subtotal"), total - tax, "subtotal"), (w.label("tax"), tax, "tax amount"),
            (w.label("total"), total, "total amount")]  # fmt: skip
    if w.chance(0.5):
        sums += [(w.label("cash"), paid, "cash"), (w.label("change"), paid - total, "change")]
    else:
        sums.append((w.label("card"), total, "card payment"))
    lines = []
    for name, cents, part in sums:
        is_total = part == "total amount"
        text = w.money(cents) if is_total else w.amount(cents)
        value = mark("", escape(text), tag="span", part=part, names=f"the {part}")
        look = ' class="bold"' if is_total else ""
        lines.append(f'<tr{look}><td>{escape(name)}</td><td class="r">{value}</td></tr>')
    block = mark(
        "table", "".join(lines), tag="table", names="the sums of the receipt", more=f'style="width:{width}"'
    )
    when = f"{w.date()} {w.whole(8, 21):02d}:{w.whole(0, 59):02d}"
    date = mark("text", escape(when), part="date", names="the date of the receipt|the date and time")
    number = mark(
        "text", escape(f"{w.label('receipt')} {w.label('number')} {w.digits(6)}"), names="the receipt number"
    )
    thanks = mark("page footer", escape(w.label("thanks")), cls="center", names="the line of thanks")
    code = (
        mark("picture", figures.barcode(w, int(page.width * 0.55), 46), names="the barcode")
        if w.chance(0.5)
        else ""
    )
    dash = '<div style="border-top:1.3px dashed #333;margin:.6em 0"></div>'
    return (
        f'{head}<div class="row between small" style="margin-top:.8em;flex-wrap:wrap">'
        f"{date}{number}</div>{dash}{table}{dash}{block}"
        f'{dash}{thanks}<div style="display:flex;justify-content:center;margin-top:.8em">{code}</div>'
    )


_PERSON, _DATE, _STREET, _CITY, _PHONE, _MAIL, _NUMBER, _WORD, _FIRM = range(9)
# What belongs into the fields of `Lexicon.fields`, in their order.
_FIELD_KINDS = (
    _PERSON, _PERSON, _DATE, _STREET, _CITY, _WORD, _PHONE, _MAIL, _WORD, _FIRM,
    _NUMBER, _NUMBER, _NUMBER, _WORD,
)  # fmt: skip


def _filling(page: Page, label: str) -> str:
    """What someone wrote into a field."""
    w = page.writer
    index = w.lexicon.fields.index(label)
    kind = _FIELD_KINDS[index]
    if kind == _PERSON:
        return w.pick(w.lexicon.first_names if index else w.lexicon.last_names)
    if kind == _NUMBER:
        return w.digits(w.whole(5, 9))
    texts = {_DATE: w.date, _STREET: w.street, _CITY: w.city, _PHONE: w.phone, _WORD: w.term, _FIRM: w.firm}
    return texts[kind]() if kind in texts else w.address(w.person())


def _blank(page: Page, label: str, *, filled: bool, lined: bool) -> str:
    """A field of a form: its label and a box or line to write on, perhaps filled in."""
    style = page.style
    value = ""
    if filled:
        text = _filling(page, label)
        value = f'<span style="color:#1b2f7a">{escape(text)}</span>'
    border = f"border{'-bottom' if lined else ''}:1.2px solid {style.ink}"
    name = mark("text", escape(label), cls="small", names=f"the label '{label}'")
    field = mark("", value, part="form field", names=f"the field '{label}'",
                 more=f'data-area style="{border};height:1.9em;margin-top:.15em;padding:.2em .5em;'
                      f'overflow:hidden;white-space:nowrap"')  # fmt: skip
    return f'<div class="grow">{name}{field}</div>'


def _choice(page: Page, text: str) -> str:
    """A check box, perhaps ticked, and its text."""
    w = page.writer
    ticked = w.chance(0.4)
    tick = '<path d="M3 8L7 12L14 2" fill="none" stroke="#1b2f7a" stroke-width="2.2"/>' if ticked else ""
    box = (
        f'<svg width="17" height="17" data-ink data-o="check box" data-n="the check box \'{escape(text)}\'">'
        f'<rect x="1" y="1" width="15" height="15" fill="none" stroke="{page.style.ink}" '
        f'stroke-width="1.4"/>{tick}</svg>'
    )
    label = mark("text", escape(text), names=f"the text beside the check box '{text}'")
    return f'<div class="row" style="gap:.5em;align-items:center">{box}{label}</div>'


def form(page: Page) -> str:
    """A form to fill in, empty or filled."""
    w = page.writer
    filled = w.chance(0.5)
    lined = w.chance(0.4)
    number = f"{w.label('form')} {w.code()}"
    head = page.running("page header", number, w.date() if w.chance(0.5) else "", cls="tiny")
    parts = [
        head,
        page.title(w.label("form")),
        f'<div style="margin:.4em 0">{page.paragraph(w.label("please"))}</div>',
    ]
    labels = w.several(w.lexicon.fields, len(w.lexicon.fields))
    for section in w.several(w.lexicon.headings, 4 if page.full else 2):
        rows = "".join(
            '<div class="row" style="margin:.45em 0">'
            + "".join(
                _blank(page, labels.pop(), filled=filled and w.chance(0.8), lined=lined)
                for _ in range(w.whole(1, 2))
            )
            + "</div>"
            for _ in range(w.whole(2, 3) if page.full else 2)
            if len(labels) > 1
        )
        parts.append(f"<div data-trim>{page.heading(section)}{rows}</div>")
    choices = "".join(_choice(page, text) for text in w.terms(w.whole(2, 5)))
    parts.append(
        f"<div data-trim>{page.heading(w.term())}<div style='display:flex;flex-wrap:wrap;gap:.5em "
        f"1.6em'>{choices}</div></div>"
    )
    if w.chance(0.4):
        parts.append(f"<div data-trim>{page.paragraph(w.paragraph(2), cls='small')}</div>")
    hand = figures.signature(w, w.whole(110, 170), 40) if filled else '<div style="height:40px"></div>'
    line = f"border-top:1.2px solid {page.style.ink};padding-top:.2em"
    sign = "".join(
        f'<div class="grow"><div style="height:42px">{inner}</div>'
        f'<div style="{line}">{mark("text", escape(label), cls="small", names=names)}</div></div>'
        for inner, label, names in (
            ("", f"{w.label('place')}, {w.label('date')}", "the label under the line for place and date"),
            (
                mark("picture", hand) if filled else hand,
                w.label("signature"),
                "the label under the signature line",
            ),
        )
    )
    parts.append(f'<div class="row" style="margin-top:1em;gap:3em">{sign}</div>')
    parts.append(page.running("page footer", w.label("office"), str(w.whole(1, 9)), cls="tiny"))
    return "".join(parts)


def statement(page: Page) -> str:
    """An account statement: a long table between two balances."""
    w = page.writer
    firm = w.firm()
    holder = _recipient(page)
    opening, closing = w.whole(10_000, 900_000), w.whole(10_000, 900_000)
    meta = _facts(
        page,
        ((w.label("date"), w.date(), "statement date"), (w.label("account"), w.digits(10), "account number")),
    )
    title = page.title(w.label("statement"))
    head = [w.label("date"), w.label("description"), w.label("debit"), w.label("credit"), w.label("balance")]
    body = [["", w.label("opening"), "", "", w.money(opening)]]
    balance = opening
    for date in w.dates(w.whole(8, 26) if page.full else w.whole(3, 8)):
        change = w.whole(-60_000, 60_000)
        balance += change
        what = w.pick(w.lexicon.items) if w.chance(0.5) else w.firm()
        amount = w.amount(abs(change))
        body.append(
            [
                date,
                what,
                amount if change < 0 else "",
                amount if change >= 0 else "",
                w.amount(balance),
            ]
        )
    body.append(["", w.label("closing"), "", "", w.money(closing)])
    table = mark("table", page.rows(head, body, numbers_from=2), tag="table", names="the table of "
                                                                                    "transactions|the table",
                 more='data-ink style="width:100%"')  # fmt: skip
    note = mark("footnote", escape(w.paragraph(1)), cls="tiny", names="the footnote")
    foot = page.running("page footer", firm, str(w.whole(1, 12)), cls="tiny")
    return (
        f'{_letterhead(page, firm)}<div class="row between">{holder}{meta}</div><div '
        f'style="margin:1.2em 0 .6em">{title}</div>'
        f'{table}<div style="margin-top:.8em">{note}</div><div style="margin-top:auto">{foot}</div>'
    )


TEMPLATES = (
    Template("letter", letter, (36, 58)),
    Template("invoice", invoice, (40, 60)),
    Template("receipt", receipt, (22, 30), (1.5, 1.9, 2.3), css=_RECEIPT_CSS),
    Template("form", form, (38, 58)),
    Template("statement", statement, (46, 66), (*PORTRAIT, *LANDSCAPE)),
)
