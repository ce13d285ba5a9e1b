// SPDX-License-Identifier: MIT
#include "model.hpp"

int main() {
    const net::weights weights{};
    return weights_bytes_of(&weights) == net::weights_bytes ? 0 : 1;
}
