// SPDX-License-Identifier: MIT
#include "kernel_row.hpp"

namespace bench {

namespace {
template <class... Precisions>
void add_all() {
    (add_product<256, 256, 256, Precisions>(), ...);
    (add_product<512, 512, 512, Precisions>(), ...);
    (add_product<1, 1024, 1024, Precisions>(), ...);
}
}  // namespace

void add_products() {
    using namespace tc::tag;
    add_all<fp32, int8, int4, int3, int2, ternary, binary, grouped<int4, 32>>();
    add_product<1024, 1024, 1024, fp32>();
    add_product<1024, 1024, 1024, int8>();
    add_product<1024, 1024, 1024, int4>();
    add_product<1, 4096, 4096, int8>();
    add_product<1, 4096, 4096, int4>();
}

}  // namespace bench
