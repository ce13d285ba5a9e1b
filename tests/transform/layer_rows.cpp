// SPDX-License-Identifier: MIT
#include <compress/transform/layer_rows.hpp>

#include <set>

#include <compress/tensor/records.hpp>
#include <compress/transform/reconstruct.hpp>

#include "../catch.hpp"
#include "smooth_problem.hpp"

namespace drawn_rows {

namespace tc = tensor_compress;

inline constexpr tc::conv_geometry two_groups{4, 3, 2, 4, 3, 4, 1, 1, 1, 1, 1, 1, 0, 0, 2};

/// Values that tell their record and pixel: rows of two records of twelve pixels.
std::vector<tc::group_rows> rows_of(std::size_t count, std::uint64_t seed) {
    tc::row_sampler sampler(two_groups, 24, {count, seed}, 3);
    for (int record = 0; record < 2; ++record) {
        std::vector<float> input(24), target(48), other(48);
        for (std::size_t i = 0; i < 48; ++i) {
            const auto pixel = static_cast<float>(record * 12 + static_cast<int>(i) / 4);
            target[i] = pixel + 100 * static_cast<float>(i % 4);
            other[i] = -target[i];
            input[i / 2] = pixel + (i / 2 % 2 == 0 ? 0.0f : 1000.0f);
        }
        sampler.add(input, target, record == 0 ? std::span<const float>(other) : std::span<const float>());
    }
    return sampler.finish();
}

std::vector<int> pixels_of(const std::vector<tc::group_rows>& groups) {
    std::vector<int> all;
    for (std::size_t n = 0; n < groups[0].inputs.shape(0); ++n) all.push_back(static_cast<int>(groups[0].inputs(n, 0)));
    return all;
}

TEST_CASE("rows are drawn from all pixels, none twice, in random order", "[rows]") {
    for (const std::size_t count : {1u, 7u, 24u, 99u}) {
        const auto groups = rows_of(count, 1);
        REQUIRE(groups.size() == 2);
        const auto pixels = pixels_of(groups);
        CHECK(pixels.size() == std::min<std::size_t>(count, 24));
        CHECK(std::set<int>(pixels.begin(), pixels.end()).size() == pixels.size());
        if (count >= 24) CHECK_FALSE(std::is_sorted(pixels.begin(), pixels.end()));
        for (std::size_t g = 0; g < 2; ++g)
            for (std::size_t n = 0; n < pixels.size(); ++n) {
                const auto pixel = static_cast<float>(pixels[n]);
                CHECK(groups[g].inputs(n, 0) == pixel + 1000 * static_cast<float>(g));
                for (std::size_t o = 0; o < 2; ++o) {
                    CHECK(groups[g].targets(n, o) == pixel + 100 * static_cast<float>(2 * g + o));
                    CHECK(groups[g].others(n, o) == (pixel < 12 ? -groups[g].targets(n, o) : 0));
                }
            }
    }
    CHECK(rows_of(0, 1).empty());
}

TEST_CASE("drawn rows are those of a seed, and each pixel is as likely", "[rows]") {
    CHECK(pixels_of(rows_of(6, 5)) == pixels_of(rows_of(6, 5)));
    std::vector<int> times(24);
    for (std::uint64_t seed = 0; seed < 400; ++seed)
        for (const int pixel : pixels_of(rows_of(6, seed))) ++times[static_cast<std::size_t>(pixel)];
    // 100 each, with a deviation of 8.7.
    CHECK(*std::min_element(times.begin(), times.end()) > 65);
    CHECK(*std::max_element(times.begin(), times.end()) < 135);
}

TEST_CASE("layers get rows only where they are asked for, with what lies behind the layer", "[rows]") {
    const tests::smooth_problem p(tests::residual_model, 3, 0.3f, 6);
    const tc::records images(p.images);
    const auto every = []<const tc::node&>() { return true; };
    tc::change_layers<tests::residual_model>(
        p.weights, images, []<const tc::node&>(tc::layer_to_change& layer) { CHECK(layer.rows.empty()); });
    std::map<std::string, tc::clamp_kind> clamps;
    tc::change_layers<tests::residual_model>(
        p.weights, images,
        [&]<const tc::node&>(tc::layer_to_change& layer) {
            clamps[layer.label] = layer.clamp;
            REQUIRE(layer.rows.size() == layer.groups.size());
            // What a layer gives is W x + b; only "back" has something added to it.
            double worst = 0, added = 0;
            const std::size_t outputs = layer.group_outputs();
            for (std::size_t g = 0; g < layer.rows.size(); ++g)
                for (std::size_t n = 0; n < layer.rows[g].inputs.shape(0); ++n)
                    for (std::size_t o = 0; o < outputs; ++o) {
                        double sum = static_cast<double>(layer.weights.bias[g * outputs + o]);
                        for (std::size_t k = 0; k < layer.weights.terms; ++k)
                            sum +=
                                static_cast<double>(layer.weights.row(g * outputs + o)[k] * layer.rows[g].inputs(n, k));
                        worst = std::max(worst, std::abs(sum - static_cast<double>(layer.rows[g].targets(n, o))));
                        added += static_cast<double>(std::abs(layer.rows[g].others(n, o)));
                    }
            CHECK(worst < 1e-4);
            CHECK((added > 0) == (layer.label == "back"));
        },
        every, {50, 1});
    using enum tc::clamp_kind;
    CHECK(clamps == std::map<std::string, tc::clamp_kind>{
                        {"stem", relu}, {"deep", relu}, {"back", relu}, {"grouped", none}, {"head", none}});
}

}  // namespace drawn_rows
