// SPDX-License-Identifier: MIT
#pragma once

#include <compress/train/optimizer.hpp>
#include <compress/transform/gptq.hpp>

namespace tensor_compress {

enum class rounding_start { nearest, gptq };

struct ada_round_options {
    int iterations = 2000;
    std::size_t rows = 8192, batch = 256;
    double rate = 0.01;
    double push = 0.01;
    double warm_start = 0.2;
    double first_power = 20, last_power = 2;
    rounding_start start = rounding_start::gptq;
    bool fit_biases = true, correct_bias = false, fit_steps = false, keep_best = true;
    double blend = 0;       // of start: 0: share from weight, 1: from level
    double linear = 0;      // part of the error before activation
    double bias_rate = 0.1;  // times rate
    gptq_options first = {};
    std::uint64_t seed = 1;
    bool verbose = false;
};

namespace detail {

class soft_layer {
public:
    soft_layer(layer_to_change& layer, const layer_levels& levels, const rounded_layer& from,
               std::span<const float> wanted, const ada_round_options& o)
        : l_(layer), o_(o), outputs_(layer.weights.outputs), terms_(layer.weights.terms), group_outputs_(layer.group_outputs()) {
        const std::size_t n = outputs_ * terms_;
        const weight_grid grid = levels.format.grid;
        parameters_.resize(n + 2 * outputs_);
        gradients_.resize(parameters_.size());
        state_.first.resize(parameters_.size());
        state_.second.resize(parameters_.size());
        lower_.resize(n), multiples_.resize(n), soft_ = from.bias.empty() ? soft_ : make_array<float>({outputs_, terms_});
        h_.resize(n);
        slope_.resize(n);
        scale0_ = from.scales;
        bias0_ = from.bias;
        rows_ = l_.rows[0].inputs.shape(0);
        for (std::size_t o2 = 0; o2 < outputs_; ++o2) {
            const std::span<const float> row(wanted.data() + o2 * terms_, terms_);
            // multiples: of the steps as round_layer took them
            const row_steps steps = multiples_of(levels, o2, row);
            for (std::size_t k = 0; k < terms_; ++k) {
                const std::size_t i = o2 * terms_ + k;
                multiples_[i] = static_cast<float>(steps.multiples[k]);
                if (!levels.kept.empty() && !levels.kept[i]) { lower_[i] = 0; multiples_[i] = 0; parameters_[i] = 0; continue; }
                const double exact = static_cast<double>(row[k]) / (static_cast<double>(scale0_[o2]) * steps.multiples[k]);
                const int level = from.weights[i] / steps.multiples[k];
                double lower = exact >= level ? level : level - 1;
                lower = std::clamp(lower, static_cast<double>(grid.lowest), static_cast<double>(grid.highest - 1));
                double share = exact - lower;
                share = (1 - o_.blend) * std::clamp(share, 0.0, 1.0) + o_.blend * (level - lower);
                share = std::clamp(share, 0.01, 0.99);
                lower_[i] = static_cast<float>(lower);
                const double p = (share + 0.1) / 1.2;
                parameters_[i] = static_cast<float>(std::log(p / (1 - p)));
            }
            const group_moments& m = l_.groups[o2 / group_outputs_];
            double unit = 0;
            for (std::size_t k = 0; k < terms_; ++k) {
                const double s = static_cast<double>(scale0_[o2]) * steps.multiples[k];
                unit += s * s * (m.inputs(k, k) + m.input_mean[k] * m.input_mean[k]);
            }
            units_.push_back(unit > 0 ? unit / static_cast<double>(terms_) : 1);
        }
    }

    void train() {
        const std::size_t batch = std::min(o_.batch, rows_);
        std::size_t first = 0;
        const adam rule{.rate = o_.rate};
        for (int it = 0; it < o_.iterations; ++it) {
            soften();
            if (first + batch > rows_) first = 0;
            error_gradients(first, batch);
            first += batch;
            const double progress = static_cast<double>(it) / o_.iterations;
            chain(progress);
            ++state_.steps;
            const int n = static_cast<int>(outputs_ * terms_), all = static_cast<int>(parameters_.size());
            update<native>(rule, state_, 1, false, 0, n, parameters_.data(), gradients_.data());
            update<native>(rule, state_, o_.bias_rate, false, n, all, parameters_.data(), gradients_.data());
        }
    }

