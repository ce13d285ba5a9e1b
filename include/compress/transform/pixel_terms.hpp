// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include <compress/storage/conv_geometry.hpp>

namespace tensor_compress::detail {

/// The terms of the sums of a group of outputs at one pixel, in the order of the weights [channel, kernel row, kernel
/// column]; 0 outside of the image.
///
/// @param  input  [in_height, in_width, in_channels]
/// @param  row    [terms]
inline void copy_terms(const conv_geometry& g, int group, int y, int x, std::span<const float> input, float* row) {
    const int first = group * g.group_inputs();
    for (int c = 0; c < g.group_inputs(); ++c)
        for (int i = 0; i < g.kernel_height; ++i)
            for (int j = 0; j < g.kernel_width; ++j) {
                const int from_row = g.row(y, i), from_column = g.column(x, j);
                const bool inside = g.row_inside(from_row) && g.column_inside(from_column);
                const int at = (from_row * g.in_width + from_column) * g.in_channels + first + c;
                *row++ = inside ? input[static_cast<std::size_t>(at)] : 0.0f;
            }
}

}  // namespace tensor_compress::detail
