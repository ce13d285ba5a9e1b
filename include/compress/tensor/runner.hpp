// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <compress/tensor/packed.hpp>

namespace tensor_compress {

inline constexpr serial one_after_the_other{};

/// Runs a net on the host with memory of its own, in floating point outside: int8 inputs are quantised, int8 outputs
/// dequantised, with the scales of the weights. One input record in, all outputs out. The weights and the executor must
/// outlive it.
template <class Net, executor Executor = serial>
class runner {
public:
    explicit runner(const typename Net::weights& weights, const Executor& threads = one_after_the_other)
        : weights_(weights),
          threads_(threads),
          arena_(static_cast<std::size_t>(Net::template arena_bytes_for<Executor>) + 64) {
        for (std::size_t i = 0; i < weights.inputs.size(); ++i) {
            const int id = Net::input_id(static_cast<int>(i));
            inputs_.emplace_back(static_cast<std::size_t>(Net::size_of(id) * bytes_of(Net::element_of(id))));
        }
        for (std::size_t i = 0; i < weights.outputs.size(); ++i) {
            const int id = Net::output_id(static_cast<int>(i));
            outputs_.emplace_back(static_cast<std::size_t>(Net::size_of(id) * bytes_of(Net::element_of(id))));
            results_.emplace_back(static_cast<std::size_t>(Net::size_of(id)));
        }
    }

    /// Elements of input and output `index`.
    static std::size_t input_size(std::size_t index) {
        return static_cast<std::size_t>(Net::size_of(Net::input_id(static_cast<int>(index))));
    }
    static std::size_t output_size(std::size_t index) {
        return static_cast<std::size_t>(Net::size_of(Net::output_id(static_cast<int>(index))));
    }

    /// @throws error when `values` has another number of elements than the input
    void set_input(std::size_t index, std::span<const float> values) {
        const int id = Net::input_id(static_cast<int>(index));
        const auto size = static_cast<std::size_t>(Net::size_of(id));
        if (values.size() != size)
            throw error(text_of(Net::graph[id].name),
                        std::to_string(values.size()) + " values for an input of " + std::to_string(size),
                        "pass records of that many values, each [height, width, channels]");
        for_each_input([&]<int I>() {
            if (static_cast<std::size_t>(I) != index) return;
            if constexpr (Net::element_of(Net::input_id(I)) == element::float32)
                std::copy(values.begin(), values.end(), reinterpret_cast<float*>(inputs_[index].data()));
            else
                quantize_elements<typename Net::isa, Net::size_of(Net::input_id(I))>(
                    weights_.inputs[index], values.data(), reinterpret_cast<std::int8_t*>(inputs_[index].data()));
        });
    }

    template <class Observer = no_observer>
    void execute(const Observer& observer = {}) {
        Net::execute(weights_, memory(), observer, threads_);
        for_each_output([&]<int I>() {
            constexpr int id = Net::output_id(I);
            constexpr auto i = static_cast<std::size_t>(I);
            if constexpr (Net::element_of(id) == element::float32)
                std::memcpy(results_[i].data(), outputs_[i].data(), outputs_[i].size());
            else
                dequantize_elements<typename Net::isa, Net::size_of(id)>(
                    weights_.outputs[i], reinterpret_cast<const std::int8_t*>(outputs_[i].data()), results_[i].data());
        });
    }
    /// Just the net, without conversion of its results: what a latency is measured on.
    void execute_raw() { Net::execute(weights_, memory(), no_observer{}, threads_); }

    std::span<const float> output(std::size_t index = 0) const { return results_[index]; }
    /// The output as the net wrote it: int8 or float.
    std::span<const std::byte> output_bytes(std::size_t index = 0) const { return outputs_[index]; }

    /// One record through a net with one input; the first output.
    std::span<const float> operator()(std::span<const float> values) {
        set_input(0, values);
        execute();
        return output(0);
    }

private:
    template <class F>
    static void for_each_input(F f) {
        for_constants<Net::model.count_of(op::input)>(f);
    }
    template <class F>
    static void for_each_output(F f) {
        for_constants<Net::model.output_count>(f);
    }

    typename Net::addresses memory() {
        typename Net::addresses a{};
        for (std::size_t i = 0; i < inputs_.size(); ++i) a.inputs[i] = inputs_[i].data();
        for (std::size_t i = 0; i < outputs_.size(); ++i) a.outputs[i] = outputs_[i].data();
        const auto start = reinterpret_cast<std::uintptr_t>(arena_.data());
        a.arena = arena_.data() + (64 - start % 64) % 64;
        return a;
    }

    const typename Net::weights& weights_;
    const Executor& threads_;
    std::vector<std::byte> arena_;
    std::vector<std::vector<std::byte>> inputs_, outputs_;
    std::vector<std::vector<float>> results_;
};

}  // namespace tensor_compress
