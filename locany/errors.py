"""The exceptions that a user's mistake or a user's file can raise.

    LocanyError
    ├── ImageError               an image cannot be used
    │   ├── ImageLoadError         not found, unreadable, not an image, truncated
    │   ├── ImageTooLargeError     more pixels or bytes than the limit allows
    │   └── ImageFetchError        a URL that may not or could not be fetched
    ├── CheckpointError          a checkpoint cannot be used
    │   ├── CheckpointNotFoundError  no such folder, hub id, or file in it
    │   ├── CheckpointConfigError    config or vocabulary files are wrong
    │   └── CheckpointTensorError    tensors are missing, extra, misshapen, truncated
    ├── RequestError             a question that cannot be asked (also a ValueError)
    ├── EngineError              a question that was asked and could not be answered
    │   ├── EngineBusyError        too many others are waiting
    │   └── EngineMemoryError      the device has no memory for it
    ├── DataError                a sample, record or recipe that cannot be trained on
    ├── MissingAssetsError       a renderer lacks the browser, fonts or icons that it draws with
    ├── TrainingError            a run that cannot go on: the loss is no number, memory has run out
    ├── DeviceError              a device or dtype that this machine does not have
    └── MissingExtraError        an optional package is needed (also an ImportError)

Every message says what was given, what was expected, and what to do. Our own mistakes are asserts,
not members of this tree.
"""

from __future__ import annotations


class LocanyError(Exception):
    """Base of every error that locany raises on purpose."""


class ImageError(LocanyError):
    """An image cannot be used."""


class ImageLoadError(ImageError):
    """The image was not found, is not an image, or is damaged."""


class ImageTooLargeError(ImageError):
    """The image has more pixels, a longer side or more bytes than the limit allows."""


class ImageFetchError(ImageError):
    """A URL may not be fetched (not allowed, private address) or could not be."""


class CheckpointError(LocanyError):
    """A checkpoint cannot be used."""


class CheckpointNotFoundError(CheckpointError):
    """No such folder, hub id, or no such file in it."""


class CheckpointConfigError(CheckpointError):
    """A config or vocabulary file is missing a field, holds a wrong value, or contradicts another."""


class CheckpointTensorError(CheckpointError):
    """Stored tensors are missing, unexpected, misshapen, of a wrong type, or cut short."""


class RequestError(LocanyError, ValueError):
    """The question itself is wrong: an empty phrase, an unknown mode, a limit out of range."""


class EngineError(LocanyError):
    """The engine could not answer a question that is right in itself."""


class EngineBusyError(EngineError):
    """As many questions wait as may wait; ask again later."""


class EngineMemoryError(EngineError):
    """The device has no memory for this question; the others go on."""


class DataError(LocanyError):
    """A training sample, annotation record or recipe is wrong."""


class BrowserLostError(LocanyError):
    """The browser that draws pages crashed, or stopped answering, twice for one page."""


class MissingAssetsError(LocanyError):
    """A renderer lacks what it draws with: the browser, fonts, icon sets or interface toolkits."""


class TrainingError(LocanyError):
    """A training run cannot go on: its loss is not a number any more, or memory has run out."""


class DeviceError(LocanyError):
    """The device or dtype asked for is not available on this machine."""


class MissingExtraError(LocanyError, ImportError):
    """An optional package is needed for this call."""

    def __init__(self, package: str, extra: str, purpose: str):
        super().__init__(
            f"{purpose} needs the package '{package}', which is not installed; "
            f"run: pip install 'locany[{extra}]' (in the folder of its source: '.[{extra}]')"
        )
