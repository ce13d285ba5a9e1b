// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstdint>

namespace tensor_compress {

static_assert(std::endian::native == std::endian::little, "packed weights are little-endian");

namespace detail {
template <class T>
struct byte_image {
    std::int8_t bytes[sizeof(T)];
};
}  // namespace detail

/// A number out of packed bytes at any address, in constant expressions too.
template <class T>
constexpr T load_bytes(const std::int8_t* from) noexcept {
    detail::byte_image<T> image{};
    for (unsigned i = 0; i < sizeof(T); ++i) image.bytes[i] = from[i];
    return std::bit_cast<T>(image);
}

template <class T>
constexpr void store_bytes(std::int8_t* to, T value) noexcept {
    const auto image = std::bit_cast<detail::byte_image<T>>(value);
    for (unsigned i = 0; i < sizeof(T); ++i) to[i] = image.bytes[i];
}

}  // namespace tensor_compress
