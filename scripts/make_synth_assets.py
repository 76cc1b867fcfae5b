"""Make the sprite sheet and the fonts that `locany.synth` ships.

Inputs, neither of them kept in the repository:

- the font file of Debian's package `fonts-noto-color-emoji` (2.042), NotoColorEmoji.ttf;
- a folder of npm packages `@fontsource/<family>`: `npm install @fontsource/{inter,roboto,...}`.

    python scripts/make_synth_assets.py --emoji-font NotoColorEmoji.ttf --fontsource node_modules/@fontsource

The same inputs give the same files. `words.json` and `LICENSES.md` are written by hand. Changing the list
of sprites changes what a seed means: raise `VERSION` in `locany/synth/icons/` with it.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

CELL = 96  # pixels; the largest sprite the renderer draws by default, so it never enlarges
COLUMNS = 10
STRIKE = 109  # the only bitmap size in the font
VARIATION_SELECTOR = "\ufe0f"

# name | character | synonyms. Names are what questions ask for; synonyms are for later use.
SPRITES = """
dog | 🐶 | puppy, hound
cat | 🐱 | kitten, kitty
rabbit | 🐰 | bunny, hare
panda | 🐼 | panda bear
fox | 🦊 | red fox
lion | 🦁 | big cat
pig | 🐷 | piglet, hog
frog | 🐸 | toad
monkey | 🐵 | ape, chimp
penguin | 🐧 | antarctic bird
owl | 🦉 | night bird
bee | 🐝 | honeybee, bumblebee
butterfly | 🦋 | orange butterfly, moth
turtle | 🐢 | tortoise
snake | 🐍 | serpent
octopus | 🐙 | sea creature with arms, kraken
crab | 🦀 | red crab
fish | 🐠 | tropical fish
whale | 🐳 | spouting whale, sea mammal
snail | 🐌 | slug with a shell
elephant | 🐘 | jumbo
unicorn | 🦄 | horned horse
cactus | 🌵 | desert plant
tree | 🌳 | leafy tree, oak
sunflower | 🌻 | yellow flower
rose | 🌹 | red flower
mushroom | 🍄 | toadstool, fungus
clover | 🍀 | four leaf clover, shamrock
maple leaf | 🍁 | autumn leaf, red leaf
apple | 🍎 | red apple
banana | 🍌 | yellow fruit
grapes | 🍇 | bunch of grapes
watermelon | 🍉 | slice of watermelon, melon
strawberry | 🍓 | red berry
pineapple | 🍍 | ananas
cherry | 🍒 | cherries, pair of cherries
lemon | 🍋 | citrus
carrot | 🥕 | orange vegetable
corn | 🌽 | maize, ear of corn
bread | 🍞 | loaf, loaf of bread
cheese | 🧀 | piece of cheese
pizza | 🍕 | slice of pizza, pizza slice
burger | 🍔 | hamburger, cheeseburger
fries | 🍟 | french fries, chips
donut | 🍩 | doughnut
cookie | 🍪 | biscuit, chocolate chip cookie
cake | 🎂 | birthday cake
ice cream | 🍦 | soft serve, ice cream cone
teacup | ☕ | hot drink, cup of tea
car | 🚗 | red car, automobile
bus | 🚌 | coach
bicycle | 🚲 | bike, cycle
train | 🚂 | locomotive, steam engine
airplane | ✈️ | plane, aeroplane, aircraft
rocket | 🚀 | spaceship
sailboat | ⛵ | boat, yacht
tractor | 🚜 | farm vehicle
helicopter | 🚁 | chopper
house | 🏠 | cottage, building
castle | 🏰 | fortress, palace
tent | ⛺ | camping tent
sun | ☀️ | sunshine
moon | 🌙 | crescent moon, crescent
star | ⭐ | yellow star
cloud | ☁️ | white cloud
rainbow | 🌈 | coloured arc
snowflake | ❄️ | ice crystal
fire | 🔥 | flame, blaze
globe | 🌍 | earth, planet, world
lightning | ⚡ | lightning bolt, bolt
heart | ❤️ | red heart, love heart
key | 🔑 | golden key, old key
alarm clock | ⏰ | clock, alarm
guitar | 🎸 | electric guitar
trumpet | 🎺 | brass instrument, horn
drum | 🥁 | snare drum, drum with sticks
camera | 📷 | photo camera
phone | 📱 | mobile phone, smartphone, cell phone
laptop | 💻 | computer, notebook computer
book | 📕 | red book, closed book
pencil | ✏️ | yellow pencil
scissors | ✂️ | shears, pair of scissors
hammer | 🔨 | mallet
umbrella | ☂️ | parasol, brolly
gift | 🎁 | present, wrapped present
balloon | 🎈 | red balloon
trophy | 🏆 | gold cup, winner's cup
crown | 👑 | royal crown, gold crown
bell | 🔔 | golden bell
padlock | 🔒 | closed lock
light bulb | 💡 | bulb, lamp
anchor | ⚓ | ship's anchor
glasses | 👓 | spectacles, eyeglasses
top hat | 🎩 | hat, magician's hat
shirt | 👕 | tee shirt, blue shirt
backpack | 🎒 | school bag, rucksack
diamond | 💎 | gem, jewel
smiley | 😀 | smiling face, happy face
ghost | 👻 | spook, phantom
robot | 🤖 | robot head, android
"""

FAMILIES = (  # families whose licence notice names a project; both weights of each are shipped
    "inter",
    "jetbrains-mono",
    "lora",
    "noto-serif",
    "nunito",
    "open-sans",
    "oswald",
    "poppins",
    "roboto",
    "roboto-slab",
)
WEIGHTS = (400, 700)


def sprite_rows() -> list[tuple[str, str, list[str]]]:
    """(name, character, synonyms) in sheet order."""
    rows = []
    for line in SPRITES.strip().splitlines():
        name, char, synonyms = (part.strip() for part in line.split("|"))
        rows.append((name, char, [s.strip() for s in synonyms.split(",")]))
    return rows


def draw_sprite(font: ImageFont.FreeTypeFont, char: str) -> Image.Image:
    """One emoji in a transparent [CELL, CELL] RGBA cell, cut to its visible pixels, centred."""
    glyph = char.replace(VARIATION_SELECTOR, "")  # basic layout would draw it as a box of its own
    canvas = Image.new("RGBA", (2 * STRIKE, 2 * STRIKE))
    ImageDraw.Draw(canvas).text((STRIKE // 2, STRIKE // 2), glyph, font=font, embedded_color=True)
    visible = canvas.getchannel("A").point(lambda a: 255 if a > 8 else 0).getbbox()
    if visible is None:
        raise SystemExit(f"the font draws nothing for {char!r}")
    sprite = canvas.crop(visible)
    scale = CELL / max(sprite.size)
    size = (max(1, round(sprite.width * scale)), max(1, round(sprite.height * scale)))
    sprite = sprite.resize(size, Image.Resampling.LANCZOS)
    cell = Image.new("RGBA", (CELL, CELL))
    cell.paste(sprite, ((CELL - size[0]) // 2, (CELL - size[1]) // 2))
    return cell


def make_sprites(emoji_font: Path, out: Path) -> None:
    """Write `emoji.webp` and `emoji.json`."""
    font = ImageFont.truetype(str(emoji_font), STRIKE, layout_engine=ImageFont.Layout.BASIC)
    rows = sprite_rows()
    num_rows = -(-len(rows) // COLUMNS)
    sheet = Image.new("RGBA", (COLUMNS * CELL, num_rows * CELL))
    for i, (_, char, _) in enumerate(rows):
        sheet.paste(draw_sprite(font, char), (i % COLUMNS * CELL, i // COLUMNS * CELL))
    sheet.save(out / "emoji.webp", lossless=True, quality=100, method=6)
    entries = [
        {"name": name, "synonyms": synonyms, "codepoint": " ".join(f"U+{ord(c):04X}" for c in char)}
        for name, char, synonyms in rows
    ]
    lines = ",\n".join("    " + json.dumps(entry) for entry in entries)
    text = f'{{\n  "cell": {CELL},\n  "columns": {COLUMNS},\n  "sprites": [\n{lines}\n  ]\n}}\n'
    (out / "emoji.json").write_text(text, encoding="utf-8")


def copy_fonts(fontsource: Path, out: Path) -> None:
    """Copy the latin subset of each family. WOFF, not WOFF2: it needs no brotli in FreeType."""
    (out / "fonts").mkdir(exist_ok=True)
    for family in FAMILIES:
        for weight in WEIGHTS:
            source = fontsource / family / "files" / f"{family}-latin-{weight}-normal.woff"
            shutil.copyfile(source, out / "fonts" / f"{family}-{weight}.woff")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--emoji-font", type=Path, required=True)
    parser.add_argument("--fontsource", type=Path, required=True)
    default_out = Path(__file__).parent.parent / "locany" / "assets" / "synth"
    parser.add_argument("--out", type=Path, default=default_out)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    make_sprites(args.emoji_font, args.out)
    copy_fonts(args.fontsource, args.out)


if __name__ == "__main__":
    main()
