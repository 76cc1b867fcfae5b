"""Shops: products as a grid, one product, paying."""

from __future__ import annotations

from locany.synth.gui import page as p
from locany.synth.gui.art import (
    product_photo,
    stars,
)
from locany.synth.gui.kit import Kit
from locany.synth.gui.templates.shell import (
    bottom_bar,
    cookie_banner,
    maybe_scroll,
    site_bar,
)


def shop(kit: Kit) -> p.Page:
    """Products as a grid, with filters at the side."""
    brand = kit.pick(kit.content.of("brands"))
    across = 2 if kit.narrow else max(2, min(5, int((kit.em - 14) / 13)))
    worded = kit.chance(0.6)
    cards = []
    seen = set()
    for i in range(across * kit.rows(16, 12, 2, 4)):
        name, emoji = kit.content.product()
        if name in seen:
            break
        seen.add(name)
        price = p.Box(
            (p.Text(kit.content.money(), "bold nowrap"), p.Art(stars(kit.number(2, 5)))), "row between wrap"
        )
        buy: tuple[p.Node, ...] = (kit.button("add_to_cart", look="main", icon="", small=True, wide=True),)
        if not worded or kit.narrow:
            buy = (p.Box(kit.bares(("heart", "cart")), "row between"),)
        photo = p.Art(product_photo(kit.rng, emoji, 8.5), kind="cover")
        badge = (p.Box((p.Tag(f"-{kit.number(1, 7) * 10}%", "bad"),), "row"),) if kit.chance(0.2) else ()
        link = p.Hot((p.Text(name, "two"),), "product", name)
        cards.append(
            p.Box((photo, link, price, *badge, *buy), "tile col tight", item=name, index=i + 1, of="card")
        )
    grid = p.Box(tuple(cards), "grid", f"grid-template-columns:repeat({across},1fr)")
    head = p.Box(
        (
            p.Text(kit.t("products"), "h2 grow"),
            p.Box((p.Select(kit.t("sort_by"), kit.t("price"), bare=True),), "fixed", "width:9em"),
            *kit.bares(("filter", "grid", "rows")[: kit.number(1, 3)]),
        ),
        "row",
    )
    main = p.Box((head, grid), "col pad scroll grow", scroll=maybe_scroll(kit))
    floats = (cookie_banner(kit),) if kit.chance(0.2) else ()
    bar = site_bar(kit, brand)
    if kit.narrow:
        tabs = (("home", "home"), ("search", "search"), ("cart", "cart"), ("profile", "user"))
        foot = () if floats else (bottom_bar(kit, tabs, kit.number(0, 2)),)
        return p.Page(f"{brand} {kit.t('products')}", p.Box((bar, main, *foot), "stack"), None, floats)
    brands = tuple(
        p.Choice(name, on=kit.chance(0.2)) for name in kit.content.some("brands", kit.amount(3, 6))
    )
    side = p.Box(
        (
            p.Text(kit.t("filter"), "h3"),
            p.Text(kit.t("brand"), "bold"),
            *brands,
            p.Slider(kit.t("price"), kit.number(20, 90)),
            p.Choice(kit.t("in_stock"), kit.pick(("switch", "checkbox")), on=kit.chance(0.5)),
            kit.button("apply", "filter", "outline", icon="", small=True),
        ),
        "col pad line-e fixed surface clip",
        "width:13.5em",
        region="filter panel",
    )
    return p.Page(
        f"{brand} {kit.t('products')}", p.Box((bar, p.Box((side, main), "split grow")), "stack"), None, floats
    )


