import json
import sys

import numpy as np
import pytest

from alexnet_tf.config import by_layer
from alexnet_tf.config import schema as configs
from alexnet_tf.experiments import get_config
from alexnet_tf.optimization import learning_rates, schedule
from tfrecords import errors

LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")


def make_plateau(**settings):
    config = configs.Config(schedule=configs.ScheduleConfig(**settings))
    return schedule.make_schedule(config, LAYERS)


def make_fixed(steps, layers=LAYERS, **optimizer):
    config = configs.Config(
        optimizer=configs.OptimizerConfig(**optimizer),
        schedule=configs.ScheduleConfig(
            name="fixed", steps=by_layer.parse_changes(steps)
        ),
    )
    return schedule.make_schedule(config, layers)


def test_rates_as_an_array_hold_kernels_then_biases():
    rates = learning_rates.LearningRates(("conv1", "fc8"), (0.01, 0.001), (0.02, 0.002))
    array = rates.to_array()
    assert array.dtype == np.float32
    np.testing.assert_array_equal(
        array, np.array([[0.01, 0.02], [0.001, 0.002]], np.float32)
    )


def test_the_paper_starts_with_one_rate_for_kernels_and_biases():
    rates = schedule.make_schedule(configs.Config(), LAYERS).rates_at(0)
    assert rates.kernel == rates.bias == (0.01,) * 8


def test_net_145_rate_by_rate():
    """The notes of the source's net 145: kernels' rates by epoch; biases keep 0.02."""
    net145 = schedule.make_schedule(get_config("alexnet_source"), LAYERS)
    expected = {  # epoch -> (conv1, the other layers)
        0: (0.01, 0.01),
        24.99: (0.01, 0.01),
        25: (0.001, 0.001),
        51: (0.0001, 0.0001),
        66.5: (0.0001, 0.0001),
        67: (0.00001, 0.0001),
        72: (0.0, 0.0001),
        79: (0.0, 0.00001),
        90.9: (0.0, 0.00001),
    }
    for epoch, (conv1, others) in expected.items():
        rates = net145.rates_at(epoch)
        assert rates.kernel == (conv1,) + (others,) * 7, epoch
        assert rates.bias == (0.02 if conv1 else 0.0,) + (0.02,) * 7, epoch
    assert not net145.finished


def test_biases_follow_the_kernels_where_asked():
    rates = make_fixed("1:0.001 2:fc8=0", bias_rate_factor=2.0).rates_at(3)
    assert rates.kernel == (0.001,) * 7 + (0.0,)
    assert rates.bias == (0.002,) * 7 + (0.0,)


def test_fixed_epochs_may_be_fractions_and_need_no_order():
    fixed = make_fixed("6:0.0001 2.16:0.001")
    rates = [fixed.rates_at(epoch).kernel[0] for epoch in (2.15, 2.16, 6)]
    assert rates == [0.01, 0.001, 0.0001]


def test_within_an_epoch_the_later_entry_wins():
    assert make_fixed("1:conv1=0 1:0.1").rates_at(1).kernel == (0.1,) * 8
    assert make_fixed("1:0.1 1:conv1=0").rates_at(1).kernel == (0.0,) + (0.1,) * 7


@pytest.mark.parametrize(
    "epoch, factor", [(0, 1), (1, 2.4), (2.5, 4.5), (5, 8), (60, 8)]
)
def test_large_batches_scale_the_rates_after_a_warm_up(epoch, factor):
    """Goyal et al. 2017: from the rate for 128 images to eight times that."""
    config = configs.Config(
        batch_size=1024,
        schedule=configs.ScheduleConfig(scaled_from_batch=128, warmup_epochs=5),
    )
    rates = schedule.make_schedule(config, LAYERS).rates_at(epoch)
    assert rates.kernel == pytest.approx((0.01 * factor,) * 8)
    assert rates.bias == pytest.approx((0.01 * factor,) * 8)


def test_a_misspelt_layer_brings_the_nearest():
    with pytest.raises(errors.UserError, match="Did you mean 'conv1'"):
        make_fixed("72:con1=0")
    with pytest.raises(errors.UserError, match="the layers are fc6, fc7"):
        make_fixed("72:conv1=0", layers=("fc6", "fc7"))


def test_plateau_by_hand_computed_epochs():
    """Patience 2, so: best at 2, drops at 4 and 6, best at 7, end at 9."""
    plateau = make_plateau(patience_epochs=2, max_drops=2, min_improvement=0.01)
    errors_by_epoch = [0.9, 0.8, 0.795, 0.81, 0.8, 0.805, 0.7, 0.7, 0.7]
    rates, events, finished = [], [], []
    for epoch, error in enumerate(errors_by_epoch, 1):
        events.append(plateau.record_validation(epoch, error) is not None)
        rates.append(plateau.rates_at(epoch).kernel[0])
        finished.append(plateau.finished)
    np.testing.assert_allclose(rates, [0.01] * 3 + [1e-3] * 2 + [1e-4] * 4, rtol=1e-12)
    assert events == [epoch in (4, 6, 9) for epoch in range(1, 10)]
    assert finished == [False] * 8 + [True]


