"""Laid-out pages in a real browser: papers, letters, forms, slides, ...; born digital or as scanned.

One seed is one page with the exact boxes of its regions, lines and words, and many questions about it.
"""

from __future__ import annotations

from locany.synth.documents.config import DocumentsConfig
from locany.synth.documents.engine import NAME, VERSION, names_used, render

Config = DocumentsConfig

__all__ = ["NAME", "VERSION", "Config", "DocumentsConfig", "names_used", "render"]
