"""The toolkits by name."""

from __future__ import annotations

from locany.synth.gui.toolkits.antd import Antd
from locany.synth.gui.toolkits.beer import Beer
from locany.synth.gui.toolkits.bootstrap import Bootstrap
from locany.synth.gui.toolkits.bulma import Bulma
from locany.synth.gui.toolkits.pico import Pico
from locany.synth.gui.toolkits.retro import Retro
from locany.synth.gui.toolkits.shoelace import Shoelace
from locany.synth.gui.toolkits.toolkit import Toolkit
from locany.synth.gui.toolkits.uikit import Uikit

_ALL = (Bootstrap(), Bulma(), Pico(), Shoelace(), Beer(), Antd(), Uikit(), Retro())
TOOLKITS: dict[str, Toolkit] = {kit.name: kit for kit in _ALL}
