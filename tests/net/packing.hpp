// SPDX-License-Identifier: MIT
#pragma once

// Weights of the reference, packed for a net: folded, quantised where the recipe says so, and laid out by each layer's
// own `pack`.

#include <compress/net/net.hpp>
#include <compress/transform/quantize_norm.hpp>

#include <array>
#include <cmath>
#include <span>
#include <utility>

#include "reference.hpp"

namespace tests {

/// Scale and zero point of every value of a written model, from what it was seen to be.
template <int Capacity>
std::vector<tc::affine> scales_for(const tc::model<Capacity>& m, const std::vector<tensor>& values) {
    std::vector<tc::affine> scales;
    for (int id = 0; id < m.count; ++id) {
        const auto [low, high] =
            std::minmax_element(values[detail::index(id)].begin(), values[detail::index(id)].end());
        if (tc::keeps_quantization(m[id].kind))
            scales.push_back(scales[detail::index(m[id].inputs[0])]);
        else if (m[id].kind == tc::op::softmax)
            scales.push_back({1.0f / 256, -128});
        else
            scales.push_back(tc::affine_for_range(static_cast<float>(*low), static_cast<float>(*high)));
    }
    return scales;
}

/// The numbers of a node of what runs, with the batch norms, products and sums that were folded into it.
template <class Model>
numbers folded(const Model& written, const std::vector<numbers>& all, const tc::node& n) {
    const auto batch_norm = [&](int id, std::vector<float>& scale, std::vector<float>& shift) {
        const numbers& w = all[detail::index(id)];
        for (std::size_t c = 0; c < w.mean.size(); ++c) {
            scale.push_back(w.weight[c] / std::sqrt(w.variance[c] + written[id].parameter));
            shift.push_back(w.bias[c] - w.mean[c] * scale[c]);
        }
    };
    numbers result;
    if (written[n.origin].kind == tc::op::batch_norm) {
        batch_norm(n.origin, result.weight, result.bias);
        return result;
    }
    result = all[detail::index(n.origin)];
    const std::size_t channels = detail::index(n.output.channels()), terms = result.weight.size() / channels;
    result.bias.resize(channels);
    for (int f = 0; f < n.folded_count; ++f) {
        const tc::node& g = written[n.folded[f]];
        std::vector<float> scale, shift;
        if (g.kind == tc::op::batch_norm) {
            batch_norm(n.folded[f], scale, shift);
        } else {
            const int constant = written[g.inputs[0]].kind == tc::op::constant ? g.inputs[0] : g.inputs[1];
            const std::vector<float>& value = all[detail::index(constant)].weight;
            for (std::size_t c = 0; c < channels; ++c) {
                scale.push_back(g.kind == tc::op::mul ? value[c % value.size()] : 1.0f);
                shift.push_back(g.kind == tc::op::add ? value[c % value.size()] : 0.0f);
            }
        }
        for (std::size_t c = 0; c < channels; ++c) {
            for (std::size_t i = 0; i < terms; ++i) result.weight[c * terms + i] *= scale[c];
            result.bias[c] = result.bias[c] * scale[c] + shift[c];
        }
    }
    return result;
}

/// Packed weights of a net and the views of them that it runs with.
template <class Net>
class packed {
public:
    packed(const std::vector<numbers>& all_numbers, const std::vector<tc::affine>& all_scales)
        : all(all_numbers),
          scales(all_scales) {
        [&]<int... Id>(std::integer_sequence<int, Id...>) { (fill<Id>(), ...); }
        (std::make_integer_sequence<int, Net::node_count>{});
        for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i] = value_scale(Net::input_id(static_cast<int>(i)));
        for (std::size_t i = 0; i < outputs.size(); ++i) outputs[i] = value_scale(Net::output_id(static_cast<int>(i)));
        view = Net::bind(addresses, inputs, outputs);
    }
    packed(const packed&) = delete;
    packed& operator=(const packed&) = delete;

    const typename Net::weights& operator*() const { return view; }

