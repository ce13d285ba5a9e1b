// SPDX-License-Identifier: MIT
#include <compress/kernels/int8_scaling.hpp>

#include "../catch.hpp"
#include "requantize_data.hpp"

namespace {
namespace int8_scaling_test {

namespace tc = tensor_compress;

/// How many of Rows rows of Across vectors, scaled by the same Across factors, differ from core/fixed_point.hpp.
template <class V, int Across, int Rows>
int wrong(const tests::requantize_data& data) {
    constexpr std::size_t row = Across * V::lanes;
    int count = 0;
    for (std::size_t i = 0; i + row * Rows <= data.sums.size(); i += row * Rows) {
        const tc::int8_scaling<V, 1 + Across> scaling(data.multipliers.data() + i - (i == 0 ? 0 : V::lanes),
                                                      data.shifts.data() + i - (i == 0 ? 0 : V::lanes));
        typename V::i32 sums[4];
        std::int32_t limited[4][V::lanes], results[4][V::lanes];
        for (std::size_t k = 0; k < Across * Rows; ++k) {
            // A sum has to suit the factor that its place in the first row has.
            for (std::size_t j = 0; j < V::lanes; ++j) {
                const int most = tests::room(data.shifts[i + k % Across * V::lanes + j]);
                limited[k][j] = tests::definition::limit(data.sums[i + k * V::lanes + j], -most, most);
            }
            sums[k] = V::load(limited[k]);
        }
        if (i == 0)
            scaling.template apply<0, Across, Rows>(sums);
        else
            scaling.template apply<1, Across, Rows>(sums);
        for (std::size_t k = 0; k < Across * Rows; ++k) {
            V::store(results[k], sums[k]);
            for (std::size_t j = 0; j < V::lanes; ++j)
                count += tests::visible(results[k][j]) !=
                         tests::visible(tc::requantize(limited[k][j], data.factor(i + k % Across * V::lanes + j)));
        }
    }
    return count;
}

template <class V>
void check_widths(const tests::requantize_data& data) {
    INFO("vectors of " << V::lanes);
    CHECK(wrong<V, 4, 1>(data) == 0);
    CHECK(wrong<V, 3, 1>(data) == 0);
    CHECK(wrong<V, 2, 2>(data) == 0);
    CHECK(wrong<V, 1, 4>(data) == 0);
    if constexpr (V::half::lanes < V::lanes) check_widths<typename V::half>(data);
}

TEST_CASE("int8_scaling gives the bits of core/fixed_point.hpp wherever a byte shows them", "[kernels]") {
    if constexpr (tc::simd::has_vectors<tc::native>) {
        using V = tc::simd::vector_unit<tc::native>;
        check_widths<V>(tests::make_random(1 << 20));
        check_widths<V>(tests::make_ties());
        check_widths<V>(tests::make_ordinary(1 << 22));
    }
}

}  // namespace int8_scaling_test
}  // namespace
