// SPDX-License-Identifier: MIT
#include <compress/kernels/softmax.hpp>

#include <algorithm>

#include "../catch.hpp"
#include "../numbers.hpp"
#include "definition.hpp"
#include "memory.hpp"

namespace {
namespace softmax_test {

namespace tc = tensor_compress;
using tests::definition::high_mul;
using tests::definition::rounding_shift;
using value = std::int8_t;
using byte = tc::native::activation;

std::int32_t saturated(double v) { return static_cast<std::int32_t>(std::clamp(v, -2147483648.0, 2147483647.0)); }

std::int32_t exponential(std::int32_t v) {
    if (v == 0) return 2147483647;
    constexpr std::int32_t quarter = 1 << 24;
    const auto low_bits = static_cast<std::int32_t>(v - tests::definition::floor_divide(v, quarter) * quarter);
    const std::int32_t m = low_bits - quarter, rest = m - v, x = m * 32 + (1 << 28), c = 1895147668;
    const std::int32_t x2 = high_mul(x, x);
    const std::int32_t inner = high_mul(rounding_shift(high_mul(x2, x2), 2) + high_mul(x2, x), 715827883) + x2;
    std::int32_t y = c + high_mul(c, x + rounding_shift(inner, 1));
    const std::int32_t powers[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    for (int k = 0; k < 7; ++k)
        if (rest / (quarter << k) % 2 == 1) y = high_mul(y, powers[k]);
    return y;
}

std::int32_t reciprocal(std::int32_t a) {
    const std::int64_t t = std::int64_t{a} + 2147483647;
    const auto d = static_cast<std::int32_t>((t + 1) / 2);
    std::int32_t x = 1515870810 + high_mul(d, -1010580540);
    for (int i = 0; i < 3; ++i) x += saturated(4.0 * high_mul(x, (1 << 29) - high_mul(d, x)));
    return saturated(2.0 * x);
}

std::vector<std::int8_t> softmax(tc::softmax_scaling s, const std::vector<std::int8_t>& row) {
    const std::int32_t largest = *std::max_element(row.begin(), row.end());
    const auto term = [&](std::int8_t q) {
        return exponential(high_mul((q - largest) * (1 << s.left_shift), s.multiplier));
    };
    std::int64_t sum = 0;
    for (const std::int8_t q : row)
        if (q - largest >= s.lowest) sum += rounding_shift(term(q), 12);
    int h = 0;
    while (sum << h < tests::definition::two_to(31)) ++h;
    const std::int32_t scale = reciprocal(static_cast<std::int32_t>((sum << h) - tests::definition::two_to(31)));
    std::vector<std::int8_t> output;
    for (const std::int8_t q : row) {
        const std::int32_t quotient = q - largest < s.lowest ? 0 : rounding_shift(high_mul(scale, term(q)), 35 - h);
        output.push_back(static_cast<std::int8_t>(tests::definition::limit(quotient - 128, -128, 127)));
    }
    return output;
}

enum class rows { random, equal, one_large };

template <int Rows, int Columns, class In, class Out>
void check_int8() {
    for (const rows kind : {rows::random, rows::equal, rows::one_large})
        for (const float scale : {1e-6f, 0.003f, 0.0627f, 0.5f, 7.0f, 1000.0f}) {
            INFO(Columns << " columns, scale " << scale << ", kind " << static_cast<int>(kind));
            const tc::softmax_scaling scaling = tc::softmax_scaling_for(scale);
            tests::numbers random(Columns);
            std::vector<std::int8_t> input, expected;
            for (int i = 0; i < Rows * Columns; ++i)
                input.push_back(kind == rows::random                ? random.byte()
                                : kind == rows::equal || i % 3 != 0 ? std::int8_t{-100}
                                                                    : std::int8_t{120});
            for (int r = 0; r < Rows; ++r) {
                const auto row = softmax(scaling, {input.begin() + r * Columns, input.begin() + (r + 1) * Columns});
                expected.insert(expected.end(), row.begin(), row.end());
            }
            const auto in = tests::stored(input, tc::stored_offset<In>),
                       out = tests::stored(expected, tc::stored_offset<Out>);
            const tests::fenced from(in.data(), in.size());
            tests::guarded to(out.size(), 1);
            tc::softmax_int8<Rows, Columns>(scaling, from.as<In>(), static_cast<Out*>(to.data()));
            CHECK(to.intact());
            CHECK(tests::difference(out, static_cast<const std::uint8_t*>(to.data())) == "");
        }
}

TEST_CASE("softmax_int8 gives the bytes of the definition", "[kernels]") {
    check_int8<3, 10, value, value>();
    check_int8<1, 1, byte, value>();
    check_int8<2, 17, byte, byte>();
    check_int8<1, 1000, value, byte>();  // so many that an even share is less than half a step
}

TEST_CASE("rows of any length: what rounds to nothing is nothing, and the largest is not lost", "[kernels]") {
    constexpr int columns = 8500;
    std::vector<std::int8_t> input(columns, 0), output(columns);
    tc::softmax_int8<1, columns>(tc::softmax_scaling_for(0.05f), input.data(), output.data());
    CHECK(std::count(output.begin(), output.end(), std::int8_t{-128}) == columns);
    input.assign(columns, -128);
    input[columns - 1] = 127;
    tc::softmax_int8<1, columns>(tc::softmax_scaling_for(0.1f), input.data(), output.data());
    CHECK(output[columns - 1] == 127);
    CHECK(std::count(output.begin(), output.end(), std::int8_t{-128}) == columns - 1);
}

TEST_CASE("softmax_int8 is close to a softmax", "[kernels]") {
    std::vector<std::int8_t> input;
    for (int i = 0; i < 64; ++i) input.push_back(static_cast<std::int8_t>(i * 4 - 128));
    std::int8_t output[64];
    tc::softmax_int8<1, 64>(tc::softmax_scaling_for(0.05f), input.data(), output);
    double sum = 0, worst = 0;
    for (const std::int8_t q : input) sum += std::exp(double{0.05f} * q);
    for (std::size_t i = 0; i < 64; ++i)
        worst = std::max(worst, std::fabs((output[i] + 128) / 256.0 - std::exp(double{0.05f} * input[i]) / sum));
    CHECK(worst <= 0.5 / 256 + 1e-4);
}

TEST_CASE("softmax_fp32", "[kernels]") {
    constexpr int columns = 19;
    tests::numbers random(5);
    std::vector<float> input, output(3 * columns);
    for (int i = 0; i < 3 * columns; ++i)
        input.push_back(random.real() * (i < columns ? 3.0f : i < 2 * columns ? 80.0f : 1e6f));
    const tests::fenced from(input.data(), input.size() * sizeof(float));
    tc::softmax_fp32<3, columns>(from.as<float>(), output.data());
    int wrong = 0;
    for (std::size_t r = 0; r < 3; ++r) {
        const float* row = input.data() + r * columns;
        const double largest = *std::max_element(row, row + columns);
        double sum = 0;
        for (int i = 0; i < columns; ++i) sum += std::exp(row[i] - largest);
        for (std::size_t i = 0; i < columns; ++i) {
            const double expected = std::exp(row[i] - largest) / sum;
            // The difference to the largest is rounded once; exponential, division and product are within 2 ulp each;
            // the sum of positive numbers is off by an ulp for each. Below 2^-126 all is absolute.
            const double relative = std::ldexp(largest - row[i] + columns + 8, -24);
            wrong += !(std::fabs(output[r * columns + i] - expected) <= expected * relative + std::ldexp(1.0, -126));
        }
    }
    CHECK(wrong == 0);
}

}  // namespace softmax_test
}  // namespace
