"""What bytes are that Pillow could not read, in words a user can act on."""

from __future__ import annotations

from typing import NamedTuple

from PIL import features


class Kind(NamedTuple):
    """A kind of file: what to call it, and what the user can do instead of passing it."""

    what: str
    advice: str


_TO_STILL = "take a still from it (for example with ffmpeg or PyAV) and pass that"
_TO_PNG = "export or convert it to PNG or JPEG and pass that"
_AS_TEXT = "text is no image; bytes that are a path are passed as str, and base64 is decoded first"
_VIDEO = Kind("a video", _TO_STILL)
_HEIC = Kind(
    "an HEIC photo",
    "pip install pillow-heif, which is found by itself, or convert it to JPEG",
)
_AVIF = Kind("an AVIF image", "convert it to PNG or JPEG, or install a Pillow that was built with AVIF")

# (offset, first bytes, kind); the first that matches counts.
_SIGNATURES: tuple[tuple[int, bytes, Kind], ...] = (
    (0, b"%!PS", Kind("a PostScript file", _TO_PNG)),
    (0, b"8BPS", Kind("a Photoshop document", _TO_PNG)),
    (0, b"\xff\x0a", Kind("a JPEG XL image", _TO_PNG)),
    (4, b"JXL ", Kind("a JPEG XL image", _TO_PNG)),
    (0, b"\x1a\x45\xdf\xa3", _VIDEO),  # Matroska, WebM
    (8, b"AVI ", _VIDEO),
    (0, b"\x00\x00\x01\xba", _VIDEO),  # MPEG
    (0, b"FLV", _VIDEO),
    (0, b"OggS", _VIDEO),
    (0, b"PK\x03\x04", Kind("a zip archive or office document", "unpack it and pass the image inside")),
    (0, b"\x1f\x8b", Kind("a gzip file", "unpack it and pass the image inside")),
    (0, b"\x93NUMPY", Kind("a saved numpy array", "load it with numpy.load and pass the array")),
    (128, b"DICM", Kind("a DICOM medical image", "read it with pydicom and pass its pixels as an array")),
)

# Formats that we do read: when Pillow fails on such bytes, they are damaged.
_READABLE: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (0, b"BM", "BMP"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"qoif", "QOI"),
    (4, b"jP  \r\n", "JPEG 2000"),
    (0, b"\x00\x00\x01\x00", "ICO"),
)


def readable_format(head: bytes) -> str | None:
    """The name of a format that we read, if the first bytes announce one."""
    for offset, signature, name in _READABLE:
        if head[offset : offset + len(signature)] == signature:
            return name
    # Whether Pillow reads AVIF depends on how it was built.
    return "AVIF" if head[4:12] == b"ftypavif" and features.check("avif") else None


def is_heic(head: bytes) -> bool:
    """Whether these first bytes announce an HEIC photo: the brand of the ISO media container tells."""
    brand = head[8:12]
    return head[4:8] == b"ftyp" and (brand[:3] in (b"hei", b"hev") or brand in (b"mif1", b"msf1"))


def describe(head: bytes) -> Kind:
    """Name the kind of file that starts with `head` (1 KiB is plenty) and is not an image that we read."""
    if head[4:8] == b"ftyp":  # the ISO media container: the brand tells photo from video
        if head[8:12] in (b"avif", b"avis"):
            return _AVIF
        return _HEIC if is_heic(head) else _VIDEO
    for offset, signature, kind in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return kind
    if b"%PDF-" in head:  # readers accept it anywhere in the first kilobyte
        return Kind("a PDF document", "render the page to an image first (for example with pypdfium2)")
    return _describe_text(head) or Kind("data of an unknown kind", _TO_PNG)


def _describe_text(head: bytes) -> Kind | None:
    if b"\x00" in head:
        return None
    text = head.decode("utf-8", errors="ignore").lstrip("\ufeff \t\r\n").lower()
    # A multi-byte character may be cut at the end of `head`; more undecodable bytes than that are not text.
    if len(text.encode()) < 0.9 * len(head.strip()) - 4 or not text:
        return None
    if text.startswith("<svg") or (text.startswith("<?xml") and "<svg" in text):
        return Kind("an SVG drawing", "render it to PNG first (for example with resvg or a browser)")
    if text.startswith(("<!doctype html", "<html")):
        return Kind(
            "a web page (HTML)", "the download gave a page instead of the image: get the image itself"
        )
    if text.startswith("version https://git-lfs"):
        return Kind("a Git LFS pointer", "run 'git lfs pull' to get the image that it stands for")
    return Kind("text", _AS_TEXT)
