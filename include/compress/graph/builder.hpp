// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/diagnostics.hpp>
#include <compress/graph/model.hpp>
#include <compress/graph/shape_inference.hpp>

namespace tensor_compress {

/// Result of a node inside `make_model`; passed to the operators that read it.
struct value {
    int id = -1;
};

struct conv_options {
    extent2 stride{1, 1};
    extent2 dilation{1, 1};
    tensor_compress::padding padding = same;
    int groups = 1;
    bool bias = true;
};

struct pool_options {
    extent2 stride{0, 0};  ///< 0: as large as the kernel
    tensor_compress::padding padding = valid;
    bool count_padding = false;
};

/// Writes a model node by node. Shapes are inferred and checked at each call; `Complaints` says what is wrong, in the
/// compiler (compiler_complaints) or at run time (the importer).
template <int Capacity, class Complaints = compiler_complaints>
class builder {
public:
    /// A tensor the caller passes to `run`: [H, W, C], [T, C] or [N], without the batch dimension.
    constexpr value input(label name, shape extents) { return append(op::input, name, {}, extents); }

    /// A tensor stored with the weights, as `<name>.value`.
    constexpr value constant(label name, shape extents) { return append(op::constant, name, {}, extents); }

    /// output[y, x, o] = bias[o] + sum over i, j, c of weight[o, c, i, j] * input[y * stride + i - top, x * stride + j
    /// - left, c].
    constexpr value conv2d(label name, value x, int channels, extent2 kernel, conv_options options = {}) {
        const shape in = image(name, x);
        window w{kernel, options.stride, options.dilation, {}, options.groups};
        if (options.groups < 1 || channels < 1) Complaints::kernel_stride_dilation_and_groups_must_be_positive(name);
        if (in.channels() % options.groups != 0 || channels % options.groups != 0)
            Complaints::channels_must_be_divisible_by_groups(
                name, in.channels() % options.groups ? in.channels() : channels, options.groups);
        const bool depthwise = options.groups > 1 && options.groups == in.channels();
        return sliding(depthwise ? op::depthwise_conv2d : op::conv2d, name, x, channels, w, options.padding,
                       options.bias);
    }

    /// A convolution of each channel with its own kernels; output channel c * multiplier + k reads input channel c.
    constexpr value depthwise_conv2d(label name, value x, extent2 kernel, conv_options options = {},
                                     int multiplier = 1) {
        const shape in = image(name, x);
        window w{kernel, options.stride, options.dilation, {}, in.channels()};
        return sliding(op::depthwise_conv2d, name, x, in.channels() * multiplier, w, options.padding, options.bias);
    }

    /// output[t, o] = bias[o] + sum over i of weight[o, i] * input[t, i]; for [N] and for each row of [T, N].
    constexpr value linear(label name, value x, int features, bool bias = true) {
        shape out = shape_of(name, x);
        if (out.rank < 1 || out.rank > 2)
            Complaints::this_operator_needs_a_vector_or_rows_of_vectors__use_flatten(name, out);
        out.extent[out.rank - 1] = features;
        const value result = append(op::linear, name, {x}, out);
        m.nodes[result.id].bias = bias;
        return result;
    }

    /// gamma * (x - mean) / sqrt(variance + epsilon) + beta per channel; folded into the convolution before it where
    /// there is one.
    constexpr value batch_norm(label name, value x, float epsilon = 1e-5f) {
        const value result = append(op::batch_norm, name, {x}, shape_of(name, x));
        m.nodes[result.id].parameter = epsilon;
        return result;
    }

    /// gamma[c] * (x - mean) / sqrt(variance + epsilon) + beta[c], mean and variance over the last axis.
    constexpr value layer_norm(label name, value x, float epsilon = 1e-5f) {
        const value result = append(op::layer_norm, name, {x}, shape_of(name, x));
        m.nodes[result.id].parameter = epsilon;
        return result;
    }

    /// output[..., m, n] = sum over k of a[..., m, k] * b[..., k, n], or b[..., n, k] where `transposed`; the extents
    /// before the last two are those of a batch.
    constexpr value matmul(label name, value a, value b, bool transposed = false) {
        const shape first = shape_of(name, a), second = shape_of(name, b);
        shape out = first;
        bool fits = first.rank >= 2 && first.rank == second.rank;
        if (fits) {
            const int last = first.rank - 1;
            for (int axis = 0; axis < last - 1; ++axis) fits = fits && first[axis] == second[axis];
            fits = fits && first[last] == second[transposed ? last : last - 1];
            out.extent[last] = second[transposed ? last - 1 : last];
        }
        if (!fits) Complaints::these_matrices_cannot_be_multiplied(name, first, second);
        const value result = append(op::matmul, name, {a, b}, out);
        m.nodes[result.id].transposed = transposed;
        return result;
    }