    // Integers
    rounded_layer rounded() {
        rounded_layer r;
        soften();
        for (std::size_t o = 0; o < outputs_; ++o) {
            r.scales.push_back(scale(o));
            r.bias.push_back(bias(o));
            for (std::size_t i = o * terms_; i < (o + 1) * terms_; ++i)
                r.weights.push_back(static_cast<std::int8_t>((lower_[i] + (h_[i] >= 0.5f ? 1.0f : 0.0f)) * multiples_[i]));
        }
        return r;
    }
    // Sum of squared errors after activation on all rows, by output
    std::vector<double> errors(const rounded_layer& r) const {
        std::vector<double> all;
        std::vector<float> w(r.weights.size()), sums(rows_ * group_outputs_);
        for (std::size_t i = 0; i < w.size(); ++i) w[i] = r.scales[i / terms_] * static_cast<float>(r.weights[i]);
        for (std::size_t g = 0; g < l_.groups.size(); ++g) {
            const group_rows& rows = l_.rows[g];
            multiply_rows({rows.inputs.data(), rows_, terms_}, {w.data() + g * group_outputs_ * terms_, group_outputs_, terms_}, sums.data());
            for (std::size_t o = 0; o < group_outputs_; ++o) {
                double sum = 0;
                for (std::size_t n = 0; n < rows_; ++n) {
                    const std::size_t at = n * group_outputs_ + o;
                    const float found = clamp_float(sums[at] + r.bias[g * group_outputs_ + o] + rows.others.data()[at], l_.clamp);
                    const double d = static_cast<double>(found - clamp_float(rows.targets.data()[at] + rows.others.data()[at], l_.clamp));
                    sum += d * d;
                }
                all.push_back(sum / static_cast<double>(rows_) / units_[g * group_outputs_ + o]);
            }
        }
        return all;
    }

private:
    static row_steps multiples_of(const layer_levels& levels, std::size_t output, std::span<const float> row) {
        return steps_of_row(levels, output, std::vector<double>(row.begin(), row.end()));
    }
    float scale(std::size_t o) const {
        return o_.fit_steps ? scale0_[o] * std::exp(parameters_[outputs_ * terms_ + outputs_ + o]) : scale0_[o];
    }
    float bias(std::size_t o) const {
        return o_.fit_biases ? bias0_[o] + static_cast<float>(std::sqrt(units_[o])) * parameters_[outputs_ * terms_ + o] : bias0_[o];
    }

    void soften() {
        for (std::size_t o = 0; o < outputs_; ++o) {
            const float s = scale(o);
            for (std::size_t i = o * terms_; i < (o + 1) * terms_; ++i) {
                const float p = 1 / (1 + std::exp(-parameters_[i]));
                const float u = 1.2f * p - 0.1f;
                h_[i] = std::clamp(u, 0.0f, 1.0f);
                slope_[i] = u > 0 && u < 1 ? 1.2f * p * (1 - p) : 0.0f;
                soft_.data()[i] = s * multiples_[i] * (lower_[i] + h_[i]);
            }
        }
    }
    void error_gradients(std::size_t first, std::size_t batch) {
        sums_.resize(batch * group_outputs_);
        for (std::size_t g = 0; g < l_.groups.size(); ++g) {
            const group_rows& rows = l_.rows[g];
            const row_block<const float> x{rows.inputs.data() + first * terms_, batch, terms_};
            multiply_rows(x, {soft_.data() + g * group_outputs_ * terms_, group_outputs_, terms_}, sums_.data());
            const float* t = rows.targets.data() + first * group_outputs_;
            const float* r = rows.others.data() + first * group_outputs_;
            const float lin = static_cast<float>(o_.linear);
            for (std::size_t o = 0; o < group_outputs_; ++o) {
                const float b = bias(g * group_outputs_ + o);
                const float factor = static_cast<float>(2 / (static_cast<double>(batch) * units_[g * group_outputs_ + o]));
                double total = 0;
                for (std::size_t n = 0; n < batch; ++n) {
                    const std::size_t at = n * group_outputs_ + o;
                    const float z = sums_[at] + b + r[at], w = t[at] + r[at];
                    const bool open = l_.clamp == clamp_kind::none || (z > 0 && (l_.clamp == clamp_kind::relu || z < 6));
                    float d = open ? z - clamp_float(w, l_.clamp) : 0.0f;
                    d = (1 - lin) * d + lin * (z - w);
                    sums_[at] = factor * d;
                    total += static_cast<double>(sums_[at]);
                }
                gradients_[outputs_ * terms_ + g * group_outputs_ + o] = static_cast<float>(total * std::sqrt(units_[g * group_outputs_ + o]));
            }
            multiply_columns({sums_.data(), batch, group_outputs_}, x, gradients_.data() + g * group_outputs_ * terms_);
        }
    }
    void chain(double progress) {
        const bool pushes = progress >= o_.warm_start;
        const double part = (progress - o_.warm_start) / (1 - o_.warm_start);
        const auto beta = static_cast<float>(o_.last_power + 0.5 * (o_.first_power - o_.last_power) * (1 + std::cos(part * 3.14159265358979)));
        const auto push = static_cast<float>(o_.push);
        for (std::size_t o = 0; o < outputs_; ++o) {
            const float s = scale(o);
            double step_gradient = 0;
            for (std::size_t i = o * terms_; i < (o + 1) * terms_; ++i) {
                step_gradient += static_cast<double>(gradients_[i] * soft_.data()[i]);
                float g = gradients_[i] * s * multiples_[i];
                if (pushes && slope_[i] > 0) {
                    const float c = 2 * h_[i] - 1;
                    g -= push * 2 * beta * std::pow(std::abs(c), beta - 1) * (c < 0 ? -1.0f : 1.0f);
                }
                gradients_[i] = g * slope_[i];
            }
            gradients_[outputs_ * terms_ + outputs_ + o] = o_.fit_steps ? static_cast<float>(step_gradient) : 0.0f;
        }
    }

