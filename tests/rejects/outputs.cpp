// SPDX-License-Identifier: MIT
// Values that cannot become outputs.
#include <compress/graph/builder.hpp>
#include <compress/graph/rewrite/outputs.hpp>

namespace tc = tensor_compress;

inline constexpr auto written = tc::make_model([](auto& g) {
    auto x = g.linear("a", g.input("vector", {4}), 4);
    for (const char* name : {"b", "c", "d", "e", "f", "g", "h"}) x = g.linear(name, x, 4);
    g.linear("head", x, 2);
});

inline constexpr auto accepted = tc::with_outputs(written, {"a", "b", "c", "d", "e", "f", "g"});
static_assert(accepted.output_count == tc::max_outputs);

// reject unknown_label: "no_value_of_the_model_has_this_label"
#if defined(CASE_unknown_label)
inline constexpr auto broken = tc::with_outputs(written, {"a", "tail"});
#endif

// reject twice: "this_value_is_an_output_already"
#if defined(CASE_twice)
inline constexpr auto broken = tc::with_outputs(written, {"a", "a"});
#endif

// reject output: "this_value_is_an_output_already"
#if defined(CASE_output)
inline constexpr auto broken = tc::with_outputs(written, {"head"});
#endif

// reject too_many: "a_model_has_at_most_8_outputs"
#if defined(CASE_too_many)
inline constexpr auto broken = tc::with_outputs(accepted, {"h"});
#endif
