// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>

#include <compress/train/graph.hpp>
#include <compress/train/gradients/batch_norm.hpp>
#include <compress/train/gradients/norm.hpp>
#include <compress/train/gradients/pool.hpp>
#include <compress/train/gradients/rearrange.hpp>
#include <compress/train/gradients/signs.hpp>
#include <compress/train/gradients/weights.hpp>

namespace tensor_compress {

/// What one batch_norm applies and learns in a step, [channels] each.
struct norm_step {
    const float *scale, *shift;     ///< y = scale * x + shift
    const float *mean, *factor;     ///< of the batch: 1 / deviation
    float *gamma_sums, *beta_sums;  ///< of one part of the batch
    const float *of_gradient, *of_input, *constant;
};

/// What the net that is trained for does with a node: the integers that it stores the node's value as, and the signs
/// that it reads instead of the input's values where the node is a product in binary_activations.
struct value_rounding {
    affine steps{};
    bool rounds = false;
    float sign_size = 0;  ///< what a sign stands for; 0: the product reads values
};

/// A chunk of records on its way through the net.
struct training_chunk {
    float* slab;
    int records;  ///< of the chunk, at most training_graph::chunk
    const float* parameters;
    const float* turned;  ///< weights for input gradients
    float* gradients;     ///< of the parameters, summed up here
    float* scratch;
    const float* const* constants;  ///< by node
    const norm_step* norms;         ///< by norm_index
    std::uint64_t dropout_seed;
    int first_record;                ///< of the chunk, in the batch
    bool training;                   ///< else dropout does nothing
    const value_rounding* rounding;  ///< by node; null: nothing is rounded, no sign is taken
};

/// What each node of a training_graph does forwards and backwards with a chunk.
template <const auto& Model, class Isa>
struct training_steps {
    using T = training_graph<Model>;
    static constexpr const auto& graph = T::graph;

    template <int Id>
    static const float* value(const training_chunk& c, int record = 0) {
        constexpr int root = T::root(Id);
        if constexpr (graph[root].kind == op::constant)
            return c.constants[root];
        else
            return c.slab + T::value_place(Id) + record * T::elements(Id);
    }
    template <int Id>
    static float* result(const training_chunk& c, int record = 0) {
        return c.slab + T::value_place(Id) + record * T::elements(Id);
    }
    template <int Id>
    static float* gradient(const training_chunk& c, int record = 0) {
        return c.slab + T::gradient_place(Id) + record * T::elements(Id);
    }

    template <int Id>
    COMPRESS_NOINLINE static void forward(const training_chunk& c) {
        constexpr const node& n = graph.nodes[Id];
        if constexpr (n.kind == op::input || n.kind == op::constant || detail::is_view(n.kind)) {
        } else if constexpr (is_product(n.kind)) {
            constexpr int calls = T::template joins_records<Id> ? 1 : T::chunk;
            const auto* packed = reinterpret_cast<const std::int8_t*>(c.parameters + T::parameter_place(Id));
            for (int r = 0; r < std::min(calls, c.records); ++r)
                product<Id>::template run<Isa>(packed, operand<Id>(c, r), result<Id>(c, r));
        } else if constexpr (n.kind == op::batch_norm) {
            const norm_step& norm = c.norms[T::norm_index(Id)];
            constexpr int channels = n.output.channels(), pixels = T::elements(Id) / channels;
            scale_channels<Isa, n.clamp, channels>(c.records * pixels, norm.scale, norm.shift, value<n.inputs[0]>(c),
                                                   result<Id>(c));
        } else {
            for (int r = 0; r < c.records; ++r) forward_record<Id>(c, r);
        }
    }

    /// The node's value as dequantize(quantize(value)), where it is stored in 8 bits.
    template <int Id>
    COMPRESS_NOINLINE static void round_value(const training_chunk& c) {
        if constexpr (!detail::is_view(graph[Id].kind) && graph[Id].kind != op::constant) {
            if (!c.rounding[Id].rounds) return;
            alignas(64) std::int8_t stored[T::elements(Id)];
            for (int r = 0; r < c.records; ++r) {
                quantize_elements<Isa, T::elements(Id)>(c.rounding[Id].steps, value<Id>(c, r), stored);
                dequantize_elements<Isa, T::elements(Id)>(c.rounding[Id].steps, stored, result<Id>(c, r));
            }
        }
    }

