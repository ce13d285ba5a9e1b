// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <span>

namespace tensor_compress {

/// Index of the largest value; the first of equals.
inline int top_class(std::span<const float> values) {
    return static_cast<int>(std::max_element(values.begin(), values.end()) - values.begin());
}

}  // namespace tensor_compress
