// SPDX-License-Identifier: MIT
#pragma once

#include <compress/tensor/masks.hpp>
#include <compress/transform/layer_roundings.hpp>

namespace tensor_compress {

/// Roundings that leave at 0 what masks have at 0: for `gptq` of weights that were pruned, which would otherwise move
/// zeros to other levels. A grid without a zero, binary, cannot; tables get their zero in training (learned_steps).
/// Such layers stay as they are.
///
/// @param  masks  of 0 and 1, as `prune` gives them; others than those of weights do not matter
/// @throws error naming the mask whose size is not that of the layer's weights
inline layer_roundings keep_zeros(layer_roundings roundings, const named_tensors& masks) {
    for (const auto& [name, mask] : masks) {
        constexpr std::string_view end = ".weight";
        const auto found =
            name.ends_with(end) ? roundings.find(name.substr(0, name.size() - end.size())) : roundings.end();
        if (found == roundings.end() || !found->second.format.grid.has_zero || !found->second.tables.empty()) continue;
        std::vector<char>& kept = found->second.kept;
        if (!kept.empty() && kept.size() != mask.size())
            throw error("keep_zeros",
                        "a mask " + name + " of " + std::to_string(mask.size()) + " values for " +
                            std::to_string(kept.size()) + " weights",
                        "prune the weights of the same model");
        detail::clear_zeros_of(mask, kept);
    }
    return roundings;
}

}  // namespace tensor_compress