def test_the_paper_divides_by_ten_three_times_then_ends():
    plateau = make_plateau()
    rates = {plateau.rates_at(0).kernel[0]}
    epoch = 0
    while not plateau.finished:
        epoch += 1
        plateau.record_validation(epoch, 0.5)
        rates.add(round(plateau.rates_at(epoch).kernel[0], 12))
    assert rates == {0.01, 0.001, 0.0001, 0.00001}
    assert epoch == 1 + 4 * configs.ScheduleConfig().patience_epochs
    assert plateau.record_validation(epoch + 50, 0.5) is None


def test_small_improvements_add_up():
    plateau = make_plateau(patience_epochs=3, min_improvement=0.01)
    for epoch in range(1, 40):
        assert plateau.record_validation(epoch, 0.9 - 0.006 * epoch) is None


def test_an_evaluation_recorded_twice_changes_nothing():
    plateau = make_plateau(patience_epochs=1)
    plateau.record_validation(1, 0.5)
    plateau.record_validation(2, 0.5)
    state = plateau.state()
    assert plateau.record_validation(2, 0.5) is None
    assert plateau.state() == state


def test_patience_counts_epochs_not_evaluations():
    plateau = make_plateau(patience_epochs=5)
    results = [plateau.record_validation(epoch, 0.5) for epoch in (2, 4, 6, 8)]
    assert [r is not None for r in results] == [False, False, False, True]


@pytest.mark.parametrize("stop", range(1, 12))
def test_a_plateau_restored_from_json_goes_on_as_if_never_stopped(stop):
    rng = np.random.default_rng(stop)
    curve = 0.5 + 0.01 * rng.standard_normal(30)
    straight = make_plateau(patience_epochs=2)
    stopped = make_plateau(patience_epochs=2)
    for epoch in range(1, 30):
        sentence = straight.record_validation(epoch, curve[epoch])
        assert stopped.record_validation(epoch, curve[epoch]) == sentence
        if epoch == stop:
            state = json.loads(json.dumps(stopped.state()))
            stopped = make_plateau(patience_epochs=2)
            stopped.restore(state)
        assert straight.state() == stopped.state()
        assert straight.rates_at(epoch) == stopped.rates_at(epoch)
    assert straight.finished


def test_a_rate_set_by_hand_is_divided_by_later_drops_and_reopens_the_run():
    plateau = make_plateau(patience_epochs=1, max_drops=1)
    plateau.set_rate(0.002, epoch=0)
    assert "from 0.002 to 0" in plateau.set_rate(0, "conv1", epoch=0)
    for epoch in (1, 2, 3):
        plateau.record_validation(epoch, 0.5)
    np.testing.assert_allclose(plateau.rates_at(3).kernel, (0,) + (0.0002,) * 7)
    assert plateau.finished
    plateau.set_rate(0.5, "fc8", epoch=3)
    assert not plateau.finished
    assert plateau.record_validation(3, 0.5) is None
    restored = make_plateau(patience_epochs=1, max_drops=1)
    restored.restore(json.loads(json.dumps(plateau.state())))
    assert restored.rates_at(3) == plateau.rates_at(3)
    assert restored.rates_at(3).kernel[-1] == 0.5


def test_a_rate_set_by_hand_holds_until_the_next_fixed_entry():
    fixed = make_fixed("25:0.001 51:0.0001")
    sentence = fixed.set_rate(0.5, "conv1", epoch=25)
    assert "conv1" in sentence and "from 0.001 to 0.5" in sentence
    restored = make_fixed("25:0.001 51:0.0001")
    restored.restore(json.loads(json.dumps(fixed.state())))
    for one in (fixed, restored):
        assert one.rates_at(24.9).kernel == (0.01,) * 8
        assert one.rates_at(50).kernel == (0.5,) + (0.001,) * 7
        assert one.rates_at(51).kernel == (0.0001,) * 8


def test_rates_by_hand_are_read_from_text():
    parse = schedule.parse_rate_assignments
    assert parse("0.001", LAYERS) == [(None, 0.001)]
    assert parse("1e-3, conv1=0", LAYERS) == [(None, 0.001), ("conv1", 0.0)]
    for bad in ("", "fast", "conv1:0.1", "0.1,", "conv1=-1", "nan"):
        with pytest.raises(errors.UserError, match="LAYER=RATE"):
            parse(bad, LAYERS)
    with pytest.raises(errors.UserError, match="Did you mean 'fc8'"):
        parse("fc88=0.1", LAYERS)


@pytest.mark.parametrize("name", ["plateau", "fixed"])
def test_factors_and_frozen_layers(name):
    config = configs.Config(
        optimizer=configs.OptimizerConfig(
            rate_factors={"conv2": 0, "fc8": 10}, bias_rate_factor=2.0
        ),
        schedule=configs.ScheduleConfig(
            name=name, frozen_until={"conv1": 1.5, "fc8": 2}
        ),
    )
    rates = schedule.make_schedule(config, ("conv1", "conv2", "fc8"))
    assert rates.rates_at(0).kernel == (0, 0, 0)
    assert rates.rates_at(1.5).kernel == (0.01, 0, 0)
    assert rates.rates_at(2).kernel == (0.01, 0, pytest.approx(0.1))
    assert rates.rates_at(2).bias == (0.02, 0, pytest.approx(0.2))
    assert rates.rates_at(1.4).bias == (0, 0, 0)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
