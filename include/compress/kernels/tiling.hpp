// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>
#include <type_traits>
#include <utility>

#include <compress/core/executor.hpp>
#include <compress/simd/vector_unit.hpp>
#include <compress/storage/panels.hpp>

namespace tensor_compress {

namespace detail {
/// A block of weights that is decoded or laid out on the stack stays in the first-level cache.
inline constexpr int most_decoded_bytes = 32768;
}  // namespace detail

/// Output pixels and panels of 16 outputs that a kernel keeps in registers at once.
struct tile_size {
    int rows = 1;
    int panels = 1;
};

namespace detail {

/// Panels per block: a divisor of their number where there is one, so that no narrower tile is compiled for a
/// remainder.
constexpr int choose_panels(int panels, int largest) {
    if (panels <= largest) return panels;
    for (int p = largest; p * 2 > largest; --p)
        if (panels % p == 0) return p;
    return largest;
}

/// Rows that waste least: tiles * (rows + 1), one for what a tile costs besides its rows.
constexpr int choose_rows(int pixels, int most) {
    if (pixels <= most) return pixels;
    int best = 1;
    for (int rows = 1; rows <= most; ++rows)
        if (ceil_div(pixels, rows) * (rows + 1) <= ceil_div(pixels, best) * (best + 1)) best = rows;
    return best;
}

}  // namespace detail

/// rows * vectors + vectors + 1 <= registers (sums, one step of weights, one activation); `spare` registers stay free
/// for operands that are split in two; at most `most_panels` are wanted where a block has to fit a buffer; a vector of
/// weights takes `operands` registers.
template <class V>
constexpr tile_size choose_tile(int pixels, int panels, int spare = 0, int most_panels = 8, int operands = 1) {
    const int vectors = V::vectors_per_panel;
    const int room = V::registers - 1 - spare;
    if (pixels == 1) {
        const int most = (room / (1 + operands)) / vectors;
        return {1, detail::choose_panels(panels, most < 1 ? 1 : most > 8 ? 8 : most)};
    }
    const int widest = V::registers >= 32 ? (vectors == 1 ? 5 : vectors == 2 ? 2 : 1) : 1;
    const int allowed = most_panels < 1 ? 1 : most_panels;
    const int wanted = widest == 5 && panels % 5 != 0 ? 4 : widest;
    const int p = detail::choose_panels(panels, wanted < allowed ? wanted : allowed);
    const int most = (room - p * vectors * operands) / (p * vectors);
    return {detail::choose_rows(pixels, most < 1 ? 1 : most > 14 ? 14 : most), p};
}

/// f.template operator()<i>() for i in [0, Count): a loop whose variable is a constant.
template <int Count, class F>
COMPRESS_INLINE void for_constants(F&& f) {
    [&]<int... I>(std::integer_sequence<int, I...>) COMPRESS_LAMBDA_INLINE { (f.template operator()<I>(), ...); }
    (std::make_integer_sequence<int, Count>{});
}

/// Rows of output pixels from `begin` to before `end`.
struct row_range {
    int begin, end;
};
template <conv_geometry G>
constexpr row_range rows_of_part(int part, int parts) {
    return {G.out_height * part / parts, G.out_height * (part + 1) / parts};
}

/// Stands where an executor does and asks for some rows of the output, by whoever calls. Rows are counted as in the
/// whole image, and so are addresses: where less of an image is in memory, they begin where its first row would be.
struct only_rows : serial {
    row_range rows;
    constexpr explicit only_rows(row_range wanted) : rows(wanted) {}
};

/// What one part of a layer computes: all rows for `serial`, those that are asked for.
template <conv_geometry G, class Executor>
constexpr row_range rows_for(const Executor& threads, int part, int parts) {
    if constexpr (std::is_same_v<Executor, only_rows>)
        return threads.rows;
    else
        return rows_of_part<G>(part, parts);
}
/// The geometry in which a layer is computed: with rows as long as can be, of which there are enough for all parts.
template <conv_geometry G, class Executor>
inline constexpr conv_geometry geometry_for = std::is_same_v<Executor, only_rows> ? G
                                                                                  : G.flattened(wanted_parts<Executor>);

/// How a layer is split: by rows of its output, by blocks of its channels, or by both.
struct layer_split {
    int rows = 1, blocks = 1;
    friend constexpr bool operator==(const layer_split&, const layer_split&) = default;
};

/// Into `wanted` parts if there are as many. What is more bytes is split, weights by blocks or values by rows, so that
/// each core reads its own part of them; unless that leaves some threads much less to do than others.
constexpr layer_split split_layer(int wanted, int rows, int blocks, bool more_weights) {
    const auto uneven = [wanted](int count) {  // time of the longest part by the mean, in 16ths
        return count < wanted ? 16 * wanted / count : 16 * ceil_div(count, wanted) * wanted / count;
    };
    const bool by_blocks = more_weights ? uneven(blocks) <= uneven(rows) + 4 : uneven(blocks) + 4 < uneven(rows);
    layer_split s;
    int& first = by_blocks ? s.blocks : s.rows;
    int& second = by_blocks ? s.rows : s.blocks;
    const int most = by_blocks ? blocks : rows, others = by_blocks ? rows : blocks;
    first = most < wanted ? most : wanted;
    second = ceil_div(wanted, first);
    if (second > others) second = others;
    return s;
}
template <class Executor>
constexpr int image_parts(int height) {
    return split_layer(wanted_parts<Executor>, height, 1, false).rows;
}

/// f.template operator()<Panels, Last>(group, first panel, rows) for each block of panels of a convolution and each
/// part of the image, shared out by `threads`. Last is the number of outputs in the block's last panel.
template <conv_geometry G, class Order, tile_size Tile, class Executor, class F>
COMPRESS_INLINE void for_each_block(const Executor& threads, const F& f) {
    constexpr int whole = Order::panels / Tile.panels, rest = Order::panels % Tile.panels;
    constexpr int blocks = whole + (rest != 0 ? 1 : 0);
    constexpr int last = G.group_outputs() - (Order::panels - 1) * panel_outputs;
    constexpr int full_blocks = last == panel_outputs || rest != 0 ? whole : whole - 1;
    constexpr layer_split split = split_layer(wanted_parts<Executor>, G.out_height, G.groups * blocks,
                                              Order::elements > G.in_elements() + G.out_elements());
    threads.parallel_for(split.rows * split.blocks, [&](int part) COMPRESS_LAMBDA_INLINE {
        const row_range rows = rows_for<G>(threads, part % split.rows, split.rows);
        const int share = part / split.rows;
        const int begin = G.groups * blocks * share / split.blocks;
        const int end = G.groups * blocks * (share + 1) / split.blocks;
        for (int task = begin; task < end; ++task) {
            const int group = task / blocks, block = task % blocks;
            if (block < full_blocks)
                f.template operator()<Tile.panels, panel_outputs>(group, block * Tile.panels, rows);
            else if constexpr (full_blocks < blocks)
                f.template operator()<(rest != 0 ? rest : Tile.panels), last>(group, block * Tile.panels, rows);
        }
    });
}

/// The image rows under the kernel rows of output row `y`, or null outside the image.
template <conv_geometry G, class In>
struct image_rows {
    const In* at[G.kernel_height];

