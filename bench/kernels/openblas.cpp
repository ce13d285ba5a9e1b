// SPDX-License-Identifier: MIT
#include "kernel_row.hpp"

#if defined(COMPRESS_HAS_OPENBLAS)
#    include <cblas.h>

namespace bench {

/// sgemm; sgemv for a single row. Weights lie as [outputs, inputs] and are packed within each call: BLAS has no other
/// way.
void add_openblas_product(product_shape shape) {
    struct state {
        aligned_memory<float> input, weights, output;
    };
    const auto memory = std::make_shared<state>(state{aligned_memory<float>(shape.input_elements()),
                                                      aligned_memory<float>(shape.weight_elements()),
                                                      aligned_memory<float>(shape.output_elements())});
    memory->input.fill(pseudo_numbers(shape.input_elements()));
    memory->weights.fill(pseudo_numbers(shape.weight_elements()));
    openblas_set_num_threads(1);
    const auto run = [memory, shape] {
        const auto [rows, inputs, outputs] = shape;
        if (rows == 1)
            cblas_sgemv(CblasRowMajor, CblasNoTrans, outputs, inputs, 1, memory->weights.data(), inputs,
                        memory->input.data(), 1, 0, memory->output.data(), 1);
        else
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, outputs, inputs, 1, memory->input.data(), inputs,
                        memory->weights.data(), inputs, 0, memory->output.data(), outputs);
    };
    add_row({shape.rows == 1 ? "OpenBLAS sgemv" : "OpenBLAS sgemm", shape.text(), "fp32", shape.multiply_adds(),
             static_cast<int>(shape.weight_elements() * sizeof(float))},
            run);
}

/// Of "OpenBLAS 0.3.21 DYNAMIC_ARCH ...", the number and the processor whose kernels run.
std::string openblas_version() {
    const std::string text = openblas_get_config();
    const auto begin = text.find(' ') + 1;
    return text.substr(begin, text.find(' ', begin) - begin) + " for " + openblas_get_corename();
}

}  // namespace bench

#else

namespace bench {
void add_openblas_product(product_shape) {}
std::string openblas_version() { return {}; }
}  // namespace bench

#endif
