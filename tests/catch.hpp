// SPDX-License-Identifier: MIT
#pragma once

// The one Catch2 header of the tests: version 2 or 3, written the same way. Approx is unqualified, matchers are in
// Catch::Matchers under their version 3 names.

#if __has_include(<catch2/catch_all.hpp>)
#    include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#    include <catch2/catch.hpp>
#    include <string>
namespace Catch::Matchers {
inline auto ContainsSubstring(const std::string& text) { return Contains(text); }
}  // namespace Catch::Matchers
#endif
