// SPDX-License-Identifier: MIT

// Patterns of zeros and codebooks. "of dense" in the table is the time of the dense row of FP32 or INT8 with the same
// shape, divided by the row's own.

#include "kernel_row.hpp"

namespace bench {

namespace {

using namespace tc::tag;

template <int Rows, int Inputs, int Outputs>
void add_patterns() {
    add_product<Rows, Inputs, Outputs, fp32, unstructured<90>>();
    add_product<Rows, Inputs, Outputs, fp32, unstructured<80>>();
    add_product<Rows, Inputs, Outputs, fp32, block<1, 16, 80>>();
    add_product<Rows, Inputs, Outputs, fp32, block<16, 1, 80>>();
    add_product<Rows, Inputs, Outputs, fp32, block<4, 4, 80>>();
    add_product<Rows, Inputs, Outputs, fp32, n_of_m<2, 4>>();
    add_product<Rows, Inputs, Outputs, bf16, n_of_m<2, 4>>();
    add_product<Rows, Inputs, Outputs, int8, n_of_m<2, 4>>();
    add_product<Rows, Inputs, Outputs, int8, n_of_m<2, 4, for_speed>>();
    add_product<Rows, Inputs, Outputs, int4, n_of_m<2, 4>>();
    add_product<Rows, Inputs, Outputs, int8, codebook<4>>();
    add_product<Rows, Inputs, Outputs, int8, unstructured<80>>();
    add_product<Rows, Inputs, Outputs, int8, block<1, 16, 80>>();
    add_product<Rows, Inputs, Outputs, int8, block<16, 4, 80>>();
    add_product<Rows, Inputs, Outputs, int8, block<4, 4, 80>>();
}

template <int Size, int In, int Out>
void add_pixels() {
    constexpr tc::conv_geometry g{Size, Size, In, Size, Size, Out};
    const auto shape = window_text(Size, std::to_string(In) + " to " + std::to_string(Out), 1, 1);
    add_convolution<g, fp32, unstructured<90>>(shape);
    add_convolution<g, fp32, unstructured<80>>(shape);
    if constexpr (Out % 16 == 0) add_convolution<g, fp32, block<16, 1, 80>>(shape);
    if constexpr (Out % 16 == 0) add_convolution<g, int8, block<16, 4, 80>>(shape);
}

}  // namespace

void add_sparse() {
    add_patterns<1, 1024, 1024>();
    add_patterns<512, 512, 512>();
    // MobileNetV2's 1x1.
    add_pixels<112, 32, 16>();
    add_pixels<112, 16, 96>();
    add_pixels<56, 96, 24>();
    add_pixels<56, 24, 144>();
    add_pixels<28, 192, 32>();
    add_pixels<14, 64, 384>();
    add_pixels<14, 384, 64>();
    add_pixels<14, 576, 96>();
    add_pixels<7, 160, 960>();
    add_pixels<7, 960, 160>();
    add_pixels<7, 320, 1280>();
}

}  // namespace bench
