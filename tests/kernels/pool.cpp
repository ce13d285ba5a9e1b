// SPDX-License-Identifier: MIT
#include <compress/kernels/pool.hpp>

#include <algorithm>
#include <cmath>

#include "../catch.hpp"
#include "../numbers.hpp"
#include "definition.hpp"
#include "memory.hpp"

namespace {
namespace pool_test {

namespace tc = tensor_compress;
using tc::conv_geometry;
using value = std::int8_t;
using byte = tc::native::activation;

constexpr conv_geometry window(int height, int width, int channels, int out_height, int out_width, tc::extent2 kernel,
                               tc::extent2 stride, int top = 0, int left = 0) {
    return {height,        width,        channels, out_height, out_width, channels, kernel.height, kernel.width,
            stride.height, stride.width, 1,        1,          top,       left,     channels};
}

/// f(output, values under its window inside the image) for each output.
template <class T, class F>
void for_each_output(const conv_geometry& g, const std::vector<T>& input, F f) {
    const conv_geometry one = [&] {  // a pool looks at one channel, as a depthwise convolution does
        conv_geometry d = g;
        d.groups = d.in_channels;
        return d;
    }();
    for (int y = 0; y < g.out_height; ++y)
        for (int x = 0; x < g.out_width; ++x)
            for (int c = 0; c < g.out_channels; ++c) {
                std::vector<T> under;
                tests::definition::for_each_term(
                    one, y, x, c, [&](int at, int) { under.push_back(input[static_cast<std::size_t>(at)]); });
                f(under);
            }
}

/// sum / n to nearest, ties away from zero.
std::int8_t mean(std::int64_t sum, std::int64_t n) {
    const std::int64_t magnitude = ((sum < 0 ? -sum : sum) * 2 + n) / (2 * n);
    return static_cast<std::int8_t>(sum < 0 ? -magnitude : magnitude);
}

template <class Out, class F>
std::string compare(const std::vector<std::int8_t>& expected, F f) {
    const std::vector<std::uint8_t> bytes = tests::stored(expected, tc::stored_offset<Out>);
    tests::guarded to(bytes.size(), 1);
    f(static_cast<Out*>(to.data()));
    return to.intact() ? tests::difference(bytes, static_cast<const std::uint8_t*>(to.data()))
                       : "wrote outside of its output";
}

template <conv_geometry G, bool CountPadding, class In, class Out>
void check_int8(const char* name) {
    INFO(name);
    constexpr int zero_point = -77;
    tests::numbers random(G.in_channels);
    std::vector<std::int8_t> input, means, largest;
    for (int i = 0; i < G.in_elements(); ++i) input.push_back(random.byte());
    for_each_output(G, input, [&](const std::vector<std::int8_t>& under) {
        std::int64_t sum = 0, n = static_cast<std::int64_t>(under.size());
        for (const std::int8_t v : under) sum += v;
        if (CountPadding) {
            sum += (G.kernel_height * G.kernel_width - n) * zero_point;
            n = G.kernel_height * G.kernel_width;
        }
        means.push_back(mean(sum, n));
        largest.push_back(*std::max_element(under.begin(), under.end()));
    });
    const auto bytes = tests::stored(input, tc::stored_offset<In>);
    const tests::fenced from(bytes.data(), bytes.size());
    CHECK(compare<Out>(largest, [&](Out* to) { tc::max_pool_reference<G>(from.as<In>(), to); }) == "");
    CHECK(compare<Out>(largest, [&](Out* to) { tc::max_pool<tc::native, G>(from.as<In>(), to); }) == "");
    CHECK(compare<Out>(means,
                       [&](Out* to) { tc::avg_pool_reference<G, CountPadding>(from.as<In>(), to, zero_point); }) == "");
    CHECK(compare<Out>(
              means, [&](Out* to) { tc::avg_pool<tc::native, G, CountPadding>(from.as<In>(), to, zero_point); }) == "");
}

TEST_CASE("int8 pools give the bytes of the definition", "[kernels]") {
    check_int8<window(6, 7, 16, 3, 3, 2, 2), false, byte, byte>("2x2, stride 2, a column left over");
    check_int8<window(5, 5, 70, 3, 3, 3, 2, 1, 1), false, byte, value>("3x3, stride 2, padded, 70 channels");
    check_int8<window(4, 6, 5, 4, 6, 3, 1, 1, 1), true, value, byte>("3x3 that counts its padding");
    check_int8<window(7, 8, 64, 1, 1, {7, 8}, 1), false, value, value>("the whole image");
    check_int8<window(2, 2, 3, 2, 2, 5, 1, 2, 2), true, byte, byte>("the window larger than the image");
    check_int8<window(1, 9, 1, 1, 9, {1, 4}, 1, 0, 1), false, value, byte>("1x4, 1 channel");
    check_int8<window(1, 128, 64, 1, 64, {1, 2}, {1, 2}), false, value, byte>("pairs, of which half are ties");
    check_int8<window(25, 5, 33, 1, 1, {25, 5}, 1), true, byte, byte>("25x5");
    check_int8<window(4, 4, 11, 2, 2, 2, 2), false, value, byte>("2x2, stride 2, 11 channels");
    check_int8<window(4, 4, 16, 2, 2, 2, 2), false, byte, value>("2x2, stride 2, 16 channels");
}

constexpr conv_geometry pair = window(1, 2, 1, 1, 1, {1, 2}, 1);

TEST_CASE("the mean of int8 rounds half away from zero", "[kernels]") {
    const auto mean_of = [](int a, int b) {
        const std::int8_t input[2] = {static_cast<std::int8_t>(a), static_cast<std::int8_t>(b)};
        std::int8_t output = 0;
        tc::avg_pool_reference<pair, false>(input, &output);
        return int{output};
    };
    CHECK(mean_of(2, 1) == 2);
    CHECK(mean_of(-2, -1) == -2);
    CHECK(mean_of(-128, -127) == -128);
    CHECK(mean_of(1, -1) == 0);
}

template <conv_geometry G, bool CountPadding>
void check_fp32(const char* name) {
    INFO(name);
    tests::numbers random(G.in_channels);
    std::vector<float> input;
    for (int i = 0; i < G.in_elements(); ++i) input.push_back(random.real());
    const tests::fenced from(input.data(), input.size() * sizeof(float));
    std::vector<float> largest(static_cast<std::size_t>(G.out_elements())), means(largest.size()),
        reference(largest.size());
    tc::max_pool_reference<G>(from.as<float>(), reference.data());
    tc::max_pool_fp32<tc::native, G>(from.as<float>(), largest.data());
    CHECK(largest == reference);
    tc::avg_pool_reference<G, CountPadding>(from.as<float>(), reference.data());
    tc::avg_pool<tc::native, G, CountPadding>(from.as<float>(), means.data());
    CHECK(means == reference);
    int wrong = 0;
    std::size_t i = 0;
    for_each_output(G, input, [&](const std::vector<float>& under) {
        double sum = 0, magnitude = 0;
        for (const float v : under) sum += double{v}, magnitude += std::fabs(double{v});
        const double n = CountPadding ? G.kernel_height * G.kernel_width : static_cast<double>(under.size());
        const double bound = (n + 1) * std::ldexp(magnitude / n, -23);
        wrong += !(std::fabs(means[i] - sum / n) <= bound);
        wrong += largest[i] != *std::max_element(under.begin(), under.end());
        ++i;
    });
    CHECK(wrong == 0);
}

TEST_CASE("fp32 pools", "[kernels]") {
    check_fp32<window(5, 5, 70, 3, 3, 3, 2, 1, 1), false>("3x3, stride 2, padded, 70 channels");
    check_fp32<window(4, 6, 5, 4, 6, 3, 1, 1, 1), true>("3x3 that counts its padding");
    check_fp32<window(7, 8, 64, 1, 1, {7, 8}, 1), false>("the whole image");
}

}  // namespace pool_test
}  // namespace
