// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include <compress/net/geometry.hpp>

#include "format_name.hpp"

namespace compress_model {

/// Why a layer cannot have a format, and what it can have; the rules are those of net/format_rules.hpp.
struct misfit_text {
    std::string found, advice;
};

namespace detail {

inline misfit_text text_of(tensor_compress::misfit why, const tensor_compress::conv_geometry& g) {
    using tensor_compress::misfit;
    const std::string shape = std::to_string(g.group_inputs()) + " inputs and " + std::to_string(g.group_outputs()) +
                              " outputs" + (g.groups > 1 ? " in each group" : "");
    switch (why) {
    case misfit::form:
        return {"for_speed is a form of int8 weights", "leave it out"};
    case misfit::weights:
        return {
            "no kernel stores weights in this precision with this pattern",
            "give the precision alone, or int8 with the pattern; blocks of int8 take 4 inputs and 16 weights or more"};
    case misfit::pattern_of_depthwise:
        return {"a depthwise layer has too few weights for a pattern of zeros", "give the precision alone"};
    case misfit::blocks:
        return {"its " + shape + " are no multiples of the block's", "give another block, or none"};
    case misfit::block_terms:
        return {"an output sums " + std::to_string(g.terms()) + " inputs, too many for blocks", "give another pattern"};
    case misfit::signs:
        return {"a depthwise or grouped layer sums too few signs for each output", "give int8, or binary"};
    case misfit::codebook:
        return {"the codebook is larger than the layer", "give fewer bits, or no codebook"};
    case misfit::places:
        return {"its " + shape + " are not picked in whole steps of 8 inputs (of n_of_m<1,4>, 16)",
                "leave for_speed out"};
    case misfit::mask:
        return {"more than 65535 weights of 16 outputs are left", "give a higher percent of zeros, or blocks"};
    case misfit::run_time_of_depthwise:
        return {"a depthwise layer has no kernel for values that are quantised at run time", "give weight_only(int8)"};
    case misfit::group_of_depthwise:
        return {"a depthwise layer has a step for each channel", "give the precision without a group"};
    case misfit::group:
        return {"the group does not divide its runs of " + std::to_string(g.run_length()) + " neighbouring inputs",
                "give another size, or no group"};
    default:
        return {"an output sums " + std::to_string(g.terms()) + " products, and 32 bits hold " +
                    std::to_string(tensor_compress::max_int8_terms),
                "give fp32"};
    }
}

}  // namespace detail

/// Why node `n` of a model, which reads `in`, cannot have a format; empty where it can.
inline misfit_text misfit_in(const format_name& f, const tensor_compress::node& n, const tensor_compress::shape& in) {
    using tensor_compress::op;
    if (tensor_compress::is_product(n.kind)) {
        const auto g = tensor_compress::geometry_of(in, n).flattened();
        const auto why = tensor_compress::misfit_of(f.facts, g, tensor_compress::is_depthwise(n, g));
        return why == tensor_compress::misfit::none ? misfit_text{} : detail::text_of(why, g);
    }
    if (f.activation == tensor_compress::element::float32) return {};
    const auto limit = [&](op kind, int found, int most, const char* of) {
        return n.kind != kind || found <= most
                   ? misfit_text{}
                   : misfit_text{std::to_string(found) + of + std::to_string(most), "give fp32"};
    };
    const auto products = limit(op::matmul, in.channels(), tensor_compress::max_int8_matmul_terms,
                                " products of two values are summed, and 32 bits hold ");
    if (!products.found.empty()) return products;
    return limit(op::layer_norm, n.output.channels(), tensor_compress::max_int8_norm_values,
                 " values are in a row, and 32 bits hold the sums of ");
}

/// What a layer gets that cannot have the format of --precision: the nearest that is like it, one after another.
inline std::vector<std::string> formats_instead_of(const format_name& f) {
    std::vector<std::string> nearest;
    if (f.sparsity != "dense") nearest.push_back(f.precision);
    const std::string alone = detail::split_group(f.precision).first;
    if (alone != f.precision) nearest.push_back(alone);
    if (alone.starts_with("dynamic(")) nearest.push_back("weight_only" + alone.substr(alone.find('(')));
    if (alone == "binary_activations") nearest.push_back("binary");
    return nearest;
}

}  // namespace compress_model
