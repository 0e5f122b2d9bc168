"""The speed plot of the documentation: seconds per image of hiqa and its peers, and the time of `hiqa score` by pixels.

python bench/plot.py bench.json growth.json docs/figures/speed.svg
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

BAR, GAP, LEFT, WIDTH, HEIGHT = 11, 8, 90, 460, 330
COLOURS = {"fp32": "#9db4c8", "bf16": "#2f6690"}
FONT = 'font-family="sans-serif" font-size="11"'


def bars(seconds: dict[str, dict[str, float]], size: str, top: int) -> list[str]:
    """Horizontal bars on a logarithmic scale from 10 ms, two per scorer."""
    longest = max(value for values in seconds.values() for value in values.values())
    scale = (WIDTH - LEFT - 60) / math.log10(longest / 0.01)
    lines = [f'<text x="{LEFT}" y="{top - 6}" {FONT} font-weight="bold">seconds per image, {size}</text>']
    for row, name in enumerate(seconds["fp32"]):
        y = top + row * (2 * BAR + GAP)
        weight = ' font-weight="bold"' if name == "hiqa" else ""
        lines.append(f'<text x="{LEFT - 6}" y="{y + BAR + 4}" text-anchor="end" {FONT}{weight}>{name}</text>')
        for place, (precision, colour) in enumerate(COLOURS.items()):
            value = seconds[precision].get(name)
            if value is None:
                continue
            length = max(1.0, scale * math.log10(value / 0.01))
            at = y + place * BAR
            lines.append(f'<rect x="{LEFT}" y="{at}" width="{length:.1f}" height="{BAR - 1}" fill="{colour}"/>')
            lines.append(f'<text x="{LEFT + length + 4:.1f}" y="{at + 9}" {FONT}>{value:.3f} {precision}</text>')
    return lines


def curve(points: dict[str, dict[str, float]], left: int, top: int) -> list[str]:
    """Seconds of `hiqa score` over megapixels, both axes logarithmic."""
    width, height = WIDTH - 120, HEIGHT - 90
    found = [(float(name), value["seconds"]) for name, value in points.items()]
    low, high = math.log10(found[0][0]), math.log10(found[-1][0])
    most = 10 ** math.ceil(math.log10(max(seconds for _, seconds in found)))
    least = 10 ** math.floor(math.log10(min(seconds for _, seconds in found)))

    def place(megapixels: float, seconds: float) -> tuple[float, float]:
        across = (math.log10(megapixels) - low) / (high - low)
        up = math.log10(seconds / least) / math.log10(most / least)
        return left + 40 + across * width, top + height - up * height

    lines = [f'<text x="{left + 40}" y="{top - 6}" {FONT} font-weight="bold">seconds of hiqa score, one JPEG</text>']
    value = least
    while value <= most:
        _, y = place(found[0][0], value)
        lines.append(f'<path d="M{left + 40} {y:.1f}h{width}" stroke="#ddd"/>')
        lines.append(f'<text x="{left + 34}" y="{y + 4:.1f}" text-anchor="end" {FONT}>{value:g}</text>')
        value *= 10
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in found))
    lines.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS["bf16"]}" stroke-width="2"/>')
    for megapixels, seconds in found:
        x, y = place(megapixels, seconds)
        lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS["bf16"]}"/>')
        lines.append(f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="middle" {FONT}>{seconds:.1f}</text>')
        lines.append(f'<text x="{x:.1f}" y="{top + height + 16}" text-anchor="middle" {FONT}>{megapixels:g}</text>')
    lines.append(f'<text x="{left + 40 + width / 2}" y="{top + height + 34}" {FONT}>megapixels</text>')
    return lines


def main(peers: Path, growth: Path, target: Path) -> None:
    seconds = json.loads(peers.read_text())["seconds"]
    points = json.loads(growth.read_text())["megapixels"]
    shapes: list[str] = []
    for number, (size, by_precision) in enumerate(seconds.items()):
        shapes += bars(by_precision, size, 30 + number * (7 * (2 * BAR + GAP) + 30))
    shapes += curve(points, WIDTH, 60)
    body = "\n".join(shapes)
    total = 40 + len(seconds) * (7 * (2 * BAR + GAP) + 30)
    target.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" height="{total}">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
