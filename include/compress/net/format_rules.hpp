// SPDX-License-Identifier: MIT
#pragma once

#include <compress/layers/layer.hpp>
#include <compress/storage/bit_code.hpp>
#include <compress/storage/bitmask_code.hpp>
#include <compress/storage/block_code.hpp>
#include <compress/storage/codebook_code.hpp>
#include <compress/storage/conv_geometry.hpp>
#include <compress/storage/dynamic_code.hpp>
#include <compress/storage/n_of_m_code.hpp>

namespace tensor_compress {

/// What decides whether a layer with weights can have a format, as numbers: of a format that is a type, or of one that
/// a program is told while it runs. 0 where a format has no such thing.
struct format_facts {
    bool exists = false;         ///< a kernel reads weights stored so
    bool for_speed = false;      ///< asks for the form of fewest instructions
    bool signs = false;          ///< multiplies signs
    bool sums_integers = false;  ///< 32 bits hold the sum of products
    bool at_run_time = false;    ///< quantises values then
    bool leaves_out = false;     ///< stores fewer weights than there are
    int group = 0;               ///< inputs that share a step
    int table_bits = 0;          ///< of an index
    int picked_terms = 0;        ///< inputs that are picked from at a time
    int rows = 0, columns = 0;   ///< of a block with an index
    int word = 0;                ///< terms that a lane multiplies at once, of blocks
    int percent = 0;             ///< zeros, of a mask that counts the others in 16 bits
};

template <class Format>
constexpr format_facts facts_of() {
    using precision = typename Format::precision;
    using sparsity = typename Format::sparsity;
    format_facts f;
    f.for_speed = fast_form<sparsity>;
    f.sums_integers = dynamic_precision<precision> || integer_precision<precision>;
    f.at_run_time = dynamic_precision<precision>;
    f.leaves_out = zero_sparsity<sparsity>;
    if constexpr (grouped_precision<precision>) f.group = precision::group;
    if constexpr (table_sparsity<sparsity>) f.table_bits = sparsity::bits;
    if constexpr (requires { sizeof(weight_code<precision, sparsity>); }) {
        using code = weight_code<precision, sparsity>;
        f.exists = true;
        f.signs = sign_code<code>;
        if constexpr (picking_code<code>) f.picked_terms = code::step_terms;
        if constexpr (requires { code::masks; }) f.percent = sparsity::percent;
        if constexpr (indexed_code<code>) f.rows = code::rows, f.columns = code::columns, f.word = code::word;
    }
    return f;
}

/// Why a layer cannot have a format.
enum class misfit : unsigned char {
    none,
    form,
    weights,
    pattern_of_depthwise,
    blocks,
    block_terms,
    signs,
    codebook,
    places,
    mask,
    run_time_of_depthwise,
    group_of_depthwise,
    group,
    terms
};

/// @param  depthwise  one filter for each channel
constexpr misfit misfit_of(const format_facts& f, const conv_geometry& g, bool depthwise) {
    if (!f.exists) return f.for_speed ? misfit::form : misfit::weights;
    if (f.columns > 0 && !has_block_kernel(f.rows, f.columns, f.word)) return misfit::weights;
    if (f.leaves_out && depthwise) return misfit::pattern_of_depthwise;
    if (f.columns > 0 && (g.group_inputs() % f.columns != 0 || g.group_outputs() % f.rows != 0)) return misfit::blocks;
    if (f.columns > 0 && g.terms() > max_block_terms * f.word) return misfit::block_terms;
    if (f.signs && (depthwise || g.groups != 1)) return misfit::signs;
    if (f.table_bits > 0 && (1 << f.table_bits) >= static_cast<long long>(g.terms()) * g.out_channels)
        return misfit::codebook;
    if (f.picked_terms > 0 && g.group_inputs() % f.picked_terms != 0) return misfit::places;
    if (f.percent > 0 && !mask_counts(panel_elements_of(g, 4), f.percent)) return misfit::mask;
    if (f.at_run_time && depthwise) return misfit::run_time_of_depthwise;
    if (f.group > 0 && depthwise) return misfit::group_of_depthwise;
    if (f.group > 0 && (!is_group_size(f.group) || g.run_length() % f.group != 0)) return misfit::group;
    return f.sums_integers && g.terms() > max_int8_terms ? misfit::terms : misfit::none;
}

}  // namespace tensor_compress
