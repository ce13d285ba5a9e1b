// SPDX-License-Identifier: MIT
#include "peer.hpp"

#if defined(COMPRESS_HAS_XNNPACK)
#    include <cstdio>

#    include "xnnpack_subgraph.hpp"

namespace bench {
namespace {

/// Our net, node by node, as an XNNPACK runtime.
class network final : public peer {
public:
    network(const twin& net, bool int8, const std::vector<float>& input) : net_(net), graph_(int8) {
        for (int id = 0; id < static_cast<int>(net.nodes.size()); ++id) ids_.push_back(define(id));
        xnnpack_check(xnn_create_runtime_v2(graph_.get(), nullptr, 0, &runtime_), "xnn_create_runtime_v2");
        const auto fill = [&]<class T>(const std::vector<T>& values) {
            const auto* bytes = reinterpret_cast<const std::byte*>(values.data());
            input_.assign(bytes, bytes + values.size() * sizeof(T));
        };
        if (int8)
            fill(quantized(input, net.nodes[0].value));
        else
            fill(input);
        input_.resize(input_.size() + XNN_EXTRA_BYTES);
        output_.resize(output_count() * sizeof(float) + XNN_EXTRA_BYTES);
        const xnn_external_value memory[] = {{0, input_.data()}, {1, output_.data()}};
        xnnpack_check(xnn_setup_runtime(runtime_, 2, memory), "xnn_setup_runtime");
        run();
    }
    ~network() override { xnn_delete_runtime(runtime_); }

    void run() override { xnnpack_check(xnn_invoke_runtime(runtime_), "xnn_invoke_runtime"); }

    std::vector<float> output() const override {
        if (!graph_.int8() || last().node.kind == tc::op::softmax) {
            const auto* values = reinterpret_cast<const float*>(output_.data());
            return {values, values + output_count()};
        }
        std::vector<float> values;
        for (std::size_t i = 0; i < output_count(); ++i)
            values.push_back(tc::dequantize(static_cast<std::int8_t>(output_[i]), last().value));
        return values;
    }

private:
    const twin_node& last() const { return net_.nodes[static_cast<std::size_t>(net_.output)]; }
    std::size_t output_count() const { return static_cast<std::size_t>(last().node.output.elements()); }
    const twin_node& at(int id) const { return net_.nodes[static_cast<std::size_t>(id)]; }
    std::uint32_t made(int id) const { return ids_[static_cast<std::size_t>(id)]; }

    static std::vector<std::int8_t> quantized(const std::vector<float>& values, tc::affine a) {
        std::vector<std::int8_t> result;
        for (const float v : values) result.push_back(tc::quantize(v, a));
        return result;
    }

    /// A value of the shape of node `id`; the output of the net where it is that.
    std::uint32_t result(int id) {
        return graph_.value(extents_of(at(id).node.output), at(id).value, id == net_.output ? 1 : XNN_INVALID_VALUE_ID);
    }

    std::uint32_t define(int id) {
        const tc::node& n = at(id).node;
        switch (n.kind) {
        case tc::op::input:
            return graph_.value(extents_of(n.output), at(id).value, 0);
        case tc::op::conv2d:
        case tc::op::depthwise_conv2d:
        case tc::op::linear:
            return product(id);
        case tc::op::add:
            return sum(id, made(n.inputs[0]), made(n.inputs[1]), n.clamp);
        case tc::op::max_pool:
        case tc::op::avg_pool:
            return pool(id);
        case tc::op::global_average_pool:
            return mean(id);
        case tc::op::flatten:
        case tc::op::reshape:
            return view(id);
        case tc::op::softmax:
            return softmax(id);
        default:
            throw std::runtime_error(std::string("no twin of the operator ") + tc::name_of(n.kind));
        }
    }

    std::uint32_t product(int id) {
        const twin_node& t = at(id);
        const auto of = graph_.product_of(t, at(t.node.inputs[0]).value);
        if (t.node.residual < 0) return product(t, of, made(t.node.inputs[0]), result(id));
        const std::uint32_t stage = graph_.value(extents_of(t.node.output), t.stage);
        return sum(id, product(t, of, made(t.node.inputs[0]), stage), made(t.node.residual), t.node.sum_clamp);
    }
    std::uint32_t product(const twin_node& t, subgraph::product of, std::uint32_t from, std::uint32_t to) {
        const tc::node& n = t.node;
        const float low = tc::clamp_low(n.clamp), high = tc::clamp_high(n.clamp);
        if (n.kind == tc::op::linear) {
            xnnpack_check(xnn_define_fully_connected(graph_.get(), low, high, from, of.weights, of.bias, to,
                                                     XNN_FLAG_TENSORFLOW_RESHAPE_2D),
                          "xnn_define_fully_connected");
            return to;
        }
        const auto w = unsigned_window(n.slide);
        const std::size_t in = static_cast<std::size_t>(at(n.inputs[0]).node.output.channels());
        const std::size_t groups = static_cast<std::size_t>(n.slide.groups);
        if (n.kind == tc::op::depthwise_conv2d)
            xnnpack_check(xnn_define_depthwise_convolution_2d(
                              graph_.get(), w.top, w.right, w.bottom, w.left, w.rows, w.columns, w.down, w.across,
                              w.dilated_down, w.dilated_across, static_cast<std::uint32_t>(t.weights.outputs / in), in,
                              low, high, from, of.weights, of.bias, to, 0),
                          "xnn_define_depthwise_convolution_2d");
        else
            xnnpack_check(xnn_define_convolution_2d(
                              graph_.get(), w.top, w.right, w.bottom, w.left, w.rows, w.columns, w.down, w.across,
                              w.dilated_down, w.dilated_across, static_cast<std::uint32_t>(groups), in / groups,
                              t.weights.outputs / groups, low, high, from, of.weights, of.bias, to, 0),
                          "xnn_define_convolution_2d");
        return to;
    }

