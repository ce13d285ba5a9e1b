// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

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

}  // namespace tensor_compress
