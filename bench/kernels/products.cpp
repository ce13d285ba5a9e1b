// SPDX-License-Identifier: MIT
#include "kernel_row.hpp"

namespace bench {

namespace {

/// FP32 and INT8 with other libraries right beside ours, then the precisions that only we have.
template <int Rows, int Inputs, int Outputs, class... Others>
void add_all() {
    constexpr product_shape shape{Rows, Inputs, Outputs};
    add_product<Rows, Inputs, Outputs, tc::tag::fp32>();
    add_openblas_product(shape);
    add_onednn_product(shape, tc::element::float32);
    add_product<Rows, Inputs, Outputs, tc::tag::int8>();
    add_onednn_product(shape, tc::element::signed8);
    (add_product<Rows, Inputs, Outputs, Others>(), ...);
}

template <int Rows, int Inputs, int Outputs>
void add_every_precision() {
    using namespace tc::tag;
    add_all<Rows, Inputs, Outputs, fp16, bf16, weight_only<int8>, weight_only<int4>, int4, int3, int2, ternary, binary,
            binary_activations, grouped<int4, 32>>();
}

}  // namespace

void add_products() {
    add_every_precision<256, 256, 256>();
    add_every_precision<512, 512, 512>();
    add_every_precision<1, 1024, 1024>();
    add_all<1024, 1024, 1024, tc::tag::int4>();
    add_all<1, 4096, 4096, tc::tag::int4>();
}

}  // namespace bench
