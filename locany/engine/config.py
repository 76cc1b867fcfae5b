"""Knobs of an engine: what runs side by side and what is kept. Only `max_length` can change an answer."""

from __future__ import annotations

from dataclasses import dataclass

from locany.errors import RequestError


@dataclass(frozen=True)
class EngineConfig:
    """How many requests run side by side, and with what budgets.

    Attributes:
        max_rows: requests that run side by side.
        max_length: tokens of prompt and answer together; published: the tokenizer's 16384.
        max_patches: image patches that are encoded at once; a single larger image goes alone.
        max_tokens: tokens of prompts and answers in the cache, all rows together, each row as long as the
            longest may become; 0 takes half of the memory that is free when the engine is made. Up to six
            blocks a row come on top for its steps, and where steps are captured, rows up to a power of two.
        max_waiting: requests that may wait for a row; another one is refused. 0 is no limit.
        prefill_tokens: tokens up to a prompt's last image that are prefilled beside one step of the running
            rows, and as many again of what lies behind, with what pads prompts to the longest beside them; of
            that at least one prompt, however long.
        feature_bytes, prefix_bytes: what is kept of images and of prefixes for later questions about them.
        share_prefixes: whether questions about the same images share encoding and prefill. Needed for the two
            limits above to mean anything.
        overlap: whether the host works on a step's outcome while the device is at the next one; None does so
            where the device is not the host.
        graphs: whether steps are captured and replayed as CUDA graphs; None does so on CUDA.
    """

    max_rows: int = 16
    max_length: int = 16384
    max_patches: int = 32768
    max_tokens: int = 0
    max_waiting: int = 0
    prefill_tokens: int = 4096
    feature_bytes: int = 256 << 20
    prefix_bytes: int = 512 << 20
    share_prefixes: bool = True
    overlap: bool | None = None
    graphs: bool | None = None

    def __post_init__(self) -> None:
        for name in ("max_rows", "max_length", "max_patches", "prefill_tokens"):
            self._check(name, 1)
        for name in ("max_tokens", "max_waiting", "feature_bytes", "prefix_bytes"):
            self._check(name, 0)

    def _check(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise RequestError(f"{name} is {value!r}, expected an integer of at least {least}")
