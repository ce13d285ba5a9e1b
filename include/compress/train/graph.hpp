// SPDX-License-Identifier: MIT
#pragma once

#include <array>

#include <compress/graph/rewrite/training.hpp>
#include <compress/net/layer_of.hpp>
#include <compress/train/gradients/input.hpp>
#include <compress/train/gradients/matmul.hpp>

namespace tensor_compress {

namespace detail {
template <const auto& Model>
inline constexpr auto trained_graph = resized<Model.count>(lower_for_training(Model));
}  // namespace detail

/// What of training a model is known to the compiler: its graph, which values have gradients, and where everything
/// lies.
///
/// Records pass through the net in chunks: values and gradients of one chunk lie in one slab, [node][record of the
/// chunk][value], small enough for the caches of a core. A batch_norm needs the whole batch before it can go on; the
/// nodes between two of them are a segment.
template <const auto& Model>
struct training_graph {
    static constexpr const auto& graph = detail::trained_graph<Model>;
    static constexpr int count = graph.count;

    /// Node whose memory a value lies in: flatten and reshape share that of their input.
    static constexpr int root(int id) { return detail::viewed(graph, id); }
    static constexpr bool has_parameters(op kind) {
        return is_product(kind) || kind == op::batch_norm || kind == op::layer_norm;
    }

private:
    static constexpr auto make_needs() {
        std::array<bool, static_cast<std::size_t>(count)> needs{};
        for (int id = 0; id < count; ++id) {
            bool& own = needs[static_cast<std::size_t>(id)];
            own = has_parameters(graph[id].kind);
            for (int i = 0; i < graph[id].input_count; ++i)
                own = own || needs[static_cast<std::size_t>(graph[id].inputs[i])];
        }
        return needs;
    }
    static constexpr auto needs_ = make_needs();

public:
    /// Whether a value depends on parameters, and so has a gradient.
    static constexpr bool needs_gradient(int id) { return needs_[static_cast<std::size_t>(id)]; }

    /// Whether something after node `id`, or an input of its own before `input`, has given the value it reads a
    /// gradient already. Losses give one to every output of the model.
    static constexpr bool adds(int id, int input) {
        const int value = root(graph[id].inputs[input]);
        for (int i = 0; i < graph.output_count; ++i)
            if (root(graph.outputs[i]) == value) return true;
        for (int i = 0; i < input; ++i)
            if (root(graph[id].inputs[i]) == value) return true;
        for (int other = id + 1; other < count; ++other)
            for (int i = 0; i < graph[other].input_count; ++i)
                if (!detail::is_view(graph[other].kind) && root(graph[other].inputs[i]) == value) return true;
        return false;
    }

    /// Id of the node of a kind that comes after `before` others of it, or `count`; and how many come before a node.
    static constexpr int nth(op kind, int before) {
        int id = 0;
        while (id < count && (graph[id].kind != kind || before-- > 0)) ++id;
        return id;
    }
    static constexpr int index_among(op kind, int id) {
        int index = 0;
        for (int other = 0; other < id; ++other) index += graph[other].kind == kind ? 1 : 0;
        return index;
    }

    static constexpr int segments = graph.count_of(op::batch_norm) + 1;
    /// Nodes from begin_of(s) to before begin_of(s + 1) are a segment; all but the first begin with a batch_norm.
    static constexpr int begin_of(int segment) { return segment == 0 ? 0 : nth(op::batch_norm, segment - 1); }
    /// Which batch_norm a node is, counted from 0.
    static constexpr int norm_index(int id) { return index_among(op::batch_norm, id); }

    static constexpr int elements(int id) { return graph[id].output.elements(); }

private:
    /// Values and gradients that fill about three quarters of a second-level cache; more where linear layers are so
    /// large that reading their weights for each chunk costs more than values beyond that cache.
    static constexpr int choose_chunk() {
        long long floats = 0, weights = 0;
        for (int id = 0; id < count; ++id) {
            if (!detail::is_view(graph[id].kind)) floats += 2LL * elements(id);
            if (graph[id].kind == op::linear) weights += parameters(graph, graph[id]);
        }
        int records = 1;
        while (records < 32 && floats * records * 2 <= 768 * 1024 / 4) records *= 2;
        while (records < 8 && weights / records > floats / 4) records *= 2;
        return records;
    }

public:
    static constexpr int chunk = choose_chunk();

private:
    struct slab_places {
        std::array<int, static_cast<std::size_t>(count)> value{}, gradient{};
        int floats = 0;
    };
    static constexpr slab_places make_places() {
        slab_places p;
        for (int id = 0; id < count; ++id) {
            const auto at = static_cast<std::size_t>(id);
            if (detail::is_view(graph[id].kind) || graph[id].kind == op::constant) continue;
            p.value[at] = p.floats;
            p.floats += round_up(elements(id) * chunk, 16);
            if (!needs_gradient(id)) continue;
            p.gradient[at] = p.floats;
            p.floats += round_up(elements(id) * chunk, 16);
        }
        p.floats += 16;  // what vectors read beyond the end
        return p;
    }
    static constexpr slab_places places_ = make_places();

public:
    static constexpr int slab_floats = places_.floats;
    static constexpr int value_place(int id) { return places_.value[static_cast<std::size_t>(root(id))]; }
    static constexpr int gradient_place(int id) { return places_.gradient[static_cast<std::size_t>(root(id))]; }

