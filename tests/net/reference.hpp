// SPDX-License-Identifier: MIT
#pragma once

// What a written model computes, node by node in double precision and with the plainest loops: nothing of the kernels,
// rewrites and plans that it is compared with.

#include <compress/graph/model.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace tests {

namespace tc = tensor_compress;

using tensor = std::vector<double>;

/// Numbers of one node. Product: weight and bias; batch_norm: weight, bias, mean and variance; constant: its value as
/// weight.
struct numbers {
    std::vector<float> weight, bias, mean, variance;
};

/// Repeatable numbers in [-1, 1).
class noise {
public:
    explicit noise(unsigned seed) : state(seed * 2654435761u + 1) {}
    float operator()() {
        state = state * 1664525u + 1013904223u;
        return static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
    }
    std::vector<float> vector(int count, float low, float high) {
        std::vector<float> v(static_cast<std::size_t>(count));
        for (float& x : v) x = low + (high - low) * ((*this)() + 1.0f) / 2.0f;
        return v;
    }

private:
    unsigned state;
};

inline int terms_of(const tc::node& n, const tc::shape& in) {
    if (n.kind == tc::op::linear) return in.channels();
    return in.channels() / n.slide.groups * n.slide.kernel.height * n.slide.kernel.width;
}

/// Numbers for every node of a model, of a size that keeps values near 1.
template <int Capacity>
std::vector<numbers> numbers_for(const tc::model<Capacity>& m, unsigned seed = 1) {
    noise random(seed);
    std::vector<numbers> all(static_cast<std::size_t>(m.count));
    for (int id = 0; id < m.count; ++id) {
        const tc::node& n = m[id];
        numbers& w = all[static_cast<std::size_t>(id)];
        const int channels = n.output.channels();
        if (tc::is_product(n.kind)) {
            const int terms = terms_of(n, m[n.inputs[0]].output);
            const float limit = 1.5f / std::sqrt(static_cast<float>(terms));
            w.weight = random.vector(channels * terms, -limit, limit);
            if (n.bias) w.bias = random.vector(channels, -0.5f, 0.5f);
        } else if (n.kind == tc::op::batch_norm) {
            w = {random.vector(channels, 0.5f, 1.5f), random.vector(channels, -0.5f, 0.5f),
                 random.vector(channels, -0.3f, 0.3f), random.vector(channels, 0.5f, 2.0f)};
        } else if (n.kind == tc::op::layer_norm) {
            w.weight = random.vector(channels, 0.5f, 1.5f);
            w.bias = random.vector(channels, -0.5f, 0.5f);
        } else if (n.kind == tc::op::constant) {
            w.weight = random.vector(n.output.elements(), 0.25f, 1.25f);
        }
    }
    return all;
}

/// Random values for every input.
template <int Capacity>
std::vector<tensor> inputs_for(const tc::model<Capacity>& m, unsigned seed = 2) {
    noise random(seed);
    std::vector<tensor> inputs;
    for (int id = 0; id < m.count; ++id)
        if (m[id].kind == tc::op::input) {
            const auto v = random.vector(m[id].output.elements(), -1.0f, 1.0f);
            inputs.emplace_back(v.begin(), v.end());
        }
    return inputs;
}

