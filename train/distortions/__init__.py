"""Distortions of photographs at continuous strengths, reproducible for a given random generator.

    pixels        pixel values: levels, luma and chroma, blocks
    noise         TID2013's kinds of noise, sensor noise
    blur          Gaussian, lens, motion; lost resolution; denoising; sharpening
    codecs        JPEG, JPEG 2000
    transmission  JPEG and JPEG 2000 files with bit errors
    local         patches, blocks, jitter, sparse samples
    tones         brightness, contrast, steps, haze, vignette
    colours       saturation, colour casts, separated colour planes
    palettes      few colours, with or without dither
    chains        realistic sequences of several distortions
    sampling      all of them at random strengths, for training: `distort(image, kind, random)`

Every function takes and returns (H, W, 3) uint8 RGB. Codecs and resampling are OpenCV's; some kinds need Pillow.
"""

from .blur import (
    add_noise_and_denoise,
    astigmatic_blur,
    blur,
    defocus,
    denoise,
    downscale,
    motion_blur,
    pixelate,
    unsharp,
    zero_bordered_blur,
)
from .codecs import block_codec, decode, jpeg, jpeg2000, jpeg2000_bytes, jpeg_bytes, unlimited_jpeg, wavelet_codec
from .colours import (
    aberration,
    change_saturation,
    diffuse_colour,
    displace_green,
    scale_chroma,
    separate_channels,
    shift_colour,
    white_balance,
)
from .local import colour_blocks, cut_off, dissolve, flat_blocks, jitter, moved_patches, sparse_sampling
from .noise import (
    add_noise,
    chroma_noise,
    comfort_noise,
    compressed_noise,
    correlated_noise,
    high_frequency_noise,
    impulse_noise,
    masked_noise,
    multiplicative_noise,
    salt_and_pepper,
    shot_noise,
)
from .palettes import reduce_colours
from .pixels import Random, logarithmic, psnr, to_8bit
from .sampling import (
    CHAINS,
    KADID,
    KINDS,
    MILD,
    NEED_LARGE,
    RANDOM,
    TID,
    RandomDistortion,
    default_shares,
    distort,
    expand_shares,
)
from .tones import band, change_contrast, change_gamma, expose, haze, quantize, shift_mean, vignette
from .transmission import jpeg2000_errors, jpeg_errors

__all__ = [
    "CHAINS",
    "KADID",
    "KINDS",
    "MILD",
    "NEED_LARGE",
    "RANDOM",
    "TID",
    "Random",
    "RandomDistortion",
    "aberration",
    "add_noise",
    "add_noise_and_denoise",
    "astigmatic_blur",
    "band",
    "block_codec",
    "blur",
    "change_contrast",
    "change_gamma",
    "change_saturation",
    "chroma_noise",
    "colour_blocks",
    "comfort_noise",
    "compressed_noise",
    "correlated_noise",
    "cut_off",
    "decode",
    "default_shares",
    "defocus",
    "denoise",
    "diffuse_colour",
    "displace_green",
    "dissolve",
    "distort",
    "downscale",
    "expand_shares",
    "expose",
    "flat_blocks",
    "haze",
    "high_frequency_noise",
    "impulse_noise",
    "jitter",
    "jpeg",
    "jpeg2000",
    "jpeg2000_bytes",
    "jpeg2000_errors",
    "jpeg_bytes",
    "jpeg_errors",
    "logarithmic",
    "masked_noise",
    "motion_blur",
    "moved_patches",
    "multiplicative_noise",
    "pixelate",
    "psnr",
    "quantize",
    "reduce_colours",
    "salt_and_pepper",
    "scale_chroma",
    "separate_channels",
    "shift_colour",
    "shift_mean",
    "shot_noise",
    "sparse_sampling",
    "to_8bit",
    "unlimited_jpeg",
    "unsharp",
    "vignette",
    "wavelet_codec",
    "white_balance",
    "zero_bordered_blur",
]
