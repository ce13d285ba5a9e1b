// SPDX-License-Identifier: MIT
// Hand-written models of 300 nodes stay within the default limits of constant evaluation of both compilers.
#include <compress/inference.hpp>

namespace tc = tensor_compress;

// 75 blocks of a convolution, a batch norm, an add and an activation, in chains and with sums that reach far back.
inline constexpr auto deep = tc::make_model([](auto& g) {
    auto x = g.input("image", {4, 4, 8});
    auto far = x;
    for (int i = 0; i < 74; ++i) {
        const char digits[] = {static_cast<char>('0' + i / 10), static_cast<char>('0' + i % 10), 0};
        const tc::label block = tc::label("stage") / digits;
        auto y = g.batch_norm(block / "norm", g.conv2d(block / "conv", x, 8, i % 3 == 0 ? 3 : 1, {.bias = false}));
        x = g.relu(block / "relu", g.add(block / "add", y, i % 5 == 0 ? far : x));
        if (i % 10 == 0) far = x;
    }
    g.softmax("classes", g.linear("head", g.global_average_pool("pool", x), 10));
});
static_assert(deep.count == 300);

inline constexpr auto mixed = tc::recipe{tc::int8}.with("stage/[0-3]*/conv", tc::fp32).with("*/relu", tc::int8);
using float_net = tc::net<deep>;
using mixed_net = tc::net<deep, mixed>;
using observed_net = tc::net<deep, tc::all_fp32, tc::native, tc::lowering::observed>;
static_assert(float_net::node_count == 78);  // the input, one per block, and the last three
static_assert(observed_net::node_count == 226);
static_assert(float_net::multiply_adds == observed_net::multiply_adds);
static_assert(mixed_net::weights_bytes < float_net::weights_bytes);

void run(const float_net::weights& weights, std::span<const float, 128> image, std::span<float, 10> classes,
         std::span<std::byte, float_net::arena_bytes> arena) {
    float_net::run(weights, image, classes, arena);
}
