// SPDX-License-Identifier: MIT
#include <compress/storage/weight_code.hpp>

#include <array>
#include <vector>

#include "../catch.hpp"

namespace {

namespace tc = tensor_compress;
namespace tag = tc::tag;

template <class Precision>
using code_of = tc::weight_code<Precision, tag::dense>;

// Bytes of 1,024 weights: bits / 8 of them, and a step a group and output.
static_assert(code_of<tag::int8>::bytes(1024) == 1024);
static_assert(code_of<tag::int4>::bytes(1024) == 512);
static_assert(code_of<tag::int3>::bytes(1024) == 384);
static_assert(code_of<tag::int2>::bytes(1024) == 256);
static_assert(code_of<tag::ternary>::bytes(1024) == 256);
static_assert(code_of<tag::binary>::bytes(1024) == 128);
static_assert(code_of<tag::grouped<tag::int4, 32>>::bytes(2048) == 1024 + 64);
// Less than a chunk takes a chunk.
static_assert(code_of<tag::int4>::bytes(64) == 64 && code_of<tag::int3>::bytes(64) == 192);

/// A block of every level in turn.
template <class Precision, int Elements>
constexpr std::array<std::int8_t, Elements> levels() {
    std::array<std::int8_t, Elements> weights{};
    constexpr tc::weight_grid grid = Precision::grid;
    for (int i = 0; i < Elements; ++i) {
        const int level = grid.has_zero ? grid.lowest + (i * 7 + i / 64) % (grid.highest - grid.lowest + 1)
                          : (i * 7 + i / 64) % 3 == 0 ? -1
                                                      : 1;
        weights[static_cast<std::size_t>(i)] = static_cast<std::int8_t>(level * grid.unit);
    }
    return weights;
}

template <class Precision, int Elements>
constexpr int wrong() {
    using code = code_of<Precision>;
    const auto weights = levels<Precision, Elements>();
    std::int8_t block[code::bytes(Elements)]{};
    for (int i = 0; i < Elements; ++i) code::set(block, Elements, i, weights[static_cast<std::size_t>(i)]);
    int count = 0;
    for (int i = 0; i < Elements; ++i) count += code::at(block, Elements, i) != weights[static_cast<std::size_t>(i)];
    return count;
}
static_assert(wrong<tag::int8, 128>() == 0);
static_assert(wrong<tag::int4, 192>() == 0);
static_assert(wrong<tag::int3, 704>() == 0);
static_assert(wrong<tag::int2, 320>() == 0);
static_assert(wrong<tag::ternary, 320>() == 0);
static_assert(wrong<tag::binary, 576>() == 0);

/// Levels times a step of each group and output.
template <class Precision, int Size>
constexpr int wrong_in_groups() {
    using code = code_of<tag::grouped<Precision, Size>>;
    constexpr int elements = 3 * Size * tc::panel_outputs;
    auto weights = levels<Precision, elements>();
    for (int i = 0; i < elements; ++i) {
        const int output = i % tc::code_vector / 4, group = i / code::group_elements;
        auto& w = weights[static_cast<std::size_t>(i)];
        w = static_cast<std::int8_t>(w / code::unit * (1 + (output * 5 + group) % code::unit));
    }
    std::int8_t block[code::bytes(elements)]{};
    code::encode(block, weights.data(), elements);
    int count = 0;
    for (int i = 0; i < elements; ++i) count += code::at(block, elements, i) != weights[static_cast<std::size_t>(i)];
    return count;
}
static_assert(wrong_in_groups<tag::int4, 32>() == 0);
static_assert(wrong_in_groups<tag::int2, 8>() == 0);

TEST_CASE("weights come back out of fewer bits", "[storage]") {
    CHECK(wrong<tag::int4, 64 * 101>() == 0);
    CHECK(wrong<tag::int3, 64 * 101>() == 0);
    CHECK(wrong<tag::int2, 64 * 101>() == 0);
    CHECK(wrong<tag::binary, 64 * 101>() == 0);
    CHECK(wrong_in_groups<tag::int4, 64>() == 0);
    CHECK(wrong_in_groups<tag::int3, 32>() == 0);
}

}  // namespace