    layer_to_change& l_;
    const ada_round_options& o_;
    std::size_t outputs_, terms_, group_outputs_, rows_ = 0;
    aligned_floats parameters_, gradients_;
    optimizer_state state_;
    std::vector<float> lower_, multiples_, h_, slope_, scale0_, bias0_, sums_;
    std::vector<double> units_;
    array<float> soft_;
};

}  // namespace detail

inline rounded_layer ada_round_layer(layer_to_change& layer, const layer_levels& levels, const ada_round_options& options) {
    const std::size_t outputs = layer.group_outputs(), terms = layer.weights.terms;
    std::vector<float> wanted = layer.weights.weights;
    layer_to_change before = layer;
    rounded_layer start;
    if (options.start == rounding_start::gptq) {
        for (std::size_t g = 0; g < layer.groups.size(); ++g) {
            const matrix w = fitted_weights(layer, g, options.first.pull);
            std::copy(w.begin(), w.end(), wanted.begin() + static_cast<std::ptrdiff_t>(g * outputs * terms));
        }
        start = round_layer(before, levels, options.first);
    } else {
        start.weights.resize(wanted.size());
        for (std::size_t o = 0; o < layer.weights.outputs; ++o) {
            start.scales.push_back(static_cast<float>(round_weights(layer.weights.row(o), levels.format, 0, std::span(start.weights).subspan(o * terms, terms))));
        }
        start.bias = layer.weights.bias;
    }
    detail::soft_layer soft(layer, levels, start, wanted, options);
    soft.train();
    rounded_layer found = soft.rounded();
    const auto before_errors = soft.errors(start), after_errors = soft.errors(found);
    if (options.verbose) {
        double a = 0, b = 0; int flips = 0, better = 0;
        for (std::size_t o = 0; o < before_errors.size(); ++o) a += before_errors[o], b += after_errors[o], better += after_errors[o] < before_errors[o];
        for (std::size_t i = 0; i < found.weights.size(); ++i) flips += found.weights[i] != start.weights[i];
        std::fprintf(stderr, "%-12s %8.4f -> %8.4f  better %d of %zu, moved %.1f %%\n", layer.label.c_str(), a, b, better, before_errors.size(), 100.0 * flips / static_cast<double>(found.weights.size()));
    }
    for (std::size_t o = 0; o < layer.weights.outputs; ++o) {
        if (options.keep_best && after_errors[o] > before_errors[o]) {
            found.scales[o] = start.scales[o], found.bias[o] = start.bias[o];
            std::copy_n(start.weights.begin() + static_cast<std::ptrdiff_t>(o * terms), terms, found.weights.begin() + static_cast<std::ptrdiff_t>(o * terms));
        }
        for (std::size_t k = o * terms; k < (o + 1) * terms; ++k)
            layer.weights.weights[k] = found.scales[o] * static_cast<float>(found.weights[k]);
    }
    layer.weights.bias = found.bias;
    if (options.correct_bias) correct_biases(layer);
    found.bias = layer.weights.bias;
    return found;
}

template <const auto& Model, class Records>
rounded_layers ada_round(const named_tensors& weights, const Records& records, const layer_roundings& roundings,
                         const ada_round_options& options = {}) {
    rounded_layers all;
    change_layers<Model>(
        weights, records,
        [&]<const node & Observed>(layer_to_change& layer) {
            all.emplace(layer.label, ada_round_layer(layer, roundings.find(layer.label)->second, options));
        },
        [&]<const node & Observed>() { return roundings.contains(text_of(Observed.name)); },
        {options.rows, options.seed});
    return all;
}

template <net_type Net, class Records>
rounded_layers ada_round(const named_tensors& weights, const Records& records, const ada_round_options& options = {}) {
    return ada_round<Net::model>(weights, records, roundings_of<Net>(weights), options);
}

}  // namespace tensor_compress