    COMPRESS_INLINE image_rows(const In* input, int y) {
        for (int i = 0; i < G.kernel_height; ++i) {
            const int row = G.row(y, i);
            at[i] = G.row_inside(row) ? input + row * G.in_width * G.in_channels : nullptr;
        }
    }
};

/// `First` of a tile that touches no padding.
inline constexpr int interior_tile = -1;

/// Where along a row of output pixels the tiles lie: those that touch padding on the left and on the right are compiled
/// for their place, all between share one. With `Overlap` the last tile overlaps the one before it, which saves
/// compiling a narrower one. `Beyond` is how many pixels after its last tap a tile reads.
template <conv_geometry G, int Rows, bool Overlap = true, int Beyond = 0>
struct row_tiles {
    static constexpr bool touches_padding(int first, int count) {
        return G.column(first, 0) < 0 || G.column(first + count - 1, G.kernel_width - 1) + Beyond >= G.in_width;
    }
    static constexpr int rows = Rows;
    static constexpr int whole = G.out_width / Rows;
    static constexpr int count_left() {
        int n = 0;
        while (n < whole && touches_padding(n * Rows, Rows)) ++n;
        return n;
    }
    static constexpr int left = count_left();
    static constexpr int count_right() {
        int n = 0;
        while (n < whole - left && touches_padding((whole - 1 - n) * Rows, Rows)) ++n;
        return n;
    }
    static constexpr int right = count_right();
    /// What is left of the row: how many pixels its tile computes, from which on.
    static constexpr int rest = G.out_width % Rows;
    static constexpr int last_rows = Overlap && whole > 0 ? Rows : rest;
    static constexpr int last = G.out_width - last_rows;
};

/// tile.template operator()<Count, First>(x) for the tiles of a row: Count pixels from `x` on, where First is `x` as a
/// constant if the tile touches padding, else interior_tile.
template <class Tiles, class F>
COMPRESS_INLINE void for_each_tile(const F& tile) {
    constexpr int rows = Tiles::rows;
    for_constants<Tiles::left>([&]<int T>()
                                   COMPRESS_LAMBDA_INLINE { tile.template operator()<rows, T * rows>(T * rows); });
    for (int t = Tiles::left; t < Tiles::whole - Tiles::right; ++t)
        tile.template operator()<rows, interior_tile>(t * rows);
    for_constants<Tiles::right>([&]<int T>() COMPRESS_LAMBDA_INLINE {
        constexpr int x = (Tiles::whole - Tiles::right + T) * rows;
        tile.template operator()<rows, x>(x);
    });
    if constexpr (Tiles::rest != 0) {
        constexpr int x = Tiles::last;
        constexpr int first = Tiles::touches_padding(x, Tiles::last_rows) ? x : interior_tile;
        tile.template operator()<Tiles::last_rows, first>(x);
    }
}

}  // namespace tensor_compress
