// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <span>

#include <compress/core/executor.hpp>
#include <compress/net/checks.hpp>
#include <compress/net/hana.hpp>
#include <compress/net/layer_of.hpp>
#include <compress/simd/detail/stored_values.hpp>

namespace tensor_compress {

/// The packed bytes of one layer, wherever they lie.
template <class Layer>
struct layer_view {
    const std::int8_t* bytes = nullptr;
};

/// One row of the table that `describe` prints.
struct layer_info {
    tensor_compress::label label;
    const char* operation;
    const char* precision;
    const char* sparsity;
    shape output;
    int packed_bytes;
    long long parameters;
    long long multiply_adds;
};

/// Called after each step with the node and its values; this one is what `run` uses.
struct no_observer {
    template <int Id, class T>
    COMPRESS_INLINE void see(const T*) const {}
};

namespace detail {
template <const auto& Model, const auto& Recipe, lowering Mode>
inline constexpr auto lowered = lower(Model, Recipe, Mode);
template <const auto& Model, const auto& Recipe, lowering Mode>
inline constexpr auto shrunk = resized<lowered<Model, Recipe, Mode>.count>(lowered<Model, Recipe, Mode>);
template <const auto& Graph, class Recipe, int Parts>
inline constexpr auto planned = plan_memory(Graph, Recipe::elements, Parts);
template <int Capacity>
constexpr bool has_streams(const model<Capacity>& m) {
    for (int id = 0; id < m.count; ++id)
        if (m[id].kept_rows > 0) return true;
    return false;
}

template <class Net, class Inputs, class Outputs>
struct net_run;
}  // namespace detail

/// A variant of a model: which precision and sparsity each layer has, for one instruction set. Everything about it is a
/// constant; `run` is straight-line code.
///
/// @tparam  Model   made by make_model, `inline constexpr`
/// @tparam  Recipe  which layer gets which format, `inline constexpr`; all_fp32 if not given
/// @tparam  Isa     instruction set; the best one that the flags allow if not given
template <const auto& Model, const auto& Recipe = all_fp32, class Isa = native, lowering Mode = lowering::fused>
struct net : detail::net_run<net<Model, Recipe, Isa, Mode>, std::make_integer_sequence<int, Model.count_of(op::input)>,
                             std::make_integer_sequence<int, Model.output_count>> {
    static_assert(detail::check_recipe<Model, Recipe>());
    static_assert(linkage_of<Model>::external && linkage_of<Recipe>::external);

    using recipe_type = std::remove_cvref_t<decltype(Recipe)>;
    using isa = Isa;
    static constexpr const auto& model = Model;
    static constexpr const auto& recipe = Recipe;
    static constexpr const auto& graph = detail::shrunk<Model, Recipe, Mode>;  ///< what runs, in order
    /// Where values lie when so many parts of a stream run at a time.
    template <int Parts>
    static constexpr const auto& plan_for() {
        return detail::planned<detail::shrunk<Model, Recipe, Mode>, recipe_type, Parts>;
    }
    static constexpr const auto& plan = plan_for<1>();
    template <class Executor>
    static constexpr int parts_for = detail::has_streams(graph) ? wanted_parts<Executor> : 1;
    static constexpr int node_count = graph.count;

    template <int Id>
    using layer = typename layer_of<detail::shrunk<Model, Recipe, Mode>, Id, recipe_type>::type;

    /// Bytes that `run` needs besides the tensors of the caller, with threads more where values are streamed; of state
    /// that recurrent layers keep (none yet). Never 0: an array of that size is no array.
    template <class Executor>
    static constexpr int arena_bytes_for = plan_for<parts_for<Executor>>().arena_bytes > 0
                                               ? plan_for<parts_for<Executor>>().arena_bytes
                                               : 1;
    static constexpr int arena_bytes = arena_bytes_for<serial>;
    static constexpr int state_bytes = 0;

private:
    using ids = std::make_integer_sequence<int, node_count>;

    template <int... Id>
    static constexpr auto make_table(std::integer_sequence<int, Id...>) {
        return std::array<layer_info, node_count>{layer_info{
            graph.nodes[Id].name, name_of(graph.nodes[Id].kind), recipe_type::precision_names[graph.nodes[Id].format],
            recipe_type::sparsity_names[graph.nodes[Id].format], graph.nodes[Id].output, layer<Id>::packed_bytes,
            parameters(graph, graph.nodes[Id]), layer<Id>::multiply_adds}...};
    }
    template <int... Id>
    static constexpr auto make_views(std::integer_sequence<int, Id...>, const std::int8_t* const* bytes) {
        return hana::make_basic_tuple(layer_view<layer<Id>>{bytes[Id]}...);
    }

public:
    /// One row per node of what runs.
    static constexpr std::array<layer_info, node_count> table = make_table(ids{});
    static constexpr long long weights_bytes = [] {
        long long sum = 0;
        for (const layer_info& row : table) sum += row.packed_bytes;
        return sum;
    }();
    static constexpr long long multiply_adds = [] {
        long long sum = 0;
        for (const layer_info& row : table) sum += row.multiply_adds;
        return sum;
    }();

    /// Ids, shapes and C++ element types of the tensors of the caller.
    static constexpr int input_id(int index) {
        int id = 0;
        while (graph.nodes[id].kind != op::input || index-- > 0) ++id;
        return id;
    }
    static constexpr int output_id(int index) { return graph.outputs[index]; }
    static constexpr element element_of(int id) { return stored_element(graph.nodes[id], recipe_type::elements); }
    static constexpr int size_of(int id) { return graph.nodes[id].output.elements(); }

    /// What `run` takes of the caller: spans of static extent.
    template <int Index>
    using input =
        std::span<const std::conditional_t<element_of(input_id(Index)) == element::float32, float, std::int8_t>,
                  static_cast<std::size_t>(size_of(input_id(Index)))>;
    template <int Index>
    using output = std::span<std::conditional_t<element_of(output_id(Index)) == element::float32, float, std::int8_t>,
                             static_cast<std::size_t>(size_of(output_id(Index)))>;

    /// Views of packed weights: a Hana tuple of one typed view per node. Made by `bind`, from an emitted header or by
    /// `convert`.
    struct weights {
        decltype(make_views(ids{}, nullptr)) layers;
        std::array<affine, static_cast<std::size_t>(Model.count_of(op::input))>
            inputs;  ///< of int8 inputs: scale, zero point
        std::array<affine, static_cast<std::size_t>(Model.output_count)> outputs;  ///< of int8 outputs
    };

    /// Weights whose layer i lies at bytes[i] (null where it has none).
    static constexpr weights
    bind(const std::int8_t* const (&bytes)[static_cast<std::size_t>(node_count)],
         const std::array<affine, static_cast<std::size_t>(Model.count_of(op::input))>& inputs = {},
         const std::array<affine, static_cast<std::size_t>(Model.output_count)>& outputs = {}) {
        return {make_views(ids{}, bytes), inputs, outputs};
    }

    /// The same net with another of its values in memory.
    template <lowering Other>
    using lowered_as = net<Model, Recipe, Isa, Other>;

    /// The same layers, of the same weights, with every value of theirs in memory: to measure and compare them.
    using stored_net = std::conditional_t<detail::has_streams(graph), net<Model, Recipe, Isa, lowering::stored>, net>;
    static constexpr typename stored_net::weights stored_weights(const weights& w) {
        return {w.layers, w.inputs, w.outputs};
    }

    /// The caller's memory as addresses, in the order of declaration.
    struct addresses {
        std::array<const void*, static_cast<std::size_t>(Model.count_of(op::input))> inputs;
        std::array<void*, static_cast<std::size_t>(Model.output_count)> outputs;
        std::byte* arena;
    };

    /// Runs over addresses, showing each value to `observer`. What `run` is made of; host tools use it directly.
    template <class Observer = no_observer, executor Executor = serial>
    COMPRESS_INLINE COMPRESS_NOTHROW static constexpr void
    execute(const weights& w, const addresses& memory, const Observer& observer = {}, const Executor& threads = {}) {
        const auto packed = hana::unpack(w.layers, [](const auto&... views) noexcept {
            return std::array<const std::int8_t*, sizeof...(views)>{views.bytes...};
        });
        [&]<int... Id>(std::integer_sequence<int, Id...>) COMPRESS_LAMBDA_INLINE {
            (step<Id>(packed.data(), memory, observer, threads), ...);
        }
        (ids{});
    }

private:
    /// int8 tensors of the caller are int8; in the arena they lie as the instruction set multiplies them.
    template <int Id>
    using stored = std::conditional_t<
        element_of(Id) == element::float32, float,
        std::conditional_t<plan.places[Id].where == memory::arena, typename Isa::activation, std::int8_t>>;

    template <int Id, int Parts>
    COMPRESS_INLINE static stored<Id>* write(const addresses& m) {
        constexpr placement p = plan_for<Parts>().places[Id];
        if constexpr (p.where == memory::output)
            return static_cast<stored<Id>*>(m.outputs[p.index]);
        else
            return reinterpret_cast<stored<Id>*>(m.arena + p.offset);
    }
    template <int Id, int Parts>
    COMPRESS_INLINE static const stored<Id>* read(const std::int8_t* const* packed, const addresses& m) {
        constexpr placement p = plan_for<Parts>().places[Id];
        if constexpr (p.where == memory::input)
            return static_cast<const stored<Id>*>(m.inputs[p.index]);
        else if constexpr (p.where == memory::weights)
            return reinterpret_cast<const stored<Id>*>(packed[p.root]);
        else
            return write<Id, Parts>(m);
    }

    /// A layer that reads one image, and perhaps a residual.
    template <int Id, int Parts, class Executor>
    COMPRESS_INLINE static void run_layer(const std::int8_t* const* packed, const addresses& m,
                                          const stored<graph.nodes[Id].inputs[0]>* input, stored<Id>* output,
                                          [[maybe_unused]] const Executor& threads) {
        constexpr const node& n = graph.nodes[Id];
        using L = layer<Id>;
        if constexpr (n.residual >= 0)
            L::template run<Isa>(packed[Id], input, output, read<n.residual, Parts>(packed, m), threads);
        else if constexpr (n.kind == op::conv2d || n.kind == op::linear)
            L::template run<Isa>(packed[Id], input, output, static_cast<const stored<Id>*>(nullptr), threads);
        else if constexpr (requires { L::template run<Isa>(packed[Id], input, output, threads); })
            L::template run<Isa>(packed[Id], input, output, threads);
        else
            L::template run<Isa>(packed[Id], input, output);
        simd::keep_stored_values(m.arena);
    }

    /// A streamed value of one part: the rows that are in memory, and the stream before it.
    template <int Id, int Parts>
    struct stream {
        static constexpr int source = graph.nodes[Id].inputs[0];
        static constexpr int row_elements = graph.nodes[Id].output.width() * graph.nodes[Id].output.channels();

        const std::int8_t* const* packed;
        const addresses& memory;
        stored<Id>* rows;
        row_range kept{0, 0};
        stream<source, Parts> before;

        COMPRESS_INLINE stream(const std::int8_t* const* weights, const addresses& m, int part)
            : packed(weights),
              memory(m),
              rows(write<Id, Parts>(m) + part * (plan_for<Parts>().part_bytes / static_cast<int>(sizeof(stored<Id>)))),
              before(weights, m, part) {}

        /// The image as if it were all in memory; of it are `wanted`, of which the first rows may be there already.
        COMPRESS_INLINE stored<Id>* advance(row_range wanted) {
            if (wanted.begin < kept.end && wanted.begin > kept.begin)
                std::memmove(rows, rows + (wanted.begin - kept.begin) * row_elements,
                             static_cast<std::size_t>(kept.end - wanted.begin) * row_elements * sizeof(stored<Id>));
            stored<Id>* image = rows - static_cast<std::ptrdiff_t>(wanted.begin) * row_elements;
            const row_range fresh{wanted.begin < kept.end ? kept.end : wanted.begin, wanted.end};
            kept = wanted;
            if (fresh.begin < fresh.end)
                run_layer<Id, Parts>(packed, memory, before.advance(rows_read<Id>(fresh)), image, only_rows{fresh});
            return image;
        }
    };
    /// The start of a stream: a value that is in memory.
    template <int Id, int Parts>
    requires(graph.nodes[Id].kept_rows == 0) struct stream<Id, Parts> {
        const stored<Id>* image;
        COMPRESS_INLINE stream(const std::int8_t* const* weights, const addresses& m, int)
            : image(read<Id, Parts>(weights, m)) {}
        COMPRESS_INLINE const stored<Id>* advance(row_range) const { return image; }
    };

    template <int Id>
    static constexpr conv_geometry geometry = geometry_of(graph.nodes[graph.nodes[Id].inputs[0]].output,
                                                          graph.nodes[Id]);

    /// Rows of the image that a layer reads for rows of its output.
    template <int Id>
    static constexpr row_range rows_read(row_range rows) {
        constexpr conv_geometry g = geometry<Id>;
        const int begin = g.row(rows.begin, 0), end = g.row(rows.end - 1, g.kernel_height - 1) + 1;
        return {begin < 0 ? 0 : begin, end > g.in_height ? g.in_height : end};
    }

    /// The end of a stream: a few rows at a time, of each part for itself.
    template <int Id, int Parts, class Executor>
    COMPRESS_INLINE static void run_stream(const std::int8_t* const* packed, const addresses& m,
                                           const Executor& threads) {
        constexpr const node& n = graph.nodes[Id];
        constexpr int parts = image_parts<Executor>(n.output.height());
        threads.parallel_for(parts, [&](int part) {
            const row_range own = rows_of_part<geometry<Id>>(part, parts);
            stream<n.inputs[0], Parts> source(packed, m, part);
            for (int y = own.begin; y < own.end; y += n.band_rows) {
                const row_range rows{y, y + n.band_rows < own.end ? y + n.band_rows : own.end};
                run_layer<Id, Parts>(packed, m, source.advance(rows_read<Id>(rows)), write<Id, Parts>(m),
                                     only_rows{rows});
            }
        });
    }

    template <int Id, class Observer, class Executor>
    COMPRESS_INLINE static constexpr void step(const std::int8_t* const* packed, const addresses& m,
                                               const Observer& observer, [[maybe_unused]] const Executor& threads) {
        constexpr const node& n = graph.nodes[Id];
        constexpr int parts = parts_for<Executor>;
        if constexpr (n.kept_rows > 0) {
            // computed when the end of its stream is
        } else if constexpr (n.kind == op::concat) {
            [&]<int... I>(std::integer_sequence<int, I...>) COMPRESS_LAMBDA_INLINE {
                layer<Id>::template run<Isa>(packed[Id], write<Id, parts>(m),
                                             read<graph.nodes[Id].inputs[I], parts>(packed, m)...);
            }
            (std::make_integer_sequence<int, graph.nodes[Id].input_count>{});
        } else if constexpr (is_elementwise_pair(n.kind)) {
            layer<Id>::template run<Isa>(packed[Id], read<n.inputs[0], parts>(packed, m),
                                         read<n.inputs[1], parts>(packed, m), write<Id, parts>(m));
            simd::keep_stored_values(m.arena);
        } else if constexpr (n.kind == op::matmul) {
            layer<Id>::template run<Isa>(packed[Id], read<n.inputs[0], parts>(packed, m),
                                         read<n.inputs[1], parts>(packed, m), write<Id, parts>(m), threads);
        } else if constexpr (n.band_rows > 0) {
            run_stream<Id, parts>(packed, m, threads);
        } else if constexpr (n.kind != op::input && n.kind != op::constant && !detail::is_view(n.kind)) {
            run_layer<Id, parts>(packed, m, read<n.inputs[0], parts>(packed, m), write<Id, parts>(m), threads);
        }
        if constexpr (n.kept_rows == 0) observer.template see<Id>(read<Id, parts>(packed, m));
    }
};

namespace detail {

/// `run` with one span of static extent per input and output, in the order of declaration.
template <class Net, int... In, int... Out>
struct net_run<Net, std::integer_sequence<int, In...>, std::integer_sequence<int, Out...>> {
    /// Runs the net once.
    ///
    /// @param  weights  from the emitted header, or `convert`
    /// @param  inputs   one span per input, [height, width, channels] each
    /// @param  outputs  one span per output; must not overlap inputs or the arena
    /// @param  arena    std::byte[N], std::array or span of static size, at least Net::arena_bytes, with threads
    ///                  Net::arena_bytes_for<Executor>; aligned as float where layers are float, on 64 bytes for
    ///                  speed; nothing outside of it is touched
    /// @param  threads  who runs the parts of a layer; `serial` if not given
    template <class Arena, executor Executor = serial, class N = Net>
    static void run(const typename N::weights& weights, typename N::template input<In>... inputs,
                    typename N::template output<Out>... outputs, Arena&& arena, const Executor& threads = {}) noexcept {
        const std::span memory{arena};
        static_assert(std::is_same_v<typename decltype(memory)::element_type, std::byte>,
                      "the arena must be of std::byte: std::byte[N], std::array or a span of them");
        constexpr std::size_t bytes = decltype(memory)::extent;
        constexpr int wanted = N::template arena_bytes_for<Executor>;
        constexpr bool enough = bytes != std::dynamic_extent && static_cast<long long>(bytes) >= wanted;
        [[maybe_unused]] detail::arena_span<arena_of<static_cast<long long>(bytes)>, needed<wanted>, enough> checked;
        N::execute(weights, {{inputs.data()...}, {outputs.data()...}, memory.data()}, no_observer{}, threads);
    }
};

}  // namespace detail
}  // namespace tensor_compress
