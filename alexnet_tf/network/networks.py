"""The networks of the paper and of the authors' source, by name.

`NETWORKS` maps the values of the setting `model.network` to tables; `select` applies
the settings that change a table. "Net 146" and the like are the source's numbers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from alexnet_tf.config import by_layer
from alexnet_tf.config.schema import ModelConfig
from alexnet_tf.network.tables import (
    ConvolutionRow,
    DenseRow,
    Network,
    Row,
    SubsamplingRow,
    list_weighted,
)
from tfrecords import errors

# Section 3.5, figure 2: two towers with half of the kernels each. conv2, conv4 and
# conv5 see their own tower's maps; conv3 and the fully-connected layers see both
# towers'. Map sizes: 55, pooled 27; 27, pooled 13; 13; 13; 13, pooled 6.
# 60,965,224 parameters with 1,000 classes.
ALEXNET = Network(
    2,
    (
        #               name    n   size  s  padding bias  all   lrn    pool
        ConvolutionRow("conv1", 96, 11, 4, (0, 3), 0, False, True, True),
        ConvolutionRow("conv2", 256, 5, 1, (2, 2), 1, False, True, True),
        ConvolutionRow("conv3", 384, 3, 1, (1, 1), 0, True, False, False),
        ConvolutionRow("conv4", 384, 3, 1, (1, 1), 1, False, False, False),
        ConvolutionRow("conv5", 256, 3, 1, (1, 1), 1, False, False, True),
        DenseRow("fc6", 4096, 1, True),
        DenseRow("fc7", 4096, 1, True),
    ),
)

# Section 3.2 and its footnote: half as many kernels in each convolutional layer but the
# last. conv5 and the fully-connected layers keep their size, so that both networks have
# about as many parameters. 59,798,312 with 1,000 classes.
ONE_GPU = Network(
    1,
    (
        #               name    n   size  s  padding bias  all   lrn    pool
        ConvolutionRow("conv1", 48, 11, 4, (0, 3), 0, False, True, True),
        ConvolutionRow("conv2", 128, 5, 1, (2, 2), 1, False, True, True),
        ConvolutionRow("conv3", 192, 3, 1, (1, 1), 0, False, False, False),
        ConvolutionRow("conv4", 192, 3, 1, (1, 1), 1, False, False, False),
        ConvolutionRow("conv5", 256, 3, 1, (1, 1), 1, False, False, True),
        DenseRow("fc6", 4096, 1, True),
        DenseRow("fc7", 4096, 1, True),
    ),
)


def _change(network: Network, **changes: Mapping[str, object]) -> Network:
    """`network` with some fields of some rows replaced, by the row's name."""
    rows: list[Row] = []
    for row in network.rows:
        fields: Mapping[str, object] = changes.get(row.name, {})
        rows.append(dataclasses.replace(row, **fields))  # type: ignore[arg-type]
    return dataclasses.replace(network, rows=tuple(rows))


def _remove(network: Network, name: str) -> Network:
    """`network` without a convolution; its normalization and pooling stay."""
    rows: list[Row] = []
    for row in network.rows:
        if row.name != name:
            rows.append(row)
        elif isinstance(row, ConvolutionRow) and (row.normalized or row.pooled):
            rows.append(_subsample(row))
    return dataclasses.replace(network, rows=tuple(rows))


def _subsample(row: ConvolutionRow) -> SubsamplingRow:
    number = row.name.removeprefix("conv")
    return SubsamplingRow(number, row.normalized, row.pooled)


# Section 6: "a sixth convolutional layer over the last pooling layer"; its size is that
# of net 146. The fully-connected layers are fc7, fc8 and fc9 here. 61,555,304
# parameters with 1,000 classes.
CONV6 = Network(
    2,
    (
        *ALEXNET.rows[:5],
        ConvolutionRow("conv6", 256, 3, 1, (1, 1), 1, True, False, False),
        DenseRow("fc7", 4096, 1, True),
        DenseRow("fc8", 4096, 1, True),
    ),
    last="fc9",
)

# Net 150: the towers meet only in the last layer. fc6 has 2 x 4096 units and fc7
# 2 x 2048, each tower's own. 60,714,408 parameters with 1,000 classes.
LATE_EXCHANGE = _change(
    ALEXNET,
    conv2={"kernels": 320},
    conv3={"sees_all": False},
    fc6={"units": 8192, "sees_all": False},
    fc7={"sees_all": False},
)