def product(kit: Kit) -> p.Page:
    """One product: pictures, price, choices, tabs."""
    brand = kit.pick(kit.content.of("brands"))
    name, emoji = kit.content.product()
    photo = p.Art(product_photo(kit.rng, emoji, 15 if kit.narrow else 20), "image", name, "cover")
    thumbs = tuple(
        p.Hot(
            (p.Art(product_photo(kit.rng, emoji, 3.6), kind="cover"),),
            "thumbnail",
            "",
            "tile",
            "padding:3px;width:5em",
            on=i == 0,
        )
        for i in range(0 if kit.narrow else kit.number(3, 4))
    )
    sizes = tuple(
        p.Button(s, look="outline", small=True, on=s == "M", off=s == "XL")
        for s in ("S", "M", "L", "XL")[: kit.number(3, 4)]
    )
    count = p.Box(
        (
            kit.bare("remove", look="plain"),
            p.Text(str(kit.number(1, 4)), "bold"),
            kit.bare("add", look="plain"),
        ),
        "row",
    )
    info = p.Box(
        (
            p.Text(name, "h1"),
            p.Box(
                (p.Art(stars(kit.number(3, 5))), p.Link(f"{kit.number(3, 480)} {kit.t('reviews')}")),
                "row wrap",
            ),
            p.Box((p.Text(kit.content.money(), "big"), p.Tag(kit.t("in_stock"), "good")), "row wrap"),
            p.Text(kit.content.one("headlines"), "p muted"),
            p.Text(kit.t("size"), "bold"),
            p.Box(sizes, "row wrap"),
            p.Box((p.Text(kit.t("quantity"), "bold"), count), "row"),
            p.Box(
                (
                    kit.button("add_to_cart", look="main"),
                    *((kit.button("buy", look="outline"),) if kit.chance(0.5) else ()),
                    *kit.bares(("heart", "share")),
                ),
                "row wrap",
            ),
        ),
        "col loose" + " grow" * (not kit.narrow),
    )
    tabs = p.Nav(
        tuple(kit.item(k) for k in ("description", "details", "reviews", "shipping")[: kit.number(3, 4)]),
        kit.number(0, 2),
        "tabs",
    )
    text = tuple(p.Text(s, "p") for s in kit.content.some("sentences", 3))
    left = p.Box(
        (photo, p.Box(thumbs, "row")),
        "col" if kit.narrow else "col fixed",
        "" if kit.narrow else f"width:{min(26, kit.em * 0.4):.0f}em",
    )
    both = p.Box((left, info), "col" if kit.narrow else "row top loose")
    crumbs = p.Crumbs((kit.t("home"), kit.t("products"), name))
    main = p.Box(
        (crumbs, both, tabs, *text),
        "col scroll grow loose " + ("pad" if kit.narrow else "wide"),
        scroll=maybe_scroll(kit, 0.2),
    )
    floats = (cookie_banner(kit),) if kit.chance(0.15) else ()
    return p.Page(name, p.Box((site_bar(kit, brand), main), "stack"), None, floats)


def checkout(kit: Kit) -> p.Page:
    """Where an order is paid: address and payment beside a summary."""
    fields = (
        p.Field(kit.t("first_name"), value=_maybe(kit, kit.content.one("people"))),
        p.Field(kit.t("last_name"), value=_maybe(kit, kit.content.one("surnames"))),
        p.Field(kit.t("address"), placeholder=kit.t("address")),
        p.Field(kit.t("postcode"), value=_maybe(kit, str(kit.number(10000, 99999)))),
        p.Field(kit.t("city"), value=_maybe(kit, kit.content.one("cities"))),
        p.Select(kit.t("country"), kit.t("country")),
    )
    ways = tuple(
        p.Choice(name, "radio", on=i == 0)
        for i, name in enumerate(kit.some(("Visa", "Mastercard", "PayPal", "SEPA"), 3))
    )
    rows = []
    for i in range(kit.amount(1, 4)):
        name, _ = kit.content.product()
        rows.append(
            p.Box(
                (
                    p.Text(f"{kit.number(1, 3)} × {name}", "one grow"),
                    p.Text(kit.content.money(), "nowrap"),
                    *kit.bares(("delete",)),
                ),
                "row between linb",
                "padding:.3em 0",
                item=name,
                index=i + 1,
            )
        )
    summary = p.Card(
        (
            *rows,
            p.Box(
                (p.Text(kit.t("shipping"), "muted"), p.Text(kit.content.money(3, 9), "muted")), "row between"
            ),
            p.Box(
                (p.Text(kit.t("total"), "bold"), p.Text(kit.content.money(100, 900), "bold")), "row between"
            ),
            p.Box(
                (
                    p.Field("Code", placeholder="CODE", bare=True),
                    kit.button("apply", icon="", look="outline"),
                ),
                "row",
            ),
            kit.button("buy", look="main", wide=True),
        ),
        kit.t("orders"),
    )
    columns = "1fr" if kit.narrow else "1fr 1fr"
    left = p.Box(
        (
            p.Card(
                (p.Box(fields[: kit.amount(3, 6)], "grid", f"grid-template-columns:{columns}"),),
                kit.t("shipping"),
            ),
            p.Card((*ways, p.Choice(kit.t("accept_terms"), on=kit.chance(0.5))), kit.t("billing")),
        ),
        "col",
    )
    split = "1fr" if kit.narrow else "3fr 2fr"
    body = p.Box(
        (left, summary),
        "grid pad scroll grow",
        f"grid-template-columns:{split};align-items:start",
        scroll=maybe_scroll(kit),
    )
    crumbs = p.Crumbs((kit.t("home"), kit.t("cart"), kit.t("checkout")))
    brand = kit.pick(kit.content.of("brands"))
    top: tuple[p.Node, ...] = () if kit.narrow else (p.Box((crumbs,), "pads"),)
    return p.Page(kit.t("checkout"), p.Box((site_bar(kit, brand), *top, body), "stack"))


def _maybe(kit: Kit, value: str) -> str:
    return value if kit.chance(0.5) else ""
