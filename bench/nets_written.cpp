// SPDX-License-Identifier: MIT

// Nets without a model file: their weights are pseudo-random.

#include <compress/graph/builder.hpp>

#include "net_row.hpp"

namespace bench {

inline constexpr auto small_mlp = tc::make_model([](auto& g) {
    auto x = g.input("input", {64});
    x = g.relu(g.linear("fc1", x, 32));
    x = g.relu(g.linear("fc2", x, 16));
    g.output(g.linear("fc3", x, 4));
});

/// MobileNetV1 with a quarter of the channels, of MLPerf Tiny's visual wake words.
inline constexpr auto mobilenetv1 = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("stem", g.input("input", {96, 96, 3}), 8, 3, {.stride = 2}));
    const auto separable = [&](tc::label name, int channels, int stride) {
        x = g.relu(g.depthwise_conv2d(name / "depthwise", x, 3, {.stride = stride}));
        x = g.relu(g.conv2d(name / "pointwise", x, channels, 1));
    };
    separable("block1", 16, 1);
    separable("block2", 32, 2);
    separable("block3", 32, 1);
    separable("block4", 64, 2);
    separable("block5", 64, 1);
    separable("block6", 128, 2);
    separable("block7", 128, 1);
    separable("block8", 128, 1);
    separable("block9", 128, 1);
    separable("block10", 128, 1);
    separable("block11", 128, 1);
    separable("block12", 256, 2);
    separable("block13", 256, 1);
    g.output(g.softmax("softmax", g.linear("head", g.global_average_pool("pool", x), 2)));
});
static_assert(tc::net<mobilenetv1>::multiply_adds / 10'000 == 748);

row bench_small_mlp() { return bench_written<small_mlp>("MLP 64-32-16-4*", 1); }
row bench_mobilenetv1() { return bench_written<mobilenetv1>("MobileNetV1-0.25 96x96*", 2); }

}  // namespace bench
