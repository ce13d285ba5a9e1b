// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <compress/io/onnx/arrange.hpp>

namespace tensor_compress::onnx {

namespace detail {

/// A matrix of the file, with the order of its rows and columns taken apart.
struct matrix {
    std::size_t outputs, inputs;
    const std::vector<float>& values;
    bool output_major;  ///< [out, in], else [in, out]

    float at(std::size_t output, std::size_t input) const {
        return values[output_major ? output * inputs + input : input * outputs + output];
    }
};

/// weight[o, i] = scale * m[o, positions[i]]: PyTorch's layout, columns in the order of the graph's memory.
inline array<float> linear_weight(const matrix& m, const std::vector<std::size_t>& positions, float scale) {
    auto weight = make_array<float>({m.outputs, m.inputs});
    for (std::size_t row = 0; row < m.outputs; ++row)
        for (std::size_t i = 0; i < m.inputs; ++i) weight.data()[row * m.inputs + i] = scale * m.at(row, positions[i]);
    return weight;
}

inline void expect_inputs(const operation& o, long long found, const matrix& m) {
    if (m.outputs == 0 || m.inputs == 0 || found != static_cast<long long>(m.inputs))
        throw model_error("its weight '" + o.input_name(1) + "' takes " + std::to_string(m.inputs) +
                              " numbers and gives " + std::to_string(m.outputs) + ", but its input has " +
                              std::to_string(found),
                          check_export);
}

/// A layer over one vector. A vector that the source made of an image keeps the graph's order, and the weight's columns
/// follow.
inline value linear_of_vector(operation& o, const traced& x, const matrix& m, float scale, bool bias) {
    expect_inputs(o, elements(x.seen), m);
    const auto positions = source_positions(x.base, x.order);
    const label& name = o.name();
    const value y =
        o.im.g.linear(name, flattened(o.im, x),
                      to_int(static_cast<std::int64_t>(m.outputs), "the number of features", 1, 1 << 28), bias);
    o.im.store(name, ".weight", linear_weight(m, positions, scale), o.input_name(1));
    return y;
}

/// Gemm's C as one number per output: [out], [1, out], [1] or a scalar.
inline array<float> gemm_bias(const operation& o, std::size_t outputs, float scale) {
    const constant& c = o.floats_at(2, "the bias");
    const bool one_row = c.dims.size() <= 1 || (c.dims.size() == 2 && c.dims[0] == 1);
    if (!one_row || (c.floats.size() != outputs && c.floats.size() != 1))
        throw model_error("its bias '" + o.input_name(2) + "' has the shape " + shape_text(c.dims) +
                              ", and there are " + std::to_string(outputs) + " outputs",
                          check_export);
    auto bias = make_array<float>({outputs});
    for (std::size_t i = 0; i < outputs; ++i) bias.data()[i] = scale * c.floats[c.floats.size() == 1 ? 0 : i];
    return bias;
}

}  // namespace detail

/// Gemm: alpha * A * B + beta * C with constant B and C; transB is part of the weight, alpha and beta go into the
/// numbers.
inline void gemm(operation& o) {
    const traced& x = o.value_at(0);
    const constant& b = o.floats_at(1, "the weight");
    if (o.integer("transA", 0) != 0) throw unsupported{"it transposes its first operand"};
    if (x.seen.size() != 1 || !x.batched || b.dims.size() != 2)
        throw model_error("it multiplies a value of " + std::to_string(source_rank(x)) + " axes by '" +
                              o.input_name(1) + "' of the shape " + shape_text(b.dims) + ", and both must be matrices",
                          check_export);
    const bool output_major = o.integer("transB", 0) != 0;
    const detail::matrix m{b.dims[output_major ? 0 : 1], b.dims[output_major ? 1 : 0], b.floats, output_major};
    const bool bias = o.has_input(2);
    if (bias) static_cast<void>(o.floats_at(2, "the bias"));
    const value y = detail::linear_of_vector(o, x, m, o.number("alpha", 1.0f), bias);
    if (bias) o.im.store(o.name(), ".bias", detail::gemm_bias(o, m.outputs, o.number("beta", 1.0f)), o.input_name(2));
    o.define(plain(y, {static_cast<int>(m.outputs)}));
}

}  // namespace tensor_compress::onnx
