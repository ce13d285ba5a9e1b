// SPDX-License-Identifier: MIT
#define CATCH_CONFIG_RUNNER  // Catch2 2 compiles itself here, once for all test programs
#include "catch.hpp"

int main(int argument_count, char** arguments) { return Catch::Session().run(argument_count, arguments); }
