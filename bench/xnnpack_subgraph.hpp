// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <limits>
#include <stdexcept>

#include <xnnpack.h>

#include <compress/transform/quantize_product.hpp>

#include "twin.hpp"

namespace bench {

/// Versions with this flag have fully connected layers with one scale per output, those before one per layer.
#if defined(XNN_FLAG_KEEP_DIMS)
inline constexpr bool linear_by_channel = true;
#else
inline constexpr bool linear_by_channel = false;
#endif

using extents = std::vector<std::size_t>;

inline extents extents_of(const tc::shape& s) {
    extents e{1};
    for (int axis = 0; axis < s.rank; ++axis) e.push_back(static_cast<std::size_t>(s[axis]));
    return e;
}

inline void xnnpack_check(xnn_status status, const std::string& what) {
    if (status != xnn_status_success)
        throw std::runtime_error(what + " gives status " + std::to_string(static_cast<int>(status)));
}

/// Values of one XNNPACK subgraph, all FP32 or all INT8 (a softmax apart), and the memory that its constants lie in.
class subgraph {
public:
    explicit subgraph(bool int8) : int8_(int8) {
        xnnpack_check(xnn_initialize(nullptr), "xnn_initialize");
        xnnpack_check(xnn_create_subgraph(2, 0, &graph_), "xnn_create_subgraph");
    }
    ~subgraph() { xnn_delete_subgraph(graph_); }
    subgraph(const subgraph&) = delete;
    subgraph& operator=(const subgraph&) = delete;

    bool int8() const { return int8_; }
    xnn_subgraph_t get() const { return graph_; }

    /// External ids: 0 is the input, 1 the output, XNN_INVALID_VALUE_ID is neither.
    std::uint32_t value(const extents& e, tc::affine a, std::uint32_t external = XNN_INVALID_VALUE_ID) {
        if (!int8_) return real_value(e, external);
        return checked("a value", [&](std::uint32_t* id) {
            return xnn_define_quantized_tensor_value(graph_, xnn_datatype_qint8, a.zero_point, a.scale, e.size(),
                                                     e.data(), nullptr, external, flags_of(external), id);
        });
    }
    std::uint32_t real_value(const extents& e, std::uint32_t external = XNN_INVALID_VALUE_ID) {
        return real_constant(e, nullptr, external);
    }

    struct product {
        std::uint32_t weights, bias;
    };
    /// Weights and bias of a convolution or linear layer, which XNNPACK wants as [outputs, rows, columns, inputs], of a
    /// depthwise one as [rows, columns, outputs].
    product product_of(const twin_node& t, tc::affine input) {
        const bool linear = t.node.kind == tc::op::linear, depthwise = t.node.kind == tc::op::depthwise_conv2d;
        const auto kernel_rows = static_cast<std::size_t>(t.node.slide.kernel.height);
        const auto kernel_columns = static_cast<std::size_t>(t.node.slide.kernel.width);
        const std::size_t outputs = t.weights.outputs, inputs = t.weights.terms / (kernel_rows * kernel_columns);
        extents e{outputs, kernel_rows, kernel_columns, inputs};
        if (linear) e = {outputs, inputs};
        if (depthwise) e = {1, kernel_rows, kernel_columns, outputs};
        if (!int8_)
            return {real_constant(e, keep(arranged(t.weights.weights, t))),
                    real_constant({outputs}, keep(t.weights.bias))};
        const bool by_channel = !linear || linear_by_channel;
        const auto q = by_channel ? tc::quantize_product(t.weights, input, t.stage, tc::text_of(t.node.name))
                                  : quantized_alike(t.weights, input);
        const auto* weights = keep(arranged(q.weights, t));
        const auto* bias = keep(q.bias);
        std::vector<float> units = q.scales;
        for (float& unit : units) unit *= input.scale;
        if (!by_channel)
            return {constant(xnn_datatype_qint8, q.scales[0], e, weights),
                    constant(xnn_datatype_qint32, units[0], {outputs}, bias)};
        const float *scales = keep(q.scales), *bias_units = keep(units);
        return {constant(xnn_datatype_qcint8, scales, e, depthwise ? 3 : 0, weights),
                constant(xnn_datatype_qcint32, bias_units, {outputs}, 0, bias)};
    }

private:
    static std::uint32_t flags_of(std::uint32_t external) {
        return external == 0 ? XNN_VALUE_FLAG_EXTERNAL_INPUT : external == 1 ? XNN_VALUE_FLAG_EXTERNAL_OUTPUT : 0;
    }
    template <class Define>
    static std::uint32_t checked(const char* what, const Define& define) {
        std::uint32_t id = XNN_INVALID_VALUE_ID;
        xnnpack_check(define(&id), what);
        return id;
    }

