// SPDX-License-Identifier: MIT
#include <compress/calibrate/seen_values.hpp>

#include <vector>

#include <compress/graph/builder.hpp>

#include "../catch.hpp"

namespace tc = tensor_compress;

namespace seeing {
inline constexpr auto model = tc::make_model([](auto& g) { g.relu("relu", g.linear("fc", g.input("x", {2}), 2)); });
using labels = std::vector<std::string>;

/// Adds the same records to all nodes but one, which sees others.
tc::calibration ranges_of(const std::vector<std::vector<float>>& records,
                          const std::vector<std::vector<float>>& of_relu) {
    tc::seen_values<model> values({});
    for (const auto& record : records)
        for (int id = 0; id < 2; ++id) values.add(id, record);
    for (const auto& record : of_relu) values.add(2, record);
    return values.ranges();
}
}  // namespace seeing

TEST_CASE("values that are the same for all records have their labels noted", "[calibrate]") {
    const std::vector<std::vector<float>> varied{{1, 2}, {1, 2}, {1, 3}}, same{{1, 2}, {1, 2}, {1, 2}};
    CHECK(seeing::ranges_of(varied, same).unchanging == seeing::labels{"relu"});
    CHECK(seeing::ranges_of(same, varied).unchanging == seeing::labels{"x", "fc"});
    CHECK(seeing::ranges_of(varied, varied).unchanging.empty());
    CHECK(seeing::ranges_of({{1, 1}}, {{0, 0}}).unchanging.empty());  // one record tells nothing
}
