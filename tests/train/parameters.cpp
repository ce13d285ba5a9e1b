// SPDX-License-Identifier: MIT
#include <compress/graph/builder.hpp>
#include <compress/train/parameters.hpp>

#include <algorithm>
#include <set>

#include "../catch.hpp"
#include "../numbers.hpp"

namespace tc = tensor_compress;

namespace {

constexpr auto describe = [](auto& g) {
    auto x = g.batch_norm("norm", g.conv2d("stem", g.input("image", {6, 7, 3}), 18, {3, 2}, {.bias = false}));
    x = g.conv2d("strided", x, 12, {3, 3}, {.stride = 2});
    x = g.conv2d("grouped", x, 18, 3, {.groups = 3});
    x = g.depthwise_conv2d("depthwise", x, {3, 3});
    x = g.depthwise_conv2d("multiplied", x, {2, 2}, {.bias = false}, 2);
    x = g.add("shifted", g.conv2d("pointwise", x, 5, {1, 1}), g.constant("shift", {5}));
    x = g.layer_norm("rows", g.linear("head", g.flatten(x), 21));
    g.linear("last", x, 4, false);
};
inline constexpr auto everything = tc::make_model(describe);
using graph = tc::training_graph<everything>;

/// Numbers of which none is 0 or there twice.
tc::named_tensors distinct_tensors() {
    tc::named_tensors tensors;
    float next = 1;
    for (const auto& [name, extents] : tc::needed_tensors(everything)) {
        auto& tensor = tensors[name] = tc::make_array<float>(extents);
        for (std::size_t i = 0; i < tensor.size(); ++i) tensor.data()[i] = next++;
    }
    return tensors;
}

bool is_trained(const std::string& name) { return name.ends_with(".weight") || name.ends_with(".bias"); }

bool is_norm(const std::string& name) { return name.starts_with("norm.") || name.starts_with("rows."); }

}  // namespace

TEST_CASE("tensors come back from the parameters as they went in", "[train]") {
    const auto tensors = distinct_tensors();
    const auto parameters = tc::to_parameters<everything>(tensors);
    CHECK(parameters.size() == static_cast<std::size_t>(graph::parameter_floats));
    auto back = tensors;
    for (auto& [name, tensor] : back) std::fill_n(tensor.data(), tensor.size(), -1.0f);
    tc::from_parameters<everything>(parameters, back);
    for (const auto& [name, tensor] : tensors) {
        INFO(name);
        if (is_trained(name))
            CHECK((back.at(name) == tensor));
        else  // running statistics and constants are no parameters
            CHECK(std::all_of(back.at(name).begin(), back.at(name).end(), [](float v) { return v == -1; }));
    }
}

TEST_CASE("each number has one place among the parameters, and zeros fill the rest", "[train]") {
    const auto tensors = distinct_tensors();
    const auto parameters = tc::to_parameters<everything>(tensors);
    std::multiset<float> expected, found;
    for (const auto& [name, tensor] : tensors)
        if (is_trained(name)) expected.insert(tensor.begin(), tensor.end());
    for (const float v : parameters)
        if (v != 0) found.insert(v);
    CHECK(found == expected);
    CHECK(expected.size() < parameters.size());
}

TEST_CASE("the groups of the parameters cover each tensor's numbers, and those alone", "[train]") {
    const auto tensors = distinct_tensors();
    const auto groups = tc::parameter_groups<everything>();
    std::set<std::string> names;
    int end = 0;
    for (const tc::parameter_group& g : groups) {
        INFO(g.tensor);
        CHECK(g.place >= end);
        end = g.place + g.floats;
        CHECK(names.insert(g.tensor).second);
        REQUIRE(tensors.contains(g.tensor));
        CHECK(g.decays == (g.tensor.ends_with(".weight") && !is_norm(g.tensor)));

        auto alone = tensors;
        for (auto& [name, tensor] : alone)
            if (name != g.tensor) std::fill_n(tensor.data(), tensor.size(), 0.0f);
        const auto parameters = tc::to_parameters<everything>(alone);
        std::size_t inside = 0, outside = 0;
        for (std::size_t i = 0; i < parameters.size(); ++i) {
            const int place = static_cast<int>(i);
            if (parameters[i] != 0) ++(place >= g.place && place < end ? inside : outside);
        }
        CHECK(inside == tensors.at(g.tensor).size());
        CHECK(outside == 0);
    }
    CHECK(end <= graph::parameter_floats);
    for (const auto& [name, tensor] : tensors) CHECK(names.contains(name) == is_trained(name));
}

TEST_CASE("initial weights are those of their seed", "[train]") {
    const auto weights = tc::initial_weights<everything>(5);
    CHECK_NOTHROW(tc::expect_weights(everything, weights, "initial_weights"));
    CHECK((weights == tc::initial_weights<everything>(5)));
    const auto others = tc::initial_weights<everything>(6);
    for (const auto& [name, tensor] : weights) {
        INFO(name);
        const bool is_drawn = name.ends_with(".weight") && !is_norm(name);
        CHECK((tensor == others.at(name)) == !is_drawn);
    }
}

TEST_CASE("initial weights of products have the deviation that keeps values of relu at their size", "[train]") {
    const auto weights = tc::initial_weights<everything>(7);
    for (const auto& [name, terms] : {std::pair{"stem.weight", 18}, std::pair{"strided.weight", 162},
                                      std::pair{"grouped.weight", 36}, std::pair{"head.weight", 60}}) {
        double sum = 0, squares = 0;
        for (const float w : weights.at(name)) {
            sum += static_cast<double>(w);
            squares += static_cast<double>(w) * static_cast<double>(w);
        }
        INFO(name);
        const auto count = static_cast<double>(weights.at(name).size());
        REQUIRE(weights.at(name).size() % static_cast<std::size_t>(terms) == 0);
        const double deviation = std::sqrt(2.0 / terms);
        CHECK(std::sqrt(squares / count) == Approx(deviation).epsilon(0.1));
        CHECK(sum / count == Approx(0).margin(0.2 * deviation));
    }
}

TEST_CASE("initial norms are the identity, biases and constants 0", "[train]") {
    for (const auto& [name, tensor] : tc::initial_weights<everything>(8)) {
        INFO(name);
        const bool is_one = name.ends_with(".running_var") || name == "norm.weight" || name == "rows.weight";
        const float expected = is_one ? 1.0f : 0.0f;
        if (is_one || !name.ends_with(".weight"))
            CHECK(std::all_of(tensor.begin(), tensor.end(), [&](float v) { return v == expected; }));
    }
}
