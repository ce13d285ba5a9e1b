// SPDX-License-Identifier: MIT
// What a layer can have is known of numbers, without a type: for formats of which one stands for all of its kind.
#include <compress/net/format_rules.hpp>
#include <compress/net/geometry.hpp>

namespace tc = tensor_compress;
using tc::misfit;

template <class Format>
constexpr misfit misfit_of(Format, const tc::conv_geometry& g, bool depthwise = false) {
    return tc::misfit_of(tc::facts_of<decltype(tc::as_format(Format{}))>(), g, depthwise);
}

constexpr tc::conv_geometry linear{1, 1, 64, 1, 1, 32}, narrow{1, 1, 6, 1, 1, 2}, tiny{1, 1, 2, 1, 1, 2};
constexpr tc::conv_geometry depthwise{8, 8, 16, 8, 8, 16, 3, 3, 1, 1, 1, 1, 1, 1, 16};
constexpr tc::conv_geometry grouped{8, 8, 16, 8, 8, 16, 3, 3, 1, 1, 1, 1, 1, 1, 4};

static_assert(misfit_of(tc::fp32, depthwise, true) == misfit::none);
static_assert(misfit_of(tc::int8 | tc::n_of_m<2, 4>, linear) == misfit::none);
static_assert(misfit_of(tc::int8 | tc::n_of_m<2, 4>, depthwise, true) == misfit::pattern_of_depthwise);
static_assert(misfit_of(tc::int8 | tc::n_of_m<2, 4> | tc::for_speed, narrow) == misfit::places);
static_assert(misfit_of(tc::int4 | tc::n_of_m<2, 4> | tc::for_speed, linear) == misfit::form);
static_assert(misfit_of(tc::fp32 | tc::codebook<4>, linear) == misfit::weights);
static_assert(misfit_of(tc::int8 | tc::codebook<4>, tiny) == misfit::codebook);
static_assert(misfit_of(tc::int8 | tc::block<4, 4, 50>, linear) == misfit::none);
static_assert(misfit_of(tc::int8 | tc::block<4, 4, 50>, narrow) == misfit::blocks);
static_assert(misfit_of(tc::int8 | tc::block<4, 2, 50>, linear) == misfit::weights);
static_assert(misfit_of(tc::int4 | tc::group<32>, linear) == misfit::none);
static_assert(misfit_of(tc::int4 | tc::group<24>, linear) == misfit::group);
static_assert(misfit_of(tc::int4 | tc::group<4>, depthwise, true) == misfit::group_of_depthwise);
static_assert(misfit_of(tc::dynamic(tc::int8), depthwise, true) == misfit::run_time_of_depthwise);
static_assert(misfit_of(tc::binary_activations, grouped) == misfit::signs);

constexpr tc::conv_geometry terms(int count) { return {1, 1, count, 1, 1, 16}; }
static_assert(misfit_of(tc::int8, terms(tc::max_int8_terms)) == misfit::none);
static_assert(misfit_of(tc::int8, terms(tc::max_int8_terms + 1)) == misfit::terms);
static_assert(misfit_of(tc::dynamic(tc::int4), terms(tc::max_int8_terms + 1)) == misfit::terms);
static_assert(misfit_of(tc::weight_only(tc::int8), terms(tc::max_int8_terms + 1)) == misfit::none);
static_assert(misfit_of(tc::int8 | tc::block<16, 4, 50>, terms(4 * tc::max_block_terms + 4)) == misfit::block_terms);
static_assert(misfit_of(tc::int8 | tc::unstructured<50>, terms(8188)) == misfit::none);
static_assert(misfit_of(tc::int8 | tc::unstructured<50>, terms(8192)) == misfit::mask);
static_assert(misfit_of(tc::int8 | tc::unstructured<51>, terms(8192)) == misfit::none);

// The numbers that a program was told, instead of those of a type.
constexpr misfit with_group(int size) {
    auto facts = tc::facts_of<decltype(tc::as_format(tc::int4 | tc::group<32>))>();
    facts.group = size;
    return tc::misfit_of(facts, linear, false);
}
static_assert(with_group(16) == misfit::none && with_group(12) == misfit::group && with_group(2) == misfit::group);
