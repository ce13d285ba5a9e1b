// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <compress/tensor/error.hpp>
#include <compress/tensor/xtensor.hpp>

namespace tensor_compress {

/// Tensors by name, in the order of their names; looked up by std::string_view without a copy.
/// Weights carry PyTorch's names and layouts: "stem.weight" [O, I, KH, KW] or [out, in], "stem.bias" [O].
template <class T>
using named_arrays = std::map<std::string, array<T>, std::less<>>;

using named_tensors = named_arrays<float>;

namespace detail {

/// Neither NaN nor infinity. Reads the exponent bits, because -ffast-math turns std::isfinite into `true`.
constexpr bool has_finite_bits(float value) {
    return (std::bit_cast<std::uint32_t>(value) & 0x7f800000u) != 0x7f800000u;
}

/// The index, in a row-major tensor of these extents, of the element at a flat position.
inline std::vector<std::size_t> index_at(std::size_t position, const std::vector<std::size_t>& extents) {
    std::vector<std::size_t> index(extents.size());
    for (std::size_t axis = extents.size(); axis-- > 0; position /= extents[axis])
        index[axis] = position % extents[axis];
    return index;
}

}  // namespace detail

/// Refuses weights that training has broken, before they poison a calibration.
///
/// @param  file  where the tensors come from, for the message
/// @throws error naming the first tensor with a NaN or an infinity, its shape and the element's index
inline void expect_finite(const named_tensors& tensors, std::string_view file) {
    for (const auto& [name, tensor] : tensors) {
        for (std::size_t position = 0; position < tensor.size(); ++position) {
            const float value = tensor.data()[position];
            if (detail::has_finite_bits(value)) continue;
            const bool is_nan = (std::bit_cast<std::uint32_t>(value) & 0x007fffffu) != 0;
            const auto extents = shape_of(tensor);
            throw error(file,
                        "tensor '" + name + "' " + shape_text(extents) + " holds " + (is_nan ? "NaN" : "an infinity") +
                            " at index " + shape_text(detail::index_at(position, extents)),
                        "export the weights of a training run that did not diverge");
        }
    }
}

}  // namespace tensor_compress
