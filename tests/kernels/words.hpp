// SPDX-License-Identifier: MIT
#pragma once

#include <compress/storage/pack.hpp>

#include "geometries.hpp"

namespace tests {

/// f(index of a weight in natural order, whether it stays) so that at most `Kept` of each word of four that lie
/// together in memory stay, at changing places.
template <tensor_compress::conv_geometry G, int Kept, class F>
void for_each_of_words(F f) {
    using order = tensor_compress::panel_order<flat<G>, 4>;
    for (int o = 0; o < G.out_channels; ++o)
        tensor_compress::detail::for_each_weight<G>(o, [&](int c, int i, int j, int natural) {
            const int place = order::index(o, c, i, j) % order::panel_elements;
            const int step = place / tensor_compress::code_vector, k = place % 4;
            f(natural, k == (step + o) % 4 || (Kept == 2 && k == (step / 3 + 2 * o) % 4));
        });
}

}  // namespace tests
