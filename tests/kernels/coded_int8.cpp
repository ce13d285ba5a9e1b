// SPDX-License-Identifier: MIT

// Integer products whose weights are stored in fewer bits, against the definition over the weights they stand for.

#include <compress/kernels/conv2d_int8.hpp>
#include <compress/kernels/depthwise_int8.hpp>

#include "product.hpp"

namespace {
namespace coded_int8_test {

namespace tc = tensor_compress;
namespace tag = tc::tag;
using tc::conv_geometry;
using value = std::int8_t;
using byte = tc::native::activation;

/// The nearest level of a precision, as an int8; with groups of inputs (linear layers), times a step of their own.
template <class Precision>
void express(std::int8_t* weights, int terms) {
    constexpr tc::weight_grid grid = Precision::grid;
    for (int k = 0; k < terms; ++k) {
        const int level = grid.has_zero
                              ? tests::definition::limit(weights[k] / (96 / -grid.lowest), grid.lowest, grid.highest)
                          : weights[k] < 0 ? -1
                                           : 1;
        int step = grid.unit;
        if constexpr (Precision::group != 0) step = 1 + k / Precision::group * 7 % grid.unit;
        weights[k] = static_cast<std::int8_t>(level * step);
    }
}

template <conv_geometry G>
inline constexpr conv_geometry flat = G.flattened();

template <conv_geometry G, class Precision, class In, class Out, bool Residual = false>
tests::int8_kernel convolution(const char* name) {
    using code = tc::weight_code<Precision, tag::dense>;
    using order = tc::panel_order<flat<G>, 4>;
    return {name,
            G,
            Residual,
            tc::int8_sections<order, Residual, code>::bytes,
            tc::stored_offset<In>,
            tc::stored_offset<Out>,
            tc::stored_offset<byte>,
            tc::pack_int8<order, flat<G>, Residual, code>,
            [](const std::int8_t* packed, const void* input, void* output, const void* residual) {
                tc::conv2d_int8_reference<flat<G>, Residual, code>(packed, static_cast<const In*>(input),
                                                                   static_cast<Out*>(output),
                                                                   static_cast<const byte*>(residual));
            },
            [](const std::int8_t* packed, const void* input, void* output, const void* residual) {
                tc::conv2d_int8<tc::native, G, Residual, code>(packed, static_cast<const In*>(input),
                                                               static_cast<Out*>(output),
                                                               static_cast<const byte*>(residual));
            },
            express<Precision>};
}

template <conv_geometry G, class Precision>
tests::int8_kernel depthwise(const char* name) {
    using code = tc::weight_code<Precision, tag::dense>;
    using order = tc::depthwise_order<G, 4>;
    return {name,
            G,
            false,
            tc::int8_sections<order, false, code>::bytes,
            tc::stored_offset<byte>,
            tc::stored_offset<byte>,
            0,
            tc::pack_int8<order, G, false, code>,
            [](const std::int8_t* packed, const void* input, void* output, const void*) {
                tc::depthwise_int8_reference<G, code>(packed, static_cast<const byte*>(input),
                                                      static_cast<byte*>(output));
            },
            [](const std::int8_t* packed, const void* input, void* output, const void*) {
                tc::depthwise_int8<tc::native, G, code>(packed, static_cast<const byte*>(input),
                                                        static_cast<byte*>(output));
            },
            express<Precision>};
}

constexpr conv_geometry linear(int in, int out, int rows = 1) { return {1, rows, in, 1, rows, out}; }
constexpr conv_geometry same(int height, int width, int in, int out, int kernel) {
    const int before = (kernel - 1) / 2;
    return {height, width, in, height, width, out, kernel, kernel, 1, 1, 1, 1, before, before};
}
constexpr conv_geometry channels(int height, int width, int count, int kernel) {
    conv_geometry g = same(height, width, count, count, kernel);
    g.groups = count;
    return g;
}

/// Every precision through a convolution, a depthwise one, rows of a matrix and one row of it.
template <class Precision>
void check_precision(tests::int8_seen& seen) {
    INFO(Precision::name);
    check(convolution<same(3, 9, 10, 20, 3), Precision, value, byte>("3x3, 10 channels"), seen);
    check(convolution<conv_geometry{5, 6, 8, 5, 6, 34, 3, 3, 1, 1, 2, 2, 2, 2, 2}, Precision, byte, byte>(
              "3x3, dilation 2, 2 groups"),
          seen);
    check(convolution<linear(36, 70, 5), Precision, byte, byte, true>("5 rows, residual"), seen);
    check(convolution<linear(70, 40), Precision, byte, value>("1 row, 70 inputs"), seen);
    check(convolution<linear(100, 130), Precision, value, byte>("1 row, 130 outputs"), seen);
    check(convolution<linear(8, 3), Precision, byte, byte, true>("1 row, less than a chunk"), seen);
    check(depthwise<channels(4, 7, 24, 3), Precision>("depthwise 3x3, 24 channels"), seen);
    check(depthwise<channels(3, 5, 80, 5), Precision>("depthwise 5x5, 80 channels"), seen);
}

TEST_CASE("weights of few bits give the bytes of the definition", "[kernels]") {
    tests::int8_seen seen;
    check_precision<tag::int4>(seen);
    check_precision<tag::int3>(seen);
    check_precision<tag::int2>(seen);
    check_precision<tag::ternary>(seen);
    check_precision<tag::binary>(seen);
    CHECK(seen.low > 1000);
    CHECK(seen.high > 1000);
}

TEST_CASE("groups of weights with a step of their own give the bytes of the definition", "[kernels]") {
    tests::int8_seen seen;
    check(convolution<linear(96, 40), tag::grouped<tag::int4, 32>, byte, byte>("int4, 3 groups of 32"), seen);
    check(convolution<linear(64, 17, 9), tag::grouped<tag::int4, 64>, value, byte, true>("int4, 1 group of 64"), seen);
    check(convolution<linear(64, 24, 3), tag::grouped<tag::int3, 32>, byte, byte>("int3, 2 groups of 32"), seen);
    check(convolution<linear(40, 33, 2), tag::grouped<tag::int2, 8>, byte, value>("int2, 5 groups of 8"), seen);
    CHECK(seen.low > 100);
    CHECK(seen.high > 100);
}

}  // namespace coded_int8_test
}  // namespace
