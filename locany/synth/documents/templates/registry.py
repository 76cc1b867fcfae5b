"""All templates by name."""

from __future__ import annotations

from locany.synth.documents.templates import business, office, papers, press
from locany.synth.documents.templates.template import Template

TEMPLATES: dict[str, Template] = {
    template.name: template for module in (papers, business, press, office) for template in module.TEMPLATES
}
