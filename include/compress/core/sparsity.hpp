// SPDX-License-Identifier: MIT
#pragma once

namespace tensor_compress {

/// Which numbers the patterns below take: for programs that are told them, too.
constexpr bool is_n_of_m(int kept, int of) { return of == 4 && (kept == 1 || kept == 2); }
constexpr bool is_percent_of_zeros(int percent) { return percent > 0 && percent < 100; }
constexpr bool are_block_rows(int rows) { return rows > 0 && 16 % rows == 0; }
constexpr bool is_block_size(int rows, int columns) {
    return columns > 0 && columns <= 256 && rows * columns >= 4 && rows * columns <= 256;
}
constexpr bool are_index_bits(int bits) { return bits >= 2 && bits <= 4; }

namespace tag {

namespace detail {

/// Text of a tag with numbers: {"block", "<", 1, ",", 16, ">"}.
struct tag_name {
    char text[40]{};
    int size = 0;

    template <class... Parts>
    constexpr explicit tag_name(Parts... parts) {
        (append(parts), ...);
    }
    constexpr void append(const char* word) {
        for (; *word != 0; ++word) text[size++] = *word;
    }
    constexpr void append(int number) {
        int power = 1;
        while (power <= number / 10) power *= 10;
        for (; power > 0; number %= power, power /= 10) text[size++] = static_cast<char>('0' + number / power);
    }
};

template <int Kept, int Of>
inline constexpr tag_name name_of_n_of_m{"n_of_m<", Kept, ",", Of, ">"};
template <int Kept, int Of>
inline constexpr tag_name name_of_fast_n_of_m{"n_of_m<", Kept, ",", Of, ">|for_speed"};
template <int Percent>
inline constexpr tag_name name_of_unstructured{"unstructured<", Percent, ">"};
template <int Rows, int Columns, int Percent>
inline constexpr tag_name name_of_block{"block<", Rows, ",", Columns, ",", Percent, ">"};
template <int Bits>
inline constexpr tag_name name_of_codebook{"codebook<", Bits, ">"};

}  // namespace detail

/// Every weight is stored.
struct dense {
    static constexpr const char* name = "dense";
};

/// Which form of a pattern is stored: the one of fewest bytes, which is what is without a word, or the one that takes
/// the fewest instructions.
struct for_size {};
struct for_speed {};

/// Of each `Of` neighbouring inputs of an output at most `Kept` have a weight that is not zero. Source: Mishra et al.
/// 2021, Accelerating Sparse Deep Neural Networks (2:4).
template <int Kept, int Of, class Form = for_size>
struct n_of_m {
    static_assert(is_n_of_m(Kept, Of), "n_of_m has kernels for <2, 4> and <1, 4>");
    static constexpr const char* name = detail::name_of_n_of_m<Kept, Of>.text;
    static constexpr int kept = Kept, of = Of;
};
/// `n_of_m<2, 4> | for_speed`: places in bytes.
template <int Kept, int Of>
struct n_of_m<Kept, Of, for_speed> : n_of_m<Kept, Of> {
    static constexpr const char* name = detail::name_of_fast_n_of_m<Kept, Of>.text;
};

/// Of each panel of 16 outputs `Percent` of the weights are zero, anywhere: what is stored is a compile-time size.
template <int Percent>
struct unstructured {
    static_assert(is_percent_of_zeros(Percent), "the share of weights that are zero lies between 1 and 99 percent");
    static constexpr const char* name = detail::name_of_unstructured<Percent>.text;
    static constexpr int rows = 1, columns = 1, percent = Percent;
};

/// Blocks of `Rows` outputs x `Columns` neighbouring inputs are zero or stored as a whole; of each panel of 16 outputs
/// `Percent` of them are zero. Source: Narang et al. 2017, Block-Sparse Recurrent Neural Networks.
template <int Rows, int Columns, int Percent>
struct block {
    static_assert(are_block_rows(Rows), "the outputs of a block divide the 16 of a panel: 1, 2, 4, 8 or 16");
    static_assert(is_block_size(Rows, Columns), "a block has 4 to 256 weights; single ones are tc::unstructured");
    static_assert(is_percent_of_zeros(Percent), "the share of blocks that are zero lies between 1 and 99 percent");
    static constexpr const char* name = detail::name_of_block<Rows, Columns, Percent>.text;
    static constexpr int rows = Rows, columns = Columns, percent = Percent;
};

/// Weights are indices of `Bits` bits into a table of int8, one for 16 outputs (of a depthwise layer, one). Source: Han
/// et al. 2016, Deep Compression, its trained quantisation.
template <int Bits>
struct codebook {
    static_assert(are_index_bits(Bits), "a codebook has 4, 8 or 16 entries: 2, 3 or 4 bits");
    static constexpr const char* name = detail::name_of_codebook<Bits>.text;
    static constexpr int bits = Bits;
};

}  // namespace tag

/// A pattern of weights, with a name.
template <class T>
concept sparsity_tag = requires {
    T::name;
}
&&!requires { typename T::accumulator; };

/// Patterns of blocks with an index each.
template <class T>
concept block_sparsity = sparsity_tag<T> && requires {
    T::rows;
    T::columns;
    T::percent;
};

/// Patterns in the form of fewest instructions.
template <class T>
inline constexpr bool fast_form = false;
template <int Kept, int Of>
inline constexpr bool fast_form<tag::n_of_m<Kept, Of, tag::for_speed>> = true;

/// Indices into tables of weights.
template <class T>
concept table_sparsity = sparsity_tag<T> && requires {
    T::bits;
};

/// Patterns that leave weights out: the tags say how many are kept, or how many are zero.
template <class T>
concept zero_sparsity = sparsity_tag<T> &&(
    requires { T::kept; } || requires { T::percent; });

inline constexpr tag::dense dense{};
inline constexpr tag::for_size for_size{};
inline constexpr tag::for_speed for_speed{};
template <int Kept, int Of>
inline constexpr tag::n_of_m<Kept, Of> n_of_m{};
template <int Percent>
inline constexpr tag::unstructured<Percent> unstructured{};
template <int Rows, int Columns, int Percent>
inline constexpr tag::block<Rows, Columns, Percent> block{};
template <int Bits>
inline constexpr tag::codebook<Bits> codebook{};

template <int Kept, int Of>
constexpr tag::n_of_m<Kept, Of> operator|(tag::n_of_m<Kept, Of>, tag::for_size) {
    return {};
}
template <int Kept, int Of>
constexpr tag::n_of_m<Kept, Of, tag::for_speed> operator|(tag::n_of_m<Kept, Of>, tag::for_speed) {
    return {};
}
/// What it says of other patterns.
template <sparsity_tag Sparsity>
constexpr Sparsity operator|(Sparsity, tag::for_speed) {
    static_assert(!sparsity_tag<Sparsity>, "for_speed is a form of n_of_m: leave it out with other patterns");
    return {};
}

}  // namespace tensor_compress
