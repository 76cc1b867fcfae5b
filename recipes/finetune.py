"""Fine-tune all weights: `locany/train/recipes/finetune.py`, in the package also known as `finetune`."""

from locany.train.recipes.finetune import recipe

__all__ = ["recipe"]
