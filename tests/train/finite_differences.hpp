// SPDX-License-Identifier: MIT
#pragma once

// Gradients of a trainer against differences of what the model computes in double precision (tests/net/reference.hpp).

#include <compress/train/trainer.hpp>

#include "../catch.hpp"
#include "../net/reference.hpp"

namespace tests {

/// Numbers of a model's nodes as the tensors that a host tool loads.
template <int Capacity>
tc::named_tensors tensors_of(const tc::model<Capacity>& m, const std::vector<numbers>& all) {
    tc::named_tensors tensors;
    for (const auto& [name, extents] : tc::needed_tensors(m)) {
        const auto dot = name.rfind('.');
        const std::string part = name.substr(dot);
        const int id = m.find(tc::label(name.substr(0, dot).c_str()));
        const numbers& w = all[static_cast<std::size_t>(id)];
        const auto& from = part == ".bias"           ? w.bias
                           : part == ".running_mean" ? w.mean
                           : part == ".running_var"  ? w.variance
                                                     : w.weight;
        auto& made = tensors[name] = tc::make_array<float>(extents);
        REQUIRE(from.size() == made.size());
        std::copy(from.begin(), from.end(), made.data());
    }
    return tensors;
}

/// A batch and the coefficients of a loss that is linear in the outputs.
struct linear_loss {
    std::vector<std::vector<tensor>> inputs;        ///< by record, by input
    std::vector<std::vector<tensor>> coefficients;  ///< by record, by output
};
template <int Capacity>
linear_loss loss_for(const tc::model<Capacity>& m, int records) {
    linear_loss loss;
    for (int r = 0; r < records; ++r) {
        loss.inputs.push_back(inputs_for(m, 100 + static_cast<unsigned>(r)));
        noise random(200 + static_cast<unsigned>(r));
        std::vector<tensor> outputs;
        for (int i = 0; i < m.output_count; ++i) {
            const auto c = random.vector(m[m.outputs[i]].output.elements(), -1.0f, 1.0f);
            outputs.emplace_back(c.begin(), c.end());
        }
        loss.coefficients.push_back(outputs);
    }
    return loss;
}

/// Mean and variance of every batch_norm's input over the batch become its statistics, one norm after the other.
template <int Capacity>
void use_batch_statistics(const tc::model<Capacity>& m, std::vector<numbers>& all, const linear_loss& loss) {
    for (int id = 0; id < m.count; ++id) {
        if (m[id].kind != tc::op::batch_norm) continue;
        const auto channels = static_cast<std::size_t>(m[id].output.channels());
        tensor sum(channels), squares(channels);
        double count = 0;
        std::vector<tensor> seen;
        for (const auto& inputs : loss.inputs)
            seen.push_back(evaluate(m, all, inputs)[static_cast<std::size_t>(m[id].inputs[0])]);
        for (const tensor& v : seen)
            for (std::size_t i = 0; i < v.size(); ++i) sum[i % channels] += v[i];
        for (const tensor& v : seen) count += static_cast<double>(v.size() / channels);
        for (const tensor& v : seen)
            for (std::size_t i = 0; i < v.size(); ++i)
                squares[i % channels] += (v[i] - sum[i % channels] / count) * (v[i] - sum[i % channels] / count);
        for (std::size_t c = 0; c < channels; ++c) {
            all[static_cast<std::size_t>(id)].mean[c] = static_cast<float>(sum[c] / count);
            all[static_cast<std::size_t>(id)].variance[c] = static_cast<float>(squares[c] / count);
        }
    }
}

/// Mean over the records of the sum of coefficient * output.
template <int Capacity>
double mean_loss(const tc::model<Capacity>& m, std::vector<numbers> all, const linear_loss& loss,
                 bool batch_statistics) {
    if (batch_statistics) use_batch_statistics(m, all, loss);
    double sum = 0;
    for (std::size_t r = 0; r < loss.inputs.size(); ++r) {
        const auto values = evaluate(m, all, loss.inputs[r]);
        for (int i = 0; i < m.output_count; ++i) {
            const tensor& y = values[static_cast<std::size_t>(m.outputs[i])];
            for (std::size_t k = 0; k < y.size(); ++k)
                sum += y[k] * loss.coefficients[r][static_cast<std::size_t>(i)][k];
        }
    }
    return sum / static_cast<double>(loss.inputs.size());
}

/// The gradients of a batch as a trainer computes them, by name, in the layout of the weights.
template <const auto& Model, class Isa, class Executor = tc::serial>
tc::named_tensors trained_gradients(tc::trainer<Model, Isa>& trained, const linear_loss& loss, bool frozen_norms,
                                    const Executor& threads = {}) {
    const auto fill = [&](int record, int input, std::span<float> values) {
        const tensor& from = loss.inputs[static_cast<std::size_t>(record)][static_cast<std::size_t>(input)];
        std::transform(from.begin(), from.end(), values.begin(), [](double v) { return static_cast<float>(v); });
    };
    typename tc::trainer<Model, Isa>::pass_options options;
    options.frozen_norms = frozen_norms;
    trained.run(
        static_cast<int>(loss.inputs.size()), fill,
        [&](auto& record) {
            double sum = 0;
            for (std::size_t i = 0; i < record.outputs.size(); ++i) {
                const tensor& c = loss.coefficients[record.index][i];
                for (std::size_t k = 0; k < c.size(); ++k) {
                    sum += c[k] * static_cast<double>(record.outputs[i][k]);
                    if (!record.gradients[i].empty()) record.gradients[i][k] = static_cast<float>(c[k]);
                }
            }
            return sum;
        },
        options, threads);
    tc::named_tensors gradients = trained.weights();
    tc::from_parameters<Model>(trained.gradients(), gradients);
    return gradients;
}

/// Compares elements spread over each trained tensor, among them the first and the last.
template <const auto& Model, class Isa = tc::native>
void expect_gradients(bool batch_statistics = false, int records = 3, double step = 1.0 / 4096) {
    auto all = numbers_for(Model, 3);
    const auto loss = loss_for(Model, records);
    tc::trainer<Model, Isa> trained(tensors_of(Model, all));
    const auto gradients = trained_gradients(trained, loss, !batch_statistics);
    for (int id = 0; id < Model.count; ++id) {
        numbers& w = all[static_cast<std::size_t>(id)];
        if (Model[id].kind == tc::op::constant) continue;
        for (const bool bias : {false, true}) {
            std::vector<float>& trained_numbers = bias ? w.bias : w.weight;
            if (trained_numbers.empty()) continue;
            const std::string name = tc::text_of(Model[id].name) + (bias ? ".bias" : ".weight");
            const float* found = gradients.find(name)->second.data();
            double largest = 1e-3;
            for (std::size_t i = 0; i < trained_numbers.size(); ++i)
                largest = std::max(largest, std::abs(static_cast<double>(found[i])));
            const std::size_t stride = trained_numbers.size() / 16 + 1;
            for (std::size_t i = trained_numbers.size() - 1;; i = i < stride ? 0 : i - stride) {
                const float kept = trained_numbers[i];
                const float above = kept + static_cast<float>(step), below = kept - static_cast<float>(step);
                trained_numbers[i] = above;
                const double high = mean_loss(Model, all, loss, batch_statistics);
                trained_numbers[i] = below;
                const double low = mean_loss(Model, all, loss, batch_statistics);
                trained_numbers[i] = kept;
                const double expected = (high - low) / (static_cast<double>(above) - static_cast<double>(below));
                INFO(name << " [" << i << "]: " << found[i] << " instead of " << expected);
                CHECK(std::abs(static_cast<double>(found[i]) - expected) <= 2e-3 * largest);
                if (i == 0) break;
            }
        }
    }
}

}  // namespace tests
