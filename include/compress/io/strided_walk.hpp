// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace tensor_compress::detail {

/// Walks a tensor in row-major order of its indices: position = start + sum over axes of index[axis] * stride[axis].
///
/// Axes of extent 1 are left out, so that a step costs the same for any number of them.
class strided_walk {
public:
    strided_walk(std::span<const std::size_t> extents, std::span<const std::size_t> strides, std::size_t start = 0)
        : position_(start) {
        for (std::size_t axis = 0; axis < extents.size(); ++axis)
            if (extents[axis] != 1) axes_.push_back({extents[axis], strides[axis], 0});
    }

    [[nodiscard]] std::size_t position() const noexcept { return position_; }

    /// @pre  not more often than there are elements; after the last it is at the start again
    void advance() noexcept {
        for (std::size_t i = axes_.size(); i-- > 0;) {
            auto& axis = axes_[i];
            position_ += axis.stride;
            if (++axis.index < axis.extent) return;
            position_ -= axis.stride * axis.extent;
            axis.index = 0;
        }
    }

private:
    struct counter {
        std::size_t extent, stride, index;
    };
    std::vector<counter> axes_;
    std::size_t position_;
};

}  // namespace tensor_compress::detail