    /// The way back through round_value: gradients pass as they are, but what is beyond the integers at either end does
    /// not move them. Source: the straight-through estimator of Bengio, Leonard, Courville 2013, Estimating or
    /// Propagating Gradients Through Stochastic Neurons, clipped as in Hubara et al. 2016, Binarized Neural Networks.
    template <int Id>
    COMPRESS_NOINLINE static void stop_at_ends(const training_chunk& c) {
        if constexpr (T::needs_gradient(Id) && !detail::is_view(graph[Id].kind)) {
            if (!c.rounding[Id].rounds) return;
            const affine steps = c.rounding[Id].steps;
            const float low = steps.scale * (-127.5f - static_cast<float>(steps.zero_point));
            const float high = steps.scale * (126.5f - static_cast<float>(steps.zero_point));
            const float* v = value<Id>(c);
            float* g = gradient<Id>(c);
            simd::for_each_vector<Isa>(0, c.records * T::elements(Id), [&]<class V>(int i) COMPRESS_LAMBDA_INLINE {
                const auto x = V::load(v + i);
                const auto below_high = V::where_positive(V::splat(high) - x, V::load(g + i));
                V::store(g + i, V::where_positive(x - V::splat(low), below_high));
            });
        }
    }

    /// From the gradient of the node's value to those of its parameters and inputs.
    template <int Id>
    COMPRESS_NOINLINE static void backward(const training_chunk& c) {
        constexpr const node& n = graph.nodes[Id];
        if constexpr (!T::needs_gradient(Id) || detail::is_view(n.kind)) {
        } else if constexpr (is_product(n.kind)) {
            backward_product<Id>(c);
        } else if constexpr (n.kind == op::batch_norm) {
            constexpr int channels = n.output.channels(), pixels = T::elements(Id) / channels;
            const norm_step& norm = c.norms[T::norm_index(Id)];
            clamp_gradient<Isa, n.clamp, channels>(n.clamp == clamp_kind::none ? 0 : c.records * pixels, value<Id>(c),
                                                   gradient<Id>(c), nullptr);
            batch_norm_sums<Isa, channels>(c.records * pixels, norm.mean, norm.factor, value<n.inputs[0]>(c),
                                           gradient<Id>(c), norm.gamma_sums, norm.beta_sums);
        } else {
            for (int r = 0; r < c.records; ++r) backward_record<Id>(c, r);
        }
    }

    /// The second half of a batch_norm's gradient, when the sums over the batch are known.
    template <int Id>
    COMPRESS_NOINLINE static void backward_through_norm(const training_chunk& c) {
        constexpr const node& n = graph.nodes[Id];
        if constexpr (T::needs_gradient(n.inputs[0])) {
            constexpr int channels = n.output.channels(), pixels = T::elements(Id) / channels;
            const norm_step& norm = c.norms[T::norm_index(Id)];
            batch_norm_gradient<Isa, channels, T::adds(Id, 0)>(c.records * pixels, norm.of_gradient, norm.of_input,
                                                               norm.constant, value<n.inputs[0]>(c), gradient<Id>(c),
                                                               gradient<n.inputs[0]>(c));
        }
    }

private:
    template <int Id>
    static constexpr float_end end{graph[Id].clamp, false, clamp_kind::none};

    template <int Id>
    static constexpr auto choose_product() {
        constexpr conv_geometry g = T::template product_geometry<Id>();
        if constexpr (T::template is_depthwise<Id>)
            return detail::type_is<layers::depthwise_conv2d<g, tag::fp32, tag::dense, graph[Id].clamp>>{};
        else
            return detail::type_is<layers::conv2d<g, tag::fp32, tag::dense, end<Id>>>{};
    }
    template <int Id>
    using product = typename decltype(choose_product<Id>())::type;

    template <int Id>
    using layer = typename layer_of<detail::trained_graph<Model>, Id, std::remove_cvref_t<decltype(all_fp32)>>::type;

    template <int Id>
    static constexpr pair_extent pairs{T::elements(Id), T::elements(graph[Id].inputs[0]),
                                       T::elements(graph[Id].inputs[1])};

    /// 0 where product Id reads values and not their signs.
    template <int Id>
    static float sign_size(const training_chunk& c) {
        return T::template can_read_signs<Id> && c.rounding != nullptr ? c.rounding[Id].sign_size : 0;
    }
    /// What product Id multiplies: the value that it reads, or the signs of it in scratch memory.
    template <int Id>
    static const float* operand(const training_chunk& c, int record) {
        const float* read = value<graph[Id].inputs[0]>(c, record);
        if constexpr (T::template can_read_signs<Id>)
            if (const float size = sign_size<Id>(c); size > 0) {
                float* signs = c.scratch + T::template operand_place<Id>;
                take_signs<Isa, T::template operand_floats<Id>>(size, read, signs);
                return signs;
            }
        return read;
    }

    static random_stream dropped(const training_chunk& c, int id, int record) {
        return {c.dropout_seed,
                static_cast<std::uint64_t>(c.first_record + record) * static_cast<std::uint64_t>(graph.count) +
                    static_cast<std::uint64_t>(id)};
    }

