// SPDX-License-Identifier: MIT
#include <compress/layers/matmul.hpp>

#include "../catch.hpp"
#include "../numbers.hpp"
#include "definition.hpp"
#include "memory.hpp"
#include "product.hpp"

namespace {
namespace matmul_test {

namespace tc = tensor_compress;
using tc::matmul_extent;
using value = std::int8_t;
using byte = tc::native::activation;

/// f(place in the output, places of the factors) for each product, written without second_index.
template <class F>
void for_each_product(matmul_extent e, F f) {
    std::size_t at = 0;
    for (int b = 0; b < e.batch; ++b)
        for (int m = 0; m < e.rows; ++m)
            for (int n = 0; n < e.columns; ++n, ++at)
                for (int k = 0; k < e.inner; ++k)
                    f(at, static_cast<std::size_t>((b * e.rows + m) * e.inner + k),
                      static_cast<std::size_t>(e.transposed ? (b * e.columns + n) * e.inner + k
                                                            : (b * e.inner + k) * e.columns + n));
}

template <matmul_extent E>
void check_fp32() {
    INFO(E.batch << " x " << E.rows << " x " << E.inner << " x " << E.columns << (E.transposed ? ", transposed" : ""));
    using layer = tc::layers::matmul<E, tc::tag::fp32>;
    tests::numbers random(7);
    std::vector<float> a(E.batch * E.rows * E.inner), b(E.batch * E.inner * E.columns);
    for (float& v : a) v = random.real();
    for (float& v : b) v = random.real();
    std::vector<double> expected(E.batch * E.rows * E.columns), sizes(expected.size());
    for_each_product(E, [&](std::size_t at, std::size_t i, std::size_t j) {
        const double product = static_cast<double>(a[i]) * static_cast<double>(b[j]);
        expected[at] += product;
        sizes[at] += std::abs(product);
    });
    const auto worst = [&]<class Isa>(Isa, tests::fenced::edge edge, std::size_t misalignment) {
        const tests::fenced first(a.data(), a.size() * 4, edge), second(b.data(), b.size() * 4, edge);
        tests::guarded to(expected.size() * 4, misalignment * 4);
        layer::template run<Isa>(nullptr, first.as<float>(), second.as<float>(), static_cast<float*>(to.data()));
        double largest = to.intact() ? 0 : 1e30;  // in units of the bound: inner + 1 roundings of 2^-24 each
        for (std::size_t i = 0; i < expected.size(); ++i)
            largest = std::max(largest, std::abs(static_cast<double>(static_cast<float*>(to.data())[i]) - expected[i]) /
                                            (sizes[i] * (E.inner + 1) * 0x1p-24));
        return largest;
    };
    CHECK(worst(tc::isa::scalar{}, tests::fenced::end, 1) <= 1);
    CHECK(worst(tc::native{}, tests::fenced::end, 1) <= 1);
    CHECK(worst(tc::native{}, tests::fenced::start, 0) <= 1);
}

TEST_CASE("matmul_fp32 is within its bound", "[kernels]") {
    check_fp32<matmul_extent{1, 1, 1, 1}>();
    check_fp32<matmul_extent{1, 7, 16, 16}>();
    check_fp32<matmul_extent{2, 13, 9, 21}>();
    check_fp32<matmul_extent{2, 13, 9, 21, true}>();
    check_fp32<matmul_extent{1, 30, 33, 100, true}>();
    check_fp32<matmul_extent{3, 1, 40, 64}>();
}

template <matmul_extent E, class A, class B, class Out>
void check_int8() {
    INFO(E.batch << " x " << E.rows << " x " << E.inner << " x " << E.columns << (E.transposed ? ", transposed" : ""));
    using layer = tc::layers::matmul<E, tc::tag::int8>;
    for (const int extreme : {0, 1, 2}) {
        tests::numbers random(static_cast<std::uint64_t>(extreme) + 3);
        std::vector<std::int8_t> a(E.batch * E.rows * E.inner), b(E.batch * E.inner * E.columns);
        for (auto& v : a) v = extreme == 2 ? std::int8_t{127} : random.byte();
        for (auto& v : b) v = extreme == 2 ? std::int8_t{-128} : random.byte();
        tc::matmul_scaling s{random.between(-128, 127), random.between(-128, 127), random.between(-128, 127),
                             tc::to_fixed_multiplier(30.0 / (90 * 90 * std::sqrt(E.inner)))};
        if (extreme != 0)
            s.first_zero_point = extreme == 1 ? 127 : -128, s.second_zero_point = extreme == 1 ? -128 : 127;
        std::vector<std::int32_t> sums(E.batch * E.rows * E.columns);
        for_each_product(E, [&](std::size_t at, std::size_t i, std::size_t j) {
            sums[at] += (a[i] - s.first_zero_point) * (b[j] - s.second_zero_point);
        });
        std::vector<std::int8_t> expected;
        for (const std::int32_t sum : sums)
            expected.push_back(static_cast<std::int8_t>(
                tests::definition::limit(tests::definition::requantized(sum, s.factor) + s.zero_point, -128, 127)));
        const auto wanted = tests::stored(expected, tc::stored_offset<Out>);
        const auto first = tests::stored(a, tc::stored_offset<A>), second = tests::stored(b, tc::stored_offset<B>);
        std::vector<std::int8_t> packed(layer::packed_bytes);
        layer::pack(packed.data(), s);
        const auto run = [&]<class Isa>(Isa, tests::fenced::edge edge, std::size_t misalignment) {
            const tests::fenced x(first.data(), first.size(), edge), y(second.data(), second.size(), edge);
            tests::guarded to(expected.size(), misalignment);
            layer::template run<Isa>(packed.data(), x.as<A>(), y.as<B>(), static_cast<Out*>(to.data()));
            if (!to.intact()) return std::string("wrote outside of its output");
            return tests::difference(wanted, static_cast<const std::uint8_t*>(to.data()));
        };
        CHECK(run(tc::isa::scalar{}, tests::fenced::end, 1) == "");
        CHECK(run(tc::native{}, tests::fenced::end, 1) == "");
        CHECK(run(tc::native{}, tests::fenced::start, 0) == "");
    }
}

TEST_CASE("matmul_int8 is the definition, to the bit", "[kernels]") {
    check_int8<matmul_extent{1, 1, 1, 1}, value, value, value>();
    check_int8<matmul_extent{1, 7, 16, 16}, byte, byte, byte>();
    check_int8<matmul_extent{2, 13, 9, 21}, byte, value, byte>();
    check_int8<matmul_extent{2, 13, 9, 21, true}, value, byte, value>();
    check_int8<matmul_extent{1, 30, 34, 100, true}, byte, byte, byte>();
    check_int8<matmul_extent{3, 1, 403, 64}, byte, byte, byte>();
}

}  // namespace matmul_test
}  // namespace