    std::uint32_t real_constant(const extents& e, const void* data, std::uint32_t external = XNN_INVALID_VALUE_ID) {
        return checked("a float value", [&](std::uint32_t* id) {
            return xnn_define_tensor_value(graph_, xnn_datatype_fp32, e.size(), e.data(), data, external,
                                           flags_of(external), id);
        });
    }
    std::uint32_t constant(xnn_datatype type, float scale, const extents& e, const void* data) {
        return checked("a constant", [&](std::uint32_t* id) {
            return xnn_define_quantized_tensor_value(graph_, type, 0, scale, e.size(), e.data(), data,
                                                     XNN_INVALID_VALUE_ID, 0, id);
        });
    }
    std::uint32_t constant(xnn_datatype type, const float* scales, const extents& e, std::size_t axis,
                           const void* data) {
        return checked("a constant with a scale per channel", [&](std::uint32_t* id) {
            return xnn_define_channelwise_quantized_tensor_value(graph_, type, scales, e.size(), axis, e.data(), data,
                                                                 XNN_INVALID_VALUE_ID, 0, id);
        });
    }

    /// From PyTorch's [outputs, inputs, rows, columns].
    template <class T>
    static std::vector<T> arranged(const std::vector<T>& natural, const twin_node& t) {
        const auto taps = static_cast<std::size_t>(t.node.slide.kernel.height * t.node.slide.kernel.width);
        const std::size_t outputs = t.weights.outputs, inputs = t.weights.terms / taps;
        const bool depthwise = t.node.kind == tc::op::depthwise_conv2d;
        std::vector<T> result(natural.size());
        for (std::size_t o = 0; o < outputs; ++o)
            for (std::size_t i = 0; i < inputs; ++i)
                for (std::size_t k = 0; k < taps; ++k)
                    result[depthwise ? k * outputs + o : (o * taps + k) * inputs + i] =
                        natural[(o * inputs + i) * taps + k];
        return result;
    }

    /// One scale for the whole layer.
    static tc::quantized_product quantized_alike(const tc::effective_weights& e, tc::affine input) {
        float largest = 1e-9f;
        for (const float w : e.weights) largest = std::max(largest, std::abs(w));
        tc::quantized_product q;
        q.scales = {largest / 127};
        for (const float w : e.weights) q.weights.push_back(tc::quantize(w, {q.scales[0], 0}));
        for (const float b : e.bias) q.bias.push_back(tc::round_to_int(b / (q.scales[0] * input.scale)));
        return q;
    }

    /// A copy that lives as long as the subgraph.
    template <class T>
    const T* keep(const std::vector<T>& values) {
        const auto* bytes = reinterpret_cast<const std::byte*>(values.data());
        kept_.emplace_back(bytes, bytes + values.size() * sizeof(T));
        return reinterpret_cast<const T*>(kept_.back().data());
    }

    bool int8_;
    xnn_subgraph_t graph_ = nullptr;
    std::deque<std::vector<std::byte>> kept_;
};

}  // namespace bench
