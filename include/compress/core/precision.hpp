// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace tensor_compress {

/// How the values of a tensor are stored while a net runs.
enum class element : unsigned char { float32, signed8 };

constexpr int bytes_of(element e) { return e == element::float32 ? 4 : 1; }

namespace tag {

/// IEEE 754 binary32 weights, activations and sums.
struct fp32 {
    static constexpr const char* name = "fp32";
    static constexpr int bits = 32;
    static constexpr element activation = element::float32;
    using weight = float;
    using accumulator = float;
};

/// TensorFlow Lite's 8-bit scheme: activations int8 and asymmetric per tensor, weights int8 and symmetric per output
/// channel, bias and sums int32, requantised by an integer multiplier and a shift (core/fixed_point.hpp).
struct int8 {
    static constexpr const char* name = "int8";
    static constexpr int bits = 8;
    static constexpr element activation = element::signed8;
    using weight = std::int8_t;
    using accumulator = std::int32_t;
};

/// Every weight is stored.
struct dense {
    static constexpr const char* name = "dense";
};

}  // namespace tag

template <class T>
concept precision_tag = requires {
    typename T::weight;
    typename T::accumulator;
    T::activation;
    T::bits;
};

template <class T>
concept sparsity_tag = requires {
    T::name;
}
&&!precision_tag<T>;

/// What a recipe gives a layer: a precision and a sparsity pattern, written `int8 | dense` or just `int8`.
template <precision_tag Precision, sparsity_tag Sparsity>
struct format {
    using precision = Precision;
    using sparsity = Sparsity;
};

inline constexpr tag::fp32 fp32{};
inline constexpr tag::int8 int8{};
inline constexpr tag::dense dense{};

template <precision_tag Precision, sparsity_tag Sparsity>
constexpr format<Precision, Sparsity> operator|(Precision, Sparsity) {
    return {};
}

namespace tag {
using tensor_compress::operator|;  // so that `tc::int8 | tc::dense` finds it
}

template <precision_tag Precision>
constexpr format<Precision, tag::dense> as_format(Precision) {
    return {};
}
template <class Precision, class Sparsity>
constexpr format<Precision, Sparsity> as_format(format<Precision, Sparsity> f) {
    return f;
}

}  // namespace tensor_compress
