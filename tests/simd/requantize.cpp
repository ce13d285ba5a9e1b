// SPDX-License-Identifier: MIT
#include <compress/simd/vector_unit.hpp>

#include <compress/core/fixed_point.hpp>

#include "../catch.hpp"
#include "../kernels/requantize_data.hpp"

namespace {
namespace requantize_test {

namespace tc = tensor_compress;

using tests::requantize_data;

/// How many results of core/fixed_point.hpp differ from the definition.
int wrong_in_core(const requantize_data& data) {
    int wrong = 0;
    for (std::size_t i = 0; i < data.sums.size(); ++i)
        wrong += tc::requantize(data.sums[i], data.factor(i)) !=
                 tests::definition::requantized(data.sums[i], data.factor(i));
    return wrong;
}

/// How many results in vectors differ from those of core/fixed_point.hpp.
template <class V>
int wrong_in_vectors(const requantize_data& data) {
    int wrong = 0;
    std::int32_t results[V::lanes];
    for (std::size_t i = 0; i < data.sums.size(); i += V::lanes) {
        V::store(results, V::requantize(V::load(data.sums.data() + i),
                                        V::load_factor(data.multipliers.data() + i, data.shifts.data() + i)));
        for (std::size_t j = 0; j < V::lanes; ++j)
            wrong += results[j] != tc::requantize(data.sums[i + j], data.factor(i + j));
    }
    return wrong;
}

/// All widths that the instruction set offers.
template <class V>
void check_widths(const requantize_data& random, const requantize_data& ties) {
    INFO("vectors of " << V::lanes);
    CHECK(wrong_in_vectors<V>(random) == 0);
    CHECK(wrong_in_vectors<V>(ties) == 0);
    if constexpr (V::half::lanes < V::lanes) check_widths<typename V::half>(random, ties);
}

TEST_CASE("requantize in vectors gives the bits of core/fixed_point.hpp", "[simd]") {
    const requantize_data random = tests::make_random(1 << 21), ties = tests::make_ties();
    CHECK(wrong_in_core(random) == 0);
    CHECK(wrong_in_core(ties) == 0);
    if constexpr (tc::simd::has_vectors<tc::native>) check_widths<tc::simd::vector_unit<tc::native>>(random, ties);
}

}  // namespace requantize_test
}  // namespace
