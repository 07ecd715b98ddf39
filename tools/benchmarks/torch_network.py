"""PyTorch as a baseline, at its best settings: the same network, and update.

Grouped convolutions are the two towers; the normalization stays within each tower
(section 3.3); dropout, weight decay and momentum are the paper's.
"""

from __future__ import annotations

from typing import Any

from tools.benchmarks.harness import Call


def build_network(num_classes: int = 1000) -> Any:
    """The paper's network, a `torch.nn.Module`: float32 [B, 3, 224, 224] to logits."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            # PyTorch divides alpha by n = 5; the paper does not.
            self.norm = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)
            self.conv1 = nn.Conv2d(3, 96, 11, stride=4)
            self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)
            self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
            self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)
            self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)
            self.fc6 = nn.Linear(9216, 4096)
            self.fc7 = nn.Linear(4096, 4096)
            self.fc8 = nn.Linear(4096, num_classes)

        def normalize(self, x: torch.Tensor) -> torch.Tensor:
            # PyTorch's normalization does not support bfloat16 on processors; in
            # training autocast takes care of that.
            wide = x if self.training else x.float()
            y = torch.cat([self.norm(half) for half in wide.chunk(2, dim=1)], dim=1)
            return y if self.training else y.to(x.dtype)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            relu, pool = functional.relu, functional.max_pool2d
            x = functional.pad(x, (0, 3, 0, 3))
            x = pool(self.normalize(relu(self.conv1(x))), 3, 2)
            x = pool(self.normalize(relu(self.conv2(x))), 3, 2)
            x = relu(self.conv4(relu(self.conv3(x))))
            x = pool(relu(self.conv5(x)), 3, 2).flatten(1)
            x = functional.dropout(relu(self.fc6(x)), training=self.training)
            x = functional.dropout(relu(self.fc7(x)), training=self.training)
            return self.fc8(x)

    return Network()


def train_step(
    precision: str,
    batch_size: int,
    compiled: bool,
    channels_last: bool,
    num_classes: int = 1000,
) -> Call:
    """A training step of the network, SGD with momentum and weight decay."""
    import torch
    from torch.nn import functional

    network = build_network(num_classes)
    images = torch.randn(batch_size, 3, 224, 224)
    labels = torch.arange(batch_size) % num_classes
    if channels_last:
        network = network.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        network.parameters(), 1e-3, momentum=0.9, weight_decay=5e-4
    )
    forward = torch.compile(network) if compiled else network
    is_mixed = precision == "mixed_bfloat16"

    def call() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_mixed):
            loss = functional.cross_entropy(forward(images), labels)
        loss.backward()
        optimizer.step()
        loss.item()

    call()
    return call
