"""What the model has never seen: fonts, icon sets, toolkits and templates that no training recipe draws with.

locany data build recipes/data/held_out.py --out data/held_out
python scripts/evaluate_mini.py --data data/held_out
"""

from __future__ import annotations

from locany.pipeline.held_out import recipe

__all__ = ["recipe"]
