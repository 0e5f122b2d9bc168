"""Make the example images from photographs that the scikit-image wheel contains.

    pip install -e '.[dev]' && python examples/make_examples.py

astronaut: Eileen Collins, NASA, public domain. chelsea: Stefan van der Walt's cat, CC0. coffee: Rachel Michetti, CC0
(Pikolo Espresso Bar). rocket: launch of DSCOVR, SpaceX, CC0. Each is reduced and cropped to 384x288 px and saved clean
and with one or two visible distortions. The same library versions give the same bytes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from skimage import data

from hiqa_cli.images.opencv import cv2
from hiqa_train.distortions import add_noise, blur, downscale, jpeg2000_bytes

HERE = Path(__file__).parent
WIDTH, HEIGHT = 384, 288


def photograph(name: str) -> np.ndarray:
    """A photograph, reduced if it is larger and cropped to (288, 384, 3) uint8 RGB."""
    pixels = getattr(data, name)()[..., :3]
    scale = max(WIDTH / pixels.shape[1], HEIGHT / pixels.shape[0], 0.75 if name != "chelsea" else 1.0)
    if scale < 1:
        size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    y = 0 if name == "astronaut" else (pixels.shape[0] - HEIGHT) // 2
    x = (pixels.shape[1] - WIDTH) // 2
    return np.ascontiguousarray(pixels[y : y + HEIGHT, x : x + WIDTH])


def write(name: str, pixels: np.ndarray, *options: int) -> None:
    """Write RGB pixels to this folder. options: OpenCV encoder parameters."""
    ok, data = cv2.imencode(Path(name).suffix, pixels[..., ::-1], list(options))
    if not ok:
        raise RuntimeError(f"OpenCV could not write {name}")
    (HERE / name).write_bytes(data.tobytes())


def main() -> None:
    """Write all example images."""
    clean = {name: photograph(name) for name in ("astronaut", "chelsea", "coffee", "rocket")}
    random = np.random.default_rng(1)
    png = (cv2.IMWRITE_PNG_COMPRESSION, 9)
    for name, pixels in clean.items():
        write(f"{name}.png", pixels, *png)
    write("astronaut_noise.png", add_noise(clean["astronaut"], 25, random), *png)
    write("chelsea_blur.png", blur(clean["chelsea"], 2.5), *png)
    write("coffee_jpeg.jpg", clean["coffee"], cv2.IMWRITE_JPEG_QUALITY, 8)
    (HERE / "rocket_jpeg2000.jp2").write_bytes(jpeg2000_bytes(clean["rocket"], 6).tobytes())
    write("coffee_lowres.png", downscale(clean["coffee"], 4), *png)
    write("chelsea_grain.jpg", add_noise(blur(clean["chelsea"], 0.7), 20, random), cv2.IMWRITE_JPEG_QUALITY, 20)


if __name__ == "__main__":
    main()
