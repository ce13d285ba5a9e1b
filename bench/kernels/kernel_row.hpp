// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <compress/evaluate/machine_peak.hpp>
#include <compress/layers/conv2d.hpp>
#include <compress/layers/depthwise_conv2d.hpp>
#include <compress/layers/linear.hpp>

namespace bench {

namespace tc = tensor_compress;

/// What every row of the table knows of a kernel, beside its time.
struct kernel_row {
    std::string kernel, shape, precision;
    long long multiply_adds = 0;
    int weights_bytes = 0;
    tc::element values = tc::element::float32;
};

/// Adds a row to the table; `run` is timed.
void add_row(const kernel_row& row, std::function<void()> run);

inline std::vector<float> pseudo_numbers(std::size_t count) {
    std::vector<float> numbers(count);
    unsigned seed = 1;
    for (float& v : numbers) v = static_cast<float>((seed = seed * 1664525u + 1013904223u) >> 8) / 8388608.0f - 1.0f;
    return numbers;
}

/// Packed weights of a layer, its input and its output, each on cache lines of its own.
template <class T>
class aligned_memory {
public:
    explicit aligned_memory(std::size_t count) : bytes_(count * sizeof(T) + 128) {}
    T* data() {
        void* p = bytes_.data();
        std::size_t space = bytes_.size();
        return static_cast<T*>(std::align(64, bytes_.size() - 64, p, space));
    }

private:
    std::vector<std::byte> bytes_;
};

/// A layer with weights in one precision; the values are those that a net keeps in its arena.
template <class Layer, tc::conv_geometry G, class Precision>
void add_layer(const std::string& kernel, const std::string& shape) {
    using value = std::conditional_t<Precision::activation == tc::element::float32, float, tc::native::activation>;
    struct state {
        aligned_memory<std::int8_t> weights{Layer::packed_bytes};
        aligned_memory<value> input{static_cast<std::size_t>(G.in_elements())};
        aligned_memory<value> output{static_cast<std::size_t>(G.out_elements())};
    };
    const auto memory = std::make_shared<state>();
    const auto numbers = pseudo_numbers(static_cast<std::size_t>(G.terms()) * G.out_channels);
    if constexpr (std::is_same_v<value, float>) {
        Layer::pack(memory->weights.data(), numbers.data(), nullptr);
        const auto inputs = pseudo_numbers(static_cast<std::size_t>(G.in_elements()));
        std::copy(inputs.begin(), inputs.end(), memory->input.data());
    } else {
        constexpr tc::weight_grid grid = Precision::grid;
        std::vector<std::int8_t> weights;
        for (const float v : numbers)
            weights.push_back(
                static_cast<std::int8_t>((grid.has_zero ? static_cast<int>(v * static_cast<float>(grid.highest))
                                          : v < 0       ? -1
                                                        : 1) *
                                         grid.unit));
        const double spread = 1.0 / (40.0 * std::sqrt(static_cast<double>(G.terms())));
        const std::vector<tc::fixed_multiplier> factors(static_cast<std::size_t>(G.out_channels),
                                                        tc::to_fixed_multiplier(spread));
        Layer::pack(memory->weights.data(), {weights.data(), nullptr, factors.data(), -3, 5});
        unsigned seed = 7;
        for (int i = 0; i < G.in_elements(); ++i)
            memory->input.data()[i] = static_cast<value>((seed = seed * 1664525u + 1013904223u) >> 24);
    }
    add_row({kernel, shape, Precision::name, Layer::multiply_adds, Layer::packed_bytes, Precision::activation},
            [memory] { Layer::run(memory->weights.data(), memory->input.data(), memory->output.data()); });
}

template <tc::conv_geometry G, class Precision>
void add_convolution(const std::string& shape) {
    add_layer<tc::layers::conv2d<G, Precision>, G, Precision>("conv2d", shape);
}
template <int Rows, int Inputs, int Outputs, class Precision>
void add_product() {
    constexpr tc::conv_geometry g{1, Rows, Inputs, 1, Rows, Outputs};
    add_layer<tc::layers::conv2d<g, Precision>, g, Precision>(
        "product", std::to_string(Rows) + " x " + std::to_string(Inputs) + " x " + std::to_string(Outputs));
}

void add_products();
void add_convolutions();
void add_depthwise();

}  // namespace bench
