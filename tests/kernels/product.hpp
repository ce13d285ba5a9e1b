// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>

#include <compress/storage/pack.hpp>

#include "../catch.hpp"
#include "../numbers.hpp"
#include "definition.hpp"
#include "memory.hpp"

/// Checks of convolutions, depthwise convolutions and linear layers: the kernels are rows of function pointers, so that
/// only they themselves are compiled once for each geometry.
namespace tests {

namespace tc = tensor_compress;

/// One int8 kernel. Offsets are those of stored bytes: 0 for int8, 128 for unsigned bytes.
struct int8_kernel {
    const char* name;
    tc::conv_geometry geometry;
    bool residual;
    int packed_bytes, in_offset, out_offset, other_offset;
    void (*pack)(std::int8_t* to, const tc::int8_product& product);
    void (*reference)(const std::int8_t* packed, const void* input, void* output, const void* residual);
    void (*vectors)(const std::int8_t* packed, const void* input, void* output, const void* residual);
    /// Rounds the weights of one output to what the layer's code can express; none for int8.
    void (*express)(std::int8_t* weights, int terms) = nullptr;
    /// Takes weights out of the layer, [out, in / groups, kernel height, kernel width], until its pattern holds.
    void (*thin)(std::int8_t* weights) = nullptr;
    /// Whether of input and weights only the signs are multiplied; outside the image nothing is.
    bool signs = false;
};

/// What an int8 kernel is tried with.
enum class int8_data { ordinary, saturating, low_zero_point, high_zero_point, largest_sums, every_shift };
inline constexpr int8_data all_int8_data[] = {int8_data::ordinary,       int8_data::saturating,
                                              int8_data::low_zero_point, int8_data::high_zero_point,
                                              int8_data::largest_sums,   int8_data::every_shift};

namespace detail {

struct int8_example {
    definition::int8_convolution product;
    std::vector<std::int8_t> input, residual;
    tc::int8_product view() const {
        return {product.weights.data(), product.bias.empty() ? nullptr : product.bias.data(),
                product.factors.data(), product.input_zero_point,
                product.zero_point,     product.low,
                product.high,           product.add};
    }
};

inline int8_example make_example(const int8_kernel& k, int8_data data, std::uint64_t seed) {
    numbers random(seed);
    const tc::conv_geometry& g = k.geometry;
    const int terms = g.terms();
    const bool extremes = data == int8_data::saturating || data == int8_data::largest_sums;
    int8_example e;
    auto& p = e.product;

    for (int i = 0; i < g.out_channels * terms; ++i) {
        const std::int8_t end = i / terms % 2 == 0 ? -128 : 127;
        p.weights.push_back(data == int8_data::largest_sums ? end
                            : extremes ? static_cast<std::int8_t>(random.next() % 2 == 0 ? -128 : 127)
                                       : random.byte());
    }
    if (k.express != nullptr)
        for (int o = 0; o < g.out_channels; ++o) k.express(p.weights.data() + o * terms, terms);
    if (k.thin != nullptr) k.thin(p.weights.data());
    for (int i = 0; i < g.in_elements(); ++i)
        e.input.push_back(data == int8_data::largest_sums ? std::int8_t{-128} : random.byte());
    if (k.residual)
        for (int i = 0; i < g.out_elements(); ++i) e.residual.push_back(random.byte());

    p.input_zero_point = data == int8_data::low_zero_point ? -128
                         : data == int8_data::ordinary     ? random.between(-128, 127)
                                                           : 127;
    p.zero_point = data == int8_data::high_zero_point  ? 127
                   : data == int8_data::low_zero_point ? -128
                                                       : random.between(-40, 40);
    if (data == int8_data::low_zero_point) p.low = p.zero_point;  // relu
    if (data == int8_data::every_shift) p.low = -100, p.high = 90;

    // The sums are at most `largest`; left shifts are as large as a doubled sum allows.
    const std::int64_t products = std::int64_t{255} * 128 * terms;
    const std::int64_t room = definition::two_to(30) - 1 - products;
    if (data != int8_data::high_zero_point)
        for (int o = 0; o < g.out_channels; ++o)
            p.bias.push_back(data == int8_data::largest_sums ? static_cast<std::int32_t>(o % 2 == 0 ? room : -room)
                             : k.signs                       ? random.between(-2000, 2000)
                                                             : random.between(-1000 - 20 * terms, 1000 + 20 * terms));
    const std::int64_t largest = products + (data == int8_data::largest_sums ? room : 1000 + 20 * terms);
    int most = 0;
    while (largest << (most + 2) < definition::two_to(31)) ++most;

    const double product_size = k.signs ? 256 : 90 * 90;
    const double spread = 60.0 / (std::sqrt(static_cast<double>(terms)) * product_size);
    for (int o = 0; o < g.out_channels; ++o) {
        const double factor = spread * (0.5 + 0.1 * random.between(0, 15));
        tc::fixed_multiplier f = tc::to_fixed_multiplier(data == int8_data::saturating ? 8 * factor : factor);
        if (data == int8_data::largest_sums) f = {2147483647 - o, -23 - o % 8};
        if (data == int8_data::every_shift) {
            f.shift = most - (o * 5 + static_cast<int>(seed)) % (most + 31);
            f.multiplier = o % 7 == 0 ? 1 << 30 : o % 7 == 1 ? 2147483647 : random.between(1 << 30, 2147483647);
            if (o % 7 == 2) f = {};
        }
        p.factors.push_back(f);
    }

    const double scale = data == int8_data::saturating ? 0.1 : 0.02;
    p.add.first = tc::to_fixed_multiplier(0.5);
    p.add.second = tc::to_fixed_multiplier(0.5 * (0.3 + 0.01 * random.between(0, 69)));
    p.add.sum = tc::to_fixed_multiplier(50 * scale / 1048576);
    p.add.first_zero_point = p.zero_point;
    p.add.second_zero_point = data == int8_data::low_zero_point    ? -128
                              : data == int8_data::high_zero_point ? 127
                                                                   : random.between(-128, 127);
    p.add.zero_point = data == int8_data::low_zero_point    ? 127
                       : data == int8_data::high_zero_point ? -128
                                                            : random.between(-20, 20);
    if (data == int8_data::every_shift) p.add.low = p.add.zero_point, p.add.high = 77;
    return e;
}

/// The product that a layer of signs computes, in values of 16 and -16 (256 steps a product) with a zero point of 0.
inline int8_example signs_of(int8_example e) {
    for (auto& v : e.input) v = v >= e.product.input_zero_point ? 16 : -16;
    for (auto& w : e.product.weights) w = w >= 0 ? 16 : -16;
    e.product.input_zero_point = 0;
    return e;
}

}  // namespace detail

/// How often results lay on either end, over all checks: a test that never saturates shows nothing of saturation.
struct int8_seen {
    long long low = 0, high = 0, between = 0;
};

/// The reference kernel and the one in vectors against the definition.
inline void check(const int8_kernel& k, int8_seen& seen) {
    const tc::conv_geometry& g = k.geometry;
    const auto in_bytes = static_cast<std::size_t>(g.in_elements()),
               out_bytes = static_cast<std::size_t>(g.out_elements());
    for (const int8_data data : all_int8_data) {
        INFO(k.name << ", data " << static_cast<int>(data));
        const detail::int8_example e = detail::make_example(k, data, static_cast<std::uint64_t>(data) + 1);
        const detail::int8_example meant = k.signs ? detail::signs_of(e) : e;
        const std::vector<std::int8_t> values = definition::convolve(g, meant.product, meant.input, e.residual);
        for (const std::int8_t v : values) ++(v == -128 ? seen.low : v == 127 ? seen.high : seen.between);
        const std::vector<std::uint8_t> expected = stored(values, k.out_offset);
        const std::vector<std::uint8_t> input = stored(e.input, k.in_offset),
                                        residual = stored(e.residual, k.other_offset);

        std::vector<std::int8_t> plain(static_cast<std::size_t>(k.packed_bytes));
        k.pack(plain.data(), e.view());
        const fenced packed(plain.data(), plain.size());

        const auto run = [&](auto kernel, fenced::edge edge, std::size_t misalignment) {
            const fenced from(input.data(), in_bytes, edge), other(residual.data(), residual.size(), edge);
            guarded to(out_bytes, misalignment);
            kernel(packed.as<std::int8_t>(), from.data(), to.data(), k.residual ? other.data() : nullptr);
            if (!to.intact()) return std::string("wrote outside of its output");
            return difference(expected, static_cast<const std::uint8_t*>(to.data()));
        };
        CHECK(run(k.reference, fenced::end, 1) == "");
        CHECK(run(k.vectors, fenced::end, 1) == "");
        CHECK(run(k.vectors, fenced::start, 0) == "");
    }
}

/// One fp32 kernel.
struct fp32_kernel {
    const char* name;
    tc::conv_geometry geometry;
    tc::clamp_kind stage;
    bool residual;
    tc::clamp_kind sum;
    int packed_bytes;
    void (*pack)(std::int8_t* to, const float* weights, const float* bias);
    void (*reference)(const std::int8_t* packed, const float* input, float* output, const float* residual);
    void (*vectors)(const std::int8_t* packed, const float* input, float* output, const float* residual);
    void (*thin)(float* weights) = nullptr;
};

/// "" if all are within their bounds.
inline std::string difference(const definition::real_result& expected, const float* found) {
    for (std::size_t i = 0; i < expected.values.size(); ++i)
        if (!(std::fabs(found[i] - expected.values[i]) <= expected.bounds[i]))
            return "element " + std::to_string(i) + ": expected " + std::to_string(expected.values[i]) + ", found " +
                   std::to_string(found[i]);
    return "";
}

inline void check(const fp32_kernel& k) {
    const tc::conv_geometry& g = k.geometry;
    numbers random(static_cast<std::uint64_t>(g.in_elements()));
    const auto reals = [&](int count, float scale) {
        std::vector<float> values;
        for (int i = 0; i < count; ++i) values.push_back(scale * random.real());
        return values;
    };
    for (const bool with_bias : {true, false}) {
        INFO(k.name << (with_bias ? "" : ", no bias"));
        std::vector<float> weights = reals(g.out_channels * g.terms(), 3);
        if (k.thin != nullptr) k.thin(weights.data());
        const std::vector<float> bias = reals(with_bias ? g.out_channels : 0, 2);
        const std::vector<float> input = reals(g.in_elements(), 2),
                                 residual = reals(k.residual ? g.out_elements() : 0, 5);
        const definition::real_result expected =
            definition::convolve(g, weights, bias, input, residual, k.stage, k.sum);

        std::vector<std::int8_t> plain(static_cast<std::size_t>(k.packed_bytes));
        k.pack(plain.data(), weights.data(), with_bias ? bias.data() : nullptr);
        const fenced packed(plain.data(), plain.size());

        const auto run = [&](auto kernel, fenced::edge edge, std::size_t misalignment) {
            const fenced from(input.data(), input.size() * sizeof(float), edge);
            const fenced other(residual.data(), residual.size() * sizeof(float), edge);
            guarded to(static_cast<std::size_t>(g.out_elements()) * sizeof(float), misalignment * sizeof(float));
            kernel(packed.as<std::int8_t>(), from.as<float>(), static_cast<float*>(to.data()),
                   k.residual ? other.as<float>() : nullptr);
            if (!to.intact()) return std::string("wrote outside of its output");
            return difference(expected, static_cast<const float*>(to.data()));
        };
        CHECK(run(k.reference, fenced::end, 1) == "");
        CHECK(run(k.vectors, fenced::end, 1) == "");
        CHECK(run(k.vectors, fenced::start, 0) == "");
    }
}

}  // namespace tests
