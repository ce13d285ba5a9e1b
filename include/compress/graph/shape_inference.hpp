// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/node.hpp>

namespace tensor_compress {

/// Padding of a convolution or pool. `same`: ceil(input / stride) outputs, the odd row or column at the end, as in
/// TensorFlow. `valid`: none. Four numbers: top, left, bottom, right, as in ONNX's pads.
struct padding {
    enum class rule : unsigned char { same, valid, given };
    rule kind = rule::given;
    margins given{};

    constexpr padding(rule r) : kind(r) {}
    constexpr padding(int all) : given{all, all, all, all} {}
    constexpr padding(int top, int left, int bottom, int right) : given{top, left, bottom, right} {}
};
inline constexpr padding same{padding::rule::same};
inline constexpr padding valid{padding::rule::valid};

namespace detail {

/// Before and after along one axis for `same`.
struct span_padding {
    int before, after;
};
constexpr span_padding same_padding(int input, int kernel, int stride, int dilation) {
    const int reach = (kernel - 1) * dilation + 1;
    const int needed = (ceil_div(input, stride) - 1) * stride + reach - input;
    const int total = needed > 0 ? needed : 0;
    return {total / 2, total - total / 2};
}

}  // namespace detail

constexpr margins resolve(padding p, const shape& input, extent2 kernel, extent2 stride, extent2 dilation) {
    if (p.kind == padding::rule::valid) return {};
    if (p.kind == padding::rule::given) return p.given;
    const auto rows = detail::same_padding(input.height(), kernel.height, stride.height, dilation.height);
    const auto columns = detail::same_padding(input.width(), kernel.width, stride.width, dilation.width);
    return {rows.before, columns.before, rows.after, columns.after};
}

/// floor((input + padding - reach) / stride) + 1 along both axes; 0 or less where the window does not fit.
constexpr extent2 window_positions(const shape& input, const window& w) {
    const auto positions = [](int size, int kernel, int stride, int dilation) {
        const int room = size - ((kernel - 1) * dilation + 1);
        return room < 0 ? 0 : room / stride + 1;
    };
    return {
        positions(input.height() + w.padding.top + w.padding.bottom, w.kernel.height, w.stride.height,
                  w.dilation.height),
        positions(input.width() + w.padding.left + w.padding.right, w.kernel.width, w.stride.width, w.dilation.width)};
}

/// Shape of a + b or a * b: equal shapes, or one side is a vector of channels (or [1, 1, C]) spread over the other.
/// Rank 0: neither.
constexpr shape broadcast(const shape& a, const shape& b) {
    if (a == b) return a;
    const auto spreads = [](const shape& wide, const shape& narrow) {
        return narrow.elements() == narrow.channels() &&
               (narrow.channels() == wide.channels() || narrow.elements() == 1) && narrow.rank <= wide.rank;
    };
    if (spreads(a, b)) return a;
    if (spreads(b, a)) return b;
    return {};
}

constexpr shape transposed(const shape& input, const int (&order)[max_rank]) {
    shape result = input;
    for (int axis = 0; axis < input.rank; ++axis) result.extent[axis] = input.extent[order[axis]];
    return result;
}

}  // namespace tensor_compress