    struct window {
        std::uint32_t top, right, bottom, left, rows, columns, down, across, dilated_down, dilated_across;
    };
    static window unsigned_window(const tc::window& w) {
        const auto u = [](int v) { return static_cast<std::uint32_t>(v); };
        return {u(w.padding.top),  u(w.padding.right), u(w.padding.bottom), u(w.padding.left),    u(w.kernel.height),
                u(w.kernel.width), u(w.stride.height), u(w.stride.width),   u(w.dilation.height), u(w.dilation.width)};
    }

    std::uint32_t sum(int id, std::uint32_t a, std::uint32_t b, tc::clamp_kind clamp) {
        const std::uint32_t to = result(id);
        xnnpack_check(xnn_define_add2(graph_.get(), tc::clamp_low(clamp), tc::clamp_high(clamp), a, b, to, 0),
                      "xnn_define_add2");
        return to;
    }

    std::uint32_t pool(int id) {
        constexpr float most = std::numeric_limits<float>::infinity();
        const tc::node& n = at(id).node;
        const tc::shape& in = at(n.inputs[0]).node.output;
        const auto w = unsigned_window(n.slide);
        if (n.kind == tc::op::max_pool) {
            const std::uint32_t to = result(id);
            xnnpack_check(xnn_define_max_pooling_2d(graph_.get(), w.top, w.right, w.bottom, w.left, w.rows, w.columns,
                                                    w.down, w.across, 1, 1, -most, most, made(n.inputs[0]), to, 0),
                          "xnn_define_max_pooling_2d");
            return to;
        }
        if (!(n.slide.padding == tc::margins{})) throw std::runtime_error("no twin of an average pool with padding");
        if (n.output.elements() == in.channels()) return mean(id);
        return in_floats(id, [&](std::uint32_t from, std::uint32_t to) {
            xnnpack_check(xnn_define_average_pooling_2d(graph_.get(), 0, 0, 0, 0, w.rows, w.columns, w.down, w.across,
                                                        -most, most, from, to, 0),
                          "xnn_define_average_pooling_2d");
        });
    }

    /// Between conversions where the net is INT8: for operators that there are of FP32 only. Of an average pool this is
    /// also faster than a depthwise convolution with equal weights.
    template <class Define>
    std::uint32_t in_floats(int id, const Define& define) {
        const int source = at(id).node.inputs[0];
        const std::uint32_t to = result(id);
        if (!graph_.int8()) {
            define(made(source), to);
            return to;
        }
        const std::uint32_t real_from = graph_.real_value(extents_of(at(source).node.output));
        const std::uint32_t real_to = graph_.real_value(extents_of(at(id).node.output));
        xnnpack_check(xnn_define_convert(graph_.get(), made(source), real_from, 0), "xnn_define_convert");
        define(real_from, real_to);
        xnnpack_check(xnn_define_convert(graph_.get(), real_to, to, 0), "xnn_define_convert");
        return to;
    }

    std::uint32_t mean(int id) {
        constexpr float most = std::numeric_limits<float>::infinity();
        const std::uint32_t to = result(id);
        xnnpack_check(
            xnn_define_global_average_pooling_2d(graph_.get(), -most, most, made(at(id).node.inputs[0]), to, 0),
            "xnn_define_global_average_pooling_2d");
        return to;
    }

    /// Linear layers read an image as a vector; elsewhere XNNPACK copies.
    std::uint32_t view(int id) {
        const int source = at(id).node.inputs[0];
        if (id != net_.output && net_.only_linear_reads(id)) return made(source);
        const std::uint32_t to = result(id);
        const extents e = extents_of(at(id).node.output);
        xnnpack_check(xnn_define_static_reshape(graph_.get(), e.size(), e.data(), made(source), to, 0),
                      "xnn_define_static_reshape");
        return to;
    }

    /// In floats always: there is none of INT8.
    std::uint32_t softmax(int id) {
        const extents e = extents_of(at(id).node.output);
        std::uint32_t from = made(at(id).node.inputs[0]);
        if (id != net_.output) throw std::runtime_error("no twin of a softmax inside a net");
        if (graph_.int8()) {
            const std::uint32_t real = graph_.real_value(e);
            xnnpack_check(xnn_define_convert(graph_.get(), from, real, 0), "xnn_define_convert");
            from = real;
        }
        const std::uint32_t to = graph_.real_value(e, 1);
        xnnpack_check(xnn_define_softmax(graph_.get(), from, to, 0), "xnn_define_softmax");
        return to;
    }

    const twin& net_;
    subgraph graph_;
    std::vector<std::uint32_t> ids_;  ///< of our nodes' values
    xnn_runtime_t runtime_ = nullptr;
    std::vector<std::byte> input_, output_;
};

}  // namespace

std::unique_ptr<peer> xnnpack(const twin& net, bool int8, const std::vector<float>& input) {
    try {
        return std::make_unique<network>(net, int8, input);
    } catch (const std::runtime_error& e) {
        std::fprintf(stderr, "XNNPACK: skipped: %s\n", e.what());
        return nullptr;
    }
}

std::string xnnpack_version() { return COMPRESS_HAS_XNNPACK; }

}  // namespace bench

#else

namespace bench {
std::unique_ptr<peer> xnnpack(const twin&, bool, const std::vector<float>&) { return nullptr; }
std::string xnnpack_version() { return {}; }
}  // namespace bench

#endif
