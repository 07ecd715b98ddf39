"""The paper's two-tower network in PyTorch, written from the paper alone.

An independent reference for the tests: it shares only the layout of the weights with
the package. Towers are the halves of the channels; convolutions that see their own
tower only are grouped convolutions.
"""

import numpy as np
import torch
import torch.nn.functional as F

# Layers whose kernels see their own tower only.
GROUPED = ("conv2", "conv4", "conv5")
NAMES = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")


def normalize(x, n=5, k=2.0, alpha=1e-4, beta=0.75):
    """b[i] = a[i] / (k + alpha sum over n adjacent maps of its tower a[j]^2)^beta."""
    outputs = []
    for a in x.chunk(2, dim=1):
        squares = F.pad(a * a, (0, 0, 0, 0, n // 2, n // 2))
        total = sum(squares[:, j : j + a.shape[1]] for j in range(n))
        outputs.append(a / (k + alpha * total) ** beta)
    return torch.cat(outputs, dim=1)


def compute_logits(parameters, images, hidden_factor=1.0):
    """The network.

    Args:
      parameters: {"conv1": (weight, bias), ...} as `convert_weights` gives them.
      images: float32 [B, 3, 224, 224].
      hidden_factor: on the outputs of fc6 and fc7: 0.5 is dropout at test.
    """

    def convolve(x, name, **kwargs):
        groups = 2 if name in GROUPED else 1
        return F.conv2d(x, *parameters[name], groups=groups, **kwargs)

    x = F.pad(images, (0, 3, 0, 3))
    x = normalize(F.relu(convolve(x, "conv1", stride=4)))
    x = F.max_pool2d(x, 3, 2)
    x = normalize(F.relu(convolve(x, "conv2", padding=2)))
    x = F.max_pool2d(x, 3, 2)
    x = F.relu(convolve(x, "conv3", padding=1))
    x = F.relu(convolve(x, "conv4", padding=1))
    x = F.relu(convolve(x, "conv5", padding=1))
    x = F.max_pool2d(x, 3, 2)
    # Row, column, map; at each pixel tower a's maps before tower b's.
    x = x.permute(0, 2, 3, 1).reshape(x.shape[0], -1)
    x = hidden_factor * F.relu(F.linear(x, *parameters["fc6"]))
    x = hidden_factor * F.relu(F.linear(x, *parameters["fc7"]))
    return F.linear(x, *parameters["fc8"])


def convert_weights(towers):
    """Kernels [h, w, in, out] or [in, out] of each tower -> PyTorch's, joined.

    Args:
      towers: {"conv1": [(kernel, bias) of a, of b], ..., "fc8": [(kernel, bias)]}.

    Returns:
      {"conv1": (weight, bias), ...}, leaves that record gradients.
    """
    parameters = {}
    for name in NAMES:
        kernels = np.concatenate([kernel for kernel, _ in towers[name]], axis=-1)
        biases = np.concatenate([bias for _, bias in towers[name]])
        order = (3, 2, 0, 1) if kernels.ndim == 4 else (1, 0)
        parameters[name] = tuple(
            torch.tensor(np.ascontiguousarray(array), requires_grad=True)
            for array in (kernels.transpose(order), biases)
        )
    return parameters


def split_gradients(parameters):
    """{"conv1a/kernel": gradient in TensorFlow's layout, ...}, each tower apart."""
    gradients = {}
    for name, (weight, bias) in parameters.items():
        order = (2, 3, 1, 0) if weight.ndim == 4 else (1, 0)
        kernel = weight.grad.numpy().transpose(order)
        towers = 2 if name != "fc8" else 1
        kernels = np.split(kernel, towers, axis=-1)
        biases = np.split(bias.grad.numpy(), towers)
        for tower in range(towers):
            full = name + ("ab"[tower] if towers > 1 else "")
            gradients[f"{full}/kernel"] = kernels[tower]
            gradients[f"{full}/bias"] = biases[tower]
    return gradients


def compute_caffe_logits(parameters, images):
    """Caffe's AlexNet (`bvlc_alexnet`), in PyTorch's own terms.

    One column; response normalization over all maps, k = 1 and alpha / n; maps, rows,
    columns before fc6; nothing is scaled at test.

    Args:
      parameters: {"conv1": (weight, bias), ...} as PyTorch orders them.
      images: float32 [B, 3, 227, 227].
    """

    def convolve(x, name, **kwargs):
        groups = 2 if name in GROUPED else 1
        return F.relu(F.conv2d(x, *parameters[name], groups=groups, **kwargs))

    def normalize_all(x):
        return F.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=1.0)

    x = F.max_pool2d(normalize_all(convolve(images, "conv1", stride=4)), 3, 2)
    x = F.max_pool2d(normalize_all(convolve(x, "conv2", padding=2)), 3, 2)
    x = convolve(x, "conv3", padding=1)
    x = convolve(x, "conv4", padding=1)
    x = F.max_pool2d(convolve(x, "conv5", padding=1), 3, 2)
    x = x.flatten(1)
    x = F.relu(F.linear(x, *parameters["fc6"]))
    x = F.relu(F.linear(x, *parameters["fc7"]))
    return F.linear(x, *parameters["fc8"])
