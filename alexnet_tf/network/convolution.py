"""Convolution that avoids two slow paths of TensorFlow on CPUs.

An RGB pixel's three numbers fill only a fifth of a vector register. With windows that
move by `stride` pixels, a row can be reshaped so that `stride` pixels become one pixel
of `stride` times as many maps, without copying. The paper's conv1 then multiplies
twelve numbers at a time (measurements in docs/performance.md).
"""

from __future__ import annotations

import tensorflow as tf

from alexnet_tf.devices import precision

# Pixels with fewer maps are joined.
_ENOUGH_MAPS = 16


def convolve(
    x: tf.Tensor, kernel: tf.Tensor, stride: int, padding: tuple[int, int]
) -> tf.Tensor:
    """Convolves x with the kernels, by the fastest of three methods.

    Takes x, float [B, H, W, maps in], the kernel [size, size, maps in, kernels] of the
    same dtype, and zeros (before, after) as padding on both axes, in pixels. Returns
    [B, H', W', kernels] with H' = (H + before + after - size) // stride + 1.
    """
    size = kernel.shape[0]
    if stride == 1 and size % 2 == 1 and padding == (size // 2, size // 2):
        return tf.nn.conv2d(x, kernel, 1, "SAME")
    if gains_by_joining(x, stride):
        return convolve_joined(x, kernel, stride, padding)
    # Pad first, then use VALID: with explicit padding, TensorFlow's CPU kernels take a
    # slow backward path (forty times slower in bfloat16).
    x = tf.pad(x, [[0, 0], list(padding), list(padding), [0, 0]])
    return tf.nn.conv2d(x, kernel, stride, "VALID")


def gains_by_joining(x: tf.Tensor, stride: int) -> bool:
    """True for bfloat16 input with few maps, on CPUs where joining was measured faster.

    Measured on Zen 5 with AVX-512 bfloat16: 766 ms per step instead of 784; in float32
    the kernels' gradient was a third slower. GPUs and CPUs without these instructions
    were not measured. The rule checks for the instructions instead of timing both at
    each start: the two methods sum in different orders, and a resumed run must use the
    same method to give the same bits.
    """
    is_few = stride > 1 and x.shape[3] < _ENOUGH_MAPS and None not in x.shape[1:3]
    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    is_measured = "avx512_bf16" in precision.read_cpu_flags() and not has_gpu
    return is_few and x.dtype == tf.bfloat16 and is_measured


def convolve_joined(
    x: tf.Tensor, kernel: tf.Tensor, stride: int, padding: tuple[int, int]
) -> tf.Tensor:
    """Convolves with `stride` pixels of a row joined into one.

      y[r, c] = sum over i, j of x[stride r + i, stride c + j] kernel[i, j]
              = sum over i, J of X[stride r + i, c + J] K[i, J]

    with X[r, c] = x[r, stride c], ..., x[r, stride c + stride - 1] side by side, K
    likewise, and kernel[i, j] = 0 for j >= size.

    Args, returns: as `convolve`.
    """
    size, _, maps, kernels = kernel.shape
    before, after = padding
    joined = -(-size // stride)
    columns = (x.shape[2] + before + after - size) // stride + 1
    # The columns that the windows cover; columns that no window reaches are cut off.
    width = stride * (columns - 1 + joined)
    right = max(0, width - before - x.shape[2])
    x = tf.pad(x, [[0, 0], [before, after], [before, right], [0, 0]])[:, :, :width]
    x = tf.reshape(x, [-1, x.shape[1], width // stride, stride * maps])
    kernel = tf.pad(kernel, [[0, 0], [0, stride * joined - size], [0, 0], [0, 0]])
    kernel = tf.reshape(kernel, [size, joined, stride * maps, kernels])
    return tf.nn.conv2d(x, kernel, [1, stride, 1, 1], "VALID")
