// SPDX-License-Identifier: MIT
#include <compress/evaluate/text_table.hpp>

#include "../catch.hpp"

namespace {

namespace tc = tensor_compress;

TEST_CASE("a table aligns words to the left and numbers to the right", "[evaluate]") {
    tc::text_table table({"layer", "format", "us"});
    table.add({"stem", "int8", "9.50"});
    table.add({"wide", "int8|n_of_m<2,4>", "12.25"});
    CHECK(table.text() == "layer  format               us\n"
                          "stem   int8               9.50\n"
                          "wide   int8|n_of_m<2,4>  12.25\n");
    CHECK(table.markdown() == "| layer | format | us |\n"
                              "| --- | --- | --- |\n"
                              "| stem | int8 | 9.50 |\n"
                              "| wide | int8\\|n_of_m<2,4> | 12.25 |\n");
}

}  // namespace