    /// Of the value that a node of what runs computes.
    tc::affine value_scale(int id) const {
        return scales.empty() ? tc::affine{} : scales[detail::index(Net::graph.nodes[id].value_origin)];
    }

private:
    struct alignas(64) line {
        std::int8_t bytes[64];
    };

    template <int Id>
    void fill() {
        constexpr const tc::node& n = Net::graph.nodes[Id];
        using layer = typename Net::template layer<Id>;
        constexpr bool integers = Net::element_of(Id) == tc::element::signed8;
        if constexpr (layer::packed_bytes != 0) {
            auto& memory = lines[Id];
            memory.resize((layer::packed_bytes + 63) / 64);
            auto* to = reinterpret_cast<std::int8_t*>(memory.data());
            addresses[Id] = to;
            const tc::affine input = value_scale(n.inputs[0]), output = value_scale(Id);
            if constexpr (n.kind == tc::op::constant) {
                const std::vector<float>& value = all[detail::index(n.origin)].weight;
                for (std::size_t i = 0; i < value.size(); ++i) {
                    if constexpr (integers)
                        to[i] = tc::quantize(value[i], output);
                    else
                        tc::store_bytes(to + 4 * i, value[i]);
                }
            } else if constexpr (tc::is_product(n.kind)) {
                const numbers w = folded(Net::model, all, n);
                if constexpr (integers)
                    pack_product<layer>(to, n, w, input, output);
                else if constexpr (requires { layer::pack(to, std::declval<const std::int8_t*>(), nullptr, nullptr); })
                    pack_dynamic<layer>(to, w);
                else
                    layer::pack(to, w.weight.data(), w.bias.data());
            } else if constexpr (n.kind == tc::op::softmax) {
                layer::pack(to, tc::softmax_scaling_for(input.scale));
            } else if constexpr (tc::is_elementwise_pair(n.kind)) {
                const tc::affine second = value_scale(n.inputs[1]);
                layer::pack(to, n.kind == tc::op::add ? sum_of(input, second, output, n.clamp)
                                                      : product_of(input, second, output, n.clamp));
            } else if constexpr (n.kind == tc::op::layer_norm) {
                const numbers& w = all[detail::index(n.origin)];
                const float *gamma = w.weight.data(), *beta = w.bias.data();
                if constexpr (integers) {
                    const auto q = tc::quantize_norm(gamma, beta, n.output.channels(), n.parameter, input, output);
                    layer::pack(to, q.gamma.data(), q.beta.data(), q.scaling);
                } else {
                    layer::pack(to, gamma, beta, n.parameter);
                }
            } else if constexpr (n.kind == tc::op::matmul) {
                const tc::affine second = value_scale(n.inputs[1]);
                layer::pack(
                    to, {input.zero_point, second.zero_point, output.zero_point,
                         tc::to_fixed_multiplier(static_cast<double>(input.scale) * static_cast<double>(second.scale) /
                                                 static_cast<double>(output.scale))});
            } else if constexpr (n.kind == tc::op::convert) {
                layer::pack(to, output);
            } else if constexpr (n.kind == tc::op::pad) {
                layer::pack(to, n.parameter, output);
            } else if constexpr (n.kind == tc::op::concat) {
                tc::affine parts[tc::max_inputs];
                for (int i = 0; i < n.input_count; ++i) parts[i] = value_scale(n.inputs[i]);
                layer::pack(to, parts, output);
            } else if constexpr (n.kind == tc::op::avg_pool) {
                layer::pack(to, input);
            } else if constexpr (integers) {
                layer::pack(to, n.parameter, input, output);
            } else {
                layer::pack(to, n.parameter);
            }
        }
    }

    static std::int32_t low_of(tc::clamp_kind clamp, tc::affine a) {
        return clamp == tc::clamp_kind::none ? -128 : tc::quantize(0, a);
    }
    static std::int32_t high_of(tc::clamp_kind clamp, tc::affine a) {
        return clamp == tc::clamp_kind::relu6 ? tc::quantize(6, a) : 127;
    }

