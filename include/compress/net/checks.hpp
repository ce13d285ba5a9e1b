// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <compress/graph/recipe.hpp>
#include <compress/net/format_rules.hpp>

namespace tensor_compress {

#if defined(__clang__)
#    pragma clang diagnostic push
#    pragma clang diagnostic error "-Wundefined-internal"
#endif
/// Refuses a model or recipe with internal linkage: everything with the net in its signature would be local to one
/// translation unit. g++ allows no weak symbol there (it looks again at each instance, because the type depends on it);
/// clang misses the definition of what is used. Both name the object. g++ 14 alone sees nothing, because it takes every
/// constant in a template argument for external (GCC's PR110323).
template <const auto& Object>
struct linkage_of {
#if defined(__clang__)
    static void model_and_recipe_must_be_inline_constexpr();
#else
    [[gnu::weak]] static std::remove_reference_t<decltype((Object, 0))> model_and_recipe_must_be_inline_constexpr;
#endif
    static constexpr bool external = (static_cast<void>(&model_and_recipe_must_be_inline_constexpr), true);
};
#if defined(__clang__)
#    pragma clang diagnostic pop
#endif

namespace detail {

/// A label as a type, so that compilers print it as characters.
template <char... Text>
struct text {};

template <const auto& Recipe, int Index>
constexpr auto pattern_text() {
    return []<int... I>(std::integer_sequence<int, I...>) { return text<Recipe.patterns[Index].text[I]...>{}; }
    (std::make_integer_sequence<int, Recipe.patterns[Index].size()>{});
}

template <class Pattern, bool Matches>
struct recipe_pattern {
    static_assert(Matches, "a pattern of the recipe matches no layer of the model: compare it with the labels that the "
                           "model gives its layers");
    static constexpr bool holds = Matches;
};

template <const auto& Model, const auto& Recipe>
constexpr bool check_recipe() {
    constexpr int unmatched = Recipe.first_unmatched(Model);
    if constexpr (unmatched >= 0)
        return recipe_pattern<decltype(pattern_text<Recipe, unmatched>()), false>::holds;
    else
        return true;
}

template <const auto& Graph, int Id>
constexpr auto layer_text() {
    return []<int... I>(std::integer_sequence<int, I...>) { return text<Graph.nodes[Id].name.text[I]...>{}; }
    (std::make_integer_sequence<int, Graph.nodes[Id].name.size()>{});
}

/// Numbers as types, for the same reason.
template <int Inputs>
struct neighbours {};
template <int Inputs, int Outputs>
struct inputs_and_outputs {};
template <long long Count>
struct weights {};

template <class Label, class Precision, class Sparsity, bool Exists>
struct weights_of_layer {
    static_assert(Exists,
                  "no kernel stores weights in this precision with this sparsity: give the layer the precision alone, "
                  "or int8 with the sparsity; blocks of int8 take 4 inputs and 16 weights or more");
    static constexpr bool holds = Exists;
};
template <class Label, class Precision, class Sparsity, bool Exists>
struct form_of_layer {
    static_assert(Exists, "for_speed is a form of int8 weights: leave it out for this layer, or give it int8");
    static constexpr bool holds = Exists;
};
template <class Label, class Precision, class Neighbours, bool Divides>
struct group_of_layer {
    static_assert(Divides,
                  "the group of weights that share a step must divide the neighbouring inputs of an output (channels * "
                  "kernel width; channels where dilated or grouped): give this layer another size, or no group");
    static constexpr bool holds = Divides;
};
template <class Label, class Precision, bool Allowed>
struct depthwise_layer {
    static_assert(Allowed, "a depthwise layer has a step for each channel, and too few weights for groups: give it the "
                           "precision without a group");
    static constexpr bool holds = Allowed;
};
template <class Label, class Precision, bool Allowed>
struct dynamic_depthwise_layer {
    static_assert(Allowed,
                  "a depthwise layer has no kernel for values that are quantised at run time: give it int8, or "
                  "weight_only(int8)");
    static constexpr bool holds = Allowed;
};
template <class Label, class Precision, bool Allowed>
struct signs_of_layer {
    static_assert(Allowed, "a depthwise or grouped layer sums too few signs for each output: give it int8, or binary, "
                           "whose activations are int8");
    static constexpr bool holds = Allowed;
};
template <class Label, class Sparsity, bool Allowed>
struct sparse_depthwise_layer {
    static_assert(Allowed, "a depthwise layer has too few weights for a pattern of zeros: give it the precision alone, "
                           "or a codebook");
    static constexpr bool holds = Allowed;
};
template <class Label, class Sparsity, class Inputs, bool Divides>
struct places_of_layer {
    static_assert(Divides,
                  "for_speed picks the inputs of an output 8 at a time, with n_of_m<1, 4> 16, which must divide "
                  "the input channels (of one group): leave for_speed out for this layer");
    static constexpr bool holds = Divides;
};
template <class Label, class Sparsity, class Shape, bool Divides>
struct blocks_of_layer {
    static_assert(Divides, "a block of the pattern must divide the layer, its columns the input channels and its rows "
                           "the output channels (of one group): give this layer another block, or none");
    static constexpr bool holds = Divides;
};
template <class Label, class Sparsity, class Shape, bool Few>
struct terms_of_layer {
    static_assert(Few, "a layer with weights in blocks has at most 4096 inputs of fp32 or 16384 of int8 for an output: "
                       "give this layer another pattern, or none");
    static constexpr bool holds = Few;
};
template <class Label, class Sparsity, class Shape, bool Few>
struct mask_of_layer {
    static_assert(Few,
                  "of the weights of 16 outputs int8 keeps at most 65535 anywhere: give this layer a higher percent "
                  "of zeros, or blocks");
    static constexpr bool holds = Few;
};
template <class Label, class Sparsity, class Weights, bool Smaller>
struct codebook_of_layer {
    static_assert(Smaller, "the codebook is larger than the layer: give this layer fewer bits, or no codebook");
    static constexpr bool holds = Smaller;
};

template <class Label, class Precision, class Terms, bool Few>
struct sum_of_layer {
    static_assert(Few, "an int8 layer sums at most 32896 products, or its 32-bit sum could overflow: give this layer "
                       "fp32, or split it");
    static constexpr bool holds = Few;
};

/// What a recipe asks of a layer with weights, by the rules of format_rules.hpp: each that is broken has a name here.
template <class Label, class Format, bool Depthwise, conv_geometry G>
constexpr bool check_format() {
    using precision = typename Format::precision;
    using sparsity = typename Format::sparsity;
    using shape = inputs_and_outputs<G.group_inputs(), G.group_outputs()>;
    constexpr misfit found = misfit_of(facts_of<Format>(), G, Depthwise);
    if constexpr (found == misfit::none)
        return true;
    else if constexpr (found == misfit::form)
        return form_of_layer<Label, precision, sparsity, false>::holds;
    else if constexpr (found == misfit::weights)
        return weights_of_layer<Label, precision, sparsity, false>::holds;
    else if constexpr (found == misfit::pattern_of_depthwise)
        return sparse_depthwise_layer<Label, sparsity, false>::holds;
    else if constexpr (found == misfit::blocks)
        return blocks_of_layer<Label, sparsity, shape, false>::holds;
    else if constexpr (found == misfit::block_terms)
        return terms_of_layer<Label, sparsity, neighbours<G.terms()>, false>::holds;
    else if constexpr (found == misfit::signs)
        return signs_of_layer<Label, precision, false>::holds;
    else if constexpr (found == misfit::codebook)
        return codebook_of_layer<Label, sparsity, weights<static_cast<long long>(G.terms()) * G.out_channels>,
                                 false>::holds;
    else if constexpr (found == misfit::places)
        return places_of_layer<Label, sparsity, neighbours<G.group_inputs()>, false>::holds;
    else if constexpr (found == misfit::mask)
        return mask_of_layer<Label, sparsity, shape, false>::holds;
    else if constexpr (found == misfit::run_time_of_depthwise)
        return dynamic_depthwise_layer<Label, precision, false>::holds;
    else if constexpr (found == misfit::group_of_depthwise)
        return depthwise_layer<Label, precision, false>::holds;
    else if constexpr (found == misfit::group)
        return group_of_layer<Label, precision, neighbours<G.run_length()>, false>::holds;
    else
        return sum_of_layer<Label, precision, neighbours<G.terms()>, false>::holds;
}

template <class Label, bool Both>
struct signs_in_training {
    static_assert(Both, "the value that this layer of binary_activations reads is never negative, so all of its signs "
                        "are the same: leave out the activation before it, or give the layer tc::binary");
    static constexpr bool holds = Both;
};

/// Whether a row of a net's table is a layer in binary_activations.
template <class Row>
constexpr bool multiplies_signs(const Row& row) {
    return row.parameters > 0 && label(row.precision) == label(tag::binary_activations::name);
}

template <int Capacity>
constexpr bool is_never_negative(const model<Capacity>& written, int id) {
    const node& n = written[id];
    if (n.kind == op::relu || n.kind == op::relu6 || n.kind == op::softmax || n.kind == op::sigmoid) return true;
    return (keeps_quantization(n.kind) || n.kind == op::dropout) && is_never_negative(written, n.inputs[0]);
}

/// The first layer of a net that multiplies signs which cannot differ, or -1.
template <class Net>
constexpr int first_of_equal_signs() {
    for (int id = 0; id < Net::node_count; ++id)
        if (multiplies_signs(Net::table[static_cast<std::size_t>(id)]) &&
            is_never_negative(Net::model, Net::model[Net::graph[id].origin].inputs[0]))
            return id;
    return -1;
}

/// Whether training with the integers of a net can change what all of its layers give.
template <class Net>
constexpr bool check_training() {
    constexpr int id = first_of_equal_signs<Net>();
    if constexpr (id >= 0)
        return signs_in_training<decltype(layer_text<Net::graph, id>()), false>::holds;
    else
        return true;
}

/// Two numbers as a type, for the same reason.
template <long long Bytes>
struct arena_of {};
template <long long Bytes>
struct needed {};

template <class Found, class Needed, bool Enough>
struct arena_span {
    static_assert(
        Enough,
        "the arena is too small: give it net::arena_bytes bytes (net::arena_bytes_for<executor> with threads), in a "
        "span, array or std::array of static size");
};

}  // namespace detail
}  // namespace tensor_compress
