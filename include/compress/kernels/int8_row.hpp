// SPDX-License-Identifier: MIT
#pragma once

#include <bit>

#include <compress/core/config.hpp>
#include <compress/kernels/decode.hpp>
#include <compress/kernels/int8_tile.hpp>

namespace tensor_compress::detail {

/// Whether the weights of a layer are decoded on their way to the product: those of a single output pixel, each of
/// which is used once. Groups have to be of whole chunks.
template <conv_geometry G, class Code>
constexpr bool decodes_in_registers() {
    if constexpr (!requires { Code::group; })
        return false;
    else
        return Code::group / 4 % Code::levels::chunk_vectors == 0 && G.one_run() &&
               (Code::stores_zero || G.run_length() % 4 == 0);
}

/// One pixel x Panels panels of outputs: `Terms` stored inputs in a row.
///
/// With groups: sum over groups of step * (sum over the group of level * input). The levels are multiplied as level *
/// unit, so each group's sum is a multiple of `unit`.
template <class V, class Code, int Terms, int Panels, int Last, bool Residual, class In, class Out, class Other>
COMPRESS_NOINLINE void int8_row(const In* input, const int8_block<V, Panels>& block, const int8_end& end, Out* output,
                                const Other* residual) {
    using i32 = typename V::i32;
    using levels = typename Code::levels;
    constexpr int vectors = V::vectors_per_panel, columns = Panels * vectors;
    constexpr int steps = ceil_div(Terms, 4), tail = Terms % 4;
    constexpr int chunk_terms = levels::chunk_vectors * 4, chunks = Terms / chunk_terms;
    constexpr int group_chunks = Code::group / 4 / levels::chunk_vectors;
    constexpr int panel_bytes = Code::bytes(steps * code_vector);
    i32 sums[1][columns];
    COMPRESS_UNROLL
    for (int j = 0; j < columns; ++j) sums[0][j] = block.start(j);

    const auto step = [&]<int F>(i32(&to)[columns], const std::int8_t* chunk, std::int32_t word)
                          COMPRESS_LAMBDA_INLINE {
                              const auto a = V::spread4(word);
                              COMPRESS_UNROLL
                              for (int j = 0; j < columns; ++j)
                                  to[j] = V::dot4(to[j], a,
                                                  V::weights_of(decoder<levels>::template part<V, F>(
                                                      chunk + j / vectors * panel_bytes + j % vectors * V::lanes * 4)));
                          };
    const auto whole_chunk = [&](i32(&to)[columns], int c) COMPRESS_LAMBDA_INLINE {
        for_constants<levels::chunk_vectors>([&]<int F>() COMPRESS_LAMBDA_INLINE {
            step.template operator()<F>(to, block.weights + c * levels::chunk_bytes,
                                        word_of<V>(input + c * chunk_terms + F * 4));
        });
    };
    if constexpr (group_chunks > 0) {
        const std::int8_t* group_steps = block.weights + Code::steps_at(steps * code_vector);
        for (int c = 0; c < chunks; c += group_chunks, group_steps += panel_outputs) {
            i32 group[columns];
            COMPRESS_UNROLL
            for (int j = 0; j < columns; ++j) group[j] = V::zero();
            for (int k = 0; k < group_chunks; ++k) whole_chunk(group, c + k);
            COMPRESS_UNROLL
            for (int j = 0; j < columns; ++j) {
                const i32 sum = V::template shift_right<std::countr_zero(static_cast<unsigned>(Code::unit))>(group[j]);
                const i32 times = V::widen_bytes(group_steps + j / vectors * panel_bytes + j % vectors * V::lanes);
                sums[0][j] = V::add(sums[0][j], V::multiply(sum, times));
            }
        }
    } else {
        for (int c = 0; c < chunks; ++c) whole_chunk(sums[0], c);
        for_constants<steps - chunks * levels::chunk_vectors>([&]<int F>() COMPRESS_LAMBDA_INLINE {
            constexpr int at = chunks * chunk_terms + F * 4;
            const std::int8_t* chunk = block.weights + chunks * levels::chunk_bytes;
            if constexpr (at + 4 <= Terms)
                step.template operator()<F>(sums[0], chunk, word_of<V>(input + at));
            else
                step.template operator()<F>(sums[0], chunk, tail_word_of<V, tail>(input + at));
        });
    }
    finish_int8_tile<V, Panels, Last, Residual, 0>(block, end, sums, output, residual);
}

}  // namespace tensor_compress::detail