# Section 7: networks without one of the convolutional layers. Without conv1, conv2 has
# its stride and padding, and conv1's normalization and pooling come before conv2's, so
# that the maps keep their sizes after pooling: 27, 13, 6. Parameters with 1,000
# classes: 60,642,280; 60,104,808; 59,858,920; 60,301,288; 79,396,968 (fc6 sees 384
# maps without conv5).
_STRIDED = _change(
    ALEXNET,
    conv2={"stride": 4, "padding": (0, 3), "normalized": False, "pooled": False},
)
WITHOUT_CONV1 = dataclasses.replace(
    _STRIDED,
    rows=(
        _STRIDED.rows[1],
        SubsamplingRow("1", True, True),
        SubsamplingRow("2", True, True),
        *_STRIDED.rows[2:],
    ),
)

# A four-layer network for figure 1 (CIFAR-10, 32x32 crops; ours, after the source's
# layers-18pct.cfg): maps of 32, pooled 15; 15, pooled 7; 7, pooled 3. 85,098
# parameters.
CIFAR10_FIGURE1 = Network(
    1,
    (
        ConvolutionRow("conv1", 32, 5, 1, (2, 2), 0, False, False, True),
        ConvolutionRow("conv2", 32, 5, 1, (2, 2), 0, False, False, True),
        ConvolutionRow("conv3", 64, 5, 1, (2, 2), 0, False, False, True),
    ),
    last="fc4",
)

# Section 3.3, CIFAR-10: 13 % error without normalization. The source's
# layers-conv-local-13pct.cfg, on 24x24 crops; pooling rounds sizes up: 24, pooled 12;
# 12, pooled 6; 6; 6. 1,116,490 parameters.
CIFAR10_13PCT = Network(
    1,
    (
        ConvolutionRow("conv1", 64, 5, 1, (2, 2), 0, False, False, True),
        ConvolutionRow("conv2", 64, 5, 1, (2, 2), 0, False, False, True),
        ConvolutionRow("local3", 32, 3, 1, (1, 1), 0, False, False, False, local=True),
        ConvolutionRow("local4", 32, 3, 1, (1, 1), 0, False, False, False, local=True),
    ),
    last="fc5",
)

# The same with normalization, 11 %: the source's layers-cifar10-11pct.cfg, which pools
# conv1 before it normalizes, and has 64 kernels in local3. 2,112,970 parameters.
CIFAR10_11PCT = _change(
    CIFAR10_13PCT,
    conv1={"normalized": True, "pooled_first": True},
    conv2={"normalized": True},
    local3={"kernels": 64},
)

NETWORKS = {
    "alexnet": ALEXNET,
    "one_gpu": ONE_GPU,
    "conv6": CONV6,
    "late_exchange": LATE_EXCHANGE,
    "without_conv1": WITHOUT_CONV1,
    **{f"without_conv{n}": _remove(ALEXNET, f"conv{n}") for n in (2, 3, 4, 5)},
    "cifar10_figure1": CIFAR10_FIGURE1,
    "cifar10_13pct": CIFAR10_13PCT,
    "cifar10_11pct": CIFAR10_11PCT,
}


def select(config: ModelConfig, network: Network | None = None) -> Network:
    """The table of `config.network`, or `network`, with the settings that change it.

    These are `exchange_layers`, `normalized_layers`, `initial_biases` and `paddings`.
    Raises `UserError` if a setting names a layer that the network does not have, or one
    that the setting does not apply to.
    """
    network = network or NETWORKS[config.network]
    hidden = [row.name for row in list_weighted(network.rows)]
    convolutions = [row.name for row in network.rows if isinstance(row, ConvolutionRow)]
    if config.exchange_layers and network.num_towers == 1:
        raise errors.UserError(
            "config.model.exchange_layers names the layers where towers meet; the "
            f"network {config.network} has one tower. Leave it out."
        )
    for layer in config.exchange_layers:
        by_layer.check_layer(layer, network.layers[1:], "config.model.exchange_layers")
    for layer in config.normalized_layers:
        by_layer.check_layer(layer, convolutions, "config.model.normalized_layers")
    # Settings give numbers of at least 0; -1 keeps the table's.
    biases = by_layer.resolve(config.initial_biases, hidden, -1, "model.initial_biases")
    paddings = by_layer.resolve(config.paddings, convolutions, -1, "model.paddings")
    changes: dict[str, dict[str, object]] = {}
    for name in hidden:
        fields = changes[name] = {}
        if config.exchange_layers:
            fields["sees_all"] = name in config.exchange_layers
        if config.normalized_layers and name in convolutions:
            fields["normalized"] = name in config.normalized_layers
        if biases[name] >= 0:
            fields["initial_bias"] = biases[name]
        if paddings.get(name, -1) >= 0:
            fields["padding"] = (_get_whole(paddings[name]),) * 2
    return _change(network, **changes)


def _get_whole(padding: float) -> int:
    if padding != int(padding):
        raise errors.UserError(
            f"config.model.paddings are whole numbers of pixels; {padding:g} is not."
        )
    return int(padding)
