// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>

#include <compress/kernels/columns.hpp>
#include <compress/storage/block_code.hpp>

namespace tensor_compress::detail {

/// How stored weights are multiplied: floats one by one, int8 in fours.
template <class V, class Value>
struct word_product {
    using sum = typename V::f32;
    static COMPRESS_INLINE sum zero() { return V::splat(0.0f); }
    static COMPRESS_INLINE sum add(sum a, sum b) { return V::add(a, b); }
    static COMPRESS_INLINE auto inputs(const std::int32_t* words) {
        return V::load(reinterpret_cast<const float*>(words));
    }
    static COMPRESS_INLINE auto inputs(const float* p) { return V::load(p); }
    static COMPRESS_INLINE auto one_input(const float* p) { return V::splat(*p); }
    static COMPRESS_INLINE auto weights(const std::int8_t* p) { return V::load(reinterpret_cast<const float*>(p)); }
    static COMPRESS_INLINE auto one_weight(const std::int8_t* p) { return V::splat(load(p)); }
    template <class A, class W>
    static COMPRESS_INLINE sum multiply(sum s, A a, W w) {
        return V::madd(a, w, s);
    }
    static COMPRESS_INLINE float load(const std::int8_t* p) {
        float value;
        std::memcpy(&value, p, 4);
        return value;
    }
    static COMPRESS_INLINE auto bits(sum s) { return V::float_as_bits(s); }
    static COMPRESS_INLINE void store(std::int32_t* to, sum s) { V::store(to, bits(s)); }
    static COMPRESS_INLINE void store_total(std::int32_t* to, sum s) {
        const float total = V::sum_of(s);
        std::memcpy(to, &total, 4);
    }
};
template <class V>
struct word_product<V, std::int8_t> {
    using sum = typename V::i32;
    static COMPRESS_INLINE sum zero() { return V::zero(); }
    static COMPRESS_INLINE sum add(sum a, sum b) { return V::add(a, b); }
    template <class In>
    static COMPRESS_INLINE auto inputs(const In* p) {
        return V::load_activations(p);
    }
    template <class In>
    static COMPRESS_INLINE auto one_input(const In* p) {
        return V::spread4(word_of<V>(p));
    }
    static COMPRESS_INLINE auto weights(const std::int8_t* p) { return V::load_weights(p); }
    static COMPRESS_INLINE auto one_weight(const std::int8_t* p) { return V::spread_weights(p); }
    template <class A, class W>
    static COMPRESS_INLINE sum multiply(sum s, A a, W w) {
        return V::dot4(s, a, w);
    }
    static COMPRESS_INLINE sum bits(sum s) { return s; }
    static COMPRESS_INLINE void store(std::int32_t* to, sum s) { V::store(to, s); }
    static COMPRESS_INLINE void store_total(std::int32_t* to, sum s) { *to = V::sum_of(s); }
};

/// Sums that are added up side by side, so that a product need not wait for the one before it: eight of them hide the
/// latency of two multipliers.
constexpr int side_by_side(int chains) { return chains >= 8 ? 1 : chains >= 4 ? 2 : 4; }

/// sums[output of a panel][pixel] over the columns of `Vectors` vectors of pixels.
template <class V, class Code, int Vectors>
COMPRESS_NOINLINE void block_sums(const std::int8_t* panel, int values_at, const std::int32_t* words,
                                  std::int32_t* sums) {
    using product = word_product<V, typename Code::value>;
    constexpr int pixels = Vectors * V::lanes;
    // As many rows of a block at once as there are registers for.
    constexpr int room = (V::registers - 2) / Vectors;
    constexpr int rows = Code::rows <= room ? Code::rows : room >= 8 ? 8 : room >= 4 ? 4 : 2;
    constexpr int copies = side_by_side(rows * Vectors);
    constexpr int value_bytes = sizeof(typename Code::value);
    int begin = 0;
    for (int group = 0; group < Code::groups; ++group) {
        const int end = Code::end_of(panel, group);
        for (int row = 0; row < Code::rows; row += rows) {
            typename product::sum s[copies][rows][Vectors];
            COMPRESS_UNROLL
            for (int i = 0; i < copies * rows * Vectors; ++i)
                s[i / (rows * Vectors)][i / Vectors % rows][i % Vectors] = product::zero();
            const auto multiply = [&]<int Copy>(int block) COMPRESS_LAMBDA_INLINE {
                const std::int8_t* values = panel + values_at + block * Code::width * value_bytes;
                const std::int32_t* from = words + Code::place_of(panel, block) * Code::words * pixels;
                for_constants<Code::words>([&]<int C>() COMPRESS_LAMBDA_INLINE {
                    COMPRESS_UNROLL
                    for (int r = 0; r < rows; ++r) {
                        const auto w =
                            product::one_weight(values + Code::value_index(row + r, C * Code::word) * value_bytes);
                        COMPRESS_UNROLL
                        for (int j = 0; j < Vectors; ++j) {
                            auto& to = s[(Copy * Code::words + C) % copies][r][j];
                            to = product::multiply(to, product::inputs(from + C * pixels + j * V::lanes), w);
                        }
                    }
                });
            };
            int block = begin;
            if constexpr (copies > Code::words) {
                constexpr int together = copies / Code::words;
                for (; block + together <= end; block += together)
                    for_constants<together>(
                        [&]<int Copy>() COMPRESS_LAMBDA_INLINE { multiply.template operator()<Copy>(block + Copy); });
            }
            for (; block < end; ++block) multiply.template operator()<0>(block);
            COMPRESS_UNROLL
            for (int r = 0; r < rows; ++r) {
                COMPRESS_UNROLL
                for (int j = 0; j < Vectors; ++j) {
                    typename product::sum total = s[0][r][j];
                    COMPRESS_UNROLL
                    for (int copy = 1; copy < copies; ++copy) total = product::add(total, s[copy][r][j]);
                    product::store(sums + (group * Code::rows + row + r) * pixels + j * V::lanes, total);
                }
            }
        }
        begin = end;
    }
}

}  // namespace tensor_compress::detail
