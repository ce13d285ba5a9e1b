// SPDX-License-Identifier: MIT
#include <compress/layers/layer_norm.hpp>

#include <cmath>

#include <compress/transform/quantize_norm.hpp>

#include "../catch.hpp"
#include "../numbers.hpp"
#include "definition.hpp"
#include "memory.hpp"
#include "product.hpp"

namespace {
namespace layer_norm_test {

namespace tc = tensor_compress;
using value = std::int8_t;
using byte = tc::native::activation;

struct example {
    std::vector<float> gamma, beta, input;
};
example make_example(int rows, int columns, float spread, float centre) {
    tests::numbers random(static_cast<std::uint64_t>(rows * 1000 + columns));
    example e;
    for (int c = 0; c < columns; ++c) e.gamma.push_back(1 + random.real() / 2), e.beta.push_back(random.real());
    for (int i = 0; i < rows * columns; ++i) e.input.push_back(centre + spread * random.bell());
    return e;
}

/// In double precision.
std::vector<double> normalised(const example& e, int rows, int columns, double epsilon) {
    std::vector<double> y;
    for (int r = 0; r < rows; ++r) {
        const float* x = e.input.data() + r * columns;
        double mean = 0, variance = 0;
        for (int c = 0; c < columns; ++c) mean += static_cast<double>(x[c]) / columns;
        for (int c = 0; c < columns; ++c) variance += std::pow(static_cast<double>(x[c]) - mean, 2) / columns;
        for (int c = 0; c < columns; ++c) {
            const auto i = static_cast<std::size_t>(c);
            y.push_back((static_cast<double>(x[c]) - mean) / std::sqrt(variance + epsilon) *
                            static_cast<double>(e.gamma[i]) +
                        static_cast<double>(e.beta[i]));
        }
    }
    return y;
}

/// Rounding: of the mean to 2^-24 of the largest value for each addition, which the factor magnifies.
template <int Rows, int Columns>
void check_fp32(float spread, float centre) {
    INFO(Rows << " x " << Columns << ", " << centre << " +- " << spread);
    using layer = tc::layers::layer_norm<Rows, Columns, tc::tag::fp32>;
    const example e = make_example(Rows, Columns, spread, centre);
    const auto expected = normalised(e, Rows, Columns, static_cast<double>(1e-5f));
    const double bound = 1e-6 * (4 + 4 * static_cast<double>(std::abs(centre) / spread)) * std::sqrt(Columns);
    std::vector<std::int8_t> plain(layer::packed_bytes);
    layer::pack(plain.data(), e.gamma.data(), e.beta.data(), 1e-5f);
    const tests::fenced packed(plain.data(), plain.size());
    const auto run = [&]<class Isa>(Isa, tests::fenced::edge edge, std::size_t misalignment) {
        const tests::fenced from(e.input.data(), e.input.size() * 4, edge);
        tests::guarded to(e.input.size() * 4, misalignment * 4);
        layer::template run<Isa>(packed.as<std::int8_t>(), from.as<float>(), static_cast<float*>(to.data()));
        double worst = to.intact() ? 0 : 1e30;
        for (std::size_t i = 0; i < expected.size(); ++i)
            worst = std::max(worst, std::abs(static_cast<double>(static_cast<float*>(to.data())[i]) - expected[i]));
        return worst;
    };
    CHECK(run(tc::isa::scalar{}, tests::fenced::end, 1) < bound);
    CHECK(run(tc::native{}, tests::fenced::end, 1) < bound);
    CHECK(run(tc::native{}, tests::fenced::start, 0) < bound);
}

TEST_CASE("layer_norm_fp32 is within its bound", "[kernels]") {
    check_fp32<1, 1>(1, 0);
    check_fp32<3, 5>(1, 3);
    check_fp32<2, 64>(0.01f, 0);
    check_fp32<4, 77>(5, -20);
    check_fp32<2, 768>(1, 1);
}

/// The reference near the real values, the vectors equal to it.
template <int Rows, int Columns, class In, class Out>
void check_int8(float spread, float centre) {
    INFO(Rows << " x " << Columns << ", " << centre << " +- " << spread);
    using layer = tc::layers::layer_norm<Rows, Columns, tc::tag::int8>;
    example e = make_example(Rows, Columns, spread, centre);
    const tc::affine in = tc::affine_for_range(centre - 3 * spread, centre + 3 * spread), out{0.02f, -10};
    std::vector<std::int8_t> bytes;
    for (float& v : e.input) bytes.push_back(tc::quantize(v, in)), v = tc::dequantize(bytes.back(), in);
    const auto expected = normalised(e, Rows, Columns, static_cast<double>(1e-5f));
    const auto q = tc::quantize_norm(e.gamma.data(), e.beta.data(), Columns, 1e-5f, in, out);
    std::vector<std::int8_t> plain(layer::packed_bytes);
    layer::pack(plain.data(), q.gamma.data(), q.beta.data(), q.scaling);
    const tests::fenced packed(plain.data(), plain.size());
    const auto input = tests::stored(bytes, tc::stored_offset<In>);
    const auto run = [&]<class Isa>(Isa, tests::fenced::edge edge, std::size_t misalignment) {
        const tests::fenced from(input.data(), input.size(), edge);
        tests::guarded to(input.size(), misalignment);
        layer::template run<Isa>(packed.as<std::int8_t>(), from.as<In>(), static_cast<Out*>(to.data()));
        CHECK(to.intact());
        const auto* found = static_cast<const std::uint8_t*>(to.data());
        return std::vector<std::uint8_t>(found, found + input.size());
    };
    const auto reference = run(tc::isa::scalar{}, tests::fenced::end, 1);
    CHECK(run(tc::native{}, tests::fenced::end, 1) == reference);
    CHECK(run(tc::native{}, tests::fenced::start, 0) == reference);
    // In steps: half of one for each of the two roundings at the end, and what gamma was rounded by.
    double worst = 0, widest = 0;
    for (const float g : e.gamma) widest = std::max(widest, static_cast<double>(std::abs(g)));
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const auto c = i % static_cast<std::size_t>(Columns);
        const double normal = (expected[i] - static_cast<double>(e.beta[c])) / static_cast<double>(e.gamma[c]);
        const double rounded = std::abs(normal) * widest / 254 / static_cast<double>(out.scale);
        const auto found = static_cast<std::int8_t>(reference[i] - tc::stored_offset<Out>);
        const double real = std::clamp(expected[i] / static_cast<double>(out.scale) + out.zero_point, -128.0, 127.0);
        worst = std::max(worst, std::abs(static_cast<double>(found) - real) - rounded);
    }
    CHECK(worst < 0.6);
}

TEST_CASE("layer_norm_int8 is near the real one, and the same in vectors", "[kernels]") {
    check_int8<1, 1, value, value>(1, 0);
    check_int8<3, 17, byte, byte>(1, 0.5f);
    check_int8<2, 64, byte, byte>(0.003f, 0);
    check_int8<5, 100, value, byte>(4, -9);
    check_int8<2, 768, byte, value>(1, 1);
}

TEST_CASE("rows of one value, and the longest, have no overflow", "[kernels]") {
    using tc::detail::norm_factor;
    STATIC_REQUIRE(norm_factor(1) == tc::fixed_multiplier{1 << 30, 12});
    STATIC_REQUIRE(norm_factor(4) == tc::fixed_multiplier{1 << 30, 11});
    STATIC_REQUIRE(norm_factor((std::uint64_t{1} << 62) - 1) == tc::fixed_multiplier{(1 << 30) + 1, -19});
    STATIC_REQUIRE(tc::detail::integer_root(~std::uint64_t{0}) == 0xffffffffu);
    for (std::uint64_t v = 3; v < std::uint64_t{1} << 61; v = v * 7 / 3 + 1) {
        const tc::fixed_multiplier f = norm_factor(v);
        const double real = std::ldexp(static_cast<double>(f.multiplier), f.shift - 31);
        CHECK(std::abs(real * std::sqrt(static_cast<double>(v)) / (1 << tc::norm_bits) - 1) < 2e-9);
    }
    // Half the values at either end.
    using layer = tc::layers::layer_norm<1, 32768, tc::tag::int8>;
    std::vector<std::int8_t> packed(layer::packed_bytes), gamma(32768, 127), input(32768, -128), output(32768);
    const std::vector<std::int32_t> beta(32768, 0);
    for (std::size_t i = 0; i < 32768; i += 2) input[i] = 127;
    layer::pack(packed.data(), gamma.data(), beta.data(), {1, tc::to_fixed_multiplier(100.0 / 127 / 2048), 3});
    layer::run(packed.data(), input.data(), output.data());
    CHECK((output[0] == 103 && output[32767] == -97));
    std::fill(input.begin(), input.end(), std::int8_t{-128});
    layer::run(packed.data(), input.data(), output.data());
    CHECK((output[0] == 3 && output[32767] == 3));
}

}  // namespace layer_norm_test
}  // namespace
