// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>

#include <compress/core/config.hpp>
#include <compress/kernels/int8_end.hpp>
#include <compress/kernels/int8_scaling.hpp>
#include <compress/kernels/tiling.hpp>
#include <compress/storage/n_of_m_code.hpp>

namespace tensor_compress::detail {

/// Four stored bytes as one word in the order of memory, in the form the vector unit multiplies (+ 128 on x86).
template <class V, class In>
COMPRESS_INLINE std::int32_t word_of(const In* p) {
    std::int32_t word;
    std::memcpy(&word, p, 4);
    if constexpr (stored_offset<typename V::activation> != stored_offset<In>)
        word ^= static_cast<std::int32_t>(0x80808080u);
    return word;
}
/// Bytes after a run that its last word also holds. They meet weights of zero; a pixel after the run is there for them,
/// except at the end of a row, where tiles count as edges for it.
template <conv_geometry G>
inline constexpr int word_overreach = G.merged() && G.out_width > 1 && G.run_length() % 4 != 0 ? 4 - G.run_length() % 4
                                                                                               : 0;

/// The last `Count` bytes of a run; the weights beyond it are zero. Put together in a register: a word loaded where
/// single bytes were just stored waits for them.
template <class V, int Count, class In>
COMPRESS_INLINE std::int32_t tail_word_of(const In* p) {
    if constexpr (Count == 4) return word_of<V>(p);
    std::uint32_t word = 0;
    for (int i = 0; i < Count; ++i) word |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(p[i])) << (8 * i);
    if constexpr (stored_offset<typename V::activation> != stored_offset<In>) word ^= 0x80808080u;
    return static_cast<std::int32_t>(word);
}
COMPRESS_INLINE void widen_word(std::int32_t word, std::int32_t& even, std::int32_t& odd) {
    even = word & 0x00ff00ff;
    odd = static_cast<std::int32_t>(static_cast<std::uint32_t>(word) >> 8) & 0x00ff00ff;
}
template <class V>
COMPRESS_INLINE std::int32_t zero_point_word(std::int32_t zero_point) {
    return static_cast<std::int32_t>(
        (static_cast<std::uint32_t>(zero_point + stored_offset<typename V::activation>) & 0xffu) * 0x01010101u);
}

/// What is multiplied of one block of panels: weights as int8, panel after panel, and activations.
template <class V>
struct byte_operands {
    static constexpr bool widened = false;  ///< before they are multiplied
    static constexpr int step_terms = 4;    ///< of each output, in a vector of operands
    using operand = typename V::bytes4;
    const std::int8_t* weights;

    /// Weights of a panel of so many, from element `offset` on, of the outputs from `lane` on.
    template <int PanelElements>
    COMPRESS_INLINE operand weights_at(int panel, int offset, int lane) const {
        return V::load_weights(weights + panel * PanelElements + offset + lane * 4);
    }
    /// The terms of a pixel in a step, where it points at them and where they are one word all along.
    template <class In>
    static COMPRESS_INLINE typename V::bytes4 inputs(const In* p) {
        return V::spread4(word_of<V>(p));
    }
    static COMPRESS_INLINE typename V::bytes4 inputs_of(std::int32_t word) { return V::spread4(word); }
    static COMPRESS_INLINE typename V::i32 add(typename V::i32 sum, typename V::bytes4 a, operand w) {
        return V::dot4(sum, a, w);
    }
};

/// Weights in twice the bytes, as vectors of 16 bits are multiplied where there is no dot product of bytes.
template <class V>
struct wide_operands : byte_operands<V> {
    static constexpr bool widened = true;

    template <int PanelElements>
    COMPRESS_INLINE typename V::bytes4 weights_at(int panel, int offset, int lane) const {
        return V::load_wide(this->weights + 2 * (panel * PanelElements + offset + lane * 4));
    }
};

/// Weights and biases of one block of panels, and its factors in the form that vectors are scaled with, made once a
/// block.
template <class V, int Panels, class Operands = byte_operands<V>>
struct int8_block : Operands {
    const std::int32_t* bias;
    const std::int32_t* weight_sum;
    int8_scaling<V, Panels * V::vectors_per_panel> scaling;

    COMPRESS_INLINE int8_block(const std::int8_t* plain, const int8_parts& parts, int panel)
        : Operands{plain},
          bias(words_of(parts.bias) + panel * panel_outputs),
          weight_sum(words_of(parts.weight_sum) + panel * panel_outputs),
          scaling(words_of(parts.multiplier) + panel * panel_outputs, parts.shift + panel * panel_outputs) {}

    /// Sums before the first product: the bias, less 128 times the weights where activations are stored 128 higher.
    COMPRESS_INLINE typename V::i32 start(int j) const {
        const auto start = V::load(bias + j * V::lanes);
        if constexpr (stored_offset<typename V::activation> == 128)
            return V::subtract(start, V::template shift_left<7>(V::load(weight_sum + j * V::lanes)));
        else
            return start;
    }
};

template <class V>
COMPRESS_NOINLINE void widen_weights(const std::int8_t* from, int bytes, std::int8_t* to) {
    constexpr int step = 4 * V::lanes;
    for (int at = 0; at < bytes; at += step) V::store_wide(to + 2 * at, to + 2 * at + step, V::load_weights(from + at));
}
/// `Words` words of a row of activations likewise, even bytes and odd ones apart.
template <class V, int Words, class In>
COMPRESS_INLINE void widen_row(const In* from, std::int32_t* even, std::int32_t* odd) {
    constexpr int whole = Words / V::lanes * V::lanes;
    for (int s = 0; s < whole; s += V::lanes)
        V::store_wide(even + s, odd + s, V::unsigned_operand(V::load_row(from + 4 * s)));
    for (int s = whole; s < Words; ++s) widen_word(word_of<V>(from + 4 * s), even[s], odd[s]);
}

/// Weights of which each says which input of its step it is of.
template <class V, class Code>
struct picked_operands : byte_operands<V> {
    static constexpr int step_terms = Code::step_terms;
    struct operand {
        typename V::bytes4 values;
        typename V::row_bytes places;
    };

    template <int PanelElements>
    COMPRESS_INLINE operand weights_at(int panel, int offset, int lane) const {
        const std::int8_t* values =
            this->weights + panel * Code::bytes(PanelElements) + Code::values_at(offset / code_vector) + lane * 4;
        return {V::load_weights(values), V::load_code(values + code_vector)};
    }
    template <class In>
    static COMPRESS_INLINE typename V::row_bytes inputs(const In* p) {
        return V::template load_words_of<step_terms>(p);
    }
    static COMPRESS_INLINE typename V::row_bytes inputs_of(std::int32_t word) {
        return V::bytes_of(V::splat_int(word));
    }
    static COMPRESS_INLINE typename V::i32 add(typename V::i32 sum, typename V::row_bytes a, const operand& w) {
        return V::dot4(sum, V::activations_of(V::look_up(a, w.places)), w.values);
    }
};

}  // namespace tensor_compress::detail