    template <int Id>
    static constexpr shape input_shape = graph[graph[Id].inputs[0]].output;
    template <int Id>
    static constexpr conv_geometry geometry = geometry_of(input_shape<Id>, graph[Id]);
    template <int Id>
    static constexpr bool is_depthwise =
        graph[Id].kind == op::depthwise_conv2d&& geometry<Id>.in_channels == geometry<Id>.out_channels;
    /// Products whose records are rows of one: the weights are read once for all of a chunk.
    template <int Id>
    static constexpr bool joins_records = graph[Id].kind == op::linear ||
                                          (graph[Id].kind == op::conv2d && geometry<Id>.pointwise());
    template <int Id>
    static constexpr conv_geometry product_geometry() {
        conv_geometry g = geometry<Id>;
        if (!joins_records<Id>) return g;
        g = g.flattened();
        g.in_width *= chunk;
        g.out_width *= chunk;
        return g;
    }
    /// Products that a net may give the signs of their input (value_rounding::sign_size), and where these lie in
    /// scratch memory: behind what input_gradient needs.
    template <int Id>
    static constexpr bool can_read_signs = is_product(graph[Id].kind) && !is_depthwise<Id> && geometry<Id>.groups == 1;
    template <int Id>
    static constexpr int operand_floats = [] {
        constexpr conv_geometry g = product_geometry<Id>();
        return g.in_height * g.in_width * g.in_channels;
    }();
    template <int Id>
    static constexpr int operand_place = round_up(phase_floats<product_geometry<Id>()>, 16);

private:
    template <int Id>
    static constexpr int parameter_size() {
        constexpr op kind = graph[Id].kind;
        if constexpr (is_product(kind)) {
            constexpr conv_geometry g = product_geometry<Id>();
            return float_sections<detail::phase_order<g, is_depthwise<Id>>, float_code>::bytes / 4;
        } else {
            return kind == op::batch_norm || kind == op::layer_norm ? 2 * round_up(graph[Id].output.channels(), 16) : 0;
        }
    }
    template <int Id>
    static constexpr int turned_size() {
        if constexpr (is_product(graph[Id].kind))
            if constexpr (needs_gradient(graph[Id].inputs[0]))
                return turned_floats<product_geometry<Id>(), is_depthwise<Id>>;
        return 0;
    }
    template <int Id>
    static constexpr int scratch_size() {
        if constexpr (is_product(graph[Id].kind)) {
            return operand_place<Id> + (can_read_signs<Id> ? operand_floats<Id> : 0);
        } else if constexpr (graph[Id].kind == op::matmul) {
            return matmul_scratch<product_extent<Id>()>;
        } else {
            return 0;
        }
    }
    template <int... Id>
    static constexpr auto make_starts(std::integer_sequence<int, Id...>, auto size) {
        std::array<int, static_cast<std::size_t>(count) + 1> starts{};
        ((starts[Id + 1] = starts[Id] + size.template operator()<Id>()), ...);
        return starts;
    }
    using ids = std::make_integer_sequence<int, count>;
    static constexpr auto parameter_starts_ = make_starts(ids{}, []<int Id>() { return parameter_size<Id>(); });
    static constexpr auto turned_starts_ = make_starts(ids{}, []<int Id>() { return turned_size<Id>(); });

public:
    template <int Id>
    static constexpr matmul_extent product_extent() {
        constexpr shape in = input_shape<Id>;
        constexpr int last = in.rank - 1, rows = in[last - 1];
        return {in.elements() / (rows * in[last]), rows, in[last], graph[Id].output[last], graph[Id].transposed};
    }

    static constexpr int parameter_place(int id) { return parameter_starts_[static_cast<std::size_t>(id)]; }
    static constexpr int parameter_floats = parameter_starts_.back();
    /// Of a product its biases, of a norm its beta; before them lie its weights or its gamma.
    template <int Id>
    static constexpr int bias_offset() {
        if constexpr (is_product(graph[Id].kind)) {
            constexpr conv_geometry g = product_geometry<Id>();
            return float_sections<detail::phase_order<g, is_depthwise<Id>>, float_code>::bias / 4;
        } else {
            return round_up(graph[Id].output.channels(), 16);
        }
    }
    static constexpr int turned_place(int id) { return turned_starts_[static_cast<std::size_t>(id)]; }
    static constexpr int turned_floats_of_all = turned_starts_.back();
    static constexpr int scratch_floats = []<int... Id>(std::integer_sequence<int, Id...>) {
        int most = 16;
        ((most = scratch_size<Id>() > most ? scratch_size<Id>() : most), ...);
        return most + 16;
    }
    (ids{});
};

}  // namespace tensor_compress
