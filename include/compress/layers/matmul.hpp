// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/bytes.hpp>
#include <compress/kernels/matmul.hpp>
#include <compress/layers/layer.hpp>

namespace tensor_compress::layers {

/// output[b, m, n] = sum over k of first[b, m, k] * second[b, k, n], both of them values.
template <matmul_extent Extent, class Precision>
struct matmul;

template <matmul_extent Extent>
struct matmul<Extent, tag::fp32> {
    static constexpr int packed_bytes = 0;
    static constexpr long long multiply_adds =
        static_cast<long long>(Extent.batch) * Extent.rows * Extent.inner * Extent.columns;

    template <class Isa = native, executor Executor = serial>
    COMPRESS_NOTHROW static constexpr void run(const std::int8_t*, const float* first, const float* second,
                                               float* output, const Executor& threads = {}) {
        matmul_fp32<Isa, Extent>(first, second, output, threads);
    }
};

template <matmul_extent Extent>
struct matmul<Extent, tag::int8> {
    static_assert(Extent.inner <= max_int8_matmul_terms, "an int8 product of two values sums at most 16512 products, or its 32-bit sum "
                                         "could overflow: give it fp32");
    static constexpr int packed_bytes = 20;
    static constexpr long long multiply_adds = matmul<Extent, tag::fp32>::multiply_adds;

    static constexpr void pack(std::int8_t* to, const matmul_scaling& s) {
        const std::int32_t fields[] = {s.first_zero_point, s.second_zero_point, s.zero_point, s.factor.multiplier,
                                       s.factor.shift};
        for (int i = 0; i < 5; ++i) store_bytes(to + 4 * i, fields[i]);
    }
    template <class Isa = native, class A, class B, class Out, executor Executor = serial>
    COMPRESS_NOTHROW static constexpr void run(const std::int8_t* packed, const A* first, const B* second, Out* output,
                                               const Executor& threads = {}) {
        const auto at = [packed](int i) COMPRESS_LAMBDA_INLINE { return load_bytes<std::int32_t>(packed + 4 * i); };
        matmul_int8<Isa, Extent>({at(0), at(1), at(2), {at(3), at(4)}}, first, second, output, threads);
    }
};

}  // namespace tensor_compress::layers
