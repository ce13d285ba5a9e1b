// SPDX-License-Identifier: MIT
#include <compress/core/bytes.hpp>

#include <cstring>

#include "../catch.hpp"

namespace tc = tensor_compress;

// Little-endian, at any address, in constant expressions.
constexpr std::int8_t memory[] = {7, 0x78, 0x56, 0x34, 0x12, -1, -1, -1, -1};
static_assert(tc::load_bytes<std::int32_t>(memory + 1) == 0x12345678);
static_assert(tc::load_bytes<std::int16_t>(memory + 3) == 0x1234);
static_assert(tc::load_bytes<std::int32_t>(memory + 5) == -1);
static_assert(tc::load_bytes<std::int8_t>(memory) == 7);

template <class T>
constexpr bool survives(T value) {
    std::int8_t bytes[sizeof(T) + 2]{};
    bytes[0] = bytes[sizeof(T) + 1] = 42;
    tc::store_bytes(bytes + 1, value);
    return tc::load_bytes<T>(bytes + 1) == value && bytes[0] == 42 && bytes[sizeof(T) + 1] == 42;
}
static_assert(survives(1.5f) && survives(-0.0f) && survives(3.25) && survives<std::int32_t>(-123456) &&
              survives<std::int8_t>(-128));

TEST_CASE("bytes are those that memcpy would write", "[core]") {
    std::int8_t bytes[4];
    tc::store_bytes(bytes, 3.14f);
    float value = 0;
    std::memcpy(&value, bytes, 4);
    CHECK(value == 3.14f);
    CHECK(tc::load_bytes<float>(bytes) == 3.14f);
}
