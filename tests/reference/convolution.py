"""Reference numbers for src/autodiff/convolution.rs: convolutions and their gradients, in f64 and plain Python.

Run: python tests/reference/convolution.py > tests/reference/convolution.json   (nothing but Python needed)

The values come from the definition, written as sums in PyTorch's axes. The gradients do not come from a formula at
all: they are central differences of the loss sum(slope * output), which is linear in every single number, so that
nothing but rounding is lost.
"""

import itertools
import json
import random

random.seed(20261124)


def numbers(count):
    return [round(random.uniform(-1, 1), 4) for _ in range(count)]


def convolution(x, w, b, shape, outputs, kernel, stride):
    """x [batch, channels, side, side], w [outputs, channels, kernel, kernel], b [outputs], flat and row-major."""
    batch, channels, side = shape
    padding = kernel // 2
    out = (side + 2 * padding - kernel) // stride + 1
    result = []
    for n, o, row, column in itertools.product(range(batch), range(outputs), range(out), range(out)):
        total = b[o]
        for c, ky, kx in itertools.product(range(channels), range(kernel), range(kernel)):
            y, xx = row * stride + ky - padding, column * stride + kx - padding
            if 0 <= y < side and 0 <= xx < side:
                total += x[((n * channels + c) * side + y) * side + xx] * w[((o * channels + c) * kernel + ky) * kernel + kx]
        result.append(total)
    return result


def case(shape, outputs, kernel, stride):
    batch, channels, side = shape
    x = numbers(batch * channels * side * side)
    w = numbers(outputs * channels * kernel * kernel)
    b = numbers(outputs)
    output = convolution(x, w, b, shape, outputs, kernel, stride)
    slope = numbers(len(output))

    def loss():
        return sum(s * y for s, y in zip(slope, convolution(x, w, b, shape, outputs, kernel, stride)))

    def differences(values):
        gradient = []
        for index, value in enumerate(values):
            ends = []
            for step in (0.5, -0.5):
                values[index] = value + step
                ends.append(loss())
            values[index] = value
            gradient.append(ends[0] - ends[1])
        return gradient

    return {
        "shape": [batch, channels, side, side],
        "outputs": outputs,
        "kernel": kernel,
        "stride": stride,
        "input": x,
        "weight": w,
        "bias": b,
        "slope": slope,
        "output": output,
        "input_gradient": differences(x),
        "weight_gradient": differences(w),
        "bias_gradient": differences(b),
    }


cases = [
    case((2, 3, 5), 4, 3, 1),
    case((2, 3, 6), 4, 3, 2),
    case((1, 3, 7), 2, 7, 2),
    case((2, 3, 6), 4, 1, 2),
]
print(json.dumps(cases, indent=None, separators=(",", ":")).replace("},{", "},\n{"))
