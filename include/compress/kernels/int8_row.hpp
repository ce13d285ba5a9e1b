// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstring>

#include <compress/core/config.hpp>
#include <compress/kernels/decode.hpp>
#include <compress/kernels/int8_tile.hpp>

namespace tensor_compress::detail {

/// Whether the weights of a layer are decoded on their way to the product: those of a single output pixel, each of
/// which is used once. Groups have to be of whole chunks.
template <conv_geometry G, class Code>
constexpr bool decodes_in_registers() {
    if constexpr (Code::plain || picking_code<Code> || !G.one_run())
        return false;
    else if constexpr (requires { requires Code::group != 0; })
        return Code::group / 4 % Code::levels::chunk_vectors == 0;
    else
        return Code::stores_zero || G.run_length() % 4 == 0;
}

/// One panel's weights in their order, for one vector of outputs: those of vector F of chunk `c`.
template <class V, class Code>
class row_weights {
public:
    static constexpr int chunk_vectors = Code::chunk_vectors;

    COMPRESS_INLINE row_weights(const std::int8_t* panel, int, int part) : from_(panel + part) {}
    template <int F>
    COMPRESS_INLINE typename V::row_bytes at(int c) const {
        return decoder<Code>::template part<V, F>(from_ + c * Code::chunk_bytes);
    }

protected:
    const std::int8_t* from_;
};

template <class V, int Bits>
class row_weights<V, weight_code<tag::int8, tag::codebook<Bits>>> {
    using code = weight_code<tag::int8, tag::codebook<Bits>>;

public:
    static constexpr int chunk_vectors = code::levels::chunk_vectors;

    COMPRESS_INLINE row_weights(const std::int8_t* panel, int, int part)
        : table_(V::load_table(panel)),
          from_(panel + code::table_bytes + part) {}
    template <int F>
    COMPRESS_INLINE typename V::row_bytes at(int c) const {
        return decoder<code>::template part<V, F>(table_, from_ + c * code::levels::chunk_bytes);
    }

private:
    typename V::row_bytes table_;
    const std::int8_t* from_;
};

template <class V, int Percent>
class row_weights<V, weight_code<tag::int8, tag::unstructured<Percent>>> {
    using code = weight_code<tag::int8, tag::unstructured<Percent>>;

public:
    static constexpr int chunk_vectors = 1;

    COMPRESS_INLINE row_weights(const std::int8_t* panel, int elements, int part)
        : panel_(panel),
          elements_(elements),
          part_(part) {}
    template <int>
    COMPRESS_INLINE typename V::row_bytes at(int c) const {
        return decoder<code>::template part<V>(panel_, elements_, c, part_);
    }

private:
    const std::int8_t* panel_;
    int elements_, part_;
};

/// sums[j] += weights of vector j of outputs * `Terms` stored inputs in a row; panels are `Bytes` apart.
template <class V, class Code, int Terms, int Bytes, class Weights = row_weights<V, Code>>
struct row_product {
    static constexpr int steps = ceil_div(Terms, 4);
    using weights = Weights;
    static constexpr int chunk_terms = weights::chunk_vectors * 4, chunks = Terms / chunk_terms;

