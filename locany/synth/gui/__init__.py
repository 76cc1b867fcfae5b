"""Screens of applications and web sites: real pages of real toolkits in a real browser, with exact truth."""

from __future__ import annotations

from locany.synth.gui.config import GuiConfig
from locany.synth.gui.engine import NAME, VERSION, names_used, render

Config = GuiConfig

__all__ = ["NAME", "VERSION", "Config", "GuiConfig", "names_used", "render"]
