// SPDX-License-Identifier: MIT
#include "kernel_row.hpp"

namespace bench {

namespace {

/// Stride 1 or 2, the output of the size that frameworks call "same".
constexpr tc::conv_geometry same(int size, int in, int out, int kernel, int stride = 1) {
    const int before = (kernel - 1) / 2;
    return {size, size, in, size / stride, size / stride, out, kernel, kernel, stride, stride, 1, 1, before, before};
}

template <int Size, int In, int Out, int Kernel, int Stride = 1>
void add_both() {
    constexpr tc::conv_geometry g = same(Size, In, Out, Kernel, Stride);
    const auto shape = window_text(Size, std::to_string(In) + " to " + std::to_string(Out), Kernel, Stride);
    add_convolution<g, tc::tag::fp32>(shape);
    add_convolution<g, tc::tag::int8>(shape);
}

}  // namespace

void add_convolutions() {
    // First layers.
    add_both<32, 3, 16, 3>();
    add_both<224, 3, 32, 3, 2>();
    // ResNet-8.
    add_both<32, 16, 16, 3>();
    add_both<32, 16, 32, 3, 2>();
    add_both<16, 32, 32, 3>();
    add_both<16, 32, 64, 3, 2>();
    add_both<8, 64, 64, 3>();
    // TinyCNN.
    add_both<28, 32, 64, 3>();
    // MobileNetV2's 1x1.
    add_both<112, 32, 16, 1>();
    add_both<112, 16, 96, 1>();
    add_both<56, 96, 24, 1>();
    add_both<56, 24, 144, 1>();
    add_both<28, 192, 32, 1>();
    add_both<14, 64, 384, 1>();
    add_both<14, 384, 64, 1>();
    add_both<14, 576, 96, 1>();
    add_both<7, 160, 960, 1>();
    add_both<7, 960, 160, 1>();
    add_both<7, 320, 1280, 1>();
}

}  // namespace bench
