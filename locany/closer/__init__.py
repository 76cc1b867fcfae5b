"""Looking closer: one question as several looks at one image, and their answers as one.

Small things and big images gain by it: categories asked side by side, tiles, and a second look at what was
found. Nothing here runs a model. A question becomes a plan (`plan.py`), a generator that yields looks and is
sent what each of them found; who has a model takes the looks in any order.
"""

from locany.closer.config import CloserConfig
from locany.closer.looks import Look
from locany.closer.plan import Search

__all__ = ["CloserConfig", "Look", "Search"]
