// SPDX-License-Identifier: MIT
#pragma once

#include <compress/tensor/runner.hpp>
#include <compress/tensor/thread_pool.hpp>
#include <compress/transform/calibrate.hpp>
#include <compress/transform/convert.hpp>

#include "../catch.hpp"
#include "../numbers.hpp"

/// Small models over pseudo-random numbers: from float weights, through a recipe, to what runs give.
namespace tests {

namespace tc = tensor_compress;

/// Numbers of either sign, without a pattern that rounding could favour.
template <const auto& Model>
tc::named_tensors pseudo_weights() {
    tc::named_tensors tensors;
    numbers random(5);
    for (const auto& [name, extents] : tc::needed_tensors(Model)) {
        auto t = tc::make_array<float>(extents);
        for (float& v : t) v = random.real() / 4;
        tensors.emplace(name, t);
    }
    return tensors;
}

/// Eight inputs of a model that has one.
template <const auto& Model>
std::vector<std::vector<float>> pseudo_inputs() {
    using net = tc::net<Model>;
    std::vector<std::vector<float>> all(8,
                                        std::vector<float>(static_cast<std::size_t>(net::size_of(net::input_id(0)))));
    numbers random(9);
    for (auto& input : all)
        for (float& v : input) v = random.real();
    return all;
}

/// All outputs, one input after the other. Ranges are those of pseudo_weights.
template <const auto& Model, const auto& Recipe, class Isa = tc::native>
std::vector<float> outputs(const tc::named_tensors& tensors = pseudo_weights<Model>()) {
    using net = tc::net<Model, Recipe, Isa>;
    const auto inputs = pseudo_inputs<Model>();
    const auto packed = tc::convert<net>(tensors, tc::calibrate<Model>(pseudo_weights<Model>(), inputs));
    tc::runner<net> run(packed);
    std::vector<float> all;
    for (const auto& input : inputs) {
        const auto y = run(input);
        all.insert(all.end(), y.begin(), y.end());
    }
    return all;
}

/// An int8 net over threads, many times, against one thread.
template <const auto& Model, const auto& Recipe>
void check_threads() {
    using net = tc::net<Model, Recipe>;
    constexpr std::size_t in = net::size_of(net::input_id(0)), out = net::size_of(net::output_id(0));
    const auto tensors = pseudo_weights<Model>();
    const auto packed = tc::convert<net>(tensors, tc::calibrate<Model>(tensors, pseudo_inputs<Model>()));
    std::vector<std::int8_t> input(in), serial(out), pooled(out);
    for (std::size_t i = 0; i < in; ++i) input[i] = static_cast<std::int8_t>(i * 37);
    std::vector<std::byte> arena(net::arena_bytes);
    const std::span<const std::int8_t, in> from(input);
    const std::span<std::byte, net::arena_bytes> memory(arena);
    const tc::thread_pool threads(3);
    net::run(packed.view(), from, std::span<std::int8_t, out>(serial), memory);
    for (int i = 0; i < 50; ++i) {
        net::run(packed.view(), from, std::span<std::int8_t, out>(pooled), memory, threads);
        CHECK(pooled == serial);
    }
}

}  // namespace tests
