// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include <compress/tensor/aligned.hpp>
#include <compress/tensor/label_text.hpp>
#include <compress/tensor/named_weights.hpp>
#include <compress/tensor/random_stream.hpp>
#include <compress/train/graph.hpp>

namespace tensor_compress {

/// Neighbouring parameters of one layer: its weights or a norm's gamma, or its biases or a norm's beta.
struct parameter_group {
    std::string tensor;  ///< name of the tensor
    int place = 0, floats = 0;
    bool decays = false;  ///< weights of products: what weight decay is for
    double unit = 1;      ///< what steps of a relative optimiser are a share of
};

namespace detail {

/// f(place among the parameters, place in the tensor) for each number of `<label>.weight` of node Id, then of `.bias`.
template <const auto& Model, int Id, class F>
void for_each_parameter(bool bias, F f) {
    using T = training_graph<Model>;
    constexpr const node& n = T::graph.nodes[Id];
    constexpr int channels = n.output.channels(), offset = T::template bias_offset<Id>();
    if constexpr (is_product(n.kind)) {
        constexpr conv_geometry g = T::template product_geometry<Id>();
        using order = phase_order<g, T::template is_depthwise<Id>>;
        for (int o = 0; o < channels; ++o) {
            if (bias)
                f(offset + order::slot(o), o);
            else
                for_each_weight<g>(o, [&](int c, int i, int j, int natural) { f(order::index(o, c, i, j), natural); });
        }
    } else {
        for (int c = 0; c < channels; ++c) f(bias ? offset + c : c, c);
    }
}

/// f.template operator()<Id>() for each node with parameters.
template <const auto& Model, class F>
void for_each_trained(const F& f) {
    using T = training_graph<Model>;
    for_constants<T::count>([&]<int Id>() {
        if constexpr (T::has_parameters(T::graph[Id].kind)) f.template operator()<Id>();
    });
}

/// f(place among the parameters, number) for each number of the trained tensors.
template <const auto& Model, class Tensors, class F>
void for_each_number(Tensors& tensors, const F& f) {
    using T = training_graph<Model>;
    for_each_trained<Model>([&]<int Id>() {
        constexpr const node& n = T::graph.nodes[Id];
        const std::string label = text_of(Model[n.origin].name);
        for (const bool bias : {false, true}) {
            if (bias && is_product(n.kind) && !n.bias) continue;
            auto* numbers = tensors.find(label + (bias ? ".bias" : ".weight"))->second.data();
            for_each_parameter<Model, Id>(bias, [&](int place, int natural) {
                f(static_cast<std::size_t>(T::parameter_place(Id) + place), numbers[natural]);
            });
        }
    });
}

/// f(first, last) for pieces of the floats from `begin` to before `end`, shared out by `threads`: whole cache lines,
/// but for the end.
template <class Executor, class F>
void for_each_piece(int begin, int end, const Executor& threads, const F& f) {
    const int floats = end - begin, pieces = ceil_div(floats, 1 << 14);
    const auto border = [&](int piece) { return piece == pieces ? end : begin + floats / 16 * piece / pieces * 16; };
    threads.parallel_for(pieces, [&](int piece) { f(border(piece), border(piece + 1)); });
}

}  // namespace detail

/// The groups of a model's parameters, in the order of memory.
template <const auto& Model>
std::vector<parameter_group> parameter_groups() {
    using T = training_graph<Model>;
    std::vector<parameter_group> groups;
    detail::for_each_trained<Model>([&]<int Id>() {
        constexpr const node& n = T::graph.nodes[Id];
        const int begin = T::parameter_place(Id), middle = begin + T::template bias_offset<Id>();
        const std::string label = text_of(Model[n.origin].name);
        groups.push_back({label + ".weight", begin, middle - begin, is_product(n.kind), 1});
        if (n.bias || !is_product(n.kind))
            groups.push_back({label + ".bias", middle, T::parameter_place(Id + 1) - middle, false, 1});
    });
    return groups;
}

/// Named tensors as the trained layers read them; zeros where nothing belongs.
///
/// @pre  expect_weights(Model, tensors, ...)
template <const auto& Model>
aligned_floats to_parameters(const named_tensors& tensors) {
    aligned_floats parameters(static_cast<std::size_t>(training_graph<Model>::parameter_floats));
    detail::for_each_number<Model>(tensors, [&](std::size_t place, float number) { parameters[place] = number; });
    return parameters;
}

/// The other way: writes the parameters into tensors that are there.
template <const auto& Model>
void from_parameters(std::span<const float> parameters, named_tensors& tensors) {
    detail::for_each_number<Model>(tensors, [&](std::size_t place, float& number) { number = parameters[place]; });
}

/// Weights to start training from: of products from a bell with standard deviation sqrt(2 / terms of a sum), biases 0,
/// norms as the identity, constants 0. Source: He et al. 2015, Delving Deep into Rectifiers, section 2.2.
template <const auto& Model>
named_tensors initial_weights(std::uint64_t seed) {
    named_tensors tensors;
    std::uint64_t stream = 0;
    for (const auto& [name, extents] : needed_tensors(Model)) {
        array<float>& tensor = tensors[name] = make_array<float>(extents);
        const auto ends_with = [&, &named = name](std::string_view end) {
            return std::string_view(named).ends_with(end);
        };
        random_stream random(seed, stream++);
        if (ends_with(".weight") && extents.size() > 1) {
            const double terms = static_cast<double>(tensor.size() / extents[0]);
            for (std::size_t i = 0; i < tensor.size(); ++i)
                tensor.data()[i] = static_cast<float>(random.bell(std::sqrt(2 / terms)));
        } else if (ends_with(".weight") || ends_with(".running_var")) {
            std::fill_n(tensor.data(), tensor.size(), 1.0f);
        }
    }
    return tensors;
}

}  // namespace tensor_compress
