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
#include <compress/transform/cluster_weights.hpp>
#include <compress/transform/keep_pattern.hpp>

#include "../pseudo_numbers.hpp"

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

/// "32 x 32 x 16 to 32, 3 x 3, stride 2"
inline std::string window_text(int size, const std::string& channels, int kernel, int stride) {
    const auto square = [](int n) { return std::to_string(n) + " x " + std::to_string(n); };
    return square(size) + " x " + channels + ", " + square(kernel) +
           (stride > 1 ? ", stride " + std::to_string(stride) : "");
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
    void fill(const std::vector<T>& values) { std::copy(values.begin(), values.end(), data()); }

private:
    std::vector<std::byte> bytes_;
};

/// A layer with weights in one format, of those that its pattern allows the largest; the values are those that a net
/// keeps in its arena.
template <class Layer, tc::conv_geometry G, class Precision, class Sparsity = tc::tag::dense>
void add_layer(const std::string& kernel, const std::string& shape) {
    using value = std::conditional_t<Precision::activation == tc::element::float32, float, tc::native::activation>;
    struct state {
        aligned_memory<std::int8_t> weights{Layer::packed_bytes};
        aligned_memory<value> input{static_cast<std::size_t>(G.in_elements())};
        aligned_memory<value> output{static_cast<std::size_t>(G.out_elements())};
    };
    const auto memory = std::make_shared<state>();
    const auto inputs = static_cast<std::size_t>(G.in_elements());
    auto numbers = pseudo_numbers(static_cast<std::size_t>(G.terms()) * G.out_channels);
    if constexpr (tc::zero_sparsity<Sparsity>)
        tc::keep_largest(numbers, tc::cells_of<Precision, Sparsity, G.flattened()>());
    if constexpr (std::is_same_v<value, float>) {
        if constexpr (requires { typename Precision::levels; }) {
            std::vector<std::int8_t> weights;
            for (const float v : numbers)
                weights.push_back(static_cast<std::int8_t>(v * static_cast<float>(Precision::levels::grid.highest) *
                                                           Precision::levels::grid.unit));
            const std::vector<float> scales(static_cast<std::size_t>(G.out_channels), 0.01f);
            Layer::pack(memory->weights.data(), weights.data(), scales.data(), nullptr);
        } else {
            Layer::pack(memory->weights.data(), numbers.data(), nullptr);
        }
        memory->input.fill(pseudo_numbers(inputs));
    } else {
        constexpr tc::weight_grid grid = Precision::grid;
        std::vector<std::int8_t> weights;
        for (const float v : numbers)
            weights.push_back(
                static_cast<std::int8_t>((grid.has_zero ? static_cast<int>(v * static_cast<float>(grid.highest))
                                          : v < 0       ? -1
                                                        : 1) *
                                         grid.unit));
        if constexpr (tc::table_sparsity<Sparsity>)
            tc::cluster_weights<typename Layer::order, G>(
                weights, std::vector<float>(static_cast<std::size_t>(G.out_channels), 1.0f), 1 << Sparsity::bits);
        const double spread = 1.0 / (40.0 * std::sqrt(static_cast<double>(G.terms())));
        const std::vector<tc::fixed_multiplier> factors(static_cast<std::size_t>(G.out_channels),
                                                        tc::to_fixed_multiplier(spread));
        Layer::pack(memory->weights.data(), {weights.data(), nullptr, factors.data(), -3, 5});
        memory->input.fill(pseudo_bytes<value>(inputs));
    }
    const std::string pattern = std::is_same_v<Sparsity, tc::tag::dense> ? "" : std::string(" ") + Sparsity::name;
    add_row(
        {kernel, shape, Precision::name + pattern, Layer::multiply_adds, Layer::packed_bytes, Precision::activation},
        [memory] { Layer::run(memory->weights.data(), memory->input.data(), memory->output.data()); });
}

template <tc::conv_geometry G, class Precision, class Sparsity = tc::tag::dense>
void add_convolution(const std::string& shape) {
    add_layer<tc::layers::conv2d<G, Precision, Sparsity>, G, Precision, Sparsity>("conv2d", shape);
}

/// output [rows, outputs] = input [rows, inputs] * weights^T [inputs, outputs]
struct product_shape {
    int rows, inputs, outputs;

    std::string text() const {
        return std::to_string(rows) + " x " + std::to_string(inputs) + " x " + std::to_string(outputs);
    }
    long long multiply_adds() const { return static_cast<long long>(rows) * inputs * outputs; }
    std::size_t input_elements() const { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(inputs); }
    std::size_t weight_elements() const { return static_cast<std::size_t>(inputs) * static_cast<std::size_t>(outputs); }
    std::size_t output_elements() const { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(outputs); }
};

template <int Rows, int Inputs, int Outputs, class Precision, class Sparsity = tc::tag::dense>
void add_product() {
    constexpr tc::conv_geometry g{1, Rows, Inputs, 1, Rows, Outputs};
    add_layer<tc::layers::conv2d<g, Precision, Sparsity>, g, Precision, Sparsity>(
        "product", product_shape{Rows, Inputs, Outputs}.text());
}

/// Rows of other libraries, on one thread; none where they were not found while configuring. Versions: empty then.
void add_openblas_product(product_shape shape);
void add_onednn_product(product_shape shape, tc::element values);
std::string openblas_version();
std::string onednn_version();

void add_products();
void add_convolutions();
void add_depthwise();
void add_sparse();

}  // namespace bench
