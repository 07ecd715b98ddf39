import dataclasses
import sys

import pytest

from alexnet_tf.config import overrides
from alexnet_tf.config import schema as configs


def test_a_config_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        configs.Config().batch_size = 64
    with pytest.raises(dataclasses.FrozenInstanceError):
        configs.Config().model.activation = "tanh"


def test_every_setting_says_what_it_is_and_its_default_is_allowed():
    for setting in overrides.list_settings(configs.Config()):
        assert len(setting.doc) > 10, setting.name
        assert not setting.choices or setting.value in setting.choices, setting.name
        if setting.minimum is not None:
            assert setting.value >= setting.minimum, setting.name
        if setting.below is not None:
            assert setting.value < setting.below, setting.name


def test_what_a_run_may_be_continued_with_changes_no_weight():
    """`eval_every_epochs` is not among them: the plateau rule depends on it."""
    names = {s.name for s in overrides.list_settings(configs.Config()) if s.may_change}
    assert names == {
        "num_epochs",
        "devices",
        "eval_batch_size",
        "checkpoint_every_epochs",
        "checkpoint_every_minutes",
        "keep_checkpoints",
        "log_every_steps",
        "profile_steps",
        "data.finish_on",
        "data.num_parallel_maps",
        "data.prefetch_batches",
    }


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
