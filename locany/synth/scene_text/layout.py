"""Words set in lines on the flat plane of a sign, each with its own coverage."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from locany.synth import lexicon
from locany.synth.lexicon_words import LANGUAGES
from locany.synth.scene_text.config import SceneTextConfig
from locany.synth.scene_text.typefaces import (
    MARGIN,
    Drawn,
    Face,
    covers,
    draw_word,
    em_for,
    extent,
    faces,
    needs_shaping,
    pick_face,
)

_RIGHT_TO_LEFT = frozenset({"arabic", "hebrew"})
_DOWNWARDS = frozenset({"chinese", "japanese", "korean"})
_TURNED = frozenset("ー~～-（）()")  # written downwards, these lie on their side
_COLUMNS = frozenset({"menu", "hours", "directions"})  # figures stand in a column of their own
_LEVEL = _COLUMNS | {"phone", "plate", "price", "clock", "number", "board"}  # never written downwards
_SPACE = 0.42  # between words, in letter heights


@dataclass
class Word:
    """A word on the flat plane; it is moved until its block is done.

    Attributes:
        text: transcription, in logical order.
        line: number of its line within the sign.
        script: of its line.
        face: what it is drawn with.
        mask: mode L, all that belongs to the letters; empty at the rim.
        core: mode L of the same size, without the outline; the mask itself where there is none.
        at: where the top left corner of the mask is.
        tall: height of its letters, in pixels: of those that reach from the baseline to the top.
        downwards: its letters stand one under another.
    """

    text: str
    line: int
    script: str
    face: Face
    mask: Image.Image
    core: Image.Image
    at: tuple[int, int]
    tall: float
    downwards: bool = False


@dataclass(frozen=True)
class Setting:
    """How a text is set.

    Attributes:
        face: of the script that the sign is in.
        companion: a Latin face for what the other cannot write.
        script: of the sign.
        align: "left", "center" or "right".
        gap: between lines, in letter heights.
        tracking: extra space between words, in letter heights.
        downwards: lines are columns, from right to left.
        stroke: thickness of an outline in letter heights; 0 for none.
        rows: of a dot matrix for the height of a letter; 0 for solid letters.
    """

    face: Face
    companion: Face
    script: str
    align: str = "center"
    gap: float = 0.7
    tracking: float = 0.0
    downwards: bool = False
    stroke: float = 0.0
    rows: int = 0

    def face_for(self, text: str, split_faces: tuple[Face, ...]) -> Face | None:
        """A face that can write a word, or None."""
        for face in (self.face, self.companion, *split_faces):
            if covers(face, text):
                return face
        return None


@dataclass(frozen=True)
class Block:
    """A text that is set: its words and the size of the plane that they stand on, in pixels."""

    words: tuple[Word, ...]
    size_wh: tuple[int, int]

    def move(self, dx: int, dy: int) -> None:
        """Shift all words on the plane."""
        for word in self.words:
            word.at = (word.at[0] + dx, word.at[1] + dy)


def pick_setting(
    rng: np.random.Generator, config: SceneTextConfig, language: str, kind: str, styles: tuple[str, ...]
) -> Setting:
    """How to set a sign of a kind in a language."""
    script = LANGUAGES[language].script
    face = pick_face(rng, config, language, styles)
    companion = face if script == "latin" else pick_face(rng, config, "en", ("sans",))
    align = ("center", "center", "left", "right" if script in _RIGHT_TO_LEFT else "left")[
        int(rng.integers(4))
    ]
    downwards = script in _DOWNWARDS and kind not in _LEVEL and rng.random() < config.vertical_rate
    gap = float(rng.uniform(0.45, 1.0))
    return Setting(face, companion, script, align, gap, float(rng.uniform(0, 0.15)), downwards)


def written(wording: lexicon.Wording, setting: Setting) -> lexicon.Wording:
    """The wording as its face shows it: some faces have capitals only."""
    if not setting.face.capitals_only:
        return wording
    lines = tuple(
        replace(line, text=lexicon.cased(line.text, line.language, "upper")) for line in wording.lines
    )
    return replace(wording, lines=lines)


@dataclass(frozen=True)
class Outline:
    """What is known of a text before it is drawn.

    Attributes:
        lines: of each its script, its scale, and of its words the face, the number of characters and
            `typefaces.extent`.
        setting: how it is set.
        columns: whether figures stand in a column of their own.
        least: height of the smallest letters, in pixels.
    """

    lines: tuple[tuple[str, float, tuple[tuple[Face, int, tuple[float, float, float]], ...]], ...]
    setting: Setting
    columns: bool
    least: float


def outline_of(wording: lexicon.Wording, setting: Setting, config: SceneTextConfig) -> Outline:
    """How a text will be set."""
    spare = faces(config.split, config.font_source, "latin")
    lines = []
    for line in wording.lines:
        script = LANGUAGES[line.language].script
        found = [(setting.face_for(text, spare), text) for text in line.words]
        words = tuple((face, len(text), extent(face, text, script)) for face, text in found if face)
        if words:
            lines.append((script, line.scale, words))
    columns = wording.kind in _COLUMNS and len(lines) > 1
    return Outline(tuple(lines), setting, columns, float(config.text_height[0]))


def measure(outline: Outline, height: float) -> tuple[float, float]:
    """Width and height, about, in pixels, of what `set_text` gives for letters of this height."""
    setting = outline.setting
    rows = []
    for script, scale, words in outline.lines:
        tall = max(height * scale, outline.least)
        boxes = [_extent(word, script, setting, tall) for word in words]
        if setting.downwards:
            length = sum(bottom for _, _, bottom in boxes) + (len(boxes) - 1) * tall * 0.4
            rows.append((max(width for width, _, _ in boxes), length))
        else:
            space = tall * (_SPACE + setting.tracking) - 2 * MARGIN
            across = max(bottom for _, _, bottom in boxes) - min(top for _, top, _ in boxes)
            width = sum(width for width, _, _ in boxes) + (len(boxes) - 1) * space
            rows.append((width, max(across, height * 0.5)))
    if not rows:
        return 0.0, 0.0
    if setting.downwards:
        gaps = (len(rows) - 1) * height * setting.gap * 0.7
        return sum(width for width, _ in rows) + gaps, max(length for _, length in rows)
    gaps = sum(min(height, across) for _, across in rows[:-1]) * setting.gap * 0.6
    return max(width for width, _ in rows) + outline.columns * height, sum(
        across for _, across in rows
    ) + gaps


def _extent(
    word: tuple[Face, int, tuple[float, float, float]], script: str, setting: Setting, tall: float
) -> tuple[float, float, float]:
    """Width, top and bottom of the mask of a word in a line of this height, about."""
    face, length, (width, top, bottom) = word
    rim = MARGIN + (max(1, round(setting.stroke * tall)) if setting.stroke else 0)
    if setting.downwards:
        step = round(em_for(face, script, tall) * 1.05)
        return step + 2 * rim, 0, step * length + 2 * rim
    em = em_for(face, script, setting.rows or tall)
    pitch = max(2, round(tall / setting.rows)) if setting.rows else 1
    return (width * em + 2 * rim) * pitch, (top * em - rim) * pitch, (bottom * em + rim) * pitch


def set_text(wording: lexicon.Wording, setting: Setting, config: SceneTextConfig, height: float) -> Block:
    """Set a text.

    Args:
        wording: what it says; a word that no font can write is left out.
        setting: how.
        config: whose fonts may be used.
        height: of a letter in lines of scale 1, in pixels.
    """
    spare = faces(config.split, config.font_source, "latin")
    rows: list[list[Word]] = []
    for number, line in enumerate(wording.lines):
        script = LANGUAGES[line.language].script
        tall = max(height * line.scale, float(config.text_height[0]))
        row = []
        for text in line.words:
            face = setting.face_for(text, spare)
            if face is not None:
                row.append(_draw(text, number, script, face, setting, tall))
        if row:
            rows.append(_in_columns(row, tall) if setting.downwards else _in_row(row, setting, tall))
    if setting.downwards:
        return _columns(rows, setting, height)
    return _stacked(rows, wording, setting, height)


def as_drawn(wording: lexicon.Wording, words: tuple[Word, ...]) -> lexicon.Wording:
    """The wording without words that no font could write."""
    lines = []
    for number, line in enumerate(wording.lines):
        texts = [word.text for word in words if word.line == number]
        if texts:
            lines.append(replace(line, text=" ".join(texts)))
    return replace(wording, lines=tuple(lines))


def _draw(text: str, line: int, script: str, face: Face, setting: Setting, tall: float) -> Word:
    shaped = needs_shaping(script)
    stroke = max(1, round(setting.stroke * tall)) if setting.stroke else 0
    if setting.rows:
        em, pitch = em_for(face, script, setting.rows), max(2, round(tall / setting.rows))
        drawn = _dotted(draw_word(face, em, text, shaped=shaped), pitch)
        return Word(text, line, script, face, drawn.mask, drawn.mask, drawn.offset, tall)
    em = em_for(face, script, tall)
    if setting.downwards:
        drawn = _downwards(face, em, text, stroke)
        core = _downwards(face, em, text, 0) if stroke else drawn
    else:
        drawn = draw_word(face, em, text, shaped=shaped, stroke=stroke)
        core = draw_word(face, em, text, shaped=shaped) if stroke else drawn
    inner = drawn.mask
    if stroke:
        inner = Image.new("L", drawn.mask.size)
        inner.paste(core.mask, (core.offset[0] - drawn.offset[0], core.offset[1] - drawn.offset[1]))
    return Word(text, line, script, face, drawn.mask, inner, drawn.offset, tall, setting.downwards)


def _downwards(face: Face, em: int, text: str, stroke: int) -> Drawn:
    """Characters one under another, each centred in a square."""
    step = round(em * 1.05)
    column = Image.new("L", (step + 2 * stroke + 4, step * len(text) + 2 * stroke + 4))
    for i, character in enumerate(text):
        glyph = draw_word(face, em, character, shaped=False, stroke=stroke).mask
        if character in _TURNED:
            glyph = glyph.transpose(Image.Transpose.ROTATE_270)
        x = (column.width - glyph.width) // 2
        y = round((i + 0.5) * step + stroke + 2 - glyph.height / 2)
        column.paste(255, (x, y), glyph)
    return Drawn(column, (0, 0))


def _dotted(drawn: Drawn, pitch: int) -> Drawn:
    """The word on a matrix of lamps, `pitch` pixels apart."""
    on = drawn.mask.point([255 if level >= 105 else 0 for level in range(256)])
    width, height = on.width * pitch, on.height * pitch
    lamps = np.asarray(on.resize((width, height), Image.Resampling.NEAREST))
    offset = (drawn.offset[0] * pitch, drawn.offset[1] * pitch)
    mask = Image.fromarray(lamps * (lamp_grid(pitch, (width, height)) > 0) // 255 * 255)
    return Drawn(mask, offset)


def lamp_grid(pitch: int, size_wh: tuple[int, int]) -> np.ndarray:
    """[height, width] uint8: 255 on the lamps of a dot matrix, 0 between them."""
    center = (pitch - 1) / 2
    y, x = np.mgrid[0:pitch, 0:pitch]
    lamp = ((x - center) ** 2 + (y - center) ** 2 <= (pitch * 0.45) ** 2).astype(np.uint8) * 255
    return np.tile(lamp, (-(-size_wh[1] // pitch), -(-size_wh[0] // pitch)))[: size_wh[1], : size_wh[0]]


def _in_row(row: list[Word], setting: Setting, tall: float) -> list[Word]:
    """Words of a line, in logical order, side by side on the baseline y = 0 from x = 0."""
    space = tall * (_SPACE + setting.tracking)
    right_to_left = any(unicodedata.bidirectional(c) in ("R", "AL") for word in row for c in word.text)
    x, placed = 0.0, []
    for word in reversed(row) if right_to_left else row:
        word.at = (round(x), word.at[1])
        placed.append(word)
        x += word.mask.width - 2 * MARGIN + space
    return placed[::-1] if right_to_left else placed


def _in_columns(row: list[Word], tall: float) -> list[Word]:
    y, placed = 0.0, []
    for word in row:
        word.at = (0, round(y))
        placed.append(word)
        y += word.mask.height + tall * 0.4
    return placed


def _columns(rows: list[list[Word]], setting: Setting, height: float) -> Block:
    x, words = 0.0, []
    for row in reversed(rows):  # the first line is the rightmost column
        for word in row:
            word.at = (round(x), word.at[1])
        words += row
        x += max(word.mask.width for word in row) + height * setting.gap * 0.7
    return _cropped(words)


def _stacked(rows: list[list[Word]], wording: lexicon.Wording, setting: Setting, height: float) -> Block:
    widths = [max(word.at[0] + word.mask.width for word in row) for row in rows]
    widest = max(widths, default=0)
    columns = wording.kind in _COLUMNS and len(rows) > 1 and setting.script not in _RIGHT_TO_LEFT
    widest += round(height) if columns else 0
    y, words = 0.0, []
    for row, width in zip(rows, widths, strict=True):
        top = min(word.at[1] for word in row)
        bottom = max(word.at[1] + word.mask.height for word in row)
        tall = max(bottom - top, height * 0.5)
        shift = {"left": 0, "center": (widest - width) // 2, "right": widest - width}[setting.align]
        figures = _first_figure(row) if columns else len(row)
        shift = 0 if columns and figures < len(row) else shift
        for i, word in enumerate(row):
            dx = shift if i < figures else widest - width
            word.at = (word.at[0] + dx, word.at[1] + round(y - top))
            words.append(word)
        y += tall + min(height, tall) * setting.gap * 0.6
    return _cropped(words)


def _first_figure(row: list[Word]) -> int:
    """Number of the first word of an amount or a time; a sign of a currency belongs to it."""
    for i, word in enumerate(row[1:], 1):
        if any(c.isdigit() or unicodedata.category(c) == "Sc" for c in word.text):
            return i
    return len(row)


def _cropped(words: list[Word]) -> Block:
    """The words moved so that their plane starts at (0, 0)."""
    if not words:
        return Block((), (1, 1))
    x0, y0 = min(word.at[0] for word in words), min(word.at[1] for word in words)
    x1 = max(word.at[0] + word.mask.width for word in words)
    y1 = max(word.at[1] + word.mask.height for word in words)
    block = Block(tuple(sorted(words, key=lambda word: word.line)), (x1 - x0, y1 - y0))
    block.move(-x0, -y0)
    return block
