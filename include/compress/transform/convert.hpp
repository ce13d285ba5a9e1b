// SPDX-License-Identifier: MIT
#pragma once

#include <compress/calibrate/calibration.hpp>
#include <compress/tensor/packed.hpp>
#include <compress/transform/cluster_weights.hpp>
#include <compress/transform/keep_pattern.hpp>
#include <compress/transform/quantize_norm.hpp>
#include <compress/transform/quantize_product.hpp>

namespace tensor_compress {

/// How the weights of a layer are rounded under an integer precision. Groups are of so many neighbours in the order of
/// memory.
template <class Precision, conv_geometry G>
weight_format weight_format_of() {
    weight_format format;
    if constexpr (weight_only_precision<Precision>)
        format.grid = Precision::levels::grid;
    else
        format.grid = Precision::grid;
    if constexpr (grouped_precision<Precision>) {
        format.groups.resize(static_cast<std::size_t>(G.terms()));
        detail::for_each_weight<G>(0, [&](int c, int i, int j, int natural) {
            format.groups[static_cast<std::size_t>(natural)] =
                panel_order<G, 4>::index(0, c, i, j) / (Precision::group * panel_outputs);
        });
    }
    return format;
}

namespace detail {

template <class Net>
class converter {
public:
    converter(const named_tensors& tensors, const calibration& seen, const rounded_layers& chosen)
        : tensors_(tensors),
          seen_(seen),
          chosen_(chosen) {}

    packed<Net> run() {
        [&]<int... Id>(std::integer_sequence<int, Id...>) { (pack<Id>(), ...); }
        (std::make_integer_sequence<int, Net::node_count>{});
        for (std::size_t i = 0; i < result_.view().inputs.size(); ++i) {
            const int id = Net::input_id(static_cast<int>(i));
            if (is_int8(id)) result_.view().inputs[i] = value_affine(id);
        }
        for (std::size_t i = 0; i < result_.view().outputs.size(); ++i) {
            const int id = Net::output_id(static_cast<int>(i));
            if (is_int8(id)) result_.view().outputs[i] = value_affine(id);
        }
        return std::move(result_);
    }

private:
    static constexpr const auto& graph = Net::graph;
    static constexpr const auto& written = Net::model;

    static bool is_int8(int id) { return Net::element_of(id) == element::signed8; }
    affine value_affine(int id) const { return affine_of(written, graph[id].value_origin, seen_); }

    template <int Id>
    void pack() {
        using L = typename Net::template layer<Id>;
        constexpr const node& n = graph.nodes[Id];
        std::int8_t* to = result_.layer(Id);
        if constexpr (is_product(n.kind)) {
            pack_product<Id>(to);
        } else if constexpr (n.kind == op::constant) {
            pack_constant<Id>(to);
        } else if constexpr (n.kind == op::convert) {
            if constexpr (L::packed_bytes != 0) L::pack(to, value_affine(Id));
        } else if constexpr (L::packed_bytes != 0) {
            const int source = n.inputs[0];
            if constexpr (n.kind == op::softmax)
                L::pack(to, softmax_scaling_for(value_affine(source).scale));
            else if constexpr (is_activation(n.kind) && Net::element_of(Id) == element::float32)
                L::pack(to, n.parameter);
            else if constexpr (is_activation(n.kind))
                L::pack(to, n.parameter, value_affine(source), value_affine(Id));
            else if constexpr (is_elementwise_pair(n.kind))
                pack_pair<Id>(to);
            else if constexpr (n.kind == op::layer_norm)
                pack_norm<Id>(to);
            else if constexpr (n.kind == op::matmul)
                pack_matmul<Id>(to);
            else if constexpr (n.kind == op::concat)
                pack_concat<Id>(to);
            else if constexpr (n.kind == op::pad)
                L::pack(to, n.parameter, Net::element_of(Id) == element::signed8 ? value_affine(source) : affine{});
            else
                L::pack(to, value_affine(source));
        }
    }

