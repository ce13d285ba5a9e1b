// SPDX-License-Identifier: MIT
#include <compress/kernels/elementwise.hpp>

#include <algorithm>
#include <limits>

#include "../catch.hpp"
#include "../numbers.hpp"
#include "definition.hpp"
#include "memory.hpp"

namespace {
namespace elementwise_test {

namespace tc = tensor_compress;
using tc::clamp_kind;
using tc::pair_extent;
using value = std::int8_t;
using byte = tc::native::activation;

/// Runs f(output) over guarded memory and compares.
template <class Out, class F>
std::string compare(const std::vector<std::int8_t>& expected, F f) {
    const std::vector<std::uint8_t> bytes = tests::stored(expected, tc::stored_offset<Out>);
    tests::guarded to(bytes.size(), 1);
    f(static_cast<Out*>(to.data()));
    return to.intact() ? tests::difference(bytes, static_cast<const std::uint8_t*>(to.data()))
                       : "wrote outside of its output";
}

template <class In>
tests::fenced input_of(const std::vector<std::int8_t>& values) {
    return {tests::stored(values, tc::stored_offset<In>).data(), values.size()};
}

const std::vector<tc::add_scaling>& scalings() {
    using tc::to_fixed_multiplier;
    static const std::vector<tc::add_scaling> all{
        {3, -7, 11, to_fixed_multiplier(0.5), to_fixed_multiplier(0.31), to_fixed_multiplier(1.7 / 1048576), -128, 127},
        {-128, 127, -128, to_fixed_multiplier(0.02), to_fixed_multiplier(0.5), to_fixed_multiplier(0.9 / 1048576), -128,
         127},
        {127, -128, 127, to_fixed_multiplier(0.5), to_fixed_multiplier(0.5), to_fixed_multiplier(300.0 / 1048576), -20,
         100},
        {0, 0, 0, {1 << 30, 0}, {1 << 30, 0}, {1 << 30, -19}, -128, 127},  // (a + b) / 2, half of which are ties
        {5, 5, 5, {2147483647, 0}, {}, {2147483647, -20}, 5, 127},
    };
    return all;
}

/// All pairs of int8, or as many.
std::vector<std::int8_t> counting(int count, int step) {
    std::vector<std::int8_t> values;
    for (int i = 0; i < count; ++i) values.push_back(static_cast<std::int8_t>(i / step % 256 - 128));
    return values;
}

template <pair_extent P, class A, class B, class Out>
void check_add() {
    const auto a = counting(P.first_period, 1), b = counting(P.second_period, P.count > 1000 ? 256 : 3);
    const tests::fenced first = input_of<A>(a), second = input_of<B>(b);
    for (const tc::add_scaling& s : scalings()) {
        std::vector<std::int8_t> expected, products;
        for (int i = 0; i < P.count; ++i) {
            const std::int32_t x = a[static_cast<std::size_t>(i % P.first_period)],
                               y = b[static_cast<std::size_t>(i % P.second_period)];
            expected.push_back(static_cast<std::int8_t>(tests::definition::add(s, x, y)));
            const std::int32_t product = (x - s.first_zero_point) * (y - s.second_zero_point);
            products.push_back(static_cast<std::int8_t>(tests::definition::limit(
                tests::definition::requantized(product, s.sum) + s.zero_point, s.low, s.high)));
        }
        INFO(P.count << " elements, scaling " << &s - scalings().data());
        CHECK(compare<Out>(expected,
                           [&](Out* to) { tc::add_int8_reference<P>(s, first.as<A>(), second.as<B>(), to); }) == "");
        CHECK(compare<Out>(expected,
                           [&](Out* to) { tc::add_int8<tc::native, P>(s, first.as<A>(), second.as<B>(), to); }) == "");
        CHECK(compare<Out>(products, [&](Out* to) { tc::mul_int8<P>(s, first.as<A>(), second.as<B>(), to); }) == "");
    }
}

TEST_CASE("add_int8 and mul_int8 give the bytes of the definition", "[kernels]") {
    check_add<pair_extent{65536, 65536, 65536}, byte, byte, byte>();
    check_add<pair_extent{37, 37, 37}, value, byte, value>();
    check_add<pair_extent{16, 16, 16}, byte, value, byte>();
    check_add<pair_extent{15, 15, 15}, value, value, value>();
    check_add<pair_extent{51, 51, 17}, byte, byte, value>();  // one value per channel
    check_add<pair_extent{48, 1, 48}, value, byte, byte>();   // a single one
}

TEST_CASE("add_int8 works in place", "[kernels]") {
    constexpr pair_extent extent{45, 45, 45};
    const auto a = counting(45, 1), b = counting(45, 2);
    const tests::fenced other = input_of<byte>(b);
    const tc::add_scaling s = scalings()[0];
    std::vector<std::int8_t> expected;
    for (std::size_t i = 0; i < a.size(); ++i)
        expected.push_back(static_cast<std::int8_t>(tests::definition::add(s, a[i], b[i])));
    CHECK(compare<byte>(expected, [&](byte* to) {
              std::copy_n(input_of<byte>(a).as<byte>(), 45, to);
              tc::add_int8<tc::native, extent>(s, to, other.as<byte>(), to);
          }) == "");
    CHECK(compare<byte>(expected, [&](byte* to) {
              std::copy_n(input_of<byte>(b).as<byte>(), 45, to);
              tc::add_int8<tc::native, extent>(s, input_of<byte>(a).as<byte>(), to, to);
          }) == "");
}

TEST_CASE("add_fp32 and mul_fp32", "[kernels]") {
    constexpr pair_extent channels{12, 12, 4}, single{12, 1, 12};
    const float a[12] = {-9, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, b[4] = {1, -2, 0.5f, 3}, one = 2;
    float sum[12], product[12], spread[12];
    tc::add_fp32<channels, clamp_kind::relu6>(a, b, sum);
    tc::mul_fp32<channels, clamp_kind::none>(a, b, product);
    tc::mul_fp32<single, clamp_kind::relu>(&one, a, spread);
    int wrong = 0;
    for (int i = 0; i < 12; ++i) {
        wrong += sum[i] != std::min(6.0f, std::max(0.0f, a[i] + b[i % 4]));
        wrong += product[i] != a[i] * b[i % 4];
        wrong += spread[i] != std::max(0.0f, 2 * a[i]);
    }
    CHECK(wrong == 0);
}

template <tc::function F, class Exact>
void check_map(Exact exact) {
    constexpr int count = 4001;
    std::vector<float> input, output(count);
    for (int i = 0; i < count; ++i) input.push_back(static_cast<float>(i - 2000) / 100);
    const tests::fenced from(input.data(), input.size() * sizeof(float));
    tc::map_fp32<F, count>(from.as<float>(), output.data(), 0.1f);
    double worst = 0;
    for (std::size_t i = 0; i < output.size(); ++i) {
        const double expected = exact(static_cast<double>(input[i]));
        worst = std::max(worst, std::fabs(output[i] - expected) / (std::fabs(expected) + 1e-30));
    }
    INFO("function " << static_cast<int>(F));
    CHECK(worst <= std::ldexp(8.0, -24));  // an exponential within 2 ulp and three more roundings
}

TEST_CASE("map_fp32", "[kernels]") {
    check_map<tc::function::relu>([](double x) { return x > 0 ? x : 0; });
    check_map<tc::function::relu6>([](double x) { return x > 0 ? std::min(x, 6.0) : 0; });
    check_map<tc::function::leaky_relu>([](double x) { return x >= 0 ? x : double{0.1f} * x; });
    check_map<tc::function::sigmoid>([](double x) { return 1 / (1 + std::exp(-x)); });
    check_map<tc::function::tanh>([](double x) { return std::tanh(x); });
    check_map<tc::function::hard_swish>([](double x) { return x * std::min(std::max(x + 3, 0.0), 6.0) / 6; });
}

template <class In, class Out>
void check_table() {
    std::vector<std::int8_t> input = counting(256, 1), table(256), expected;
    for (int i = 0; i < 256; ++i)
        table[static_cast<std::size_t>(i)] = static_cast<std::int8_t>((i * 37 + 11) % 256 - 128);
    for (const std::int8_t q : input) expected.push_back(table[static_cast<std::size_t>(q + 128)]);
    const tests::fenced from = input_of<In>(input), entries(table.data(), 256);
    CHECK(compare<Out>(expected, [&](Out* to) { tc::map_int8<256>(entries.as<std::int8_t>(), from.as<In>(), to); }) ==
          "");
}

TEST_CASE("map_int8", "[kernels]") {
    check_table<value, value>();
    check_table<value, byte>();
    check_table<byte, byte>();
}

/// clamp(round(real / scale) + zero point), the division in single precision, halves away from zero; the zero point for
/// what is not a number.
std::int8_t quantized(float real, tc::affine a) {
    const double steps = std::isnan(real) ? 0.0 : std::round(static_cast<double>(real / a.scale));
    return static_cast<std::int8_t>(std::clamp(steps + a.zero_point, -128.0, 127.0));
}

/// Numbers around all halves of steps, the ends of float, and random ones.
template <int Count>
std::vector<float> reals_around(tc::affine a) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    std::vector<float> values{0.0f,  -0.0f,  infinity, -infinity, std::numeric_limits<float>::quiet_NaN(),
                              3e38f, -3e38f, 1e-45f,   -1e-45f};
    for (int half = -600; half <= 600; ++half) {
        const float tie = 0.5f * static_cast<float>(half) * a.scale;
        for (const float v : {std::nextafter(tie, -infinity), tie, std::nextafter(tie, infinity)}) values.push_back(v);
    }
    tests::numbers random(3);
    while (values.size() < Count) values.push_back(random.real() * 200 * a.scale);
    values.resize(Count);
    return values;
}

template <class Byte>
void check_conversions() {
    constexpr int count = 4000 + 77;  // ends in part of a vector
    for (const tc::affine a :
         {tc::affine{0.25f, -3}, tc::affine{0.0123f, 127}, tc::affine{3.7e5f, -128}, tc::affine{1e-30f, 0}}) {
        INFO("scale " << a.scale << ", zero point " << a.zero_point);
        const std::vector<float> real = reals_around<count>(a);
        std::vector<std::int8_t> expected;
        for (const float v : real) expected.push_back(quantized(v, a));
        const tests::fenced from(real.data(), real.size() * sizeof(float));
        CHECK(compare<Byte>(expected, [&](Byte* to) {
                  tc::quantize_elements<tc::native, count>(a, from.as<float>(), to);
              }) == "");

        const tests::fenced bytes = input_of<Byte>(expected);
        tests::guarded to(real.size() * sizeof(float), 4);
        auto* back = static_cast<float*>(to.data());
        tc::dequantize_elements<tc::native, count>(a, bytes.as<Byte>(), back);
        int wrong = 0;
        for (std::size_t i = 0; i < expected.size(); ++i)
            wrong += back[i] != a.scale * static_cast<float>(expected[i] - a.zero_point);
        CHECK(wrong == 0);
        CHECK(to.intact());
    }
}

TEST_CASE("quantize_elements and dequantize_elements", "[kernels]") {
    check_conversions<value>();
    if constexpr (!std::is_same_v<value, byte>) check_conversions<byte>();
}

}  // namespace elementwise_test
}  // namespace