namespace detail {

inline std::size_t index(int i) { return static_cast<std::size_t>(i); }

/// f(output place, kernel row, kernel column, input row, input column, inside)
template <class F>
void for_each_tap(const tc::node& n, const tc::shape& in, F f) {
    const tc::window& w = n.slide;
    for (int y = 0; y < n.output.height(); ++y)
        for (int x = 0; x < n.output.width(); ++x)
            for (int i = 0; i < w.kernel.height; ++i)
                for (int j = 0; j < w.kernel.width; ++j) {
                    const int row = y * w.stride.height + i * w.dilation.height - w.padding.top;
                    const int column = x * w.stride.width + j * w.dilation.width - w.padding.left;
                    const bool inside = row >= 0 && row < in.height() && column >= 0 && column < in.width();
                    f(y * n.output.width() + x, i, j, row, column, inside);
                }
}

inline tensor convolution(const tc::node& n, const tc::shape& in, const tensor& x, const numbers& w) {
    const int outputs = n.output.channels(), group_inputs = in.channels() / n.slide.groups,
              group_outputs = outputs / n.slide.groups;
    const tc::extent2 kernel = n.slide.kernel;
    tensor y(index(n.output.elements()));
    for (std::size_t i = 0; i < y.size(); ++i)
        y[i] = w.bias.empty() ? 0.0 : static_cast<double>(w.bias[i % index(outputs)]);
    for_each_tap(n, in, [&](int place, int i, int j, int row, int column, bool inside) {
        for (int o = 0; inside && o < outputs; ++o)
            for (int c = 0; c < group_inputs; ++c) {
                const int channel = o / group_outputs * group_inputs + c;
                y[index(place * outputs + o)] +=
                    static_cast<double>(
                        w.weight[index(((o * group_inputs + c) * kernel.height + i) * kernel.width + j)]) *
                    x[index((row * in.width() + column) * in.channels() + channel)];
            }
    });
    return y;
}

inline tensor linear(const tc::node& n, const tc::shape& in, const tensor& x, const numbers& w) {
    const int terms = in.channels(), outputs = n.output.channels();
    tensor y(index(n.output.elements()));
    for (std::size_t at = 0; at < y.size(); ++at) {
        const std::size_t row = at / index(outputs), o = at % index(outputs);
        y[at] = w.bias.empty() ? 0.0 : static_cast<double>(w.bias[o]);
        for (std::size_t i = 0; i < index(terms); ++i)
            y[at] += static_cast<double>(w.weight[o * index(terms) + i]) * x[row * index(terms) + i];
    }
    return y;
}

inline tensor pool(const tc::node& n, const tc::shape& in, const tensor& x) {
    const int channels = in.channels();
    tensor y(index(n.output.elements()), n.kind == tc::op::max_pool ? -1e30 : 0.0), counts(y.size());
    for_each_tap(n, in, [&](int place, int, int, int row, int column, bool inside) {
        for (int c = 0; c < channels; ++c) {
            const std::size_t at = index(place * channels + c);
            counts[at] += inside || n.slide.count_padding ? 1 : 0;
            if (!inside) continue;
            const double v = x[index((row * in.width() + column) * channels + c)];
            y[at] = n.kind == tc::op::max_pool ? std::max(y[at], v) : y[at] + v;
        }
    });
    for (std::size_t at = 0; n.kind == tc::op::avg_pool && at < y.size(); ++at) y[at] /= counts[at];
    return y;
}

inline double activation(const tc::node& n, double x) {
    switch (n.kind) {
    case tc::op::relu:
        return std::max(x, 0.0);
    case tc::op::relu6:
        return std::min(std::max(x, 0.0), 6.0);
    case tc::op::leaky_relu:
        return x < 0 ? x * static_cast<double>(n.parameter) : x;
    case tc::op::sigmoid:
        return 1 / (1 + std::exp(-x));
    case tc::op::tanh:
        return std::tanh(x);
    default:
        return x * std::min(std::max(x + 3, 0.0), 6.0) / 6;  // hard_swish
    }
}

inline tensor softmax(const tc::node& n, tensor x) {
    const std::size_t columns = index(n.output.channels());
    for (std::size_t row = 0; row < x.size(); row += columns) {
        double sum = 0;
        for (std::size_t i = 0; i < columns; ++i) sum += x[row + i] = std::exp(x[row + i]);
        for (std::size_t i = 0; i < columns; ++i) x[row + i] /= sum;
    }
    return x;
}

inline tensor layer_norm(const tc::node& n, tensor x, const numbers& w) {
    const std::size_t columns = index(n.output.channels());
    for (std::size_t row = 0; row < x.size(); row += columns) {
        double mean = 0, variance = 0;
        for (std::size_t i = 0; i < columns; ++i) mean += x[row + i] / static_cast<double>(columns);
        for (std::size_t i = 0; i < columns; ++i)
            variance += (x[row + i] - mean) * (x[row + i] - mean) / static_cast<double>(columns);
        for (std::size_t i = 0; i < columns; ++i)
            x[row + i] = (x[row + i] - mean) / std::sqrt(variance + static_cast<double>(n.parameter)) *
                             static_cast<double>(w.weight[i]) +
                         static_cast<double>(w.bias[i]);
    }
    return x;
}

inline tensor matmul(const tc::node& n, const tc::shape& in, const tensor& a, const tensor& b) {
    const int inner = in.channels(), columns = n.output.channels(), rows = n.output[n.output.rank - 2];
    tensor y(index(n.output.elements()));
    for (std::size_t at = 0; at < y.size(); ++at) {
        const int row = static_cast<int>(at) / columns, column = static_cast<int>(at) % columns, batch = row / rows;
        for (int k = 0; k < inner; ++k)
            y[at] += a[index(row * inner + k)] *
                     b[index(batch * inner * columns + (n.transposed ? column * inner + k : k * columns + column))];
    }
    return y;
}

/// Place in the memory of `s` of the element with these coordinates.
inline std::size_t place(const tc::shape& s, const int (&at)[tc::max_rank]) {
    int offset = 0;
    for (int axis = 0; axis < s.rank; ++axis) offset = offset * s[axis] + at[axis];
    return index(offset);
}
/// Coordinates of the element at that place.
inline void coordinates(const tc::shape& s, std::size_t offset, int (&at)[tc::max_rank]) {
    for (int axis = s.rank - 1; axis >= 0; --axis) {
        at[axis] = static_cast<int>(offset) % s[axis];
        offset /= index(s[axis]);
    }
}

inline tensor transpose(const tc::node& n, const tc::shape& in, const tensor& x) {
    tensor y(x.size());
    int to[tc::max_rank]{}, from[tc::max_rank]{};
    for (std::size_t at = 0; at < y.size(); ++at) {
        coordinates(n.output, at, to);
        for (int axis = 0; axis < in.rank; ++axis) from[n.order[axis]] = to[axis];
        y[at] = x[place(in, from)];
    }
    return y;
}

inline tensor pad(const tc::node& n, const tc::shape& in, const tensor& x) {
    tensor y(index(n.output.elements()), static_cast<double>(n.parameter));
    for (int row = 0; row < in.height(); ++row)
        for (int column = 0; column < in.width(); ++column)
            for (int c = 0; c < in.channels(); ++c)
                y[place(n.output, {row + n.cut.top, column + n.cut.left, c})] = x[place(in, {row, column, c})];
    return y;
}

}  // namespace detail