    template <int Id>
    void pack_product(std::int8_t* to) {
        using L = typename Net::template layer<Id>;
        constexpr const node& n = graph.nodes[Id];
        using format = format_of<typename Net::recipe_type, graph.nodes[Id].format>;
        using precision = typename format::precision;
        using sparsity = typename format::sparsity;
        constexpr conv_geometry g = geometry_of(graph.nodes[n.inputs[0]].output, n).flattened();
        effective_weights e = effective_weights_of(written, n, tensors_);
        const rounded_layer* chosen = chosen_for(text_of(n.name), e);
        if (chosen != nullptr) e.bias = chosen->bias;
        if constexpr (zero_sparsity<sparsity>) keep_largest(e.weights, cells_of<precision, sparsity, g>());
        if constexpr (weight_only_precision<precision>) {
            rounded_layer rounded;
            if (chosen == nullptr) {
                rounded.weights.resize(e.weights.size());
                const weight_format rounding = weight_format_of<precision, g>();
                for (std::size_t o = 0; o < e.outputs; ++o)
                    rounded.scales.push_back(static_cast<float>(round_weights(
                        e.row(o), rounding, 0, std::span(rounded.weights).subspan(o * e.terms, e.terms))));
                chosen = &rounded;
            }
            L::pack(to, chosen->weights.data(), chosen->scales.data(), e.bias.data());
        } else if constexpr (Net::element_of(Id) == element::float32) {
            if constexpr (std::is_same_v<precision, tag::fp16>) expect_halves(e.weights, text_of(n.name));
            L::pack(to, e.weights.data(), e.bias.data());
        } else {
            const affine input = value_affine(n.inputs[0]);
            const affine stage = affine_of(written, n.stage_origin, seen_);
            weight_format rounding = weight_format_of<precision, g>();
            affine multiplied = input;
            if constexpr (sign_code<typename L::code>) {
                multiplied = {mean_size_of(written, graph.nodes[n.inputs[0]].value_origin, seen_) / sign_steps, 0};
                rounding.largest_input = sign_steps;
            }
            auto q = quantize_product(e, multiplied, stage, text_of(n.name), rounding, chosen);
            if constexpr (table_sparsity<sparsity>)
                cluster_weights<typename L::order, g>(q.weights, q.scales, 1 << sparsity::bits);
            const step_bounds bounds = bounds_of(n.clamp, stage);
            int8_product p{q.weights.data(), q.bias.data(), q.factors.data(), input.zero_point,
                           stage.zero_point, bounds.low,    bounds.high};
            if constexpr (n.residual >= 0) {
                const affine sum = value_affine(Id);
                const step_bounds sum_bounds = bounds_of(n.sum_clamp, sum);
                p.add = add_scaling_for(stage, value_affine(n.residual), sum, sum_bounds.low, sum_bounds.high);
            }
            L::pack(to, p);
        }
    }

    const rounded_layer* chosen_for(const std::string& layer_name, const effective_weights& e) const {
        const auto found = chosen_.find(layer_name);
        if (found == chosen_.end()) return nullptr;
        if (found->second.weights.size() != e.weights.size() || found->second.scales.size() != e.outputs ||
            found->second.bias.size() != e.outputs)
            throw error(layer_name,
                        "its rounded weights are " + std::to_string(found->second.weights.size()) + " instead of " +
                            std::to_string(e.weights.size()),
                        "round the layers of the same model");
        return &found->second;
    }

    static void expect_halves(const std::vector<float>& weights, const std::string& layer_name) {
        for (const float w : weights)
            if (std::abs(w) >= 65520.0f)
                throw error(layer_name, "its weight " + std::to_string(w) + " is beyond fp16, which ends at 65504",
                            "give this layer bf16 or fp32");
    }

