// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include <compress/graph/glob.hpp>
#include <compress/train/optimizer.hpp>
#include <compress/transform/layer_roundings.hpp>
#include <compress/transform/learned_layer.hpp>
#include <compress/transform/rounded_layer.hpp>

namespace tensor_compress {

/// The integer weights of a model that is trained with rounding, and the step of each of their outputs, learned beside
/// them. Forwards a weight is step * level of the nearest level, by the function that conversion rounds with. Backwards
///
///   dL/dw = dL/d(rounded), but 0 where it would push a weight further beyond the last level
///   dL/dstep = sum over the weights of dL/d(rounded) * (level - w / step), of weights beyond the last level * level,
///              divided by sqrt(terms * highest level)
///
/// Source: Esser et al. 2020, Learned Step Size Quantization, equations 1 to 3 and section 2.2, here for each output
/// channel, and of the logarithm of the step, so that it stays positive.
///
/// Where the levels are a table, its values are learned as well: dL/dvalue = sum over the weights that it stands for of
/// dL/d(rounded) * step, divided by the square root of how many weights share the table. Source: Han et al. 2016, Deep
/// Compression, section 3.3; here a weight may come nearer to another value and then takes that.
template <const auto& Model>
class learned_steps {
public:
    /// Rounds weights to nearest at first.
    ///
    /// @param  weights  of Model; expect_weights has seen them
    /// @param  masks    of 0 and 1, by name of a weight: the tables of layers that are to keep zeros hold one
    learned_steps(const named_tensors& weights, const layer_roundings& roundings,
                  const named_tensors* masks = nullptr) {
        detail::for_each_trained<Model>([&]<int Id>() {
            if constexpr (is_product(graph::graph[Id].kind)) {
                const auto found = roundings.find(text_of(Model[graph::graph[Id].origin].name));
                if (found != roundings.end()) add_layer<Id>(weights, found->second, masks);
            }
        });
        gradients_.resize(learned_.size());
        state_.first.resize(learned_.size());
        state_.second.resize(learned_.size());
    }

    bool empty() const { return layers_.empty(); }

    /// used[i]: what parameter i stands for.
    template <executor Executor>
    void round(std::span<const float> parameters, std::span<float> used, const Executor& threads) const {
        std::copy(parameters.begin(), parameters.end(), used.begin());
        each_row(threads, [&](const detail::learned_layer& l, std::size_t o, const levels& of_row, double step) {
            for (std::size_t i = o * l.terms; i < (o + 1) * l.terms; ++i) {
                const auto place = static_cast<std::size_t>(l.places[i]);
                const auto sign = static_cast<double>(l.signs[o]), unit = step * l.multiples[i];
                const int level = of_row.place_of(sign * static_cast<double>(used[place]), unit).level;
                used[place] = l.keeps(i) ? static_cast<float>(sign * unit * level) : 0.0f;
            }
        });
    }

    /// Gradients of what parameters stand for become those of the parameters; keeps those of the steps.
    template <executor Executor>
    void differentiate(std::span<const float> parameters, std::span<float> gradients, const Executor& threads) {
        std::fill(gradients_.begin(), gradients_.end(), 0.0f);
        each_row(threads, [&](const detail::learned_layer& l, std::size_t o, const levels& of_row, double step) {
            double sum = 0;
            for (std::size_t i = o * l.terms; i < (o + 1) * l.terms; ++i) {
                const auto place = static_cast<std::size_t>(l.places[i]);
                const auto sign = static_cast<double>(l.signs[o]), unit = step * l.multiples[i];
                const auto [exact, level, above, below, entry] =
                    of_row.place_of(sign * static_cast<double>(parameters[place]), unit);
                const double g = l.keeps(i) ? sign * static_cast<double>(gradients[place]) : 0.0;
                sum += g * l.multiples[i] * (above || below ? level : level - exact);
                if (!l.tables.empty()) add_gradient(l, l.tables[l.table_of[o]], entry, g * step);
                const bool outwards = (above && g < 0) || (below && g > 0);
                gradients[place] = outwards ? 0.0f : static_cast<float>(sign * g);
            }
            if (l.frozen) return;
            // Of a table the root mean square is one level, of which its values are a few.
            const int highest = l.tables.empty() ? std::max(l.grid.highest, 1) : 1;
            const double parts = static_cast<double>(l.terms) * highest;
            const int unit = l.tables.empty() ? l.grid.unit : detail::table_spread;
            gradients_[l.first_step + o] = static_cast<float>(sum / (unit * step * unit * std::sqrt(parts)));
        });
    }

