// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/bytes.hpp>
#include <compress/kernels/elementwise.hpp>
#include <compress/kernels/quantize_range.hpp>
#include <compress/kernels/rearrange.hpp>
#include <compress/layers/layer.hpp>
#include <compress/storage/dynamic_code.hpp>
#include <compress/storage/parameters.hpp>

namespace tensor_compress::layers {

/// Between precisions, or a copy within one.
template <int Count, element From, element To>
struct convert {
    static constexpr int packed_bytes = From == To ? 0 : affine_bytes;
    static constexpr long long multiply_adds = 0;

    /// @param  a  parameters of the int8 side
    static constexpr void pack(std::int8_t* to, affine a) {
        if constexpr (packed_bytes != 0) pack_affine(to, a);
    }
    template <class Isa = native, class In, class Out>
    COMPRESS_NOTHROW static constexpr void run(const std::int8_t* packed, const In* input, Out* output) {
        if constexpr (From == To)
            copy_elements<Count>(input, output);
        else if constexpr (To == element::signed8)
            quantize_elements<Isa, Count>(unpack_affine(packed), input, output);
        else
            dequantize_elements<Isa, Count>(unpack_affine(packed), input, output);
    }
};

/// Values as bytes whose 256 steps cover the range that they have at this run, then the scale and zero point:
/// ranged_bytes(Count), for layers of a `dynamic` precision.
template <int Count>
struct quantize_range {
    static constexpr int packed_bytes = 0;
    static constexpr long long multiply_adds = 0;

    template <class Isa = native, class Out>
    COMPRESS_NOTHROW static void run(const std::int8_t*, const float* input, Out* output) {
        const affine steps = affine_of_values<Isa, Count>(input);
        quantize_elements<Isa, Count>(steps, input, output);
        pack_affine(reinterpret_cast<std::int8_t*>(output) + ranged_affine_at(Count), steps);
    }
};

/// Extents of an image and what is put around it, as constants.
struct pad_geometry {
    int height, width, channels, top, left, bottom, right;
};

/// Rows and columns of one value around an image.
template <pad_geometry G, class Precision>
struct pad {
    static constexpr int packed_bytes = 4;
    static constexpr long long multiply_adds = 0;

    static constexpr void pack(std::int8_t* to, float fill, affine a) {
        if constexpr (Precision::activation == element::float32)
            store_bytes(to, fill);
        else
            store_bytes<std::int32_t>(to, quantize(fill, a));
    }
    template <class Isa = native, class In, class Out>
    COMPRESS_NOTHROW static constexpr void run(const std::int8_t* packed, const In* input, Out* output) {
        using fill = std::conditional_t<Precision::activation == element::float32, float, std::int32_t>;
        pad_image<G.height, G.width, G.channels, G.top, G.left, G.bottom, G.right>(input, output,
                                                                                   load_bytes<fill>(packed));
    }
};

/// Axis i of the output is axis Order[i] of the input.
template <shape From, int A, int B, int C, int D>
struct transpose {
    static constexpr int packed_bytes = 0;
    static constexpr long long multiply_adds = 0;

    template <class Isa = native, class In, class Out>
    COMPRESS_NOTHROW static constexpr void run(const std::int8_t*, const In* input, Out* output) {
        constexpr int order[max_rank] = {A, B, C, D};
        transpose_elements(From, order, input, output);
    }
};

/// Values side by side: `Outer` rows, of which part i has `Pieces[i]` elements. int8 parts come in scales of their own
/// and are brought to that of the whole by a table each.
template <int Outer, class Precision, int... Pieces>
struct concat {
    static constexpr bool tables = Precision::activation == element::signed8;
    static constexpr int packed_bytes = tables ? 256 * static_cast<int>(sizeof...(Pieces)) : 0;
    static constexpr long long multiply_adds = 0;

    static constexpr void pack(std::int8_t* to, const affine* parts, affine whole) {
        if constexpr (tables)
            for (int i = 0; i < static_cast<int>(sizeof...(Pieces)); ++i)
                for (int q = -128; q < 128; ++q)
                    *to++ = parts[i] == whole ? static_cast<std::int8_t>(q)
                                              : quantize(dequantize(static_cast<std::int8_t>(q), parts[i]), whole);
    }
    template <class Isa = native, class Out, class... In>
    COMPRESS_NOTHROW static constexpr void run(const std::int8_t* packed, Out* output, const In*... inputs) {
        constexpr int stride = (Pieces + ...);
        const auto place = [&]<int Piece>(const auto* input) {
            if constexpr (tables) {
                place_pieces<Outer, Piece, stride>(input, output, [&](auto q) {
                    constexpr int offset = stored_offset<decltype(q)>;
                    return static_cast<Out>(packed[q - offset + 128] + stored_offset<Out>);
                });
                packed += 256;
            } else {
                place_pieces<Outer, Piece, stride>(input, output, [](float v) { return v; });
            }
            output += Piece;
        };
        (place.template operator()<Pieces>(inputs), ...);
    }
};

}  // namespace tensor_compress::layers
