"""Fine-tune with adapters: `locany/train/recipes/lora.py`, in the package also known as `lora`."""

from locany.train.recipes.lora import recipe

__all__ = ["recipe"]
