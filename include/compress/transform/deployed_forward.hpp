// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <optional>

#include <compress/tensor/runner.hpp>
#include <compress/train/steps.hpp>
#include <compress/transform/convert.hpp>

namespace tensor_compress {

/// The forward pass of a model in training, computed by the kernels of the net that it is trained for: its integers,
/// in the chunk as floats. What training sees is what the net gives, to the bit.
template <class Net>
class deployed_forward {
public:
    /// Every value that Net rounds to is in memory; the bytes are the same.
    using simulated = typename Net::template lowered_as<lowering::rounded>;

    explicit deployed_forward(int parts) : runners_(static_cast<std::size_t>(parts)) {}

    /// The net of these weights from now on.
    void pack(const named_tensors& weights, const calibration& seen, const rounded_layers& rounded) {
        for (auto& runner : runners_) runner.reset();  // they refer to the weights before
        packed_.emplace(convert<simulated>(weights, seen, rounded));
        for (int id = 0; id < simulated::node_count; ++id)
            if (simulated::element_of(id) == element::signed8 && simulated::graph[id].kind != op::quantize_range)
                affines_[static_cast<std::size_t>(id)] = affine_of(Net::model, simulated::graph[id].value_origin, seen);
        for (auto& runner : runners_) runner.emplace(packed_->view());
    }

    /// Writes the values of a chunk; its inputs are there.
    ///
    /// @param  part  of the batch, each of which has memory of its own
    void operator()(const training_chunk& c, int part) const {
        auto& run = *runners_[static_cast<std::size_t>(part)];
        for (int r = 0; r < c.records; ++r) {
            for_constants<graph::count>([&]<int Id>() {
                if constexpr (graph::graph[Id].kind == op::input)
                    run.set_input(static_cast<std::size_t>(graph::index_among(op::input, Id)),
                                  {steps::template value<Id>(c, r), static_cast<std::size_t>(graph::elements(Id))});
            });
            run.execute(writer{c, r, affines_});
        }
        for_constants<graph::count>([&]<int Id>() {
            if constexpr (graph::graph[Id].kind == op::dropout) steps::template forward<Id>(c);
        });
    }

    /// How many layers multiply signs.
    static constexpr int sign_layers() { return static_cast<int>(std::count(signs_.begin(), signs_.end(), true)); }

    /// How each value of the model in training is stored and read in the net.
    static std::vector<value_rounding> roundings(const calibration& seen) {
        std::vector<value_rounding> all(static_cast<std::size_t>(graph::count));
        for (int id = 0; id < graph::count; ++id) {
            value_rounding& of = all[static_cast<std::size_t>(id)];
            const int stored = stored_value(graph::graph[id].value_origin);
            if (stored >= 0 && simulated::element_of(stored) == element::signed8) {
                of.steps = affine_of(Net::model, graph::graph[id].value_origin, seen);
                of.rounds = true;
            }
            if (signs_[static_cast<std::size_t>(id)])
                of.sign_size = mean_size_of(Net::model, graph::graph[graph::graph[id].inputs[0]].value_origin, seen);
        }
        return all;
    }

private:
    using graph = training_graph<Net::model>;
    using steps = training_steps<Net::model, native>;
    using affines = std::array<affine, static_cast<std::size_t>(simulated::node_count)>;

    /// Which nodes of the model in training are layers whose input the net takes the signs of.
    static constexpr auto make_signs() {
        std::array<bool, static_cast<std::size_t>(graph::count)> signs{};
        for (int id = 0; id < graph::count; ++id)
            for (int other = 0; other < simulated::node_count; ++other)
                if (is_product(graph::graph[id].kind) && graph::graph[id].origin == simulated::graph[other].origin &&
                    detail::multiplies_signs(simulated::table[static_cast<std::size_t>(other)]))
                    signs[static_cast<std::size_t>(id)] = true;
        return signs;
    }
    static constexpr auto signs_ = make_signs();

    /// Last node of the net with a written value: where values are converted for their readers, the converted one.
    /// Those that are quantised at run time have no steps that could be known here; backwards they are what they were
    /// before.
    static constexpr int stored_value(int value_origin) {
        for (int id = simulated::node_count - 1; id >= 0; --id)
            if (simulated::graph[id].value_origin == value_origin && simulated::graph[id].kind != op::quantize_range)
                return id;
        return -1;
    }
    /// Node in training whose value node `id` of the net computes, or -1.
    static constexpr int trained_value(int id) {
        if (simulated::graph[id].kind == op::quantize_range) return -1;
        const int origin = simulated::graph[id].value_origin;
        for (int other = 0; other < graph::count; ++other) {
            const node& n = graph::graph[other];
            const bool own_value = !detail::is_view(n.kind) && n.kind != op::constant && n.kind != op::dropout;
            if (n.value_origin == origin && own_value) return other;
        }
        return -1;
    }

    struct writer {
        const training_chunk& c;
        int record;
        const affines& scales;

        template <int Id, class T>
        void see(const T* values) const {
            constexpr int trained = trained_value(Id);
            if constexpr (trained >= 0) {
                float* to = steps::template result<trained>(c, record);
                if constexpr (std::is_same_v<T, float>)
                    std::copy_n(values, simulated::size_of(Id), to);
                else
                    dequantize_elements<typename Net::isa, simulated::size_of(Id)>(scales[static_cast<std::size_t>(Id)],
                                                                                   values, to);
            }
        }
    };

    std::optional<packed<simulated>> packed_;
    mutable std::vector<std::optional<runner<simulated>>> runners_;
    affines affines_{};
};

}  // namespace tensor_compress
