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

/// sums[output of a panel] of a single pixel.
template <class V, class Code, class In>
COMPRESS_NOINLINE void block_row_sums(const std::int8_t* panel, int values_at, const In* input, std::int32_t* sums) {
    constexpr int value_bytes = sizeof(typename Code::value);
    int begin = 0;
    for (int group = 0; group < Code::groups; ++group) {
        const int end = Code::end_of(panel, group);
        const auto values_of = [&](int block) COMPRESS_LAMBDA_INLINE {
            return panel + values_at + block * Code::width * value_bytes;
        };
        const auto inputs_of = [&](int block) COMPRESS_LAMBDA_INLINE {
            return input + Code::place_of(panel, block) * Code::columns;
        };
        if constexpr (Code::width == 1) {
            typename V::f32 s[2] = {V::splat(0.0f), V::splat(0.0f)};
            const auto* values = reinterpret_cast<const float*>(values_of(0));
            const std::int8_t* places = panel + Code::places_at;
            int at = begin;
            for (; at + 2 * V::lanes <= end; at += 2 * V::lanes) {
                s[0] = V::madd(V::gather(input, places + 2 * at), V::load(values + at), s[0]);
                s[1] = V::madd(V::gather(input, places + 2 * (at + V::lanes)), V::load(values + at + V::lanes), s[1]);
            }
            for (; at < end; at += V::lanes) {
                const int left = end - at < V::lanes ? end - at : V::lanes;
                s[0] = V::madd(V::gather_first(input, places + 2 * at, left), V::load_first(values + at, left), s[0]);
            }
            word_product<V, float>::store_total(sums + group, V::add(s[0], s[1]));
        } else if constexpr (Code::along_inputs) {
            using U = typename fitting_unit<V, Code::words>::type;
            using product = word_product<U, typename Code::value>;
            constexpr int parts = Code::words / U::lanes, copies = side_by_side(Code::rows * parts) > 1 ? 2 : 1;
            typename product::sum s[copies][Code::rows];
            COMPRESS_UNROLL
            for (int i = 0; i < copies * Code::rows; ++i) s[i / Code::rows][i % Code::rows] = product::zero();
            const auto multiply = [&]<int Copy>(int block) COMPRESS_LAMBDA_INLINE {
                for_constants<parts>([&]<int Part>() COMPRESS_LAMBDA_INLINE {
                    const auto a = product::inputs(inputs_of(block) + Part * U::lanes * Code::word);
                    COMPRESS_UNROLL
                    for (int r = 0; r < Code::rows; ++r) {
                        const std::int8_t* w =
                            values_of(block) + (r * Code::columns * value_bytes + Part * U::lanes * 4);
                        s[Copy][r] = product::multiply(s[Copy][r], a, product::weights(w));
                    }
                });
            };
            int block = begin;
            if constexpr (copies == 2)
                for (; block + 2 <= end; block += 2) {
                    multiply.template operator()<0>(block);
                    multiply.template operator()<1>(block + 1);
                }
            for (; block < end; ++block) multiply.template operator()<0>(block);
            COMPRESS_UNROLL
            for (int r = 0; r < Code::rows; ++r)
                product::store_total(sums + group * Code::rows + r,
                                     copies == 2 ? product::add(s[0][r], s[copies - 1][r]) : s[0][r]);
        } else {
            using U = typename fitting_unit<V, Code::rows>::type;
            using product = word_product<U, typename Code::value>;
            constexpr int parts = Code::rows / U::lanes, copies = parts < 4 ? 4 : 1;
            typename product::sum s[copies][parts];
            COMPRESS_UNROLL
            for (int i = 0; i < copies * parts; ++i) s[i / parts][i % parts] = product::zero();
            const auto multiply = [&]<int Copy>(int block) COMPRESS_LAMBDA_INLINE {
                for_constants<Code::words>([&]<int C>() COMPRESS_LAMBDA_INLINE {
                    const auto a = product::one_input(inputs_of(block) + C * Code::word);
                    COMPRESS_UNROLL
                    for (int part = 0; part < parts; ++part) {
                        const std::int8_t* w = values_of(block) + (C * Code::rows + part * U::lanes) * 4;
                        s[Copy][part] = product::multiply(s[Copy][part], a, product::weights(w));
                    }
                });
            };
            int block = begin;
            if constexpr (copies > 1)
                for (; block + copies <= end; block += copies)
                    for_constants<copies>(
                        [&]<int Copy>() COMPRESS_LAMBDA_INLINE { multiply.template operator()<Copy>(block + Copy); });
            for (; block < end; ++block) multiply.template operator()<0>(block);
            COMPRESS_UNROLL
            for (int part = 0; part < parts; ++part) {
                typename product::sum total = s[0][part];
                COMPRESS_UNROLL
                for (int copy = 1; copy < copies; ++copy) total = product::add(total, s[copy][part]);
                product::store(sums + group * Code::rows + part * U::lanes, total);
            }
        }
        begin = end;
    }
}

}  // namespace tensor_compress::detail
