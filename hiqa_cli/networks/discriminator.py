"""D, the IQA-discriminator; used in training only.

Lin and Wang, CVPR 2018, section 3.2. D distinguishes true references from hallucinations, formula (6), but counts a
hallucination as real where R's score of it is within epsilon of the truth, formula (7): only hallucinations that
mislead R are penalised. That rule is a loss in hiqa_train; this module holds the network only. The paper does not give
D's layers. These are strided 4x4 convolutions with leaky ReLUs (Radford et al., ICLR 2016), spectrally normalised for
stable training; the logits of all positions are averaged into one per image.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


@dataclass(frozen=True)
class DiscriminatorConfig:
    """channels: of each stride-2 convolution."""

    channels: tuple[int, ...] = (32, 64, 128, 128)


class Discriminator(nn.Module):
    """(B, 3, H, W) RGB in 0..1, H, W >= 2**len(channels) -> (B,) logits; their logistic is D(I) of formula (6)."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        before = 3
        for channels in config.channels:
            layers += [spectral_norm(nn.Conv2d(before, channels, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
            before = channels
        self.body = nn.Sequential(*layers)
        self.head = spectral_norm(nn.Conv2d(before, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(image * 2 - 1))  # (B, 1, H/16, W/16)
        return logits.mean(dim=(1, 2, 3))
