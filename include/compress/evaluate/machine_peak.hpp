// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include <compress/core/config.hpp>
#include <compress/core/precision.hpp>
#include <compress/simd/vector_unit.hpp>

namespace tensor_compress {

/// What one core can do at most, in multiply-adds a microsecond; nothing for plain C++.
struct machine_peak {
    std::optional<double> fp32, int8;

    std::optional<double> of(element values) const { return values == element::float32 ? fp32 : int8; }
};

namespace detail {

/// Sums that hide the latency of a multiply-add.
template <class V>
inline constexpr int peak_sums = V::registers >= 32 ? 20 : 10;

/// Microseconds of one `step` of a vector, the smallest of many. `start(k)` must differ, or compilers see that all sums
/// are one.
template <class V, class Start, class Operand, class Step>
double step_time(const Start& start, const Operand& operand, const Step& step) {
    using clock = std::chrono::steady_clock;
    constexpr int sums = peak_sums<V>, count = 500;
    double smallest = 1e30;
    for (int round = 0; round < 200; ++round) {
        decltype(start(0)) sum[sums];
        COMPRESS_UNROLL
        for (int k = 0; k < sums; ++k) sum[k] = start(k);
        const auto begin = clock::now();
        COMPRESS_ROLL
        for (int i = 0; i < count; ++i) {
            asm volatile("" : : : "memory");  // or a product of the same operands would be taken out of the loop
            const auto x = operand();
            COMPRESS_UNROLL
            for (int k = 0; k < sums; ++k) sum[k] = step(sum[k], x);
        }
        COMPRESS_UNROLL
        for (int k = 0; k < sums; ++k) {
            const auto wanted = sum[k];  // a copy: the sums themselves stay in registers
            asm volatile("" : : "m"(wanted));
        }
        smallest = std::min(smallest, std::chrono::duration<double, std::micro>(clock::now() - begin).count());
    }
    return smallest / (static_cast<double>(count) * sums);
}

}  // namespace detail

/// Measured with the multiply-adds of the kernels, on registers; takes a few milliseconds.
template <class Isa>
machine_peak measure_peak() {
    if constexpr (!simd::has_vectors<Isa>) {
        return {};
    } else {
        using V = simd::vector_unit<Isa>;
        // Out of memory that the compiler does not see through.
        float reals[detail::peak_sums<V> * V::lanes] = {};
        std::int32_t integers[detail::peak_sums<V> * V::lanes] = {};
        std::int8_t bytes[V::lanes * 4] = {};
        asm volatile("" : "+m"(reals), "+m"(integers), "+m"(bytes));
        const auto fixed = V::load(reals);
        const auto fixed4 = V::spread4(integers[0]);
        const double real_time =
            detail::step_time<V>([&](int k) { return V::load(reals + k * V::lanes); },
                                 [&]() COMPRESS_LAMBDA_INLINE { return V::load(reals); },
                                 [&](auto sum, auto x) COMPRESS_LAMBDA_INLINE { return V::madd(fixed, x, sum); });
        const double integer_time =
            detail::step_time<V>([&](int k) { return V::load(integers + k * V::lanes); },
                                 [&]() COMPRESS_LAMBDA_INLINE { return V::load_weights(bytes); },
                                 [&](auto sum, auto x) COMPRESS_LAMBDA_INLINE { return V::dot4(sum, fixed4, x); });
        return {V::lanes / real_time, 4 * V::lanes / integer_time};
    }
}

}  // namespace tensor_compress