    /// One step of the optimiser over all that is learned here.
    template <executor Executor>
    void update(const optimizer& rule, double factor, const Executor& threads) {
        ++state_.steps;
        // A logarithm has no size of its own. A step moves all weights of a row at once, by tenths of what one does.
        const parameter_group all{"steps", 0, static_cast<int>(learned_.size()), false, 0.1};
        tensor_compress::update(rule, state_, factor, std::span(&all, 1), learned_, gradients_, threads);
    }

    bool is_finite() const { return std::all_of(learned_.begin(), learned_.end(), detail::has_finite_bits); }

    /// Forgets what the optimiser remembers.
    void forget() { tensor_compress::forget(state_); }

    /// The layers as `convert` takes them.
    ///
    /// @param  weights  the parameters by name, not rounded
    rounded_layers rounded(const named_tensors& weights) const {
        rounded_layers all;
        for (const detail::learned_layer& l : layers_) {
            const node& n = folded_node(l.origin);
            all.emplace(l.label, rounded_of(l, effective_weights_of(Model, n, weights), folded_scales(n, weights)));
        }
        return all;
    }

    /// The steps and tables of these layers stay as they are.
    void freeze(const std::vector<std::string>& globs) {
        for (detail::learned_layer& l : layers_)
            for (const std::string& glob : globs) l.frozen = l.frozen || glob_match(glob.c_str(), l.label.c_str());
    }

    /// Logarithms of the steps as tensors "<label>.step", [outputs], beside those of the weights, the values of tables
    /// as "<label>.table"; and the optimiser's memory of them.
    void store(named_tensors& steps) const { store(learned_, steps); }
    void store_memory(named_tensors& first, named_tensors& second) const {
        store(state_.first, first);
        store(state_.second, second);
    }
    /// The way back, which takes them out.
    ///
    /// @throws error naming `source` where one is missing
    void take(named_tensors& steps, const std::string& source) { take(steps, learned_, source); }
    void take_memory(named_tensors& first, named_tensors& second, long long steps, const std::string& source) {
        take(first, state_.first, source);
        take(second, state_.second, source);
        state_.steps = steps;
    }

private:
    using graph = training_graph<Model>;
    using levels = detail::learned_levels;

    /// A layer of the float net, with what is folded into it.
    static const node& folded_node(int origin) {
        constexpr const auto& folded = net<Model, all_fp32, native, lowering::observed>::graph;
        int id = 0;
        while (!is_product(folded[id].kind) || folded[id].origin != origin) ++id;
        return folded[id];
    }
    static std::vector<double> folded_scales(const node& n, const named_tensors& weights) {
        const std::span<const int> folded(n.folded, static_cast<std::size_t>(n.folded_count));
        return detail::folded_affine(Model, folded, weights, static_cast<std::size_t>(n.output.channels())).scale;
    }

    void store(const aligned_floats& from, named_tensors& to) const {
        for (const detail::learned_layer& l : layers_) {
            const float* first = from.data() + l.first_step;
            std::copy_n(first, l.outputs, (to[l.label + ".step"] = make_array<float>({l.outputs})).data());
            if (const std::size_t values = l.table_values(); values > 0)
                std::copy_n(first + l.outputs, values, (to[l.label + ".table"] = make_array<float>({values})).data());
        }
    }
    void take(named_tensors& from, aligned_floats& to, const std::string& source) const {
        const auto take_part = [&](const std::string& name, std::size_t count, float* part, const char* what) {
            const auto tensor = from.extract(name);
            if (tensor.empty() || tensor.mapped().size() != count)
                throw error(source, std::string("has no ") + what + " of layer " + name.substr(0, name.rfind('.')),
                            "go on with the net that it was written for, or name another file to begin anew");
            std::copy_n(tensor.mapped().data(), count, part);
        };
        for (const detail::learned_layer& l : layers_) {
            float* first = to.data() + l.first_step;
            take_part(l.label + ".step", l.outputs, first, "steps");
            if (const std::size_t values = l.table_values(); values > 0)
                take_part(l.label + ".table", values, first + l.outputs, "table");
        }
    }

