// SPDX-License-Identifier: MIT
#include <compress/tensor/aligned.hpp>

#include <cstdint>

#include "../catch.hpp"

namespace tc = tensor_compress;

TEST_CASE("aligned floats start on a cache line, whatever their number", "[tensor]") {
    for (std::size_t count = 1; count < 200; count += 7) {
        tc::aligned_floats values(count);
        CHECK(reinterpret_cast<std::uintptr_t>(values.data()) % 64 == 0);
        values.resize(3 * count, 1.0f);
        CHECK(reinterpret_cast<std::uintptr_t>(values.data()) % 64 == 0);
        CHECK(values.front() == 0.0f);
        CHECK(values.back() == 1.0f);
        const tc::aligned_floats copied = values, moved = std::move(values);
        CHECK(copied == moved);
    }
    CHECK(tc::cache_aligned<float>{} == tc::cache_aligned<float>(tc::cache_aligned<double>{}));
}
