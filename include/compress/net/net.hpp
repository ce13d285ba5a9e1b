// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include <compress/core/executor.hpp>
#include <compress/net/checks.hpp>
#include <compress/net/hana.hpp>
#include <compress/net/layer_of.hpp>

namespace tensor_compress {

/// How a written model becomes what runs. `observed` leaves every value of the model in memory, for calibration.
enum class lowering : unsigned char { fused, observed };

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
inline constexpr auto lowered = lower(Model, Recipe, Mode == lowering::fused);
template <const auto& Model, const auto& Recipe, lowering Mode>
inline constexpr auto shrunk = resized<lowered<Model, Recipe, Mode>.count>(lowered<Model, Recipe, Mode>);
template <const auto& Graph, class Recipe>
inline constexpr auto planned = plan_memory(Graph, Recipe::elements);

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
    static constexpr const auto& plan = detail::planned<detail::shrunk<Model, Recipe, Mode>, recipe_type>;
    static constexpr int node_count = graph.count;

    template <int Id>
    using layer = typename layer_of<detail::shrunk<Model, Recipe, Mode>, Id, recipe_type>::type;

    /// Bytes that `run` needs besides the tensors of the caller; of state that recurrent layers keep (none yet).
    static constexpr int arena_bytes =
        plan.arena_bytes > 0 ? plan.arena_bytes : 1;  ///< never 0: an array of that size is no array
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
    static constexpr element element_of(int id) { return recipe_type::elements[graph.nodes[id].format]; }
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

    template <int Id>
    COMPRESS_INLINE static stored<Id>* write(const addresses& m) {
        constexpr placement p = plan.places[Id];
        if constexpr (p.where == memory::output)
            return static_cast<stored<Id>*>(m.outputs[p.index]);
        else
            return reinterpret_cast<stored<Id>*>(m.arena + p.offset);
    }
    template <int Id>
    COMPRESS_INLINE static const stored<Id>* read(const std::int8_t* const* packed, const addresses& m) {
        constexpr placement p = plan.places[Id];
        if constexpr (p.where == memory::input)
            return static_cast<const stored<Id>*>(m.inputs[p.index]);
        else if constexpr (p.where == memory::weights)
            return reinterpret_cast<const stored<Id>*>(packed[p.root]);
        else
            return write<Id>(m);
    }

    template <int Id, class Observer, class Executor>
    COMPRESS_INLINE static constexpr void step(const std::int8_t* const* packed, const addresses& m,
                                               const Observer& observer, [[maybe_unused]] const Executor& threads) {
        constexpr const node& n = graph.nodes[Id];
        using L = layer<Id>;
        if constexpr (n.kind == op::concat) {
            [&]<int... I>(std::integer_sequence<int, I...>) COMPRESS_LAMBDA_INLINE {
                L::template run<Isa>(packed[Id], write<Id>(m), read<graph.nodes[Id].inputs[I]>(packed, m)...);
            }
            (std::make_integer_sequence<int, graph.nodes[Id].input_count>{});
        } else if constexpr (is_elementwise_pair(n.kind)) {
            L::template run<Isa>(packed[Id], read<n.inputs[0]>(packed, m), read<n.inputs[1]>(packed, m), write<Id>(m));
        } else if constexpr (n.residual >= 0) {
            L::template run<Isa>(packed[Id], read<n.inputs[0]>(packed, m), write<Id>(m), read<n.residual>(packed, m),
                                 threads);
        } else if constexpr (n.kind == op::conv2d || n.kind == op::linear) {
            L::template run<Isa>(packed[Id], read<n.inputs[0]>(packed, m), write<Id>(m),
                                 static_cast<const stored<Id>*>(nullptr), threads);
        } else if constexpr (requires {
                                 L::template run<Isa>(packed[Id], read<n.inputs[0]>(packed, m), write<Id>(m), threads);
                             }) {
            L::template run<Isa>(packed[Id], read<n.inputs[0]>(packed, m), write<Id>(m), threads);
        } else if constexpr (n.kind != op::input && n.kind != op::constant && !detail::is_view(n.kind)) {
            L::template run<Isa>(packed[Id], read<n.inputs[0]>(packed, m), write<Id>(m));
        }
        observer.template see<Id>(read<Id>(packed, m));
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
    /// @param  arena    std::byte[N], std::array or span of static size, at least Net::arena_bytes; aligned as float
    ///                  where layers are float, on 64 bytes for speed; nothing outside of it is touched
    /// @param  threads  who runs the parts of a layer; `serial` if not given
    template <class Arena, executor Executor = serial, class N = Net>
    static void run(const typename N::weights& weights, typename N::template input<In>... inputs,
                    typename N::template output<Out>... outputs, Arena&& arena, const Executor& threads = {}) noexcept {
        const std::span memory{arena};
        static_assert(std::is_same_v<typename decltype(memory)::element_type, std::byte>,
                      "the arena must be of std::byte: std::byte[N], std::array or a span of them");
        constexpr std::size_t bytes = decltype(memory)::extent;
        constexpr bool enough = bytes != std::dynamic_extent && static_cast<long long>(bytes) >= N::arena_bytes;
        [[maybe_unused]] detail::arena_span<arena_of<static_cast<long long>(bytes)>, needed<N::arena_bytes>, enough>
            checked;
        N::execute(weights, {{inputs.data()...}, {outputs.data()...}, memory.data()}, no_observer{}, threads);
    }
};

}  // namespace detail
}  // namespace tensor_compress