/// The value of every node.
template <int Capacity>
std::vector<tensor> evaluate(const tc::model<Capacity>& m, const std::vector<numbers>& all,
                             const std::vector<tensor>& inputs) {
    using detail::index;
    std::vector<tensor> values(index(m.count));
    std::size_t next_input = 0;
    for (int id = 0; id < m.count; ++id) {
        const tc::node& n = m[id];
        const numbers& w = all[index(id)];
        tensor& y = values[index(id)];
        const auto input = [&](int i) -> const tensor& { return values[index(n.inputs[i])]; };
        const tc::shape in = n.input_count > 0 ? m[n.inputs[0]].output : tc::shape{};
        switch (n.kind) {
        case tc::op::input:
            y = inputs[next_input++];
            break;
        case tc::op::constant:
            y.assign(w.weight.begin(), w.weight.end());
            break;
        case tc::op::conv2d:
        case tc::op::depthwise_conv2d:
            y = detail::convolution(n, in, input(0), w);
            break;
        case tc::op::linear:
            y = detail::linear(n, in, input(0), w);
            break;
        case tc::op::batch_norm:
            y = input(0);
            for (std::size_t i = 0; i < y.size(); ++i) {
                const std::size_t c = i % w.mean.size();
                const double deviation =
                    std::sqrt(static_cast<double>(w.variance[c]) + static_cast<double>(n.parameter));
                y[i] = static_cast<double>(w.weight[c]) * (y[i] - static_cast<double>(w.mean[c])) / deviation +
                       static_cast<double>(w.bias[c]);
            }
            break;
        case tc::op::add:
        case tc::op::mul:
            y.resize(index(n.output.elements()));
            for (std::size_t i = 0; i < y.size(); ++i) {
                const double a = input(0)[i % input(0).size()], b = input(1)[i % input(1).size()];
                y[i] = n.kind == tc::op::add ? a + b : a * b;
            }
            break;
        case tc::op::layer_norm:
            y = detail::layer_norm(n, input(0), w);
            break;
        case tc::op::matmul:
            y = detail::matmul(n, in, input(0), input(1));
            break;
        case tc::op::softmax:
            y = detail::softmax(n, input(0));
            break;
        case tc::op::max_pool:
        case tc::op::avg_pool:
            y = detail::pool(n, in, input(0));
            break;
        case tc::op::global_average_pool:
            y.resize(index(in.channels()));
            for (std::size_t i = 0; i < input(0).size(); ++i)
                y[i % y.size()] += input(0)[i] / (in.height() * in.width());
            break;
        case tc::op::flatten:
        case tc::op::reshape:
            y = input(0);
            break;
        case tc::op::transpose:
            y = detail::transpose(n, in, input(0));
            break;
        case tc::op::concat: {
            int first = 0, at[tc::max_rank]{};
            y.resize(index(n.output.elements()));
            for (int i = 0; i < n.input_count; ++i) {
                const tc::shape part = m[n.inputs[i]].output;
                for (std::size_t j = 0; j < input(i).size(); ++j) {
                    detail::coordinates(part, j, at);
                    at[n.axis] += first;
                    y[detail::place(n.output, at)] = input(i)[j];
                }
                first += part[n.axis];
            }
            break;
        }
        case tc::op::pad:
            y = detail::pad(n, in, input(0));
            break;
        case tc::op::convert:
            break;  // never written
        default:
            y = input(0);
            for (double& v : y) v = detail::activation(n, v);
        }
    }
    return values;
}

}  // namespace tests
