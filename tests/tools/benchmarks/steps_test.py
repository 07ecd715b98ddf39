"""The parts of a step: which event belongs where, and a real step's."""

from __future__ import annotations

import sys

import pytest

from tools.benchmarks import steps

BACKWARD = "gradients/alexnet_1/"


@pytest.mark.parametrize(
    ("event", "part"),
    [
        ("CpuExecutable::ExecuteAsyncOnStream", "response normalization"),
        ("alexnet_1/lrn2b_1/Pad:Pad", "response normalization"),
        ("alexnet/lrn1a/MatMul:_MklMatMul", "response normalization"),
        (BACKWARD + "lrn1b_1/IdentityN_grad/Pad:Pad", "response normalization"),
        ("alexnet/cnorm2a/AvgPool:AvgPool", "response normalization"),
        (
            BACKWARD + "conv5b_1/Conv2D_grad/F:_MklNativeConv2DBackpropFilterWithBias",
            "convolutions, gradients of the filters",
        ),
        (
            BACKWARD + "conv3a_1/Conv2D_grad/I:Conv2DBackpropInput",
            "convolutions, gradients of the inputs",
        ),
        (
            "alexnet_1/relu2b_1/Relu:_MklNativeFusedConv2D",
            "convolutions, forward, with bias and ReLU",
        ),
        (
            "alexnet_1/relu6b_1/Relu:_MklNativeFusedMatMul",
            "fully connected layers, forward and backward",
        ),
        (
            BACKWARD + "fc6b_1/BiasAdd_grad/BiasAddGrad:BiasAddGrad",
            "fully connected layers, forward and backward",
        ),
        ("alexnet_1/pool1a_1/M:_MklNativeMaxPool", "pooling, forward and backward"),
        (BACKWARD + "pool1a_1/G:MaxPoolGrad", "pooling, forward and backward"),
        ("alexnet_1/drop7a_1/stateless_random_uniform_1/Cast:Cast", "dropout"),
        (BACKWARD + "relu7a_1/R:ReluGrad", "gradients of the other ReLUs"),
        ("alexnet_1/exchange3a_1/concat:ConcatV2", "exchanges between the towers"),
        ("L2Loss_28:L2Loss", "update: decay, momentum, norms of the gradients"),
        (
            "cond/then/_0/cond/add_4:AddV2",
            "update: decay, momentum, norms of the gradients",
        ),
        (
            "alexnet_1/fc6a_1/Cast:Cast",
            "weights and gradients from one type to another",
        ),
        ("SelectV2_1:SelectV2", "the rest"),
        ("ExecutorState::Process", None),
        ("EagerLocalExecute: __inference_train_step_3912", None),
        ("end: multiply_divide_fusion", None),
        ("multiply_divide_fusion", None),
        ("train_step", None),
    ],
)
def test_events_belong_where_their_names_say(event, part):
    assert steps.find_part(event) == part


def test_operations_are_summed_by_part():
    pytest.importorskip("tensorflow")
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    plane = space.planes.add()
    names = {1: "a/pool1a/P:MaxPool", 2: "a/pool2b/P:MaxPool", 3: "train_step"}
    for number, name in names.items():
        plane.event_metadata[number].name = name
        plane.lines.add().events.add(metadata_id=number, duration_ps=number * 10**9)
    seconds = steps.sum_parts(space.SerializeToString())
    assert list(seconds) == list(steps.PARTS)
    assert seconds.pop("pooling, forward and backward") == pytest.approx(0.003)
    assert set(seconds.values()) == {0.0}


def test_a_step_has_its_parts():
    settings = {
        "model.width": 0.03,
        "data.crop_size": 67,
        "batch_size": 4,
        "precision": "float32",
    }
    seconds = steps.traced_step(settings, 10)()
    for name in (
        "response normalization",
        "convolutions, gradients of the filters",
        "convolutions, gradients of the inputs",
        "convolutions, forward, with bias and ReLU",
        "fully connected layers, forward and backward",
        "pooling, forward and backward",
        "dropout",
        "update: decay, momentum, norms of the gradients",
    ):
        assert seconds[name] > 0, name
    # What belongs nowhere else is little.
    assert seconds["the rest"] < 0.3 * sum(seconds.values())


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
