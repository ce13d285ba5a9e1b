// SPDX-License-Identifier: MIT
#pragma once

// Runs a net as a careful caller would, and compares it with the reference.

#include <cstring>
#include <type_traits>

#include "../catch.hpp"
#include "packing.hpp"

namespace tests {

/// Bytes that nobody may touch on both sides of what may be written.
class guarded {
public:
    static constexpr std::size_t margin = 256;

    /// Memory at an address that is `alignment` past a cache line: no better aligned than promised.
    guarded(std::size_t count, unsigned char content, std::size_t alignment)
        : size(count),
          memory(count + 2 * margin + 128, fill_byte) {
        const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
        begin = margin + (64 - address % 64) + alignment;
        std::memset(data(), content, count);
    }
    void* data() { return memory.data() + begin; }
    bool untouched() const {
        const auto is_fill = [](unsigned char b) { return b == fill_byte; };
        const auto first = memory.begin(), inside = first + static_cast<std::ptrdiff_t>(begin);
        return std::all_of(first, inside, is_fill) &&
               std::all_of(inside + static_cast<std::ptrdiff_t>(size), memory.end(), is_fill);
    }

private:
    static constexpr unsigned char fill_byte = 0xA5;
    std::size_t size, begin = 0;
    std::vector<unsigned char> memory;
};

template <class Element>
std::vector<Element> stored(const tensor& real, tc::affine scale) {
    std::vector<Element> result;
    for (double v : real) {
        if constexpr (std::is_same_v<Element, float>)
            result.push_back(static_cast<float>(v));
        else
            result.push_back(tc::quantize(static_cast<float>(v), scale));
    }
    return result;
}
template <class Element>
tensor real(const Element* from, std::size_t count, tc::affine scale) {
    tensor result;
    for (std::size_t i = 0; i < count; ++i) {
        if constexpr (std::is_same_v<Element, float>)
            result.push_back(static_cast<double>(from[i]));
        else
            result.push_back(static_cast<double>(tc::dequantize(from[i], scale)));
    }
    return result;
}

namespace detail {

template <class Net, int Id>
using caller_element = std::conditional_t<Net::element_of(Id) == tc::element::float32, float, std::int8_t>;

template <class Net, class Executor, int... In, int... Out>
std::vector<tensor> run_once(const packed<Net>& weights, const std::vector<tensor>& inputs, unsigned char content,
                             const Executor& threads, std::integer_sequence<int, In...>,
                             std::integer_sequence<int, Out...>) {
    // Inputs of exact size, so that an address sanitizer sees what reads past them.
    const auto given = std::make_tuple(
        stored<caller_element<Net, Net::input_id(In)>>(inputs[In], weights.value_scale(Net::input_id(In)))...);
    constexpr bool floats = !(Net::recipe.elements[0] == tc::element::signed8 && Net::recipe.count == 1);
    constexpr int arena_bytes = Net::template arena_bytes_for<Executor>;
    guarded arena(arena_bytes, content, floats ? alignof(float) : 1);
    std::array<guarded, sizeof...(Out)> results{
        guarded(sizeof(caller_element<Net, Net::output_id(Out)>) * Net::size_of(Net::output_id(Out)), content,
                alignof(float))...};
    Net::run(*weights,
             std::span<const caller_element<Net, Net::input_id(In)>, Net::size_of(Net::input_id(In))>(
                 std::get<In>(given))...,
             std::span<caller_element<Net, Net::output_id(Out)>, Net::size_of(Net::output_id(Out))>(
                 static_cast<caller_element<Net, Net::output_id(Out)>*>(results[Out].data()),
                 Net::size_of(Net::output_id(Out)))...,
             std::span<std::byte, arena_bytes>(static_cast<std::byte*>(arena.data()), arena_bytes), threads);
    CHECK(arena.untouched());
    for (const guarded& result : results) CHECK(result.untouched());
    return {real(static_cast<const caller_element<Net, Net::output_id(Out)>*>(results[Out].data()),
                 Net::size_of(Net::output_id(Out)), weights.value_scale(Net::output_id(Out)))...};
}

}  // namespace detail

/// Outputs of one run. It is done twice over memory with other content, which must not matter.
template <class Net, class Executor = tc::serial>
std::vector<tensor> run(const packed<Net>& weights, const std::vector<tensor>& inputs, const Executor& threads = {}) {
    const std::make_integer_sequence<int, Net::model.count_of(tc::op::input)> in;
    const std::make_integer_sequence<int, Net::model.output_count> out;
    const auto first = detail::run_once(weights, inputs, 0x00, threads, in, out);
    const auto second = detail::run_once(weights, inputs, 0xFF, threads, in, out);  // not a number, as floats
    CHECK(first == second);
    return first;
}

/// Largest difference, relative to the largest magnitude that is expected.
inline double error(const tensor& found, const tensor& expected) {
    REQUIRE(found.size() == expected.size());
    double largest = 1e-9, difference = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        largest = std::max(largest, std::abs(expected[i]));
        difference = std::max(difference, std::isnan(found[i]) ? 1e30 : std::abs(found[i] - expected[i]));
    }
    return difference / largest;
}

inline constexpr double float_tolerance = 1e-5;

/// A floating-point net of the model, fused and observed, against the reference.
template <const auto& Model, class Isa = tc::native>
void expect_reference() {
    const auto weights = numbers_for(Model);
    const auto inputs = inputs_for(Model);
    const auto expected = evaluate(Model, weights, inputs);
    const std::vector<tc::affine> no_scales;
    const auto check = [&]<class Net>(std::type_identity<Net>) {
        const packed<Net> bytes(weights, no_scales);
        const auto found = run(bytes, inputs);
        for (int i = 0; i < Model.output_count; ++i) {
            const tc::label name = Model[Model.outputs[i]].name;
            INFO(name.text);
            CHECK(error(found[detail::index(i)], expected[detail::index(Model.outputs[i])]) < float_tolerance);
        }
    };
    SECTION("fused") { check(std::type_identity<tc::net<Model, tc::all_fp32, Isa>>{}); }
    SECTION("observed") { check(std::type_identity<tc::net<Model, tc::all_fp32, Isa, tc::lowering::observed>>{}); }
}

}  // namespace tests
