// SPDX-License-Identifier: MIT
#pragma once

#include <compress/transform/gptq.hpp>
#include <compress/transform/output_error.hpp>

namespace tensor_compress {

/// What a format costs in one layer.
struct format_cost {
    std::string precision, sparsity;  ///< names of the tags, as in the table of a net
    long long bytes = 0;              ///< packed, as emitted: with scales, biases, multipliers and padding
    double error = 0;                 ///< of the net's outputs, where no other layer is changed
};
struct layer_costs {
    std::string label;
    std::vector<format_cost> formats;  ///< in the order in which they were asked for
};
/// What every layer with weights costs in every format.
struct sensitivities {
    std::vector<layer_costs> layers;  ///< in the order of the model
    long long other_bytes = 0;        ///< of layers without weights of their own, whatever the formats
};

struct sensitivity_options {
    output_kind outputs = output_kind::classes;
    double judged = 0.5;  ///< the part of the records, at their end, that errors are measured on; others are rounded on
    gptq_options rounding = {};
};

/// The format of a word of a recipe: of `tag::int4` as of `decltype(int4 | group<32>)`.
template <class Tag>
using format_type = decltype(as_format(std::declval<Tag>()));

/// A format whose weights are other numbers beside int8 values, which is what a float net can show.
template <class Tag>
concept comparable_format = integer_precision<typename format_type<Tag>::precision> &&
    !std::is_same_v<typename format_type<Tag>::precision, tag::binary_activations>;

namespace detail {

inline constexpr recipe every_layer_int8{int8};

/// Whether a layer can have a format: groups of weights that share a step do not fit all, nor do tables.
template <class Format, bool Depthwise, conv_geometry G>
constexpr bool layer_takes() {
    using precision = typename Format::precision;
    if constexpr (grouped_precision<precision>)
        return !Depthwise && group_fits<precision>(G.run_length());
    else if constexpr (table_sparsity<typename Format::sparsity>)
        return (1 << Format::sparsity::bits) < G.terms() * G.out_channels;
    else
        return true;
}

/// Bytes of a net but for its layers with weights: they are the same in every integer format.
template <class Net>
constexpr long long bytes_without_products() {
    long long sum = 0;
    for (int id = 0; id < Net::node_count; ++id)
        if (!is_product(Net::graph[id].kind)) sum += Net::table[static_cast<std::size_t>(id)].packed_bytes;
    return sum;
}

/// Measures one layer in all formats.
template <const auto& Model, const node& Observed, class... Formats>
class layer_measurement {
public:
    layer_measurement(const layer_to_change& layer, const output_judge<Model>& judge, const gptq_options& rounding)
        : layer_(layer),
          judge_(judge),
          rounding_(rounding) {}

    /// @param  changed  the float net; its weights are the same afterwards
    layer_costs run(packed<typename output_judge<Model>::net>& changed) const {
        layer_costs costs{layer_.label, {}};
        (add<Formats>(costs, changed), ...);
        pack(changed, layer_.weights);
        return costs;
    }

private:
    using float_net = typename output_judge<Model>::net;
    using int8_net = net<Model, every_layer_int8>;
    using place = rounding_of<int8_net, Observed>;
    using float_place = rounding_of<float_net, Observed>;
    static constexpr bool depthwise =
        place::n.kind == op::depthwise_conv2d && place::geometry.in_channels == place::geometry.out_channels;

    static void pack(packed<float_net>& changed, const effective_weights& w) {
        using L = typename float_net::template layer<float_place::id>;
        L::pack(changed.layer(float_place::id), w.weights.data(), w.bias.data());
    }

    template <class Format>
    void add(layer_costs& costs, packed<float_net>& changed) const {
        if constexpr (layer_takes<Format, depthwise, place::geometry>()) {
            using L = typename layer_of<int8_net::graph, place::id, recipe<Format>>::type;
            layer_to_change rounded = layer_;
            round_layer(rounded, levels_of<Format, L, place::geometry>(rounded.weights), rounding_);
            pack(changed, rounded.weights);
            costs.formats.push_back(
                {Format::precision::name, Format::sparsity::name, L::packed_bytes, judge_(changed)});
        }
    }

    const layer_to_change& layer_;
    const output_judge<Model>& judge_;
    const gptq_options& rounding_;
};

}  // namespace detail

/// Bytes and error of each layer with weights in each format, the others in floating point: its weights are rounded as
/// `gptq` does, to give on some records what they gave before, and outputs compared on others. All on the float net; of
/// a format that a layer cannot have there is no cost. Source: the sensitivity by divergence of Cai et al. 2020, ZeroQ,
/// section 3.2.
///
/// `sensitivity<resnet8, tag::int8, tag::int4, decltype(int4 | group<16>)>(weights, records)`
///
/// @tparam Formats  with integer weights, beside int8 values
/// @param  records  one span of values per record, for a model with one input; some hundreds
/// @throws error as `convert` for the weights, and where one of the two parts of the records is empty
template <const auto& Model, class... Formats, class Records>
sensitivities sensitivity(const named_tensors& weights, const Records& records,
                          const sensitivity_options& options = {}) {
    static_assert((comparable_format<Formats> && ...),
                  "formats are compared that have integer weights of their own beside int8 values: int8, int4, int3, "
                  "int2, ternary, binary, with groups, patterns of zeros or tables");
    using float_net = typename output_judge<Model>::net;
    const auto all = detail::spans_of(records);
    const auto seen = static_cast<std::ptrdiff_t>(static_cast<double>(all.size()) * (1 - options.judged));
    if (seen < 1 || seen >= static_cast<std::ptrdiff_t>(all.size()))
        throw error("sensitivity",
                    std::to_string(all.size()) + " records, of which " + std::to_string(seen) + " are rounded on",
                    "give it more, and a part between 0 and 1 to judge by");
    const output_judge<Model> judge(weights, std::span(all).subspan(static_cast<std::size_t>(seen)), options.outputs);
    auto changed = convert<float_net>(weights);
    sensitivities result;
    change_layers<Model>(weights, std::vector(all.begin(), all.begin() + seen),
                         [&]<const node & Observed>(const layer_to_change& layer) {
                             using measurement = detail::layer_measurement<Model, Observed, format_type<Formats>...>;
                             result.layers.push_back(measurement(layer, judge, options.rounding).run(changed));
                         });
    result.other_bytes = detail::bytes_without_products<net<Model, detail::every_layer_int8>>();
    return result;
}

}  // namespace tensor_compress