    template <int Id>
    static void forward_record(const training_chunk& c, int r) {
        constexpr const node& n = graph.nodes[Id];
        if constexpr (n.kind == op::dropout) {
            drop_elements<false>(dropped(c, Id, r), c.training ? n.parameter : 0, T::elements(Id),
                                 value<n.inputs[0]>(c, r), result<Id>(c, r));
        } else if constexpr (n.kind == op::layer_norm) {
            const float* gamma = c.parameters + T::parameter_place(Id);
            constexpr int columns = n.output.channels(), rows = T::elements(Id) / columns;
            layer_norm_fp32<Isa, rows, columns>(gamma, gamma + T::template bias_offset<Id>(), n.parameter,
                                                value<n.inputs[0]>(c, r), result<Id>(c, r));
        } else {
            using L = layer<Id>;
            std::int8_t packed[L::packed_bytes + 1]{};
            if constexpr (n.kind == op::pad)
                L::pack(packed, n.parameter, affine{});
            else if constexpr (n.kind == op::leaky_relu)
                L::pack(packed, n.parameter);
            if constexpr (n.kind == op::concat) [&]<int... I>(std::integer_sequence<int, I...>) {
                    L::template run<Isa>(packed, result<Id>(c, r), value<graph.nodes[Id].inputs[I]>(c, r)...);
                }
            (std::make_integer_sequence<int, graph.nodes[Id].input_count>{});
            else if constexpr (n.input_count == 2)
                L::template run<Isa>(packed, value<n.inputs[0]>(c, r), value<n.inputs[1]>(c, r), result<Id>(c, r));
            else L::template run<Isa>(packed, value<n.inputs[0]>(c, r), result<Id>(c, r));
        }
    }

    template <int Id>
    static void backward_product(const training_chunk& c) {
        constexpr const node& n = graph.nodes[Id];
        constexpr int source = n.inputs[0], channels = n.output.channels();
        constexpr bool joins = T::template joins_records<Id>;
        constexpr conv_geometry g = T::template product_geometry<Id>();
        float* weights = c.gradients + T::parameter_place(Id);
        if (joins && c.records < T::chunk)  // rows without a record count as well
            std::fill_n(gradient<Id>(c, c.records), (T::chunk - c.records) * T::elements(Id), 0.0f);
        if constexpr (n.clamp != clamp_kind::none || n.bias) {
            using order = detail::phase_order<g, T::template is_depthwise<Id>>;
            constexpr bool in_order = order::slot(channels - 1) == channels - 1;
            float* biases = weights + T::template bias_offset<Id>();
            [[maybe_unused]] float apart[in_order ? 1 : channels]{};  // groups are padded each for itself
            clamp_gradient<Isa, n.clamp, channels>(c.records * T::elements(Id) / channels, value<Id>(c),
                                                   gradient<Id>(c),
                                                   !n.bias    ? nullptr
                                                   : in_order ? biases
                                                              : apart);
            if constexpr (!in_order)
                for (int o = 0; o < channels; ++o) biases[order::slot(o)] += apart[o];
        }
        for (int r = 0; r < (joins ? 1 : c.records); ++r) {
            if constexpr (T::template is_depthwise<Id>)
                depthwise_weight_gradient<Isa, g>(value<source>(c, r), gradient<Id>(c, r), weights);
            else
                weight_gradient<Isa, g>(operand<Id>(c, r), gradient<Id>(c, r), weights);
            if constexpr (T::needs_gradient(source)) backward_to_input<Id>(c, r);
        }
    }
    template <int Id>
    static void backward_to_input(const training_chunk& c, int r) {
        constexpr int source = graph[Id].inputs[0];
        constexpr bool adds = T::adds(Id, 0);
        constexpr conv_geometry g = T::template product_geometry<Id>();
        const float* turned = c.turned + T::turned_place(Id);
        const float size = sign_size<Id>(c);
        if (size == 0) {
            input_gradient<Isa, g, T::template is_depthwise<Id>, adds>(turned, gradient<Id>(c, r),
                                                                       gradient<source>(c, r), c.scratch);
        } else if constexpr (T::template can_read_signs<Id>) {
            constexpr int floats = T::template operand_floats<Id>;
            float* of_signs = c.scratch + T::template operand_place<Id>;
            if (adds) std::fill_n(of_signs, floats, 0.0f);  // one instance of the product serves both
            input_gradient<Isa, g, false, adds>(turned, gradient<Id>(c, r), of_signs, c.scratch);
            sign_gradient<Isa, floats, adds>(size, value<source>(c, r), of_signs, gradient<source>(c, r));
        }
    }
    template <int Id>
    static void backward_record(const training_chunk& c, int r) {
        constexpr const node& n = graph.nodes[Id];
        const float* own = gradient<Id>(c, r);
        if constexpr (is_elementwise_pair(n.kind)) {
            if constexpr (n.clamp != clamp_kind::none)
                clamp_gradient<Isa, n.clamp, T::elements(Id)>(1, value<Id>(c, r), gradient<Id>(c, r), nullptr);
            backward_operand<Id, 0>(c, r);
            backward_operand<Id, 1>(c, r);
        } else if constexpr (n.kind == op::matmul) {
            constexpr matmul_extent e = T::template product_extent<Id>();
            if constexpr (T::needs_gradient(n.inputs[0]))
                matmul_first_gradient<Isa, e, T::adds(Id, 0)>(value<n.inputs[1]>(c, r), own,
                                                              gradient<n.inputs[0]>(c, r), c.scratch);
            if constexpr (T::needs_gradient(n.inputs[1]))
                matmul_second_gradient<Isa, e, T::adds(Id, 1)>(value<n.inputs[0]>(c, r), own,
                                                               gradient<n.inputs[1]>(c, r), c.scratch);
        } else if constexpr (n.kind == op::concat) {
            [&]<int... I>(std::integer_sequence<int, I...>) { (backward_piece<Id, I>(c, r), ...); }
            (std::make_integer_sequence<int, graph.nodes[Id].input_count>{});
        } else if constexpr (n.kind == op::layer_norm) {
            constexpr int columns = n.output.channels(), rows = T::elements(Id) / columns;
            float* to = nullptr;
            if constexpr (T::needs_gradient(n.inputs[0])) to = gradient<n.inputs[0]>(c, r);
            float* sums = c.gradients + T::parameter_place(Id);
            layer_norm_gradient<rows, columns, T::adds(Id, 0)>(c.parameters + T::parameter_place(Id), n.parameter,
                                                               value<n.inputs[0]>(c, r), own, sums,
                                                               sums + T::template bias_offset<Id>(), to);
        } else {
            backward_unary<Id, T::adds(Id, 0)>(c, r, value<n.inputs[0]>(c, r), own, gradient<n.inputs[0]>(c, r));
        }
    }

