// SPDX-License-Identifier: MIT
#include <compress/layers/layer.hpp>

#include "../catch.hpp"

namespace {
namespace layer_test {

struct without_pack {
    static constexpr int packed_bytes = 0;
    static constexpr long long multiply_adds = 0;
};
struct without_cost {
    static constexpr int packed_bytes = 0;
};

TEST_CASE("what a layer must say about itself", "[layers]") {
    STATIC_REQUIRE(tensor_compress::layer<without_pack>);
    STATIC_REQUIRE_FALSE(tensor_compress::layer<without_cost>);
    STATIC_REQUIRE_FALSE(tensor_compress::layer<int>);
}

}  // namespace layer_test
}  // namespace
