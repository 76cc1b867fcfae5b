"""From anything a user has to what the vision encoder eats: load, resize, patchify.

image = load_image("photo.jpg")
patches = preprocess(image, PreprocessConfig())
patches.plan.from_bins([[100, 200, 300, 400]])      # bins of an answer -> the user's pixels
"""

from locany.image.config import PreprocessConfig
from locany.image.fetch import fetch_url
from locany.image.load import ImageLimits, ImageSource, LoadedImage, check_image_options, load_image
from locany.image.patchify import Patches, patchify, preprocess
from locany.image.resize import ResizePlan, plan_size, resize

__all__ = [
    "ImageLimits",
    "ImageSource",
    "LoadedImage",
    "Patches",
    "PreprocessConfig",
    "ResizePlan",
    "check_image_options",
    "fetch_url",
    "load_image",
    "patchify",
    "plan_size",
    "preprocess",
    "resize",
]
