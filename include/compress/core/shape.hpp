// SPDX-License-Identifier: MIT
#pragma once

#include <initializer_list>
#include <type_traits>

namespace tensor_compress {

inline constexpr int max_rank = 4;

namespace detail {
void a_shape_has_at_most_4_extents();  // never defined: its name is the compiler's message
}

/// Extents of one tensor without its batch dimension: [H, W, C] for images, [T, C] for sequences, [N] for vectors.
/// The last dimension is the one that is contiguous in memory, and the one that is called channels.
struct shape {
    int rank = 0;
    int extent[max_rank]{};

    constexpr shape() = default;
    constexpr shape(std::initializer_list<int> extents) {
        for (int e : extents) {
            if (rank == max_rank) {
                if (std::is_constant_evaluated()) detail::a_shape_has_at_most_4_extents();
                break;
            }
            extent[rank++] = e;
        }
    }

    constexpr int operator[](int axis) const { return extent[axis]; }
    constexpr int elements() const {
        int product = 1;
        for (int axis = 0; axis < rank; ++axis) product *= extent[axis];
        return product;
    }
    constexpr int channels() const { return rank > 0 ? extent[rank - 1] : 1; }
    constexpr int height() const { return rank >= 3 ? extent[rank - 3] : 1; }
    constexpr int width() const { return rank >= 2 ? extent[rank - 2] : 1; }

    /// Product of the extents before `axis`, and of those after it.
    constexpr int outer(int axis) const {
        int product = 1;
        for (int i = 0; i < axis; ++i) product *= extent[i];
        return product;
    }
    constexpr int inner(int axis) const {
        int product = 1;
        for (int i = axis + 1; i < rank; ++i) product *= extent[i];
        return product;
    }

    // Not defaulted: for a class with an array g++ 14 may give all comparisons of one constant expression one answer.
    friend constexpr bool operator==(const shape& a, const shape& b) {
        for (int axis = 0; axis < max_rank; ++axis)
            if (a.extent[axis] != b.extent[axis]) return false;
        return a.rank == b.rank;
    }
};

/// Height and width of a kernel, a stride or a dilation; one number stands for both.
struct extent2 {
    int height = 1;
    int width = 1;

    constexpr extent2() = default;
    constexpr extent2(int both) : height(both), width(both) {}
    constexpr extent2(int h, int w) : height(h), width(w) {}
    friend constexpr bool operator==(const extent2&, const extent2&) = default;
};

/// Smallest multiple of `step` that is not below `value`.
constexpr int round_up(int value, int step) { return (value + step - 1) / step * step; }
constexpr int ceil_div(int value, int step) { return (value + step - 1) / step; }

}  // namespace tensor_compress
