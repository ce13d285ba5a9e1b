// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>
#include <vector>

#include <compress/tensor/weights.hpp>

namespace tensor_compress {

/// The tensor that a mask is for.
///
/// @param  source  who was given the mask, for the message
/// @throws error where no tensor has its name, or the one that has it another shape
inline array<float>& tensor_of_mask(named_tensors& tensors, const std::string& name, const array<float>& mask,
                                    std::string_view source) {
    const auto found = tensors.find(name);
    if (found == tensors.end() || shape_of(found->second) != shape_of(mask))
        throw error(source,
                    "a mask " + name + " " + shape_text(mask) +
                        (found == tensors.end() ? ", of no weight" : " for " + shape_text(found->second)),
                    "give masks the names and shapes of the weights they are for");
    return found->second;
}

namespace detail {

/// Clears where a mask is 0. What is empty keeps everything.
inline void clear_zeros_of(const array<float>& mask, std::vector<char>& kept) {
    if (kept.empty()) kept.assign(mask.size(), 1);
    for (std::size_t i = 0; i < kept.size(); ++i)
        if (mask.data()[i] == 0) kept[i] = 0;
}

}  // namespace detail

}  // namespace tensor_compress
