// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <compress/core/sparsity.hpp>

namespace tensor_compress {

/// How the values of a tensor are stored while a net runs.
enum class element : unsigned char { float32, signed8 };

constexpr int bytes_of(element e) { return e == element::float32 ? 4 : 1; }

/// The integers that weights are rounded to: lowest..highest, without 0 where `has_zero` is false. Kernels multiply
/// level * unit, an int8.
struct weight_grid {
    int lowest, highest, unit;
    bool has_zero = true;
    friend constexpr bool operator==(const weight_grid&, const weight_grid&) = default;
};

/// Whether kernels read steps of groups of that size: words of four inputs are whole within a group.
constexpr bool is_group_size(int size) { return size > 0 && size % 4 == 0; }

namespace tag {

/// IEEE 754 binary32 weights, activations and sums.
struct fp32 {
    static constexpr const char* name = "fp32";
    static constexpr int bits = 32;
    static constexpr element activation = element::float32;
    using weight = float;
    using accumulator = float;
    using values = fp32;  ///< precision of layers without weights
};

/// Weights of 16 bits, IEEE 754 binary16 and the upper half of binary32, beside activations and sums of fp32.
struct fp16 : fp32 {
    static constexpr const char* name = "fp16";
    static constexpr int bits = 16;
};
struct bf16 : fp32 {
    static constexpr const char* name = "bf16";
    static constexpr int bits = 16;
};

/// TensorFlow Lite's 8-bit scheme: activations int8 and asymmetric per tensor, weights int8 and symmetric per output
/// channel, bias and sums int32, requantised by an integer multiplier and a shift (core/fixed_point.hpp).
struct int8 {
    static constexpr const char* name = "int8";
    static constexpr int bits = 8;
    static constexpr element activation = element::signed8;
    static constexpr weight_grid grid{-127, 127, 1};
    static constexpr int group = 0;  ///< neighbouring inputs that share a step; 0: all
    using weight = std::int8_t;
    using accumulator = std::int32_t;
    using values = int8;
};

/// Fewer bits for weights, beside activations and arithmetic of int8: a layer gives the bytes of the int8 layer whose
/// weights are level * unit.
struct int4 : int8 {
    static constexpr const char* name = "int4";
    static constexpr int bits = 4;
    static constexpr weight_grid grid{-8, 7, 16};
};
struct int3 : int8 {
    static constexpr const char* name = "int3";
    static constexpr int bits = 3;
    static constexpr weight_grid grid{-4, 3, 32};
};
struct int2 : int8 {
    static constexpr const char* name = "int2";
    static constexpr int bits = 2;
    static constexpr weight_grid grid{-2, 1, 64};
};
/// -1, 0, 1. Source: Li, Zhang, Liu 2016, Ternary Weight Networks.
struct ternary : int8 {
    static constexpr const char* name = "ternary";
    static constexpr int bits = 2;
    static constexpr weight_grid grid{-1, 1, 64};
};
/// -1, 1. Source: Rastegari et al. 2016, XNOR-Net, its binary-weight networks.
struct binary : int8 {
    static constexpr const char* name = "binary";
    static constexpr int bits = 1;
    static constexpr weight_grid grid{-1, 1, 1, false};
};
/// -1, 1 for weights and activations: of its int8 input a layer takes the signs, and gives int8. Source: Rastegari et
/// al. 2016, XNOR-Net, with one scale for an input.
struct binary_activations : binary {
    static constexpr const char* name = "binary_activations";
    static constexpr bool multiplies_signs = true;
};

/// `int4 | group<32>`: each group of so many neighbouring inputs of an output has a step of its own, an integer
/// multiple (at most `grid.unit`) of the output channel's. Source: Zhang et al. 2023, Dual Grained Quantization.
template <int Size>
struct group {};

namespace detail {
template <class Precision, int Size>
inline constexpr tag_name name_of_grouped{Precision::name, "/", Size};
}  // namespace detail

template <class Precision, int Size>
struct grouped : Precision {
    static constexpr const char* name = detail::name_of_grouped<Precision, Size>.text;
    static constexpr int group = Size;
};

namespace detail {
template <class Precision>
inline constexpr tag_name name_of_weight_only{"weight_only(", Precision::name, ")"};
}  // namespace detail

/// `weight_only(int4)`, `weight_only(int4 | group<32>)`: integer weights with a float scale for each output, beside
/// activations and sums of fp32.
template <class Precision>
struct weight_only : fp32 {
    static_assert(Precision::bits == 8 || Precision::bits == 4, "weight_only has kernels for int8 and int4");
    static constexpr const char* name = detail::name_of_weight_only<Precision>.text;
    static constexpr int bits = Precision::bits;
    static constexpr int group = Precision::group;
    using levels = Precision;
};

namespace detail {
template <class Precision>
inline constexpr tag_name name_of_dynamic{"dynamic(", Precision::name, ")"};
}  // namespace detail

/// `dynamic(int8)`, `dynamic(int4 | group<32>)`: integer weights with a float scale for each output, multiplied in
/// integers with values of 8 bits. Values are fp32 outside; before a layer they are quantised over the range that they
/// have at that run, so that nothing is calibrated.
template <class Precision>
struct dynamic : fp32 {
    static_assert(
        !requires { Precision::multiplies_signs; },
        "dynamic quantises values to 8 bits, and binary_activations reads their signs alone: take tc::binary");
    static constexpr const char* name = detail::name_of_dynamic<Precision>.text;
    static constexpr int bits = Precision::bits;
    static constexpr int group = Precision::group;
    using levels = Precision;
    using products = std::int32_t;  ///< of a weight and a value
};

}  // namespace tag

template <class T>
concept precision_tag = requires {
    typename T::weight;
    typename T::accumulator;
    T::activation;
    T::bits;
};

/// Weights that are multiplied as floats, beside float activations.
template <class T>
concept float_precision = precision_tag<T> && T::activation == element::float32;

/// Integer weights beside int8 activations.
template <class T>
concept integer_precision = precision_tag<T> && requires {
    T::grid;
    T::group;
};

/// Integer weights with a float scale, beside float activations.
template <class T>
concept weight_only_precision = precision_tag<T> && requires {
    typename T::levels;
};

/// The same, multiplied in integers with values that are quantised at run time.
template <class T>
concept dynamic_precision = float_precision<T> && weight_only_precision<T> && requires {
    typename T::products;
};

/// Integer weights, beside values of either kind, of which groups share a step.
template <class T>
concept grouped_precision = precision_tag<T> && requires {
    requires T::group != 0;
};

/// What a recipe gives a layer: a precision and a sparsity pattern, written `int8 | dense` or just `int8`.
template <precision_tag Precision, sparsity_tag Sparsity>
struct format {
    using precision = Precision;
    using sparsity = Sparsity;
};

inline constexpr tag::fp32 fp32{};
inline constexpr tag::fp16 fp16{};
inline constexpr tag::bf16 bf16{};
inline constexpr tag::int8 int8{};
inline constexpr tag::int4 int4{};
inline constexpr tag::int3 int3{};
inline constexpr tag::int2 int2{};
inline constexpr tag::ternary ternary{};
inline constexpr tag::binary binary{};
inline constexpr tag::binary_activations binary_activations{};
template <int Size>
inline constexpr tag::group<Size> group{};

template <integer_precision Precision>
constexpr tag::weight_only<Precision> weight_only(Precision) {
    return {};
}

template <integer_precision Precision>
constexpr tag::dynamic<Precision> dynamic(Precision) {
    return {};
}

template <precision_tag Precision, sparsity_tag Sparsity>
constexpr format<Precision, Sparsity> operator|(Precision, Sparsity) {
    return {};
}
/// `int8 | n_of_m<2, 4> | for_speed` is read from the left.
template <class Precision, class Sparsity, class Form>
constexpr auto operator|(format<Precision, Sparsity>, Form) -> format<Precision, decltype(Sparsity{} | Form{})> {
    static_cast<void>(Sparsity{} | Form{});  // so that a static_assert there is met
    return {};
}
template <integer_precision Precision, int Size>
constexpr tag::grouped<Precision, Size> operator|(Precision, tag::group<Size>) {
    static_assert(Precision::group == 0 && Precision::bits > 1 && Precision::bits < 8,
                  "groups of weights share a step in int4, int3, int2 and ternary: int8 has steps enough, binary none");
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
