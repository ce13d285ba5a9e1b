// SPDX-License-Identifier: MIT
#include <compress/simd/vector_unit.hpp>

#include <compress/core/fixed_point.hpp>

#include "../catch.hpp"
#include "../kernels/definition.hpp"
#include "../kernels/memory.hpp"

namespace {
namespace requantize_test {

namespace tc = tensor_compress;

/// Sums and factors side by side, as many as fill whole vectors.
struct requantize_data {
    std::vector<std::int32_t> sums, multipliers;
    std::vector<std::int8_t> shifts;
    void add(std::int32_t sum, std::int32_t multiplier, int shift) {
        sums.push_back(sum);
        multipliers.push_back(multiplier);
        shifts.push_back(static_cast<std::int8_t>(shift));
    }
    tc::fixed_multiplier factor(std::size_t i) const { return {multipliers[i], shifts[i]}; }
};

/// The largest sum that may be multiplied by 2^(shift + 1).
int room(int shift) { return static_cast<int>((std::int64_t{1} << (30 - (shift > 0 ? shift : 0))) - 1); }

requantize_data make_random(int count) {
    tests::numbers random(7);
    requantize_data data;
    for (int i = 0; i < count; ++i) {
        const int shift = random.between(-30, i % 4 == 0 ? 29 : 0);
        const int most = room(shift), small = random.between(1, 30);  // of all magnitudes
        const int sum = random.between(-most, most) >> (i % 2 == 0 ? 0 : small);
        data.add(sum, i % 64 == 0 ? 0 : random.between(1 << 30, 2147483647), shift);
    }
    return data;
}

/// Values halfway between two results and their neighbours, and the ends of all ranges.
requantize_data make_ties() {
    requantize_data data;
    for (int shift = -30; shift <= 29; ++shift)
        for (const std::int32_t multiplier : {1 << 30, (1 << 30) + 1, 1610612736, 2147483647})
            for (int k = -8; k < 8; ++k)
                for (int neighbour = -2; neighbour <= 2; ++neighbour) {
                    const std::int64_t half =
                        shift < 0 ? std::int64_t{1} << -shift : 1;  // times 1/2 is half a step of the result
                    const std::int64_t near_tie = (2 * k + 1) * half + neighbour;
                    const std::int64_t near_end = (k < 0 ? -1 : 1) * (room(shift) - (neighbour + 2) * 3 - (k & 7));
                    for (const std::int64_t sum : {near_tie, near_end})
                        if (std::abs(sum) <= room(shift)) data.add(static_cast<std::int32_t>(sum), multiplier, shift);
                }
    while (data.sums.size() % 16 != 0) data.add(0, 0, 0);
    return data;
}

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
    const requantize_data random = make_random(1 << 21), ties = make_ties();
    CHECK(wrong_in_core(random) == 0);
    CHECK(wrong_in_core(ties) == 0);
    if constexpr (tc::simd::has_vectors<tc::native>) check_widths<tc::simd::vector_unit<tc::native>>(random, ties);
}

}  // namespace requantize_test
}  // namespace
