// SPDX-License-Identifier: MIT
#include <compress/inference.hpp>

namespace tc = tensor_compress;

int main() { return 0; }