    constexpr value add(label name, value a, value b) { return pair(op::add, name, a, b); }
    constexpr value mul(label name, value a, value b) { return pair(op::mul, name, a, b); }
    constexpr value add(value a, value b) { return add(named_after(a, "add"), a, b); }
    constexpr value mul(value a, value b) { return mul(named_after(a, "mul"), a, b); }

    constexpr value relu(label name, value x) { return unary(op::relu, name, x); }
    constexpr value relu6(label name, value x) { return unary(op::relu6, name, x); }
    constexpr value sigmoid(label name, value x) { return unary(op::sigmoid, name, x); }
    constexpr value tanh(label name, value x) { return unary(op::tanh, name, x); }
    /// x * clamp(x + 3, 0, 6) / 6
    constexpr value hard_swish(label name, value x) { return unary(op::hard_swish, name, x); }
    /// x for x >= 0, slope * x below
    constexpr value leaky_relu(label name, value x, float slope = 0.01f) {
        const value result = unary(op::leaky_relu, name, x);
        m.nodes[result.id].parameter = slope;
        return result;
    }
    constexpr value relu(value x) { return relu(named_after(x, "relu"), x); }
    constexpr value relu6(value x) { return relu6(named_after(x, "relu6"), x); }
    constexpr value sigmoid(value x) { return sigmoid(named_after(x, "sigmoid"), x); }
    constexpr value tanh(value x) { return tanh(named_after(x, "tanh"), x); }
    constexpr value hard_swish(value x) { return hard_swish(named_after(x, "hard_swish"), x); }
    constexpr value leaky_relu(value x, float slope = 0.01f) {
        return leaky_relu(named_after(x, "leaky_relu"), x, slope);
    }

    /// In training each element is 0 with probability `rate`, else x / (1 - rate); a net does not have it. Source:
    /// Srivastava et al. 2014, Dropout (inverted, so that nothing is left to do in inference).
    constexpr value dropout(label name, value x, float rate = 0.5f) {
        if (!(rate >= 0 && rate < 1)) Complaints::the_rate_of_a_dropout_lies_from_0_to_below_1(name);
        const value result = unary(op::dropout, name, x);
        m.nodes[result.id].parameter = rate;
        return result;
    }

    /// exp(x) / sum of exp, over the last axis.
    constexpr value softmax(label name, value x) { return unary(op::softmax, name, x); }
    constexpr value softmax(value x) { return softmax(named_after(x, "softmax"), x); }

    constexpr value max_pool(label name, value x, extent2 kernel, pool_options options = {}) {
        return pool(op::max_pool, name, x, kernel, options);
    }
    constexpr value avg_pool(label name, value x, extent2 kernel, pool_options options = {}) {
        return pool(op::avg_pool, name, x, kernel, options);
    }
    /// Mean over height and width: [H, W, C] -> [C].
    constexpr value global_average_pool(label name, value x) {
        return append(op::global_average_pool, name, {x}, shape{image(name, x).channels()});
    }
    /// Average pool to `size`, which must divide the input.
    constexpr value adaptive_avg_pool(label name, value x, extent2 size) {
        const shape in = image(name, x);
        if (size.height < 1 || size.width < 1 || in.height() % size.height != 0 || in.width() % size.width != 0)
            Complaints::the_pooled_size_must_divide_the_input(name, in, size.height, size.width);
        return avg_pool(name, x, {in.height() / size.height, in.width() / size.width});
    }

    /// All values as one vector, in the order of memory: row, column, channel.
    constexpr value flatten(label name, value x) {
        return append(op::flatten, name, {x}, shape{shape_of(name, x).elements()});
    }
    constexpr value flatten(value x) { return flatten(named_after(x, "flatten"), x); }

    constexpr value reshape(label name, value x, shape to) {
        const shape from = shape_of(name, x);
        if (from.elements() != to.elements()) Complaints::reshape_must_keep_the_number_of_elements(name, from, to);
        return append(op::reshape, name, {x}, to);
    }

