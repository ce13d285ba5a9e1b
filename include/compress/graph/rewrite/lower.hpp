// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/rewrite/conversions.hpp>
#include <compress/graph/rewrite/dropout.hpp>
#include <compress/graph/rewrite/dynamic.hpp>
#include <compress/graph/rewrite/stream.hpp>

namespace tensor_compress {

/// How a written model becomes what runs. `stored` leaves the value of every layer in memory, to be measured and
/// compared; `rounded` each value that an int8 net rounds to, for training with rounding; `observed` every value of the
/// model, for calibration. The first three give the same bytes.
enum class lowering : unsigned char { fused, stored, rounded, observed };

/// What a net runs: folded, fused, with the recipe's formats and the conversions between them, and where values are
/// large, in streams.
template <int Capacity, class Recipe>
constexpr auto lower(const model<Capacity>& written, const Recipe& formats, lowering mode) {
    // Of each value there may be a converted one, and one that is quantised at run time.
    constexpr int forms = detail::any_of(Recipe::quantizes) ? 3 : 2;
    auto m = resized<Capacity * forms + max_outputs>(written);
    detail::mark_origins(m);
    remove_dropouts(m);
    fold_into_products(m);
    for (int id = 0; id < m.count; ++id) m[id].format = formats.select(m[id].name);
    if (mode == lowering::rounded)
        detail::fuse_clamps(m, Recipe::elements);
    else if (mode != lowering::observed)
        fuse(m, Recipe::elements);
    insert_conversions(m, Recipe::elements);
    if constexpr (forms == 3) insert_range_quantizers(m, Recipe::quantizes);
    if (mode == lowering::fused) stream_rows(m, Recipe::elements, Recipe::by_rows);
    return m;
}

}  // namespace tensor_compress
