// SPDX-License-Identifier: MIT
#include "kernel_row.hpp"

#if defined(COMPRESS_HAS_ONEDNN)
#    include <omp.h>

#    include <oneapi/dnnl/dnnl.hpp>

namespace bench {
namespace {

using tag = dnnl::memory::format_tag;
using type = dnnl::memory::data_type;

/// A matmul primitive with its memory. Weights lie as it asks for them, packed once, as ours are.
class matmul {
public:
    matmul(product_shape shape, tc::element values) : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
        const bool int8 = values == tc::element::signed8;
        const dnnl::memory::dim rows = shape.rows, inputs = shape.inputs, outputs = shape.outputs;
        const dnnl::memory::desc from({rows, inputs}, int8 ? type::u8 : type::f32, tag::ab);
        const dnnl::memory::desc any({inputs, outputs}, int8 ? type::s8 : type::f32, tag::any);
        const dnnl::memory::desc natural({inputs, outputs}, int8 ? type::s8 : type::f32, tag::ba);
        const dnnl::memory::desc bias({1, outputs}, int8 ? type::s32 : type::f32, tag::ab);
        const dnnl::memory::desc to({rows, outputs}, int8 ? type::s8 : type::f32, tag::ab);
        const dnnl::matmul::primitive_desc made(dnnl::matmul::desc(from, any, bias, to),
                                                int8 ? requantisation(shape) : dnnl::primitive_attr(), engine_);
        implementation_ = made.impl_info_str();
        primitive_ = dnnl::matmul(made);
        weights_bytes_ = static_cast<int>(made.weights_desc().get_size() + bias.get_size());

        dnnl::memory written(natural, engine_), packed(made.weights_desc(), engine_);
        dnnl::memory source(from, engine_), added(bias, engine_), result(to, engine_);
        if (int8) {
            copy(pseudo_bytes<std::int8_t>(shape.weight_elements()), written);
            copy(pseudo_bytes<std::uint8_t>(shape.input_elements()), source);
        } else {
            copy(pseudo_numbers(shape.weight_elements()), written);
            copy(pseudo_numbers(shape.input_elements()), source);
        }
        std::fill_n(static_cast<std::byte*>(added.get_data_handle()), bias.get_size(), std::byte{0});
        dnnl::reorder(written, packed).execute(stream_, written, packed);
        stream_.wait();
        arguments_ = {
            {DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_BIAS, added}, {DNNL_ARG_DST, result}};
    }

    void run() {
        primitive_.execute(stream_, arguments_);
        stream_.wait();
    }
    const std::string& implementation() const { return implementation_; }
    int weights_bytes() const { return weights_bytes_; }

private:
    /// One scale per output, and the zero point of the result, as our layers have them. The input's zero point is in
    /// the bias, as in ours.
    static dnnl::primitive_attr requantisation(product_shape shape) {
        const float spread = 1.0f / (40.0f * std::sqrt(static_cast<float>(shape.inputs)));
        dnnl::primitive_attr attributes;
        attributes.set_output_scales(1 << 1, std::vector<float>(static_cast<std::size_t>(shape.outputs), spread));
        attributes.set_zero_points(DNNL_ARG_DST, 0, {5});
        return attributes;
    }
    template <class T>
    static void copy(const std::vector<T>& values, dnnl::memory& to) {
        std::copy(values.begin(), values.end(), static_cast<T*>(to.get_data_handle()));
    }

    dnnl::engine engine_;
    dnnl::stream stream_;
    dnnl::matmul primitive_;
    std::unordered_map<int, dnnl::memory> arguments_;
    std::string implementation_;
    int weights_bytes_ = 0;
};

}  // namespace

/// The row is named after the implementation that oneDNN chose, which tells the instruction set.
void add_onednn_product(product_shape shape, tc::element values) {
    omp_set_num_threads(1);
    const auto product = std::make_shared<matmul>(shape, values);
    add_row({"oneDNN " + product->implementation(), shape.text(), values == tc::element::signed8 ? "int8" : "fp32",
             shape.multiply_adds(), product->weights_bytes(), values},
            [product] { product->run(); });
}

std::string onednn_version() {
    const auto* v = dnnl::version();
    return std::to_string(v->major) + '.' + std::to_string(v->minor) + '.' + std::to_string(v->patch);
}

}  // namespace bench

#else

namespace bench {
void add_onednn_product(product_shape, tc::element) {}
std::string onednn_version() { return {}; }
}  // namespace bench

#endif