    /// Axis i of the result is axis order[i] of x.
    constexpr value transpose(label name, value x, std::initializer_list<int> order) {
        const shape in = shape_of(name, x);
        int axes[max_rank]{};
        int count = 0;
        bool seen[max_rank]{};
        for (int axis : order) {
            if (count >= in.rank || axis < 0 || axis >= in.rank || seen[axis])
                Complaints::the_order_of_a_transpose_must_name_every_axis_once(name);
            else
                seen[axis] = true, axes[count++] = axis;
        }
        if (count != in.rank) Complaints::the_order_of_a_transpose_must_name_every_axis_once(name);
        const value result = append(op::transpose, name, {x}, transposed(in, axes));
        for (int i = 0; i < max_rank; ++i) m.nodes[result.id].order[i] = axes[i];
        return result;
    }

    /// Values side by side along `axis` (negative: from the end).
    constexpr value concat(label name, std::initializer_list<value> values, int axis = -1) {
        if (values.size() < 2 || values.size() > max_inputs)
            Complaints::concat_joins_2_to_8_values_that_differ_only_along_its_axis(name, {}, {});
        shape out = shape_of(name, *values.begin());
        const int at = axis < 0 ? axis + out.rank : axis;
        if (at < 0 || at >= out.rank) Complaints::this_axis_does_not_exist(name, axis, out.rank);
        int total = 0;
        for (value v : values) {
            shape other = shape_of(name, v);
            total += other[at];
            const shape found = other;
            other.extent[at] = out[at];
            if (other != out) Complaints::concat_joins_2_to_8_values_that_differ_only_along_its_axis(name, out, found);
        }
        out.extent[at] = total;
        const value result = append(op::concat, name, values, out);
        m.nodes[result.id].axis = at;
        return result;
    }

    /// Rows and columns of `fill` around an image.
    constexpr value pad(label name, value x, margins around, float fill = 0) {
        const shape in = image(name, x);
        if (around.top < 0 || around.left < 0 || around.bottom < 0 || around.right < 0)
            Complaints::padding_must_not_be_negative(name);
        const value result =
            append(op::pad, name, {x},
                   {in.height() + around.top + around.bottom, in.width() + around.left + around.right, in.channels()});
        m.nodes[result.id].cut = around;
        m.nodes[result.id].parameter = fill;
        return result;
    }

    /// Marks a result of the model. Without any, every value that nothing reads is a result, in the order of writing.
    /// The label becomes that of the node, except where weights, or the caller's input, are known by the one it has.
    constexpr void output(label name, value v) {
        node& n = m.nodes[checked(name, v)];
        if (m.is_output(v.id)) Complaints::an_output_is_named_twice(name);
        if (!(n.name == name)) check_label(name);
        if (n.kind != op::input && n.kind != op::constant && n.kind != op::batch_norm && !is_product(n.kind))
            n.name = name;
        output(v);
    }
    constexpr void output(value v) {
        if (m.output_count == max_outputs)
            Complaints::a_model_has_1_to_8_outputs(m.output_count + 1);
        else
            m.outputs[m.output_count++] = v.id;
    }

    constexpr shape shape_of(value v) const { return m.nodes[v.id].output; }
    constexpr const label& label_of(value v) const { return m.nodes[v.id].name; }

    /// The finished model; gives it its outputs where none was named.
    constexpr const model<Capacity>& finish() {
        if (m.output_count == 0)
            for (int id = 0; id < m.count; ++id)
                if (m.consumers(id) == 0) output(value{id});
        if (m.output_count == 0) Complaints::a_model_has_1_to_8_outputs(0);
        return m;
    }

private:
    constexpr value append(op kind, const label& name, std::initializer_list<value> inputs, shape out) {
        check_label(name);
        check_shape(name, out);
        if (m.count == Capacity) {
            Complaints::the_model_has_more_nodes_than_its_capacity__write_make_model_with_a_larger_number(Capacity);
            return {};
        }
        node& n = m.nodes[m.count];
        n.kind = kind;
        n.name = name;
        n.output = out;
        for (value v : inputs) n.inputs[n.input_count++] = checked(name, v);
        return {m.count++};
    }

    constexpr void check_label(const label& name) const {
        if (name.empty()) Complaints::a_label_must_not_be_empty();
        for (int i = 0; name.text[i] != 0; ++i)
            for (char reserved : {'[', ']', '*', '?', ';', '='})
                if (name.text[i] == reserved) Complaints::a_label_contains_a_character_reserved_for_recipes(name);
        if (m.find(name) >= 0) Complaints::this_label_is_used_twice(name);
    }

