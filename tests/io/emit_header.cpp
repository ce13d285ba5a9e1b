// SPDX-License-Identifier: MIT
#include <compress/io/emit_header.hpp>

#include <sstream>
#include <string>

#include <compress/tensor/named_weights.hpp>
#include <compress/transform/convert.hpp>

#include "../catch.hpp"

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

namespace emitting {

/// Labels that a compiler would take for more than labels.
inline constexpr auto hostile = tc::make_model([](auto& g) {
    auto x = g.linear("ends in \\", g.input("x\"), //", {4}), 4);
    x = g.linear("two\nlines //", x, 4);
    g.linear("#include <vector> \\ ", x, 2);
});
inline constexpr tc::recipe all_float{tc::fp32};
using net = tc::net<hostile, all_float>;

inline std::string text() {
    tc::named_tensors weights;
    for (const auto& [name, extents] : tc::needed_tensors(hostile))
        weights.emplace(name, tc::make_array<float>(extents));
    return tc::header_text(tc::convert<net>(weights), "hostile");
}

}  // namespace emitting

TEST_CASE("no label of an emitted header reaches beyond its comment or string", "[emit_header]") {
    const auto text = emitting::text();
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        INFO(line);
        CHECK((line.empty() || line.find_last_not_of(" \t") == std::string::npos ||
               line[line.find_last_not_of(" \t")] != '\\'));
        CHECK(line.find("?"
                        "?/") == std::string::npos);
        CHECK_FALSE(line.starts_with("lines"));
    }
    for (const char* part : {"/// ends in _\n", "/// two_lines //\n", "/// #include <vector> _ \n", "\"ends in \\\\\"",
                             "\"x\\\"), //\"", "\"two\\012lines //\""})
        CHECK_THAT(text, ContainsSubstring(part));
}

TEST_CASE("trigraphs in texts of C++ are broken up", "[emit_header]") {
    CHECK(tc::detail::quoted_text("a?b") == "\"a?b\"");
    CHECK(tc::detail::quoted_text("a?"
                                  "?/") == "\"a?\\?/\"");
    CHECK(tc::detail::quoted_text("?"
                                  "??") == "\"?\\?\\?\"");
    CHECK(tc::recipe_text(tc::recipe{tc::fp32}.with("a?"
                                                    "?/",
                                                    tc::fp32))
              .find("?"
                    "?") == std::string::npos);
    CHECK(tc::detail::comment_text("conv1/weights [3]") == "conv1/weights [3]");
    CHECK(tc::detail::comment_text("\\?\x01\xff") == "____");
}