    template <int Id>
    void pack_pair(std::int8_t* to) {
        constexpr const node& n = graph.nodes[Id];
        const affine a = value_affine(n.inputs[0]), b = value_affine(n.inputs[1]), out = value_affine(Id);
        const step_bounds bounds = bounds_of(n.clamp, out);
        const add_scaling scaling = n.kind == op::add ? add_scaling_for(a, b, out, bounds.low, bounds.high)
                                                      : mul_scaling_for(a, b, out, bounds.low, bounds.high);
        if (scaling.sum.shift > 0)
            throw error(text_of(n.name), "its output range is too small for its inputs",
                        "calibrate on more records, or give this layer fp32");
        Net::template layer<Id>::pack(to, scaling);
    }

    template <int Id>
    void pack_norm(std::int8_t* to) {
        constexpr const node& n = graph.nodes[Id];
        using L = typename Net::template layer<Id>;
        const float* gamma = tensor_of(tensors_, n.name, ".weight").data();
        const float* beta = tensor_of(tensors_, n.name, ".bias").data();
        if constexpr (Net::element_of(Id) == element::float32) {
            L::pack(to, gamma, beta, n.parameter);
        } else {
            const auto q = quantize_norm(gamma, beta, n.output.channels(), n.parameter, value_affine(n.inputs[0]),
                                         value_affine(Id));
            if (q.scaling.factor.shift > 2)
                throw error(text_of(n.name), "its output range is too small for its weights",
                            "calibrate on more records, or give this layer fp32");
            L::pack(to, q.gamma.data(), q.beta.data(), q.scaling);
        }
    }

    template <int Id>
    void pack_matmul(std::int8_t* to) {
        constexpr const node& n = graph.nodes[Id];
        const affine a = value_affine(n.inputs[0]), b = value_affine(n.inputs[1]), out = value_affine(Id);
        const auto factor = to_fixed_multiplier(static_cast<double>(a.scale) * static_cast<double>(b.scale) /
                                                static_cast<double>(out.scale));
        if (factor.shift > 0)
            throw error(text_of(n.name), "its output range is too small for its inputs",
                        "calibrate on more records, or give this layer fp32");
        Net::template layer<Id>::pack(to, {a.zero_point, b.zero_point, out.zero_point, factor});
    }

    template <int Id>
    void pack_concat(std::int8_t* to) {
        constexpr const node& n = graph.nodes[Id];
        affine parts[max_inputs];
        for (int i = 0; i < n.input_count; ++i) parts[i] = value_affine(n.inputs[i]);
        Net::template layer<Id>::pack(to, parts, value_affine(Id));
    }

    template <int Id>
    void pack_constant(std::int8_t* to) {
        const auto& value = tensor_of(tensors_, graph.nodes[Id].name, ".value");
        for (std::size_t i = 0; i < value.size(); ++i) {
            const float v = value.data()[i];
            if constexpr (Net::element_of(Id) == element::signed8)
                to[i] = quantize(v, value_affine(Id));
            else
                store_bytes(to + 4 * i, v);
        }
    }

    const named_tensors& tensors_;
    const calibration& seen_;
    const rounded_layers& chosen_;
    packed<Net> result_;
};

}  // namespace detail

/// Float weights to the packed bytes of `Net`. What lowering folded and fused, the weights follow.
///
/// @param  tensors  by name, in PyTorch's layout (see needed_tensors)
/// @param  seen     ranges from `calibrate`; only layers that are not float need them
/// @param  chosen   integers of layers that were rounded on records, from `gptq<Net>`; others are rounded to nearest
/// @throws error naming the layer: missing or mis-shaped tensors (all listed), not finite weights, no range
template <class Net>
packed<Net> convert(const named_tensors& tensors, const calibration& seen = {}, const rounded_layers& chosen = {}) {
    expect_weights(Net::model, tensors, "convert");
    return detail::converter<Net>(tensors, seen, chosen).run();
}

}  // namespace tensor_compress
