// SPDX-License-Identifier: MIT
#include <compress/graph/rewrite/outputs.hpp>

#include <compress/graph/builder.hpp>
#include <compress/graph/cost.hpp>

namespace tc = tensor_compress;

namespace {

constexpr auto written = tc::make_model([](auto& g) {
    auto x = g.relu("clamped", g.conv2d("stem", g.input("image", {6, 6, 3}), 8, {3, 3}));
    x = g.linear("hidden", g.flatten("flat", x), 12);
    g.linear("head", x, 4);
});
constexpr auto watched = tc::with_outputs(written, {"hidden", "stem"});

static_assert(watched.count == written.count && watched.capacity == written.capacity);
static_assert(watched.output_count == 3);
static_assert(watched.outputs[0] == written.outputs[0]);
static_assert(watched.outputs[1] == written.find("hidden") && watched.outputs[2] == written.find("stem"));
static_assert([] {  // the same nodes, with the same weights
    for (int id = 0; id < written.count; ++id)
        if (!(watched[id].name == written[id].name) || watched[id].kind != written[id].kind ||
            tc::parameters(watched, watched[id]) != tc::parameters(written, written[id]))
            return false;
    return true;
}());

constexpr tc::label from_an_array[] = {"flat"};
static_assert(tc::with_outputs(watched, from_an_array).outputs[3] == written.find("flat"));
static_assert(written.output_count == 1);

}  // namespace
