// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/shape.hpp>
#include <compress/graph/node.hpp>
#include <compress/tensor/random_stream.hpp>
#include <compress/train/gradients/elementwise.hpp>

namespace tensor_compress {

/// The gradient of a transpose: each element goes back to where it came from.
template <bool Add>
void transpose_gradient(const shape& input, const int (&order)[max_rank], const float* gradient,
                        float* input_gradient) {
    int extent[max_rank]{1, 1, 1, 1}, step[max_rank]{};
    for (int axis = 0; axis < input.rank; ++axis) {
        extent[axis] = input[order[axis]];
        step[axis] = input.inner(order[axis]);
    }
    for (int i = 0; i < extent[0]; ++i)
        for (int j = 0; j < extent[1]; ++j)
            for (int k = 0; k < extent[2]; ++k)
                for (int l = 0; l < extent[3]; ++l)
                    detail::give<Add>(input_gradient[i * step[0] + j * step[1] + k * step[2] + l * step[3]],
                                      *gradient++);
}

/// The part of a joined gradient that starts at `gradient`: `outer` pieces, a `stride` apart.
template <bool Add>
void take_pieces(int outer, int piece, int stride, const float* gradient, float* input_gradient) {
    for (int i = 0; i < outer; ++i)
        for (int j = 0; j < piece; ++j) detail::give<Add>(input_gradient[i * piece + j], gradient[i * stride + j]);
}

/// The gradient of an image with margins around it, without them.
template <bool Add>
void pad_gradient(const shape& input, const margins& around, const float* gradient, float* input_gradient) {
    const int row = input.width() * input.channels();
    const int stride = (around.left + input.width() + around.right) * input.channels();
    gradient += around.top * stride + around.left * input.channels();
    take_pieces<Add>(input.height(), row, stride, gradient, input_gradient);
}

/// to[i] (+)= from[i] / (1 - rate), or 0 with probability `rate`: the same choice for the same stream, forwards and
/// backwards.
template <bool Add>
void drop_elements(random_stream random, float rate, int count, const float* from, float* to) {
    const auto bound = static_cast<std::uint32_t>(static_cast<double>(rate) * 0x1p32);
    const float factor = 1.0f / (1.0f - rate);
    for (int i = 0; i < count; i += 2) {
        const std::uint64_t bits = random.next();
        detail::give<Add>(to[i], static_cast<std::uint32_t>(bits) < bound ? 0.0f : from[i] * factor);
        if (i + 1 < count)
            detail::give<Add>(to[i + 1], static_cast<std::uint32_t>(bits >> 32) < bound ? 0.0f : from[i + 1] * factor);
    }
}

}  // namespace tensor_compress
