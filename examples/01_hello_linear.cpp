// SPDX-License-Identifier: MIT

// One int8 linear layer, used alone: no graph, no net, no host part. You will see its ten outputs as an exact float
// layer computes them, as the int8 layer does, and their difference in steps of the output; then the bytes of both
// layers.

#include <array>
#include <cmath>
#include <cstdio>

#include <compress/core/quantization.hpp>
#include <compress/layers/linear.hpp>

namespace tc = tensor_compress;

constexpr int inputs = 64, outputs = 10;
using float_layer = tc::layers::linear<inputs, outputs, tc::tag::fp32>;
using int8_layer = tc::layers::linear<inputs, outputs, tc::tag::int8>;

static_assert(int8_layer::multiply_adds == inputs * outputs);

struct parameters {
    std::array<float, outputs * inputs> weights{};  // [outputs, inputs]
    std::array<float, outputs> bias{};
};

/// Numbers in [-1, 1) from a linear congruential generator.
struct generator {
    unsigned state;
    constexpr float operator()() {
        state = state * 1664525u + 1013904223u;
        return static_cast<float>(state >> 8) * 0x1p-23f - 1.0f;
    }
};

constexpr parameters random_parameters() {
    parameters p;
    generator next{1};
    for (float& w : p.weights) w = next();
    for (float& b : p.bias) b = next();
    return p;
}
constexpr parameters given = random_parameters();

// What real values the int8 steps stand for: inputs lie in [-1, 1]; of the outputs [-10, 10] is wanted, more is
// clamped.
constexpr tc::affine input_affine = tc::affine_for_range(-1, 1);
constexpr tc::affine output_affine = tc::affine_for_range(-10, 10);

/// Weights as int8 with one scale per output channel, the bias in steps of input scale * weight scale, packed.
constexpr std::array<std::int8_t, int8_layer::packed_bytes> packed_int8() {
    std::array<std::int8_t, outputs * inputs> weights{};
    std::array<std::int32_t, outputs> bias{};
    std::array<tc::fixed_multiplier, outputs> factors{};
    for (unsigned o = 0; o < outputs; ++o) {
        float largest = 0;
        for (unsigned i = 0; i < inputs; ++i) {
            const float w = given.weights[o * inputs + i];
            largest = w > largest ? w : -w > largest ? -w : largest;
        }
        const tc::affine channel{largest / 127, 0};
        for (unsigned i = 0; i < inputs; ++i)
            weights[o * inputs + i] = tc::quantize(given.weights[o * inputs + i], channel);
        const float unit = input_affine.scale * channel.scale;
        bias[o] = tc::round_to_int(given.bias[o] / unit);
        factors[o] = tc::to_fixed_multiplier(static_cast<double>(unit) / static_cast<double>(output_affine.scale));
    }
    std::array<std::int8_t, int8_layer::packed_bytes> bytes{};
    int8_layer::pack(bytes.data(), {.weights = weights.data(),
                                    .bias = bias.data(),
                                    .factors = factors.data(),
                                    .input_zero_point = input_affine.zero_point,
                                    .zero_point = output_affine.zero_point});
    return bytes;
}
constexpr std::array<std::int8_t, float_layer::packed_bytes> packed_float() {
    std::array<std::int8_t, float_layer::packed_bytes> bytes{};
    float_layer::pack(bytes.data(), given.weights.data(), given.bias.data());
    return bytes;
}

// Packing runs in the compiler, so the bytes can lie in read-only memory.
alignas(64) constexpr auto int8_bytes = packed_int8();
alignas(64) constexpr auto float_bytes = packed_float();

int main() {
    std::array<float, inputs> x;
    std::array<std::int8_t, inputs> x8;
    generator next{2};
    for (unsigned i = 0; i < inputs; ++i) {
        x[i] = next();
        x8[i] = tc::quantize(x[i], input_affine);
    }
    std::array<float, outputs> y;
    std::array<std::int8_t, outputs> y8;
    float_layer::run(float_bytes.data(), x.data(), y.data());
    int8_layer::run(int8_bytes.data(), x8.data(), y8.data());

    std::printf("output   float    int8   steps apart\n");
    float worst = 0;
    for (unsigned o = 0; o < outputs; ++o) {
        const float real = tc::dequantize(y8[o], output_affine);
        const float steps = (real - y[o]) / output_affine.scale;
        worst = std::fmax(worst, std::fabs(steps));
        std::printf("%6u %7.3f %7.3f %13.2f\n", o, static_cast<double>(y[o]), static_cast<double>(real),
                    static_cast<double>(steps));
    }
    std::printf("one step is %.4f; packed bytes: float %d, int8 %d; instruction set: %s\n",
                static_cast<double>(output_affine.scale), float_layer::packed_bytes, int8_layer::packed_bytes,
                tc::native::name);
    return worst < 2 ? 0 : 1;
}
