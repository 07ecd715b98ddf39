"""The baseline is the same network as the one that the tests compare ours with."""

from __future__ import annotations

import sys

import pytest

from tests import optional

torch = optional.require(__name__, "torch", "PyTorch is not installed")

# Imports PyTorch.
from tests.alexnet_tf import torch_alexnet  # noqa: E402
from tools.benchmarks import torch_network  # noqa: E402


def test_it_answers_as_the_independent_network():
    torch.manual_seed(0)
    network = torch_network.build_network(num_classes=10).eval()
    parameters = {
        name: (getattr(network, name).weight, getattr(network, name).bias)
        for name in torch_alexnet.NAMES
    }
    # That one flattens row, column, map; PyTorch map, row, column.
    weight = parameters["fc6"][0].reshape(4096, 256, 6, 6)
    weight = weight.permute(0, 2, 3, 1).reshape(4096, 9216)
    parameters["fc6"] = (weight, parameters["fc6"][1])
    images = 60 * torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        ours = torch_alexnet.compute_logits(parameters, images)
        theirs = network(images)
    assert torch.linalg.norm(ours - theirs) <= 1e-5 * torch.linalg.norm(ours)


def test_a_step_runs():
    call = torch_network.train_step("mixed_bfloat16", 2, False, True, num_classes=10)
    call()


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
