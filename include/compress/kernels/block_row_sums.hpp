// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

#include <compress/kernels/block_sums.hpp>

namespace tensor_compress::detail {

/// The widest unit whose vectors fill `Words` words evenly.
template <class V, int Words>
struct fitting_unit {
    using type = typename std::conditional_t<Words % V::lanes == 0, std::type_identity<V>,
                                             fitting_unit<typename V::half, Words>>::type;
};
template <class V, int Words>
requires(V::lanes == 4) struct fitting_unit<V, Words> {
    using type = V;
};

/// A panel whose blocks meet a single pixel.
template <class Code, class In>
struct block_row {
    static constexpr int value_bytes = sizeof(typename Code::value);
    const std::int8_t *panel, *values;
    const In* input;

    COMPRESS_INLINE const std::int8_t* values_of(int block) const { return values + block * Code::width * value_bytes; }
    COMPRESS_INLINE const In* inputs_of(int block) const {
        return input + Code::place_of(panel, block) * Code::columns;
    }
};

/// The sum of single weights `begin` to before `end`: their inputs are gathered.
template <class V, class Code>
COMPRESS_INLINE void gathered_sum(const block_row<Code, float>& row, int begin, int end, std::int32_t* to) {
    using product = word_product<V, float>;
    split_sums<product, 2, 1> s;
    const auto* values = reinterpret_cast<const float*>(row.values);
    const std::int8_t* places = row.panel + Code::places_at;
    int at = begin;
    for (; at + 2 * V::lanes <= end; at += 2 * V::lanes)
        for_constants<2>([&]<int Half>() COMPRESS_LAMBDA_INLINE {
            const int first = at + Half * V::lanes;
            s.add(Half, 0, V::gather(row.input, places + 2 * first), V::load(values + first));
        });
    for (; at < end; at += V::lanes) {
        const int left = end - at < V::lanes ? end - at : V::lanes;
        s.add(0, 0, V::gather_first(row.input, places + 2 * at, left), V::load_first(values + at, left));
    }
    product::store_total(to, s.total(0));
}

/// The sums of a group of outputs with vectors along the inputs of a block.
template <class V, class Code, class In>
COMPRESS_INLINE void sums_along_inputs(const block_row<Code, In>& row, int begin, int end, std::int32_t* to) {
    using U = typename fitting_unit<V, Code::words>::type;
    using product = word_product<U, typename Code::value>;
    constexpr int parts = Code::words / U::lanes, copies = side_by_side(Code::rows * parts) > 1 ? 2 : 1;
    split_sums<product, copies, Code::rows> s;
    in_turns<copies>(begin, end, [&]<int Turn>(int block) COMPRESS_LAMBDA_INLINE {
        for_constants<parts>([&]<int Part>() COMPRESS_LAMBDA_INLINE {
            const auto a = product::inputs(row.inputs_of(block) + Part * U::lanes * Code::word);
            const std::int8_t* values = row.values_of(block) + Part * U::lanes * 4;
            COMPRESS_UNROLL
            for (int r = 0; r < Code::rows; ++r)
                s.add(Turn, r, a, product::weights(values + r * Code::columns * row.value_bytes));
        });
    });
    COMPRESS_UNROLL
    for (int r = 0; r < Code::rows; ++r) product::store_total(to + r, s.total(r));
}

/// The same with vectors along the outputs.
template <class V, class Code, class In>
COMPRESS_INLINE void sums_along_outputs(const block_row<Code, In>& row, int begin, int end, std::int32_t* to) {
    using U = typename fitting_unit<V, Code::rows>::type;
    using product = word_product<U, typename Code::value>;
    constexpr int parts = Code::rows / U::lanes, copies = parts < 4 ? 4 : 1;
    split_sums<product, copies, parts> s;
    in_turns<copies>(begin, end, [&]<int Turn>(int block) COMPRESS_LAMBDA_INLINE {
        for_constants<Code::words>([&]<int C>() COMPRESS_LAMBDA_INLINE {
            const auto a = product::one_input(row.inputs_of(block) + C * Code::word);
            const std::int8_t* values = row.values_of(block) + C * Code::rows * 4;
            COMPRESS_UNROLL
            for (int part = 0; part < parts; ++part)
                s.add(Turn, part, a, product::weights(values + part * U::lanes * 4));
        });
    });
    COMPRESS_UNROLL
    for (int part = 0; part < parts; ++part) product::store(to + part * U::lanes, s.total(part));
}

/// sums[output of a panel] of a single pixel.
template <class V, class Code, class In>
COMPRESS_NOINLINE void block_row_sums(const std::int8_t* panel, int values_at, const In* input, std::int32_t* sums) {
    const block_row<Code, In> row{panel, panel + values_at, input};
    int begin = 0;
    for (int group = 0; group < Code::groups; ++group, sums += Code::rows) {
        const int end = Code::end_of(panel, group);
        if constexpr (Code::width == 1)
            gathered_sum<V>(row, begin, end, sums);
        else if constexpr (Code::along_inputs)
            sums_along_inputs<V>(row, begin, end, sums);
        else
            sums_along_outputs<V>(row, begin, end, sums);
        begin = end;
    }
}

}  // namespace tensor_compress::detail
