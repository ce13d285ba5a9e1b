// SPDX-License-Identifier: MIT
// A second translation unit in every test program: a function that forgot to be inline is a link error.
#include <compress/inference.hpp>
