// SPDX-License-Identifier: MIT

// Integer products whose weights are stored in fewer bits, against the definition over the weights they stand for.

#include "int8_kernels.hpp"

namespace {
namespace coded_int8_test {

namespace tc = tensor_compress;
namespace tag = tc::tag;
using tc::conv_geometry;
using tests::linear;
using tests::same;
using tests::same_depthwise;
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

template <conv_geometry G, class Precision, class In, class Out, bool Residual = false>
tests::int8_kernel convolution(const char* name) {
    using code = tc::weight_code<Precision, tag::dense>;
    return tests::convolution<G, In, Out, Residual, byte, code>(name, express<Precision>);
}

template <conv_geometry G, class Precision>
tests::int8_kernel depthwise(const char* name) {
    return tests::depthwise<G, byte, byte, tc::weight_code<Precision, tag::dense>>(name, express<Precision>);
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
    check(depthwise<same_depthwise(4, 7, 24, 3), Precision>("depthwise 3x3, 24 channels"), seen);
    check(depthwise<same_depthwise(3, 5, 80, 5), Precision>("depthwise 5x5, 80 channels"), seen);
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