    /// `Count` vectors of a chunk, of whose last word the input may have just a `Tail`.
    template <int Count, int Tail, int Columns, class In, class Part>
    static COMPRESS_INLINE void add(typename V::i32 (&sums)[Columns], const In* input, const Part& part) {
        for_constants<Count>([&]<int F>() COMPRESS_LAMBDA_INLINE {
            std::int32_t word;
            if constexpr (F + 1 == Count && Tail != 0)
                word = tail_word_of<V, Tail>(input + F * 4);
            else
                word = word_of<V>(input + F * 4);
            const auto a = V::spread4(word);
            COMPRESS_UNROLL
            for (int j = 0; j < Columns; ++j)
                sums[j] = V::dot4(sums[j], a, V::weights_of(part.template operator()<F>(j)));
        });
    }
    template <int Columns, class In>
    static COMPRESS_INLINE void run(typename V::i32 (&sums)[Columns], const In* input, const std::int8_t* panels) {
        constexpr int vectors = V::vectors_per_panel;
        const auto of = [&](int j) COMPRESS_LAMBDA_INLINE {
            return weights(panels + j / vectors * Bytes, steps * code_vector, j % vectors * V::lanes * 4);
        };
        for (int c = 0; c < chunks; ++c)
            add<weights::chunk_vectors, 0>(sums, input + c * chunk_terms, [&]<int F>(int j) COMPRESS_LAMBDA_INLINE {
                return of(j).template at<F>(c);
            });
        add<steps - chunks * weights::chunk_vectors, Terms % 4>(
            sums, input + chunks * chunk_terms,
            [&]<int F>(int j) COMPRESS_LAMBDA_INLINE { return of(j).template at<F>(chunks); });
    }
};

/// 64 for a weight of -1, 0 for one of 1.
template <class V>
struct row_signs : row_weights<V, weight_code<tag::binary, tag::dense>> {
    using code = weight_code<tag::binary, tag::dense>;
    using row_weights<V, code>::row_weights;
    template <int F>
    COMPRESS_INLINE typename V::row_bytes at(int c) const {
        return decoder<code>::template bits<V, F, 7>(this->from_ + c * code::chunk_bytes);
    }
};

/// Weights of 1 and -1: the sum of all inputs less twice that of those with a weight of -1, whose bits are factors as
/// they are.
template <class V, int Terms, int Bytes>
struct row_product<V, weight_code<tag::binary, tag::dense>, Terms, Bytes> {
    using negative = row_product<V, weight_code<tag::binary, tag::dense>, Terms, Bytes, row_signs<V>>;

    template <int Columns, class In>
    static COMPRESS_INLINE void run(typename V::i32 (&sums)[Columns], const In* input, const std::int8_t* panels) {
        constexpr int bytes = 4 * V::lanes, whole = Terms / bytes * bytes;
        typename V::i32 all = V::zero(), negatives[Columns];
        const auto ones = V::weights_of(V::bytes_of(V::splat_int(0x01010101)));
        for (int k = 0; k < whole; k += bytes) all = V::dot4(all, V::activations_of(V::load_row(input + k)), ones);
        all = V::splat_int(V::sum_of(all));
        for (int k = whole; k < Terms; k += 4) all = V::dot4(all, V::spread4(word_of<V>(input + k)), ones);
        COMPRESS_UNROLL
        for (int j = 0; j < Columns; ++j) negatives[j] = V::zero();
        negative::run(negatives, input, panels);
        COMPRESS_UNROLL
        for (int j = 0; j < Columns; ++j)
            sums[j] = V::subtract(V::add(sums[j], all), V::template shift_right<5>(negatives[j]));
    }
};

/// sum over groups of step * (sum over the group of level * input). The levels are multiplied as level * unit, so each
/// group's sum is a multiple of `unit`.
template <class V, class Precision, int Size, int Terms, int Bytes>
struct row_product<V, weight_code<tag::grouped<Precision, Size>, tag::dense>, Terms, Bytes> {
    using code = weight_code<tag::grouped<Precision, Size>, tag::dense>;
    using group_product = row_product<V, typename code::levels, Size, Bytes>;
    static constexpr int group_bytes = code::levels::bytes(code::group_elements);