    static constexpr void check_shape(const label& name, const shape& s) {
        long long elements = 1;
        for (int axis = 0; axis < s.rank; ++axis) {
            if (s[axis] < 1) Complaints::every_extent_of_a_shape_must_be_positive(name, s);
            elements *= s[axis] < 1 ? 1 : s[axis];
            if (elements > 0x1fffffff) {
                Complaints::a_tensor_is_too_large__its_elements_must_fit_31_bits(name, s);
                return;
            }
        }
        if (s.rank == 0) Complaints::every_extent_of_a_shape_must_be_positive(name, s);
    }

    constexpr int checked(const label& name, value v) const {
        if (v.id < 0 || v.id >= m.count) Complaints::this_value_belongs_to_no_earlier_node(name);
        return v.id;
    }
    constexpr shape shape_of(const label& name, value v) const { return m.nodes[checked(name, v)].output; }
    constexpr shape image(const label& name, value v) const {
        const shape s = shape_of(name, v);
        if (s.rank != 3) Complaints::this_operator_needs_an_image_of_height_width_channels(name, s);
        return s;
    }
    /// "conv1" -> "conv1/relu"; a second unnamed one of the same kind becomes "conv1/relu_2".
    constexpr label named_after(value v, const char* kind) const {
        const label base = m.nodes[checked(kind, v)].name / kind;
        label name = base;
        for (char digit = '2'; m.find(name) >= 0 && digit <= '9'; ++digit) {
            const char suffix[] = {'_', digit, 0};
            name = base;
            name.append(suffix);
        }
        return name;
    }

    constexpr value unary(op kind, const label& name, value x) { return append(kind, name, {x}, shape_of(name, x)); }

    constexpr value pair(op kind, const label& name, value a, value b) {
        const shape out = broadcast(shape_of(name, a), shape_of(name, b));
        if (out.rank == 0) Complaints::these_operands_have_different_shapes(name, shape_of(name, a), shape_of(name, b));
        return append(kind, name, {a, b}, out);
    }

    constexpr value pool(op kind, const label& name, value x, extent2 kernel, pool_options options) {
        const extent2 stride{options.stride.height > 0 ? options.stride.height : kernel.height,
                             options.stride.width > 0 ? options.stride.width : kernel.width};
        window w{kernel, stride, {1, 1}, {}, 1, options.count_padding};
        const value result = sliding(kind, name, x, image(name, x).channels(), w, options.padding, false);
        const margins p = m.nodes[result.id].slide.padding;
        if (p.top >= kernel.height || p.left >= kernel.width || p.bottom >= kernel.height || p.right >= kernel.width)
            Complaints::padding_must_be_smaller_than_the_kernel(name);
        return result;
    }

    constexpr value sliding(op kind, const label& name, value x, int channels, window w, padding p, bool bias) {
        const shape in = image(name, x);
        if (w.kernel.height < 1 || w.kernel.width < 1 || w.stride.height < 1 || w.stride.width < 1 ||
            w.dilation.height < 1 || w.dilation.width < 1)
            Complaints::kernel_stride_dilation_and_groups_must_be_positive(name);
        w.padding = resolve(p, in, w.kernel, w.stride, w.dilation);
        if (w.padding.top < 0 || w.padding.left < 0 || w.padding.bottom < 0 || w.padding.right < 0)
            Complaints::padding_must_not_be_negative(name);
        const extent2 positions = window_positions(in, w);
        if (positions.height < 1 || positions.width < 1)
            Complaints::the_kernel_is_larger_than_the_padded_input(name, in, w.kernel.height, w.kernel.width);
        const value result = append(kind, name, {x}, {positions.height, positions.width, channels});
        m.nodes[result.id].slide = w;
        m.nodes[result.id].bias = bias;
        return result;
    }

    model<Capacity> m{};
};

namespace detail {

inline constexpr int default_capacity = 320;

template <int Capacity, class Describe>
constexpr model<Capacity> build(const Describe& describe) {
    builder<Capacity> g;
    describe(g);
    return g.finish();
}

template <class Describe, int Capacity>
inline constexpr auto built = build<Capacity>(Describe{});

}  // namespace detail

/// The model that `describe(g)` writes, g being a `builder`. A lambda that captures nothing gives a model of exact
/// size; any other gives one of `Capacity` nodes.
template <int Capacity = detail::default_capacity, class Describe>
constexpr auto make_model(Describe describe) {
    if constexpr (requires { Describe{}; }) {
        constexpr int count = detail::built<Describe, Capacity>.count;
        return resized<count>(detail::built<Describe, Capacity>);
    } else {
        return detail::build<Capacity>(describe);
    }
}

}  // namespace tensor_compress