    template <int Id, int Side>
    static void backward_operand(const training_chunk& c, int r) {
        constexpr const node& n = graph.nodes[Id];
        if constexpr (T::needs_gradient(n.inputs[Side]))
            pair_gradient<Isa, n.kind, pairs<Id>, Side, T::adds(Id, Side)>(
                value<n.inputs[1 - Side]>(c, r), gradient<Id>(c, r), gradient<n.inputs[Side]>(c, r));
    }

    template <int Id, int Part>
    static void backward_piece(const training_chunk& c, int r) {
        constexpr const node& n = graph.nodes[Id];
        constexpr int part = n.inputs[Part], axis = n.axis, inner = n.output.inner(axis);
        if constexpr (T::needs_gradient(part)) {
            int before = 0;
            for (int i = 0; i < Part; ++i) before += graph[n.inputs[i]].output[axis] * inner;
            take_pieces<T::adds(Id, Part)>(n.output.outer(axis), graph[part].output[axis] * inner,
                                           n.output[axis] * inner, gradient<Id>(c, r) + before, gradient<part>(c, r));
        }
    }

    /// Nodes without parameters that read one value.
    template <int Id, bool Add>
    static void backward_unary(const training_chunk& c, int r, const float* in, const float* own, float* to) {
        constexpr const node& n = graph.nodes[Id];
        constexpr int columns = n.output.channels();
        if constexpr (is_activation(n.kind))
            map_gradient<function_of(n.kind), T::elements(Id), Add>(n.parameter, in, value<Id>(c, r), own, to);
        else if constexpr (n.kind == op::softmax)
            softmax_gradient<T::elements(Id) / columns, columns, Add>(value<Id>(c, r), own, to);
        else if constexpr (n.kind == op::max_pool)
            max_pool_gradient<Isa, T::template geometry<Id>, Add>(in, value<Id>(c, r), own, to);
        else if constexpr (n.kind == op::avg_pool || n.kind == op::global_average_pool)
            avg_pool_gradient<Isa, T::template geometry<Id>, n.slide.count_padding, Add>(own, to);
        else if constexpr (n.kind == op::transpose)
            transpose_gradient<Add>(T::template input_shape<Id>, n.order, own, to);
        else if constexpr (n.kind == op::pad)
            pad_gradient<Add>(T::template input_shape<Id>, n.cut, own, to);
        else
            drop_elements<Add>(dropped(c, Id, r), c.training ? n.parameter : 0, T::elements(Id), own, to);
    }
};

}  // namespace tensor_compress
