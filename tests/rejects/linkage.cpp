// SPDX-License-Identifier: MIT
// A net takes its model and recipe by reference, so both must have one address in the whole program.
// g++ 14 counts a constant without external linkage as external where it is a template argument.
#include <compress/graph/builder.hpp>
#include <compress/net/net.hpp>

namespace tc = tensor_compress;

constexpr auto describe = [](auto& g) { g.linear("only", g.input("vector", {3}), 2); };

inline constexpr auto one_model = tc::make_model(describe);
inline constexpr auto one_recipe = tc::recipe{tc::fp32}.with("only", tc::fp32);
static_assert(tc::net<one_model, one_recipe>::node_count == 2);

// reject model, not by g++ 14: "model_and_recipe_must_be_inline_constexpr" "own_model"
#if defined(CASE_model)
constexpr auto own_model = tc::make_model(describe);
static_assert(tc::net<own_model>::node_count == 2);
#endif

// reject recipe, not by g++ 14: "model_and_recipe_must_be_inline_constexpr" "own_recipe"
#if defined(CASE_recipe)
constexpr auto own_recipe = tc::recipe{tc::fp32}.with("only", tc::fp32);
static_assert(tc::net<one_model, own_recipe>::node_count == 2);
#endif

// reject anonymous_namespace, not by g++ 14: "model_and_recipe_must_be_inline_constexpr" "hidden_model"
#if defined(CASE_anonymous_namespace)
namespace {
inline constexpr auto hidden_model = tc::make_model(describe);
}
static_assert(tc::net<hidden_model>::node_count == 2);
#endif

// reject not_constexpr: "constant"
#if defined(CASE_not_constexpr)
inline const auto ordinary_model = tc::make_model([capacity = 1](auto& g) { g.input("vector", {capacity}); });
static_assert(tc::net<ordinary_model>::node_count == 2);
#endif