    template <int Id>
    void add_layer(const named_tensors& weights, const layer_levels& rounding, const named_tensors* masks) {
        detail::learned_layer l;
        const node& n = folded_node(graph::graph[Id].origin);
        effective_weights e = effective_weights_of(Model, n, weights);
        const auto scales = folded_scales(n, weights);
        l.label = text_of(n.name);
        l.origin = n.origin;
        l.outputs = e.outputs;
        l.terms = e.terms;
        l.grid = rounding.format.grid;
        l.kept = rounding.kept;
        l.first_step = learned_.size();
        l.places.resize(e.weights.size());
        detail::for_each_parameter<Model, Id>(false, [&](int place, int natural) {
            l.places[static_cast<std::size_t>(natural)] = graph::parameter_place(Id) + place;
        });
        if (!rounding.tables.empty() && masks != nullptr) l.keep_zeros(*masks);
        for (std::size_t i = 0; i < l.kept.size(); ++i)
            if (!l.keeps(i)) e.weights[i] = 0;
        for (std::size_t o = 0; o < l.outputs; ++o) {
            const row_steps row = rounding.tables.empty()
                                      ? steps_of(e.row(o), rounding.format, 0)
                                      : row_steps{rounding.tables[o].scale, std::vector<int>(l.terms, 1)};
            const double size = std::abs(scales[o]);
            l.signs.push_back(scales[o] < 0 ? -1.0f : 1.0f);
            learned_.push_back(static_cast<float>(std::log(size > 0 ? row.scale / size : row.scale)));
            for (const int multiple : row.multiples) l.multiples.push_back(static_cast<std::uint8_t>(multiple));
        }
        l.add_tables(rounding.tables, learned_);
        layers_.push_back(std::move(l));
    }
    void add_gradient(const detail::learned_layer& l, const detail::learned_table& table, std::size_t entry, double g) {
        if (l.frozen || entry == table.zero) return;
        gradients_[table.first + entry] +=
            static_cast<float>(g * detail::table_spread / std::sqrt(static_cast<double>(table.weights)));
    }

    rounded_layer rounded_of(const detail::learned_layer& l, const effective_weights& e,
                             const std::vector<double>& scales) const {
        rounded_layer r;
        r.bias = e.bias;
        l.each_row(learned_, [&](std::size_t o, const levels& of_row, double step) {
            const double size = std::abs(scales[o]);
            r.scales.push_back(static_cast<float>(size > 0 ? step * size : step));
            for (std::size_t i = o * l.terms; i < (o + 1) * l.terms; ++i) {
                // The weight before it is scaled, with the sign of the scale, as `round` sees it.
                const double weight = size > 0 ? static_cast<double>(e.weights[i]) / size : 0.0;
                const int level = of_row.place_of(weight, step * l.multiples[i]).level;
                r.weights.push_back(static_cast<std::int8_t>(l.keeps(i) ? level * l.multiples[i] : 0));
            }
        });
        return r;
    }

    template <class Executor, class F>
    void each_row(const Executor& threads, const F& f) const {
        threads.parallel_for(static_cast<int>(layers_.size()), [&](int index) {
            const detail::learned_layer& l = layers_[static_cast<std::size_t>(index)];
            l.each_row(learned_, [&](std::size_t o, const levels& of_row, double step) { f(l, o, of_row, step); });
        });
    }

    std::vector<detail::learned_layer> layers_;
    aligned_floats learned_, gradients_;  ///< of each layer logarithms of steps, then values of tables
    optimizer_state state_;
};

}  // namespace tensor_compress
