// SPDX-License-Identifier: MIT
// Models as a whole: tensors, capacity, outputs.
#include <compress/graph/builder.hpp>

namespace tc = tensor_compress;

inline constexpr auto accepted = tc::make_model<4>([](auto& g) {
    g.input("largest", {0x1fff, 0xffff});
    g.relu(g.relu(g.input("vector", {1})));
    g.output(tc::value{0});
});

// Eight results are the most.
template <int Outputs>
constexpr auto with_outputs() {
    return tc::make_model([](auto& g) {
        auto x = g.input("image", {2, 2, 1});
        for (int i = 0; i < Outputs; ++i) g.relu(x);
    });
}
inline constexpr auto most = with_outputs<8>();
static_assert(most.output_count == 8);

// reject capacity: "the_model_has_more_nodes_than_its_capacity__write_make_model_with_a_larger_number"
#if defined(CASE_capacity)
inline constexpr auto broken = tc::make_model<3>([](auto& g) {
    auto x = g.input("image", {2, 2, 1});
    for (int i = 0; i < 3; ++i) x = g.relu(x);
});
#endif

// reject extent: "every_extent_of_a_shape_must_be_positive"
#if defined(CASE_extent)
inline constexpr auto broken = tc::make_model([](auto& g) { g.relu(g.input("image", {4, 0, 3})); });
#endif

// reject no_extent: "every_extent_of_a_shape_must_be_positive"
#if defined(CASE_no_extent)
inline constexpr auto broken = tc::make_model([](auto& g) { g.relu(g.input("scalar", {})); });
#endif

// reject no_features: "every_extent_of_a_shape_must_be_positive"
#if defined(CASE_no_features)
inline constexpr auto broken = tc::make_model([](auto& g) { g.linear("head", g.input("vector", {4}), 0); });
#endif

// reject too_large: "a_tensor_is_too_large__its_elements_must_fit_31_bits"
#if defined(CASE_too_large)
inline constexpr auto broken = tc::make_model([](auto& g) { g.relu(g.input("image", {65536, 65536, 3})); });
#endif

// reject foreign_value: "this_value_belongs_to_no_earlier_node"
#if defined(CASE_foreign_value)
inline constexpr auto broken = tc::make_model([](auto& g) {
    g.input("image", {2, 2, 1});
    g.relu("clamped", tc::value{});
});
#endif

// reject nine_outputs: "a_model_has_1_to_8_outputs"
#if defined(CASE_nine_outputs)
inline constexpr auto broken = with_outputs<9>();
#endif

// reject nothing: "a_model_has_1_to_8_outputs"
#if defined(CASE_nothing)
inline constexpr auto broken = tc::make_model([](auto&) {});
#endif
