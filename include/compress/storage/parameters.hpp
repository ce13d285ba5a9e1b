// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/bytes.hpp>
#include <compress/core/fixed_add.hpp>
#include <compress/core/quantization.hpp>

namespace tensor_compress {

/// add_scaling as 11 int32.
inline constexpr int add_scaling_bytes = 44;

constexpr void pack_add_scaling(std::int8_t* to, const add_scaling& a) noexcept {
    const std::int32_t fields[] = {a.first_zero_point,
                                   a.second_zero_point,
                                   a.zero_point,
                                   a.first.multiplier,
                                   a.first.shift,
                                   a.second.multiplier,
                                   a.second.shift,
                                   a.sum.multiplier,
                                   a.sum.shift,
                                   a.low,
                                   a.high};
    for (int i = 0; i < 11; ++i) store_bytes(to + 4 * i, fields[i]);
}
constexpr add_scaling unpack_add_scaling(const std::int8_t* from) noexcept {
    const auto at = [from](int i) { return load_bytes<std::int32_t>(from + 4 * i); };
    return {at(0), at(1), at(2), {at(3), at(4)}, {at(5), at(6)}, {at(7), at(8)}, at(9), at(10)};
}

inline constexpr int affine_bytes = 8;

constexpr void pack_affine(std::int8_t* to, affine a) noexcept {
    store_bytes(to, a.scale);
    store_bytes(to + 4, a.zero_point);
}
constexpr affine unpack_affine(const std::int8_t* from) noexcept {
    return {load_bytes<float>(from), load_bytes<std::int32_t>(from + 4)};
}

}  // namespace tensor_compress
