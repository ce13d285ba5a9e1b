// SPDX-License-Identifier: MIT
#include <compress/kernels/int8_adding.hpp>

#include "../catch.hpp"
#include "../numbers.hpp"
#include "definition.hpp"
#include "memory.hpp"

namespace {
namespace int8_adding_test {

namespace tc = tensor_compress;

tc::add_scaling scaling_of(double first, double second, double sum, int first_zero, int second_zero) {
    const double largest = 2 * (first > second ? first : second);
    return {first_zero,
            second_zero,
            0,
            tc::to_fixed_multiplier(first / largest),
            tc::to_fixed_multiplier(second / largest),
            tc::to_fixed_multiplier(largest / (sum * (1 << tc::add_left_shift))),
            -128,
            127};
}

/// How many of all 65,536 pairs of bytes differ from the definition.
template <class V>
int wrong(const tc::add_scaling& s) {
    using tests::definition::limit;
    const tc::int8_adding<V> adding(s, s.first_zero_point + 128, s.second_zero_point);  // the first operand is x + 128
    int count = 0;
    for (int b = -128; b < 128; ++b)
        for (int a = -128; a < 128; a += 4 * V::lanes) {
            typename V::i32 x[4], y[4];
            std::int32_t values[V::lanes];
            for (int k = 0; k < 4; ++k) {
                for (int j = 0; j < V::lanes; ++j) values[j] = a + k * V::lanes + j + 128;
                x[k] = V::load(values);
                y[k] = V::splat_int(b);
            }
            adding.template apply<4>(x, y);
            for (int k = 0; k < 4; ++k) {
                V::store(values, x[k]);
                for (int j = 0; j < V::lanes; ++j)
                    count += limit(values[j], -128, 127) != tests::definition::add(s, a + k * V::lanes + j, b);
            }
        }
    return count;
}

template <class V>
void check_widths(const tc::add_scaling& s) {
    INFO("vectors of " << V::lanes);
    CHECK(wrong<V>(s) == 0);
    if constexpr (V::half::lanes < V::lanes) check_widths<typename V::half>(s);
}

TEST_CASE("int8_adding gives the definition's bits for all pairs of bytes", "[kernels]") {
    if constexpr (tc::simd::has_vectors<tc::native>) {
        using V = tc::simd::vector_unit<tc::native>;
        tests::numbers random(13);
        for (int i = 0; i < 60; ++i) {
            const double first = 0.01 * random.between(1, 400), second = 0.01 * random.between(1, 400);
            const double sum = i % 3 == 0 ? first + second : 0.01 * random.between(1, 800);
            const auto s = scaling_of(first, second, sum, random.byte(), random.byte());
            INFO(first << " + " << second << " in steps of " << sum);
            check_widths<V>(s);
        }
        check_widths<V>(scaling_of(1, 1, 1, 0, 0));       // every sum is whole
        check_widths<V>(scaling_of(1, 1, 2, -128, 127));  // every second one is a half
        check_widths<V>(scaling_of(1, 0.001, 0.5, 5, 5));
        check_widths<V>(scaling_of(0.001, 1, 1000, 5, 5));
        check_widths<V>(scaling_of(1000, 1, 0.01, 0, 0));  // single precision tells nothing any more
    }
}

}  // namespace int8_adding_test
}  // namespace