    template <int Columns, class In>
    static COMPRESS_INLINE void run(typename V::i32 (&sums)[Columns], const In* input, const std::int8_t* panels) {
        using i32 = typename V::i32;
        constexpr int vectors = V::vectors_per_panel;
        const std::int8_t* steps = panels + code::steps_at(Terms / 4 * code_vector);
        for (int k = 0; k < Terms; k += Size, panels += group_bytes, steps += panel_outputs) {
            i32 group[Columns];
            COMPRESS_UNROLL
            for (int j = 0; j < Columns; ++j) group[j] = V::zero();
            group_product::run(group, input + k, panels);
            COMPRESS_UNROLL
            for (int j = 0; j < Columns; ++j) {
                const i32 sum = V::template shift_right<std::countr_zero(static_cast<unsigned>(code::unit))>(group[j]);
                const i32 times = V::widen_bytes(steps + j / vectors * Bytes + j % vectors * V::lanes);
                sums[j] = V::add(sums[j], V::multiply(sum, times));
            }
        }
    }
};

/// Each output picks its own inputs, as many as weights are stored: a vector of values is of `word_terms` inputs.
template <class V, class Precision, int Kept, int Terms, int Bytes>
struct row_product<V, weight_code<Precision, tag::n_of_m<Kept, 4>>, Terms, Bytes> {
    using code = weight_code<Precision, tag::n_of_m<Kept, 4>>;
    static constexpr int elements = ceil_div(Terms, 4) * code_vector;
    static constexpr int word_terms = 4 * code::steps_per_vector, unit_terms = 4 * word_terms;
    static constexpr int unit_bytes = code::values::bytes(4 * code_vector);

    /// `Count` vectors of a unit, of the last one of which the input may have just a `Tail`.
    template <int Count, int Tail, int Columns, class In>
    static COMPRESS_INLINE void add(typename V::i32 (&sums)[Columns], const In* input, const std::int8_t* panels,
                                    int u) {
        constexpr int vectors = V::vectors_per_panel;
        typename V::row_bytes places[Columns];
        const auto part = [&](int j) COMPRESS_LAMBDA_INLINE {
            return panels + j / vectors * Bytes + j % vectors * V::lanes * 4;
        };
        COMPRESS_UNROLL
        for (int j = 0; j < Columns; ++j)
            places[j] = V::load_code(part(j) + code::places_at(elements) + u * code_vector);
        for_constants<Count>([&]<int F>() COMPRESS_LAMBDA_INLINE {
            typename V::row_bytes word_inputs;
            if constexpr (F + 1 == Count && Tail != 0) {
                In word[word_terms]{};
                std::memcpy(word, input + F * word_terms, Tail);
                word_inputs = V::template load_words_of<word_terms>(word);
            } else {
                word_inputs = V::template load_words_of<word_terms>(input + F * word_terms);
            }
            COMPRESS_UNROLL
            for (int j = 0; j < Columns; ++j) {
                const auto picked = V::look_up(word_inputs, decoder<code>::template inputs_of<V, F>(places[j]));
                const auto values = decoder<code>::template value_words<V, F>(part(j) + u * unit_bytes);
                sums[j] = V::dot4(sums[j], V::activations_of(picked), V::weights_of(V::bytes_of(values)));
            }
        });
    }
    template <int Columns, class In>
    static COMPRESS_INLINE void run(typename V::i32 (&sums)[Columns], const In* input, const std::int8_t* panels) {
        constexpr int units = Terms / unit_terms;
        for (int u = 0; u < units; ++u) add<4, 0>(sums, input + u * unit_terms, panels, u);
        if constexpr (Terms % unit_terms != 0)
            add<ceil_div(Terms % unit_terms, word_terms), Terms % word_terms>(sums, input + units * unit_terms, panels,
                                                                              units);
    }
};

/// One pixel x Panels panels of outputs: `Terms` stored inputs in a row.
template <class V, class Code, int Terms, int Panels, int Last, bool Residual, class In, class Block, class End,
          class Out, class Other>
COMPRESS_NOINLINE void int8_row(const In* input, const Block& block, const End& end, Out* output,
                                const Other* residual) {
    constexpr int columns = Panels * V::vectors_per_panel;
    typename V::i32 sums[1][columns];
    COMPRESS_UNROLL
    for (int j = 0; j < columns; ++j) sums[0][j] = block.start(j);
    row_product<V, Code, Terms, Code::bytes(ceil_div(Terms, 4) * code_vector)>::run(sums[0], input, block.weights);
    finish_int8_tile<V, Panels, Last, Residual, 0>(block, end, sums, output, residual);
}

}  // namespace tensor_compress::detail
