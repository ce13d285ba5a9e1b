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

/// How many sums are added up side by side where there are so many of their own accord, so that a product need not wait
/// for the one before it: eight of them hide the latency of two multipliers.
constexpr int side_by_side(int chains) { return chains >= 8 ? 1 : chains >= 4 ? 2 : 4; }

/// `Count` sums, each in `Copies` parts.
template <class Product, int Copies, int Count>
struct split_sums {
    typename Product::sum at[Copies][Count];

    COMPRESS_INLINE split_sums() {
        COMPRESS_UNROLL
        for (int i = 0; i < Copies * Count; ++i) at[i / Count][i % Count] = Product::zero();
    }
    template <class A, class W>
    COMPRESS_INLINE void add(int copy, int i, A a, W w) {
        at[copy % Copies][i] = Product::multiply(at[copy % Copies][i], a, w);
    }
    COMPRESS_INLINE typename Product::sum total(int i) const {
        typename Product::sum sum = at[0][i];
        COMPRESS_UNROLL
        for (int copy = 1; copy < Copies; ++copy) sum = Product::add(sum, at[copy][i]);
        return sum;
    }
};

/// f.template operator()<Turn>(block) for blocks `begin` to before `end`, `Together` at a time with turns from 0 on;
/// those that are left all have turn 0.
template <int Together, class F>
COMPRESS_INLINE void in_turns(int begin, int end, const F& f) {
    int block = begin;
    if constexpr (Together > 1)
        for (; block + Together <= end; block += Together)
            for_constants<Together>([&]<int Turn>()
                                        COMPRESS_LAMBDA_INLINE { f.template operator()<Turn>(block + Turn); });
    for (; block < end; ++block) f.template operator()<0>(block);
}

/// sums[output of a panel][pixel] over the columns of `Vectors` vectors of pixels.
template <class V, class Code, int Vectors>
COMPRESS_NOINLINE void block_sums(const std::int8_t* panel, int values_at, const std::int32_t* words,
                                  std::int32_t* sums) {
    using product = word_product<V, typename Code::value>;
    constexpr int pixels = Vectors * V::lanes, value_bytes = sizeof(typename Code::value);
    // As many rows of a block at once as there are registers for.
    constexpr int room = (V::registers - 2) / Vectors;
    constexpr int rows = Code::rows <= room ? Code::rows : room >= 8 ? 8 : room >= 4 ? 4 : 2;
    constexpr int copies = side_by_side(rows * Vectors), together = copies > Code::words ? copies / Code::words : 1;
    int begin = 0;
    for (int group = 0; group < Code::groups; ++group) {
        const int end = Code::end_of(panel, group);
        for (int row = 0; row < Code::rows; row += rows) {
            split_sums<product, copies, rows * Vectors> s;
            in_turns<together>(begin, end, [&]<int Turn>(int block) COMPRESS_LAMBDA_INLINE {
                const std::int8_t* values = panel + values_at + block * Code::width * value_bytes;
                const std::int32_t* from = words + Code::place_of(panel, block) * Code::words * pixels;
                for_constants<Code::words>([&]<int C>() COMPRESS_LAMBDA_INLINE {
                    COMPRESS_UNROLL
                    for (int r = 0; r < rows; ++r) {
                        const auto w =
                            product::one_weight(values + Code::value_index(row + r, C * Code::word) * value_bytes);
                        COMPRESS_UNROLL
                        for (int j = 0; j < Vectors; ++j)
                            s.add(Turn * Code::words + C, r * Vectors + j,
                                  product::inputs(from + C * pixels + j * V::lanes), w);
                    }
                });
            });
            COMPRESS_UNROLL
            for (int i = 0; i < rows * Vectors; ++i)
                product::store(sums + (group * Code::rows + row) * pixels + i * V::lanes, s.total(i));
        }
        begin = end;
    }
}

}  // namespace tensor_compress::detail
