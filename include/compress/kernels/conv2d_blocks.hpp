// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/executor.hpp>
#include <compress/kernels/block_row_sums.hpp>
#include <compress/kernels/conv2d_fp32.hpp>
#include <compress/kernels/conv2d_int8.hpp>

/// Convolutions and linear layers whose weights are stored in blocks, or one by one with their places: the products of
/// conv2d_fp32_reference and conv2d_int8_reference with no multiplication by what is not stored.
namespace tensor_compress {

namespace detail {

/// Bytes of columns that may lie on the stack; and up to how many of them more pixels share a tile.
inline constexpr int most_column_bytes = 262144, near_column_bytes = 49152;

/// Vectors of pixels in a tile: four share the cost of finding a weight; fewer where a block's rows need the registers,
/// where the columns would leave the first-level cache or the stack, or where there are no more pixels.
template <class V, conv_geometry G, class Code>
constexpr int column_vectors() {
    constexpr int vector_bytes = G.terms() / Code::word * V::lanes * 4;
    int vectors = Code::rows >= 16 ? 1 : Code::rows >= 8 ? 2 : 4;
    while (vectors > 1 && (vectors * vector_bytes > (vectors > 2 ? near_column_bytes : most_column_bytes) ||
                           vectors / 2 * V::lanes >= G.out_width))
        vectors /= 2;
    return vectors;
}

/// The ends of panels of sums, which come as Count pixels from output element `at` on.
template <class V, conv_geometry G, float_end End>
struct float_panels {
    const float* bias;
    float* output;
    const float* residual;

    template <int Outputs>
    struct panel {
        const float_panels& all;
        int place;
        template <int Count>
        COMPRESS_INLINE void finish(const typename V::i32 (&sums)[Count][V::vectors_per_panel], int at) const {
            COMPRESS_UNROLL
            for (int m = 0; m < Count; ++m) {
                typename V::f32 pixel[V::vectors_per_panel];
                COMPRESS_UNROLL
                for (int j = 0; j < V::vectors_per_panel; ++j)
                    pixel[j] =
                        V::add(V::bits_as_float(sums[m][j]), V::load(all.bias + place * panel_outputs + j * V::lanes));
                const int to = at + m * G.out_channels;
                finish_fp32_pixel<V, End, Outputs>(pixel, all.output + to, End.residual ? all.residual + to : nullptr);
            }
        }
    };
};

template <class V, conv_geometry G, bool Residual, class Out, class Other>
struct int8_panels {
    const int8_parts& parts;
    const int8_end& end;
    Out* output;
    const Other* residual;

