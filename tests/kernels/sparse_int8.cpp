// SPDX-License-Identifier: MIT

// Integer products whose weights are stored without their zeros, or as places in a table, against the definition.

#include <compress/kernels/decode.hpp>

#include "int8_kernels.hpp"
#include "words.hpp"

namespace {
namespace sparse_int8_test {

namespace tc = tensor_compress;
namespace tag = tc::tag;
using tc::conv_geometry;
using tests::linear;
using tests::same;
using value = std::int8_t;
using byte = tc::native::activation;

/// Weights that the precision can express, at most `Kept` of each word of four.
template <conv_geometry G, class Precision, int Kept>
void thin_words(std::int8_t* weights) {
    constexpr tc::weight_grid grid = Precision::grid;
    tests::for_each_of_words<G, Kept>([&](int i, bool keeps) {
        const int level = tests::definition::limit(weights[i] * -grid.lowest / 96, grid.lowest, grid.highest);
        const int sized = Precision::bits == 8 ? weights[i] : level * grid.unit;
        weights[i] = static_cast<std::int8_t>(keeps ? sized : 0);
    });
}

template <conv_geometry G, class Precision, int Kept, class In, class Out, bool Residual = false,
          class Form = tag::for_size>
tests::int8_kernel words(const char* name) {
    auto kernel =
        tests::convolution<G, In, Out, Residual, byte, tc::weight_code<Precision, tag::n_of_m<Kept, 4, Form>>>(name);
    kernel.thin = thin_words<G, Precision, Kept>;
    return kernel;
}

template <class Precision, int Kept>
void check_words(tests::int8_seen& seen) {
    INFO(Precision::name << ", " << Kept << " of 4");
    check(words<same(3, 9, 10, 20, 3), Precision, Kept, value, byte>("3x3, 10 channels"), seen);
    check(words<conv_geometry{5, 6, 8, 5, 6, 34, 3, 3, 1, 1, 2, 2, 2, 2, 2}, Precision, Kept, byte, byte>(
              "3x3, dilation 2, 2 groups"),
          seen);
    check(words<linear(36, 70, 5), Precision, Kept, byte, byte, true>("5 rows, residual"), seen);
    check(words<linear(70, 40), Precision, Kept, byte, value>("1 row, 70 inputs"), seen);
    check(words<linear(64, 130), Precision, Kept, byte, byte>("1 row, 64 inputs"), seen);
    check(words<linear(131, 40), Precision, Kept, value, byte>("1 row, 131 inputs"), seen);
    check(words<conv_geometry{1, 1, 32, 1, 1, 16, 1, 1, 2, 1, 1, 1, 1, 0}, Precision, Kept, byte, byte>(
              "1 pixel, of padding"),
          seen);
    check(words<linear(8, 3), Precision, Kept, byte, byte, true>("1 row, less than a unit"), seen);
}

TEST_CASE("weights without the zeros of their words give the bytes of the definition", "[kernels]") {
    tests::int8_seen seen;
    check_words<tag::int8, 2>(seen);
    check_words<tag::int8, 1>(seen);
    check_words<tag::int4, 2>(seen);
    check_words<tag::int4, 1>(seen);
    check_words<tag::int2, 2>(seen);
    check_words<tag::ternary, 2>(seen);
    CHECK(seen.low > 1000);
    CHECK(seen.high > 1000);
}

template <int Kept>
void check_picks(tests::int8_seen& seen) {
    INFO(Kept << " of 4");
    using form = tag::for_speed;
    check(words<same(3, 9, 16, 20, 3), tag::int8, Kept, value, byte, false, form>("3x3, 16 channels"), seen);
    check(words<conv_geometry{5, 6, 32, 5, 6, 34, 3, 3, 1, 1, 2, 2, 2, 2, 2}, tag::int8, Kept, byte, byte, false, form>(
              "3x3, dilation 2, 2 groups"),
          seen);
    check(words<conv_geometry{9, 9, 16, 5, 5, 18, 3, 3, 2, 2, 1, 1, 1, 1}, tag::int8, Kept, byte, value, false, form>(
              "3x3, stride 2"),
          seen);
    check(words<linear(48, 70, 5), tag::int8, Kept, byte, byte, true, form>("5 rows, residual"), seen);
    check(words<linear(80, 130), tag::int8, Kept, value, byte, false, form>("1 row, 80 inputs"), seen);
    check(words<linear(16, 3), tag::int8, Kept, byte, byte, true, form>("1 row, 16 inputs"), seen);
}

TEST_CASE("weights that pick their inputs give the bytes of the definition", "[kernels]") {
    tests::int8_seen seen;
    check_picks<2>(seen);
    check_picks<1>(seen);
    CHECK(seen.low > 100);
    CHECK(seen.high > 100);
}

/// Leaves a third of the weights, none in some panels, and no more than the code stores in any.
template <conv_geometry G, class Code>
void thin_panels(std::int8_t* weights) {
    using order = tc::panel_order<tests::flat<G>, 4>;
    std::vector<int> counts(order::blocks);
    tests::numbers random(3);
    for (int o = 0; o < G.out_channels; ++o)
        tc::detail::for_each_weight<G>(o, [&](int c, int i, int j, int natural) {
            const int block = order::index(o, c, i, j) / order::panel_elements;
            int& count = counts[static_cast<std::size_t>(block)];
            if (count == Code::kept(order::panel_elements) || block % 3 == 1 || random.next() % 3 != 0)
                weights[natural] = 0;
            count += weights[natural] != 0 ? 1 : 0;
        });
}

template <conv_geometry G, int Percent, class In, class Out, bool Residual = false>
tests::int8_kernel anywhere(const char* name) {
    using code = tc::weight_code<tag::int8, tag::unstructured<Percent>>;
    auto kernel = tests::convolution<G, In, Out, Residual, byte, code>(name);
    kernel.thin = thin_panels<G, code>;
    return kernel;
}

TEST_CASE("weights anywhere give the bytes of the definition", "[kernels]") {
    tests::int8_seen seen;
    check(anywhere<same(3, 9, 10, 20, 3), 50, value, byte>("3x3, 10 channels"), seen);
    check(anywhere<conv_geometry{5, 6, 8, 5, 6, 34, 3, 3, 1, 1, 2, 2, 2, 2, 2}, 90, byte, byte>(
              "3x3, dilation 2, 2 groups"),
          seen);
    check(anywhere<linear(36, 70, 5), 80, byte, byte, true>("5 rows, residual"), seen);
    check(anywhere<linear(70, 40), 65, byte, value>("1 row, 70 inputs"), seen);
    check(anywhere<linear(128, 130), 80, value, byte>("1 row, 128 inputs"), seen);
    check(anywhere<linear(3, 3), 50, byte, byte>("1 row, 9 weights"), seen);
    CHECK(seen.low > 100);
    CHECK(seen.high > 100);
}

/// One of 2^Bits values, other ones in each panel, with zero among them in some.
template <conv_geometry G, class Order, int Bits>
void choose_entries(std::int8_t* weights) {
    for (int o = 0; o < G.out_channels; ++o)
        tc::detail::for_each_weight<G>(o, [&](int c, int i, int j, int natural) {
            const int block = Order::index(o, c, i, j) / Order::block_elements;
            const int entry = (weights[natural] + 128) >> (8 - Bits);
            weights[natural] =
                static_cast<std::int8_t>(entry == 1 && block % 2 == 0 ? 0 : entry * (255 >> Bits) - 128 + block % 5);
        });
}

template <conv_geometry G, int Bits, class In, class Out, bool Residual = false>
tests::int8_kernel table(const char* name) {
    auto kernel = tests::convolution<G, In, Out, Residual, byte, tc::weight_code<tag::int8, tag::codebook<Bits>>>(name);
    kernel.thin = choose_entries<G, tc::panel_order<tests::flat<G>, 4>, Bits>;
    return kernel;
}
template <conv_geometry G, int Bits>
tests::int8_kernel depthwise_table(const char* name) {
    auto kernel = tests::depthwise<G, byte, byte, tc::weight_code<tag::int8, tag::codebook<Bits>>>(name);
    kernel.thin = choose_entries<G, tc::depthwise_order<G, 4>, Bits>;
    return kernel;
}

template <int Bits>
void check_tables(tests::int8_seen& seen) {
    INFO(Bits << " bits");
    check(table<same(3, 9, 10, 20, 3), Bits, value, byte>("3x3, 10 channels"), seen);
    check(table<linear(36, 70, 5), Bits, byte, byte, true>("5 rows, residual"), seen);
    check(table<linear(70, 40), Bits, byte, value>("1 row, 70 inputs"), seen);
    check(table<linear(92, 130), Bits, value, value>("1 row, 92 inputs"), seen);
    check(depthwise_table<tests::same_depthwise(4, 7, 24, 3), Bits>("depthwise 3x3, 24 channels"), seen);
    check(depthwise_table<tests::same_depthwise(3, 5, 80, 5), Bits>("depthwise 5x5, 80 channels"), seen);
}

TEST_CASE("weights of a codebook give the bytes of the definition", "[kernels]") {
    tests::int8_seen seen;
    check_tables<4>(seen);
    check_tables<3>(seen);
    check_tables<2>(seen);
    CHECK(seen.low > 100);
    CHECK(seen.high > 100);
}

}  // namespace sparse_int8_test
}  // namespace
