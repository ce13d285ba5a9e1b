// SPDX-License-Identifier: MIT

// A residual network written by hand, as two variants: FP32 and INT8. You will see the INT8 variant layer by layer (the
// adds and activations have become the ends of convolutions), then both side by side: bytes, working memory,
// multiply-adds, time. The weights are random, so only sizes and times mean something here.

#include <cstdio>

#include <compress/compress.hpp>

namespace tc = tensor_compress;

// ResNet-8 for 32x32 colour images.
inline constexpr auto resnet8 = tc::make_model([](auto& g) {
    auto block = [&](tc::label name, auto x, int channels, int stride) {
        auto skip = stride == 1 ? x : g.conv2d(name / "skip", x, channels, {1, 1}, {.stride = stride});
        auto y = g.relu(g.conv2d(name / "conv1", x, channels, {3, 3}, {.stride = stride}));
        return g.relu(g.add(name / "add", g.conv2d(name / "conv2", y, channels, {3, 3}), skip));
    };
    auto x = g.relu(g.conv2d("stem", g.input("image", {32, 32, 3}), 16, {3, 3}));
    x = block("block1", x, 16, 1);
    x = block("block2", x, 32, 2);
    x = block("block3", x, 64, 2);
    g.softmax("probabilities", g.linear("head", g.global_average_pool("pool", x), 10));
});
inline constexpr auto everything_int8 = tc::recipe{tc::int8};

using float_net = tc::net<resnet8>;
using int8_net = tc::net<resnet8, everything_int8>;

// Shapes, memory and bytes are constants, so a change that breaks a budget does not compile.
static_assert(resnet8[resnet8.find("block3/conv2")].output == tc::shape{8, 8, 64});
static_assert(int8_net::multiply_adds == float_net::multiply_adds && int8_net::multiply_adds < 12'600'000);
static_assert(int8_net::arena_bytes <= 52 * 1024 && float_net::arena_bytes <= 4 * int8_net::arena_bytes);
static_assert(tc::fits<int8_net, tc::budget{.ram = 64 * 1024, .flash = 96 * 1024}>);
static_assert(!tc::fits<float_net, tc::budget{.ram = 64 * 1024, .flash = 96 * 1024}>);

namespace {

/// Values in [-1, 1), the same on every machine.
struct generator {
    unsigned state;
    float operator()() {
        state = state * 1664525u + 1013904223u;
        return static_cast<float>(state >> 8) * 0x1p-23f - 1.0f;
    }
};

/// Weights that keep the size of values from layer to layer: uniform with variance 2 / terms; biases 0.
tc::named_tensors random_weights(unsigned seed) {
    tc::named_tensors tensors;
    generator next{seed};
    for (const auto& [name, extents] : tc::needed_tensors(resnet8)) {
        auto tensor = tc::make_array<float>(extents);
        const auto terms = static_cast<float>(tensor.size() / extents[0]);
        if (extents.size() > 1)
            for (std::size_t i = 0; i < tensor.size(); ++i) tensor.data()[i] = next() * std::sqrt(6 / terms);
        tensors.emplace(name, std::move(tensor));
    }
    return tensors;
}

}  // namespace

int main() {
    const tc::named_tensors tensors = random_weights(1);
    tc::data_set images{tc::make_array<float>({32, 32, 32, 3}), {}, 10};
    generator next{2};
    for (std::size_t i = 0; i < images.inputs.size(); ++i) images.inputs.data()[i] = next();

    const tc::calibration seen = tc::calibrate<resnet8>(tensors, tc::records(images));
    const auto float_weights = tc::convert<float_net>(tensors);
    const auto int8_weights = tc::convert<int8_net>(tensors, seen);

    std::printf("%s\n", tc::describe<int8_net>().c_str());
    tc::model_report report = tc::new_report("resnet8");
    report.variants.push_back(tc::evaluate<float_net>("fp32", tensors, seen, float_weights, images));
    report.variants.push_back(tc::evaluate<int8_net>("int8", tensors, seen, int8_weights, images));
    std::printf("%s", tc::report_table(report).c_str());
    return report.variants[1].sqnr_db.value_or(0) > 10 ? 0 : 1;
}
