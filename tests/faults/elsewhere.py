"""Guarantees that other tests check, for the page: what happens, and the test."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Guarantee:
    """What must hold, and the tests of it, each "path::name" from the root."""

    text: str
    tests: tuple[str, ...]


_DATA = "tests/alexnet_tf/data"
_TRAINING = "tests/alexnet_tf/training"
_CONVERSION = "tests/tfrecords/conversion/convert_test.py"
_WORKDIR = "tests/alexnet_tf/runs/workdir_test.py"

GUARANTEES = (
    Guarantee(
        "The number of workers changes no byte of a data set",
        (f"{_CONVERSION}::test_bytes_do_not_depend_on_the_number_of_workers",),
    ),
    Guarantee(
        "Every image is converted, or rejected with a reason",
        (f"{_CONVERSION}::test_every_image_is_converted_or_rejected",),
    ),
    Guarantee(
        "Every record occurs once per epoch, in an order that depends on seed and "
        "epoch alone, and threads do not change it",
        (
            f"{_DATA}/pipeline_test.py::test_each_record_occurs_once_per_epoch",
            f"{_DATA}/pipeline_test.py::test_starting_at_any_step_equals_the_straight_run",
            f"{_DATA}/pipeline_test.py::test_threads_do_not_change_the_batches",
        ),
    ),
    Guarantee(
        "Crops, flips and colour shifts depend on seed and position alone",
        (
            f"{_DATA}/random_draws_test.py"
            "::test_each_draw_is_a_function_of_seed_kind_and_position",
        ),
    ),
    Guarantee(
        "A loss, gradient or weight that is not finite stops the run before it changes "
        "a weight, and the checkpoint before it is kept",
        (
            f"{_TRAINING}/finite_test.py::test_which_steps_pass",
            f"{_TRAINING}/finite_test.py"
            "::test_run_that_diverges_stops_and_leaves_its_checkpoint",
            f"{_TRAINING}/finite_test.py::test_weights_beyond_float32_are_not_saved",
        ),
    ),
    Guarantee(
        "A run is not resumed with other settings, data or another network, and the "
        "field that differs is named",
        (
            f"{_WORKDIR}::test_other_settings_are_refused_field_by_field",
            f"{_WORKDIR}::test_other_data_are_refused",
            f"{_TRAINING}/train_test.py::test_other_settings_and_other_data_are_refused",
        ),
    ),
    Guarantee(
        "Another processor, thread count or version at a resumption is a warning",
        (f"{_WORKDIR}::test_another_environment_is_a_warning",),
    ),
    Guarantee(
        "A device that does not exist, is named twice or has too little memory is a "
        "sentence",
        (
            "tests/alexnet_tf/devices/placement_test.py"
            "::test_a_missing_device_is_refused_with_a_list",
            "tests/alexnet_tf/devices/placement_test.py"
            "::test_a_device_named_twice_is_refused",
            "tests/alexnet_tf/devices/placement_test.py"
            "::test_every_lack_of_memory_is_reported",
        ),
    ),
    Guarantee(
        "Metrics and TensorBoard's files hold no step twice after a kill, and a full "
        "disk under them is reported",
        (
            f"{_WORKDIR}"
            "::test_metrics_beyond_the_checkpoint_and_a_torn_line_are_dropped",
            f"{_WORKDIR}::test_a_full_disk_tears_a_line_at_most",
            "tests/alexnet_tf/runs/event_file_test.py::test_a_full_disk_is_reported",
        ),
    ),
    Guarantee(
        "A run and its export give the same answers",
        (
            "tests/alexnet_tf/inference/answers_test.py"
            "::test_a_run_and_its_export_give_the_same_answer",
        ),
    ),
    Guarantee(
        "No code unpickles, evaluates, extracts or listens to the world",
        ("tests/dangerous_calls_test.py::test_nothing_dangerous_is_called",),
    ),
)
