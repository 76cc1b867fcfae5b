"""Looks that no toolkit has: sizes, spaces, shapes and colours at random, as long as words can be read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from locany.synth.gui.theme import Theme, contrast, readable_on

# What is open or held down may be told by its weight or border alone.
_BUTTONS = ",".join(
    f".x-app {kind}:not(.x-on,.active)" for kind in ("button", ".button", ".btn", ".uk-button", "a.x-entry")
)
_FIELDS = (
    ".x-app input:not([type=checkbox]):not([type=radio]):not([type=range]),.x-app select,.x-app textarea"
)


def free_look(rng: np.random.Generator, theme: Theme) -> tuple[Theme, str]:
    """A theme changed at random, and rules of style for the page.

    Args:
        rng: the only source of chance.
        theme: what it starts from; fonts stay, and whether it is dark.
    """
    brand = _any_color(rng)
    while contrast(brand, theme.surface) < 2.0:
        brand = _any_color(rng)
    bar = (theme.bar, brand, _any_color(rng), theme.ground)[int(rng.integers(4))]
    changed = replace(
        theme,
        brand=brand,
        on_brand=readable_on(brand),
        bar=bar,
        on_bar=readable_on(bar),
        radius=int(rng.choice((0, 0, 1, 3, 5, 8, 10, 14, 20, 30))),
        gap=int(rng.integers(3, 20)),
        size=float(rng.choice((10, 11, 12, 13, 14, 15, 16, 18, 20))),
    )
    rules = [
        f".x-app{{line-height:{rng.uniform(1.1, 1.7):.2f};letter-spacing:{rng.uniform(-0.01, 0.03):.3f}em}}"
        f"{_FIELDS}{{letter-spacing:normal !important}}"  # typed text is measured without
    ]
    if rng.random() < 0.6:
        rules.append(f"{_BUTTONS}{{{_shape(rng)}}}")
    if rng.random() < 0.6:
        rules.append(f"{_FIELDS}{{{_shape(rng, sides=False)}}}")
    if rng.random() < 0.4:
        side = f"{rng.uniform(0.9, 1.7):.2f}em"
        rules.append(f".x-app .x-icon{{width:{side};height:{side}}}")
    if rng.random() < 0.4:
        weight = int(rng.choice((300, 400, 600, 800)))
        rules.append(f".x-app h1,.x-app h2,.x-app h3{{font-weight:{weight} !important}}")
    if rng.random() < 0.3:
        pad = f"{rng.uniform(0.1, 0.9):.2f}em {rng.uniform(0.2, 1.2):.2f}em"
        rules.append(f".x-app td,.x-app th{{padding:{pad} !important}}")
    return changed, "".join(rules)


def labels_beside(rng: np.random.Generator) -> str:
    """Rules by which a field stands beside its label."""
    width = f"minmax(4em,{int(rng.integers(22, 46))}%)"
    place = ("center", "center", "start", "baseline")[int(rng.integers(4))]
    side = ("start", "start", "end")[int(rng.integers(3))]
    weight = int(rng.choice((400, 400, 500, 700)))
    return (
        f".x-app .x-field{{display:grid !important;grid-template-columns:{width} minmax(0,1fr);"
        f"column-gap:{rng.uniform(0.5, 2):.2f}em;align-items:{place}}}"
        f".x-app .x-field>.x-label{{margin:0 !important;font-weight:{weight};justify-self:{side};"
        f"text-align:{side};overflow-wrap:anywhere}}"
    )


def _shape(rng: np.random.Generator, *, sides: bool = True) -> str:
    rules = [f"padding-block:{rng.uniform(0.1, 0.8):.2f}em !important"]
    if sides:  # in a field there may be an icon
        rules.append(f"padding-inline:{rng.uniform(0.3, 1.6):.2f}em !important")
    if rng.random() < 0.6:
        rules.append(f"border-radius:{int(rng.choice((0, 0, 2, 4, 8, 14, 99)))}px !important")
    if rng.random() < 0.4:
        rules.append(
            f"border-width:{int(rng.integers(0 if sides else 1, 4))}px !important;border-style:solid"
        )
    if rng.random() < 0.3:
        rules.append(f"font-weight:{int(rng.choice((300, 400, 500, 700)))}")
    if rng.random() < 0.25:
        x, y, blur = (int(n) for n in rng.integers((0, 1, 0), (4, 5, 9)))
        rules.append(f"box-shadow:{x}px {y}px {blur}px rgba(0,0,0,.35)")
    return ";".join(rules)


def _any_color(rng: np.random.Generator) -> str:
    return "#" + "".join(f"{int(c):02x}" for c in rng.integers(10, 246, 3))
