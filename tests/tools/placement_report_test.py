"""The report on hand-made graphs and on a function placed by TensorFlow."""

import sys

import pytest
import tensorflow as tf

from tools import placement_report
from tools.placement_report import PlacedGraph, Transfer

DEVICE = "/job:localhost/replica:0/task:0/device:"


def make_graph(device, nodes):
    """A partition of (name, op) and (name, input, to device, dtype) nodes."""
    graph = tf.compat.v1.GraphDef()
    for name, *rest in nodes:
        node = graph.node.add(name=name, device=DEVICE + device)
        if len(rest) == 1:
            node.op = rest[0]
            continue
        source, target, dtype = rest
        node.op = "_Send"
        node.input.append(source)
        node.attr["T"].type = dtype.as_datatype_enum
        node.attr["send_device"].s = (DEVICE + device).encode()
        node.attr["recv_device"].s = (DEVICE + target).encode()
    return graph


@pytest.fixture
def placed():
    a = make_graph(
        "GPU:0",
        [
            ("images", "_Arg"),
            ("alexnet_1/conv1a_1/Conv2D", "Conv2D"),
            ("alexnet_1/pool2a_1/MaxPool2d", "MaxPool"),
            ("gradients/alexnet_1/pool2a_1/MaxPool2d_grad/MaxPoolGrad", "MaxPoolGrad"),
            ("Mean", "Mean"),
            ("cond/then/_0/cond/mul", "Mul"),
            ("s/_1", "alexnet_1/pool2a_1/MaxPool2d", "GPU:1", tf.bfloat16),
            ("s/_2", "cond/then/_0/cond/mul:0", "GPU:1", tf.float32),
            ("s/_3", "cond/pivot_t/_4/ctrl/_63", "GPU:1", tf.float32),
        ],
    )
    b = make_graph(
        "GPU:1",
        [
            ("alexnet_1/conv1b_1/kernel", "Const"),
            ("alexnet_1/conv1b_1/Conv2D", "Conv2D"),
            ("r/_1", "_Recv"),
            (
                "s/_4",
                "gradients/alexnet_1/exchange3b_1/concat_grad/Slice"
                "-0-0-TransposeNCHWToNHWC-LayoutOptimizer",
                "GPU:0",
                tf.float32,
            ),
            ("s/_5", "unheard/of", "GPU:0", tf.float32),
        ],
    )
    shapes = {
        "alexnet_1/pool2a_1/MaxPool2d": tf.TensorShape([2, 13, 13, 128]),
        "gradients/alexnet_1/exchange3b_1/concat_grad/Slice": tf.TensorShape([2, 3]),
        "cond/mul": tf.TensorShape([]),
    }
    return PlacedGraph([a, b], shapes)


def test_counts_what_computes(placed):
    assert placement_report.count_ops(placed.partitions) == {
        "forward": {"GPU:0": 2, "GPU:1": 1},
        "backward": {"GPU:0": 1},
        "update": {"GPU:0": 1},
        "other": {"GPU:0": 1},
    }


def test_lists_transfers_with_sizes(placed):
    a, b = "GPU:0", "GPU:1"
    sliced = placed.partitions[1].node[3].input[0]
    pool = "alexnet_1/pool2a_1/MaxPool2d"
    assert placement_report.list_transfers(placed) == [
        Transfer(pool, a, b, False, (2, 13, 13, 128), 2 * 13 * 13 * 128 * 2),
        Transfer(sliced, b, a, False, (2, 3), 24),
        Transfer("cond/then/_0/cond/mul", a, b, False, (), 4),
        Transfer("cond/pivot_t/_4/ctrl/_63", a, b, True, None, 0),
        Transfer("unheard/of", b, a, False, None, None),
    ]


def test_report_is_two_tables(placed):
    assert placement_report.format_report(placed).splitlines() == [
        "| ops | GPU:0 | GPU:1 |",
        "|---|---|---|",
        "| forward | 2 | 1 |",
        "| backward | 1 | 0 |",
        "| update | 1 | 0 |",
        "| other | 1 | 0 |",
        "",
        "| crosses | from | to | shape | bytes |",
        "|---|---|---|---|---|",
        "| pool2a | GPU:0 | GPU:1 | 2x13x13x128 | 86,528 |",
        "| gradient of exchange3b, a | GPU:1 | GPU:0 | 2x3 | 24 |",
        "| unheard/of | GPU:1 | GPU:0 | ? | ? |",
        "| 2 scalars and signals | GPU:0 | GPU:1 | | |",
    ]


@pytest.mark.parametrize(
    ("op", "layer", "kind", "description"),
    [
        ("alexnet/conv1a/Conv2D", "conv1a", "forward", "conv1a"),
        ("alexnet_1/fc8_1/MatMul", "fc8", "forward", "fc8"),
        ("alexnet_12/cnorm2b_1/Mul", "cnorm2b", "forward", "cnorm2b"),
        ("alexnet/imagesb/Identity", "imagesb", "forward", "imagesb"),
        ("alexnet/relu3/Relu", "relu3", "forward", "relu3"),
        (
            "gradients/alexnet/exchange8a/concat_grad/Slice_1",
            "exchange8a",
            "backward",
            "gradient of exchange8a, b",
        ),
        (
            "ConstantFolding/gradients/alexnet/conv2a/Conv2D_grad/ShapeN",
            "conv2a",
            "backward",
            "gradient of conv2a",
        ),
        ("gradients/AddN_1", None, "backward", "gradients/AddN_1"),
        ("cond/then/_0/cond/mul", None, "update", "cond/then/_0/cond/mul"),
        ("second/Mean", None, "other", "second/Mean"),
    ],
)
def test_reads_names(op, layer, kind, description):
    assert placement_report.find_layer(op) == layer
    assert placement_report.find_kind(op) == kind
    assert placement_report.describe_op(op) == description


def test_captures_what_a_function_became():
    @tf.function
    def function(x):
        return tf.matmul(x, x, name="product")

    x = tf.ones([3, 3])
    placed, result = placement_report.capture_placed_graph(function, x)
    assert result.shape == (3, 3)
    assert placed.shapes["product"] == (3, 3)
    (graph,) = placed.partitions
    products = [node for node in graph.node if "MatMul" in node.op]
    assert [placement_report.shorten_device(n.device)[4:] for n in products] == ["0"]
    assert placement_report.list_transfers(placed) == []


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
