// SPDX-License-Identifier: MIT
#include "kernel_row.hpp"

namespace bench {

namespace {

template <int Size, int Channels, int Stride = 1, int Kernel = 3>
void add_both() {
    constexpr int before = (Kernel - 1) / 2;
    constexpr tc::conv_geometry g{Size,     Size,   Channels, Size / Stride, Size / Stride,
                                  Channels, Kernel, Kernel,   Stride,        Stride,
                                  1,        1,      before,   before,        Channels};
    const auto shape = window_text(Size, std::to_string(Channels), Kernel, Stride);
    using namespace tc::tag;
    add_layer<tc::layers::depthwise_conv2d<g, fp32>, g, fp32>("depthwise", shape);
    add_layer<tc::layers::depthwise_conv2d<g, int8>, g, int8>("depthwise", shape);
}

}  // namespace

void add_depthwise() {
    // MobileNetV2.
    add_both<112, 32>();
    add_both<112, 96, 2>();
    add_both<56, 144>();
    add_both<56, 144, 2>();
    add_both<28, 192>();
    add_both<14, 384>();
    add_both<14, 576>();
    add_both<14, 576, 2>();
    add_both<7, 960>();
    // Larger windows.
    add_both<28, 128, 1, 5>();
}

}  // namespace bench