    template <int Outputs>
    struct panel {
        const int8_panels& all;
        int8_block<V, 1> block;
        COMPRESS_INLINE panel(const int8_panels& a, int place) : all(a), block(nullptr, a.parts, place) {}
        template <int Count>
        COMPRESS_INLINE void finish(const typename V::i32 (&sums)[Count][V::vectors_per_panel], int at) const {
            typename V::i32 started[Count][V::vectors_per_panel];
            COMPRESS_UNROLL
            for (int m = 0; m < Count; ++m) {
                COMPRESS_UNROLL
                for (int j = 0; j < V::vectors_per_panel; ++j) started[m][j] = V::add(sums[m][j], block.start(j));
            }
            finish_int8_tile<V, 1, Outputs, Residual, G.out_channels>(block, all.end, started, all.output + at,
                                                                      Residual ? all.residual + at : nullptr);
        }
    };
};

/// f.template operator()<Outputs>(panel) for the panels of a group.
template <conv_geometry G, class Order, class F>
COMPRESS_INLINE void for_each_panel(const F& f) {
    constexpr int last = G.group_outputs() - (Order::panels - 1) * panel_outputs;
    for (int panel = 0; panel < Order::panels - 1; ++panel) f.template operator()<panel_outputs>(panel);
    f.template operator()<last>(Order::panels - 1);
}

/// A tile's sums, [output of a panel][pixel], pixel by pixel to their end.
template <class V, conv_geometry G, int Pixels, class Panel>
COMPRESS_INLINE void finish_columns(const std::int32_t* sums, int count, int at, const Panel& panel) {
    using i32 = typename V::i32;
    for (int first = 0; first < count; first += V::lanes) {
        i32 pixels[V::lanes][V::vectors_per_panel];
        COMPRESS_UNROLL
        for (int j = 0; j < V::vectors_per_panel; ++j) {
            i32 v[V::lanes];
            COMPRESS_UNROLL
            for (int k = 0; k < V::lanes; ++k) v[k] = V::load(sums + (j * V::lanes + k) * Pixels + first);
            V::transpose(v);
            COMPRESS_UNROLL
            for (int m = 0; m < V::lanes; ++m) pixels[m][j] = v[m];
        }
        if (first + V::lanes <= count) {
            panel.finish(pixels, at + first * G.out_channels);
            continue;
        }
        alignas(64) std::int32_t kept[V::lanes][panel_outputs];
        COMPRESS_UNROLL
        for (int i = 0; i < panel_outputs; ++i)
            V::store(kept[i / V::vectors_per_panel] + i % V::vectors_per_panel * V::lanes,
                     pixels[i / V::vectors_per_panel][i % V::vectors_per_panel]);
        for (int m = 0; m < count - first; ++m) {
            i32 one[1][V::vectors_per_panel];
            COMPRESS_UNROLL
            for (int j = 0; j < V::vectors_per_panel; ++j) one[0][j] = V::load(kept[m] + j * V::lanes);
            panel.finish(one, at + (first + m) * G.out_channels);
        }
    }
}

/// All panels of `count` output pixels from `x` on, Vectors vectors of them.
template <class V, conv_geometry G, class Order, class Code, int Vectors, class In, class Panels>
COMPRESS_NOINLINE void conv2d_block_tile(const std::int8_t* weights, const In* input, std::int32_t outside, int y,
                                         int group, int x, int count, const Panels& panels) {
    constexpr int pixels = Vectors * V::lanes, elements = Order::block_elements;
    columns<V, G, pixels, In> terms;
    alignas(64) std::int32_t sums[panel_outputs * pixels];
    const image_rows<G, In> rows(input + group * G.group_inputs(), y);
    terms.fill(rows.at, x, count, outside);
    for_each_panel<G, Order>([&]<int Outputs>(int panel) COMPRESS_LAMBDA_INLINE {
        const int place = group * Order::panels + panel;
        block_sums<V, Code, Vectors>(weights + place * Code::bytes(elements), Code::values_at(elements), terms.at[0],
                                     sums);
        const typename Panels::template panel<Outputs> ends{panels, place};
        const int at = (y * G.out_width + x) * G.out_channels + group * G.group_outputs() + panel * panel_outputs;
        finish_columns<V, G, pixels>(sums, count, at, ends);
    });
}

/// Rows of output pixels, in tiles; what is left of a row in a tile of its own size.
template <class V, conv_geometry G, class Order, class Code, class In, class Panels>
COMPRESS_INLINE void conv2d_block_rows(const std::int8_t* weights, const In* input, std::int32_t outside,
                                       row_range range, const Panels& panels) {
    constexpr int vectors = column_vectors<V, G, Code>(), pixels = vectors * V::lanes;
    constexpr int whole = G.out_width / pixels, rest = G.out_width % pixels;
    for (int y = range.begin; y < range.end; ++y)
        for (int group = 0; group < G.groups; ++group) {
            for (int tile = 0; tile < whole; ++tile)
                conv2d_block_tile<V, G, Order, Code, vectors>(weights, input, outside, y, group, tile * pixels, pixels,
                                                              panels);
            if constexpr (rest != 0)
                conv2d_block_tile<V, G, Order, Code, ceil_div(rest, V::lanes)>(weights, input, outside, y, group,
                                                                               whole * pixels, rest, panels);
        }
}

/// `Rows` pixels of a panel whose blocks are 16 outputs high: vectors lie along the outputs, as with dense weights, and
/// the steps whose blocks are zero are left out.
template <class V, conv_geometry G, class Code, int Rows, class In, class Panel>
COMPRESS_NOINLINE void conv2d_block_pixels(const std::int8_t* panel, int values_at, const In* pixels, int at,
                                           const Panel& ends) {
    using product = word_product<V, typename Code::value>;
    constexpr int vectors = V::vectors_per_panel;
    typename product::sum sums[Rows][vectors];
    COMPRESS_UNROLL
    for (int i = 0; i < Rows * vectors; ++i) sums[i / vectors][i % vectors] = product::zero();
    const std::int8_t* values = panel + values_at;
    for (int block = 0; block < Code::end_of(panel, 0); ++block, values += Code::words * code_vector) {
        const In* from = pixels + Code::place_of(panel, block) * Code::columns;
        for_constants<Code::words>([&]<int C>() COMPRESS_LAMBDA_INLINE {
            decltype(product::weights(values)) w[vectors];
            COMPRESS_UNROLL
            for (int j = 0; j < vectors; ++j) w[j] = product::weights(values + C * code_vector + j * V::lanes * 4);
            COMPRESS_UNROLL
            for (int m = 0; m < Rows; ++m) {
                const auto a = product::one_input(from + m * G.stride_width * G.in_channels + C * Code::word);
                COMPRESS_UNROLL
                for (int j = 0; j < vectors; ++j) sums[m][j] = product::multiply(sums[m][j], a, w[j]);
            }
        });
    }
    typename V::i32 bits[Rows][vectors];
    COMPRESS_UNROLL
    for (int i = 0; i < Rows * vectors; ++i)
        bits[i / vectors][i % vectors] = product::bits(sums[i / vectors][i % vectors]);
    ends.finish(bits, at);
}

/// Rows of output pixels of a 1x1 convolution in the vectors of conv2d_block_pixels.
template <class V, conv_geometry G, class Order, class Code, bool Overlap, class In, class Panels>
COMPRESS_INLINE void conv2d_block_panels(const std::int8_t* weights, const In* input, row_range range,
                                         const Panels& panels) {
    constexpr int elements = Order::block_elements;
    constexpr tile_size tile = choose_tile<V>(G.out_width, 1, V::vectors_per_panel);
    for (int y = range.begin; y < range.end; ++y)
        for (int group = 0; group < G.groups; ++group) {
            const In* row = input + G.row(y, 0) * G.in_width * G.in_channels + group * G.group_inputs();
            for_each_tile<row_tiles<G, tile.rows, Overlap>>([&]<int Count, int>(int x) COMPRESS_LAMBDA_INLINE {
                // All panels of a tile: the lines of the output are written once.
                for_each_panel<G, Order>([&]<int Outputs>(int panel) COMPRESS_LAMBDA_INLINE {
                    const int place = group * Order::panels + panel;
                    const typename Panels::template panel<Outputs> ends{panels, place};
                    conv2d_block_pixels<V, G, Code, Count>(
                        weights + place * Code::bytes(elements), Code::values_at(elements),
                        row + x * G.stride_width * G.in_channels,
                        (y * G.out_width + x) * G.out_channels + group * G.group_outputs() + panel * panel_outputs,
                        ends);
                });
            });
        }
}

/// One pixel.
template <class V, conv_geometry G, class Order, class Code, class In, class Panels>
COMPRESS_INLINE void linear_blocks(const std::int8_t* weights, const In* input, const Panels& panels) {
    constexpr int elements = Order::block_elements;
    for_each_panel<G, Order>([&]<int Outputs>(int place) COMPRESS_LAMBDA_INLINE {
        alignas(64) std::int32_t sums[panel_outputs];
        block_row_sums<V, Code>(weights + place * Code::bytes(elements), Code::values_at(elements), input, sums);
        typename V::i32 pixel[1][V::vectors_per_panel];
        COMPRESS_UNROLL
        for (int j = 0; j < V::vectors_per_panel; ++j) pixel[0][j] = V::load(sums + j * V::lanes);
        const typename Panels::template panel<Outputs> ends{panels, place};
        ends.finish(pixel, place * panel_outputs);
    });
}

template <class V, conv_geometry G, class Order, class Code, bool Residual, class In, class Panels, class Executor>
COMPRESS_INLINE void conv2d_blocks(const std::int8_t* weights, const In* input, std::int32_t outside,
                                   const Panels& panels, const Executor& threads) {
    static_assert(Order::block_elements / panel_outputs / Code::word * V::lanes * 4 <= most_column_bytes,
                  "a layer with weights in blocks sums at most 4096 words (floats, or four int8) an output: give it "
                  "another pattern");
    if constexpr (G.one_run()) {
        linear_blocks<V, G, Order, Code>(weights, input, panels);
    } else {
        constexpr int parts = image_parts<Executor>(G.out_height);
        threads.parallel_for(parts, [&](int part) COMPRESS_LAMBDA_INLINE {
            const row_range range = rows_of_part<G>(part, parts);
            if constexpr (Code::rows == panel_outputs && G.one_tap())
                conv2d_block_panels<V, G, Order, Code, !Residual>(weights, input, range, panels);
            else
                conv2d_block_rows<V, G, Order, Code>(weights, input, outside, range, panels);
        });
    }
}

}  // namespace detail

/// The same as conv2d_fp32_reference with Code up to the order of the sums, over the vectors of `Isa`.
template <class Isa, conv_geometry Written, float_end End, class Code, executor Executor = serial>
COMPRESS_NOTHROW constexpr void conv2d_fp32_blocks(const std::int8_t* packed, const float* input, float* output,
                                                   const float* residual,
                                                   [[maybe_unused]] const Executor& threads = {}) {
    constexpr conv_geometry G = Written.flattened(wanted_parts<Executor>);
    if constexpr (!simd::has_vectors<Isa>) {
        conv2d_fp32_reference<G, End, Code>(packed, input, output, residual);
    } else {
        using V = simd::vector_unit<Isa>;
        using order = panel_order<G, 1>;
        const auto* bias = reinterpret_cast<const float*>(packed + float_sections<order, Code>::bias);
        const detail::float_panels<V, G, End> panels{bias, output, residual};
        detail::conv2d_blocks<V, G, order, Code, End.residual>(packed, input, 0, panels, threads);
    }
}

/// The same bytes as conv2d_int8_reference with Code, over the vectors of `Isa`.
template <class Isa, conv_geometry Written, bool Residual, class Code, class In, class Out, class Other,
          executor Executor = serial>
COMPRESS_NOTHROW constexpr void conv2d_int8_blocks(const std::int8_t* packed, const In* input, Out* output,
                                                   const Other* residual,
                                                   [[maybe_unused]] const Executor& threads = {}) {
    constexpr conv_geometry G = Written.flattened(wanted_parts<Executor>);
    if constexpr (!simd::has_vectors<Isa>) {
        conv2d_int8_reference<G, Residual, Code>(packed, input, output, residual);
    } else {
        using V = simd::vector_unit<Isa>;
        using order = panel_order<G, 4>;
        using sections = int8_sections<order, Residual, Code>;
        const int8_end end = int8_end::of<sections>(packed);
        const int8_parts parts = int8_parts::of<sections>(packed);
        const detail::int8_panels<V, G, Residual, Out, Other> panels{parts, end, output, residual};
        detail::conv2d_blocks<V, G, order, Code, Residual>(
            packed + sections::weights, input, detail::zero_point_word<V>(end.input_zero_point), panels, threads);
    }
}

}  // namespace tensor_compress
