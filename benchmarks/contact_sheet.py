"""The contact sheet of the demo painter: six words, three seeds each.

`python benchmarks/contact_sheet.py` writes docs/contact-sheet.webp; `--words` and `--style` show
other pictures, `--out` keeps them elsewhere.
"""

import argparse
import time
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from atelier_worker.painter import paint

WORDS = "sea,forest,city,night,portrait,abstract"
OUT = Path(__file__).parent.parent / "docs" / "contact-sheet.webp"
SIZE, GAP, TITLE = 320, 10, 26


def sheet(words: list[str], seeds: list[int], style: str | None) -> Image.Image:
    """One column a word, one row a seed, each word above its column."""
    step = SIZE + GAP
    whole = (len(words) * step + GAP, TITLE + len(seeds) * step + GAP)
    page = Image.new("RGB", whole, (250, 248, 244))
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(16)
    for column, word in enumerate(words):
        x = GAP + column * step
        draw.text((x + SIZE / 2, GAP / 2 + TITLE / 2), word, (40, 40, 48), font, anchor="mm")
        for row, seed in enumerate(seeds):
            picture = paint(word, seed=seed, width=512, height=512, style=style)
            small = picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
            page.paste(small, (x, TITLE + GAP + row * step))
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", default=WORDS, help="prompts, separated by commas")
    parser.add_argument("--seeds", default="9,10,12")
    parser.add_argument("--style")
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    began = time.process_time()
    words = [word.strip() for word in asked.words.split(",")]
    page = sheet(words, [int(seed) for seed in asked.seeds.split(",")], asked.style)
    page.save(asked.out, quality=90, method=6)
    spent = time.process_time() - began
    print(f"{asked.out}: {asked.out.stat().st_size // 1024} KiB in {spent:.1f} s of CPU")


if __name__ == "__main__":
    main()
