"""Images or maps times kernels, past two slow paths of TensorFlow on processors.

The three numbers of a pixel fill a fifth of a vector register. Where windows move by
`stride` pixels, that many pixels of a row can stand as one pixel of `stride` times the
maps, without anything being moved: the paper's conv1 then multiplies twelve numbers at
a time (figures in docs/performance.md).
"""

from __future__ import annotations

import tensorflow as tf

from alexnet_tf.devices import precision

# Pixels of fewer maps are joined.
_ENOUGH_MAPS = 16


def convolve(
    x: tf.Tensor, kernel: tf.Tensor, stride: int, padding: tuple[int, int]
) -> tf.Tensor:
    """The convolution of x, by the fastest of three ways.

    Args:
      x: float [B, H, W, maps in].
      kernel: of the same dtype, [size, size, maps in, kernels].
      stride: pixels.
      padding: zeros (before, after) each side of both axes.

    Returns:
      [B, H', W', kernels] with H' = (H + before + after - size) // stride + 1.
    """
    size = kernel.shape[0]
    if stride == 1 and size % 2 == 1 and padding == (size // 2, size // 2):
        return tf.nn.conv2d(x, kernel, 1, "SAME")
    if gains_by_joining(x, stride):
        return convolve_joined(x, kernel, stride, padding)
    # Zeros first, then VALID: given explicit padding, TensorFlow's CPU kernels take a
    # slow path backward (in bfloat16, forty times slower).
    x = tf.pad(x, [[0, 0], list(padding), list(padding), [0, 0]])
    return tf.nn.conv2d(x, kernel, stride, "VALID")


def gains_by_joining(x: tf.Tensor, stride: int) -> bool:
    """Is it bfloat16 on a processor like the one measured, and few maps, to be joined?

    Measured on Zen 5, with AVX-512's bfloat16: a step in 766 ms instead of 784; in
    float32 the filters' gradient was a third slower. On GPUs and on processors without
    these instructions it was not measured. The rule asks for the instructions and does
    not time them at every start: the two ways add up in different orders, and a run
    that goes on has to take the way that it began with to give the same bits.
    """
    is_few = stride > 1 and x.shape[3] < _ENOUGH_MAPS and None not in x.shape[1:3]
    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    is_measured = "avx512_bf16" in precision.read_cpu_flags() and not has_gpu
    return is_few and x.dtype == tf.bfloat16 and is_measured


def convolve_joined(
    x: tf.Tensor, kernel: tf.Tensor, stride: int, padding: tuple[int, int]
) -> tf.Tensor:
    """The convolution with `stride` pixels of a row joined to one.

      y[r, c] = sum over i, j of x[stride r + i, stride c + j] kernel[i, j]
              = sum over i, J of X[stride r + i, c + J] K[i, J]

    with X[r, c] = x[r, stride c], ..., x[r, stride c + stride - 1] side by side, K
    likewise, and kernel[i, j] = 0 from j = size on.

    Args, returns: `convolve`'s.
    """
    size, _, maps, kernels = kernel.shape
    before, after = padding
    joined = -(-size // stride)
    columns = (x.shape[2] + before + after - size) // stride + 1
    # What the windows see; a rest that no window reaches is left out.
    width = stride * (columns - 1 + joined)
    right = max(0, width - before - x.shape[2])
    x = tf.pad(x, [[0, 0], [before, after], [before, right], [0, 0]])[:, :, :width]
    x = tf.reshape(x, [-1, x.shape[1], width // stride, stride * maps])
    kernel = tf.pad(kernel, [[0, 0], [0, stride * joined - size], [0, 0], [0, 0]])
    kernel = tf.reshape(kernel, [size, joined, stride * maps, kernels])
    return tf.nn.conv2d(x, kernel, [1, stride, 1, 1], "VALID")