    /// The scaling of TensorFlow Lite's add and mul.
    static tc::add_scaling sum_of(tc::affine a, tc::affine b, tc::affine sum, tc::clamp_kind clamp) {
        const double twice = 2.0 * static_cast<double>(std::max(a.scale, b.scale));
        return {a.zero_point,
                b.zero_point,
                sum.zero_point,
                tc::to_fixed_multiplier(static_cast<double>(a.scale) / twice),
                tc::to_fixed_multiplier(static_cast<double>(b.scale) / twice),
                tc::to_fixed_multiplier(twice / ((1 << tc::add_left_shift) * static_cast<double>(sum.scale))),
                low_of(clamp, sum),
                high_of(clamp, sum)};
    }
    static tc::add_scaling product_of(tc::affine a, tc::affine b, tc::affine product, tc::clamp_kind clamp) {
        const double factor =
            static_cast<double>(a.scale) * static_cast<double>(b.scale) / static_cast<double>(product.scale);
        return {
            a.zero_point,           b.zero_point,           product.zero_point, {}, {}, tc::to_fixed_multiplier(factor),
            low_of(clamp, product), high_of(clamp, product)};
    }

    /// Integers of 8 bits with the largest of an output at their end.
    struct rounded_weights {
        std::vector<std::int8_t> levels;
        std::vector<float> scales;
    };
    static rounded_weights rounded(const numbers& w) {
        rounded_weights r;
        const std::size_t terms = w.weight.size() / w.bias.size();
        for (std::size_t c = 0; c < w.bias.size(); ++c) {
            float largest = 1e-6f;
            for (std::size_t i = 0; i < terms; ++i) largest = std::max(largest, std::abs(w.weight[c * terms + i]));
            r.scales.push_back(largest / 127);
            for (std::size_t i = 0; i < terms; ++i)
                r.levels.push_back(tc::quantize(w.weight[c * terms + i], {r.scales.back(), 0}));
        }
        return r;
    }
    template <class Layer>
    static void pack_dynamic(std::int8_t* to, const numbers& w) {
        const rounded_weights r = rounded(w);
        Layer::pack(to, r.levels.data(), r.scales.data(), w.bias.data());
    }

    template <class Layer>
    void pack_product(std::int8_t* to, const tc::node& n, const numbers& w, tc::affine input, tc::affine output) {
        const std::size_t channels = w.bias.size();
        const tc::affine stage = n.residual >= 0 ? scales[detail::index(n.stage_origin)] : output;
        const rounded_weights r = rounded(w);
        std::vector<std::int32_t> bias(channels);
        std::vector<tc::fixed_multiplier> factors(channels);
        for (std::size_t c = 0; c < channels; ++c) {
            const double unit = static_cast<double>(r.scales[c]) * static_cast<double>(input.scale);
            bias[c] = static_cast<std::int32_t>(std::lround(static_cast<double>(w.bias[c]) / unit));
            factors[c] = tc::to_fixed_multiplier(unit / static_cast<double>(stage.scale));
        }
        tc::int8_product product{r.levels.data(),         bias.data(),
                                 factors.data(),          input.zero_point,
                                 stage.zero_point,        low_of(n.clamp, stage),
                                 high_of(n.clamp, stage), {}};
        if (n.residual >= 0) product.add = sum_of(stage, value_scale(n.residual), output, n.sum_clamp);
        Layer::pack(to, product);
    }

    const std::vector<numbers>& all;
    const std::vector<tc::affine>& scales;
    std::array<std::vector<line>, Net::node_count> lines;
    const std::int8_t* addresses[Net::node_count]{};
    std::remove_cvref_t<decltype(std::declval<typename Net::weights>().inputs)> inputs{};
    std::remove_cvref_t<decltype(std::declval<typename Net::weights>().outputs)> outputs{};
    typename Net::weights view{};
};

}  // namespace tests
