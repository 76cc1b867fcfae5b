"""Parity of image preprocessing: files in, pixel values out, compared bit for bit.

Reads a folder in the format of the golden vectors (`preprocess/preprocess.json` and its neighbours) and
yields one line per record. Knows nothing about particular cases, so any other folder of that format will do.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from locany.errors import ImageError
from locany.image import Patches, PreprocessConfig, load_image, patchify, plan_size, preprocess

# The recorded mean and standard deviation were summed in another order than ours.
_MOMENT_TOLERANCE = 1e-6


def run(folder: Path) -> Iterator[tuple[str, bool, float]]:
    """Compare every record of `folder`/preprocess.

    Yields:
        (case name, passed, largest absolute difference of a pixel value). The difference is 0 for records
        that expect an error and got one, infinite where there is nothing to subtract.
    """
    base = Path(folder) / "preprocess"
    golden = json.loads((base / "preprocess.json").read_text(encoding="utf-8"))
    arrays_file = base / "pixel_values.npz"
    arrays: Mapping[str, np.ndarray] = np.load(arrays_file) if arrays_file.exists() else {}
    for case in golden["cases"]:
        direct = "directly" in case.get("path", "")
        name = Path(case["file"]).stem + ("__direct" if direct else "")
        # The file's own fields, and the token limit of this record.
        config = PreprocessConfig.from_json({**golden, "in_token_limit": case["in_token_limit"]})
        try:
            patches = (_direct if direct else _released)(base / case["file"], config)
        except ImageError:
            yield name, "error" in case, 0.0 if "error" in case else float("inf")
            continue
        if "error" in case:
            yield name, False, float("inf")
            continue
        worst = _difference(patches, case, arrays)
        yield name, worst == 0.0 and _same_facts(patches, case, config), worst


def _released(path: Path, config: PreprocessConfig) -> Patches:
    """The released path: file to RGB (EXIF ignored, RGBA on white), then the image processor."""
    return preprocess(load_image(path, parity=True), config)


def _direct(path: Path, config: PreprocessConfig) -> Patches:
    """What the published image processor does with a PIL image that nobody converted.

    It resizes in the file's own mode and converts afterwards. So alpha is weighted into the resize and then
    dropped, and palette and bilevel images are resized by Pillow's nearest neighbour. The package does not
    offer this; it exists to reproduce the recorded numbers.
    """
    with Image.open(path) as image:
        plan = plan_size(
            image.size,
            patch_size=config.patch_size,
            merge_size=config.merge_size,
            max_patches=config.in_token_limit,
            max_side_patches=config.max_side_patches,
        )
        resized: Image.Image = image
        for step_wh in (plan.limited_wh, plan.resized_wh):
            if resized.size != step_wh:
                resized = resized.resize(step_wh, Image.Resampling.BICUBIC)
        return patchify(np.asarray(resized.convert("RGB")), config, plan)


def _difference(patches: Patches, case: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> float:
    """Largest absolute difference to the stored values; infinite if only the hash is there and differs."""
    ours = patches.pixel_values
    if list(ours.shape) != case["pixel_values_shape"]:
        return float("inf")
    same_hash = hashlib.sha256(ours.astype("<f4").tobytes()).hexdigest() == case["sha256_f32le"]
    key = case.get("npz_key") or case.get("npz_key_patches")
    if key is None:
        return 0.0 if same_hash else float("inf")
    theirs = arrays[key]
    if "npz_key_patches" in case:
        ours = ours[case["patch_indices"]]
    if ours.shape != theirs.shape:
        return float("inf")
    worst = float(np.abs(ours.astype(np.float64) - theirs).max())
    # The hash sees all patches (and the sign of zeros), the stored array perhaps only some.
    return worst if same_hash or worst > 0 else float("inf")


def _same_facts(patches: Patches, case: Mapping[str, Any], config: PreprocessConfig) -> bool:
    """Grid, counts, size, moments and byte sums agree with those the record states."""
    values = patches.pixel_values.astype(np.float64)
    mean = np.asarray(config.mean)[:, None, None]
    std = np.asarray(config.std)[:, None, None]
    byte_sums = np.rint((values * std + mean) * 255).sum(axis=(0, 2, 3)).astype(np.int64)
    ours = {
        "grid_hw": list(patches.grid_hw),
        "n_patches": len(values),
        "n_image_tokens": patches.num_visual_tokens,
        "resized_wh": list(patches.plan.resized_wh),
        "size_wh": list(patches.plan.size_wh),
        "rgb_sum_u8": byte_sums.tolist(),
    }
    exact = all(case[key] == value for key, value in ours.items() if key in case)
    return (
        exact
        and abs(values.mean() - case["mean"]) <= _MOMENT_TOLERANCE
        and abs(values.std() - case["std"]) <= _MOMENT_TOLERANCE
    )


if __name__ == "__main__":
    results = list(run(Path(sys.argv[1])))
    for name, passed, worst in results:
        print(f"{'ok  ' if passed else 'FAIL'} {name}  max error {worst:g}")
    sys.exit(0 if all(passed for _, passed, _ in results) else 1)
