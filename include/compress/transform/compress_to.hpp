// SPDX-License-Identifier: MIT
#pragma once

#include <compress/transform/compressed_point.hpp>
#include <compress/transform/distil.hpp>
#include <compress/transform/gptq.hpp>
#include <compress/transform/keep_channels.hpp>

namespace tensor_compress {

struct compress_options : compression_budget {
    std::string model_name = "model";  ///< in the C++ text
    int epochs = 4;                    ///< of training after each change
    int final_epochs = 16;             ///< of the best point, at the end
    double held_out = 0.1;             ///< share of the records, at their end, that nothing is trained on: they judge
    int records = 512;                 ///< that layers are rounded on, and errors measured on
    distil_options training{{.optimizer = adam{.rate = 1e-3}, .schedule = cosine_rate{}}, 2, 1};
    std::filesystem::path folder{};  ///< where each training's checkpoint goes; gone on from if they are there
};

namespace detail {

/// Channels are kept in fours, which int8 kernels multiply at once.
template <const auto& Model, int Width>
inline constexpr auto narrower = keep_channels(Model, {.ratio = Width / 100.0, .multiple = 4});
template <const auto& Model>
inline constexpr auto narrower<Model, 100> = Model;

/// Formats that compress_to chooses from, and their grids by name.
struct searched_formats {
    template <const auto& Model, class Records>
    static sensitivities costs(const named_tensors& weights, const Records& records) {
        return sensitivity<Model, tag::int8, tag::int4, tag::int3, tag::int2, tag::binary>(weights, records);
    }
    static weight_grid grid(const std::string& precision) {
        for (const auto& [name, grid] : {std::pair{tag::int8::name, tag::int8::grid},
                                         {tag::int4::name, tag::int4::grid},
                                         {tag::int3::name, tag::int3::grid},
                                         {tag::int2::name, tag::int2::grid}})
            if (precision == name) return grid;
        return tag::binary::grid;
    }
    static layer_roundings roundings(const format_choice& choice) {
        layer_roundings all;
        for (const auto& layer : choice.layers) all[layer.label].format.grid = grid(layer.format.precision);
        return all;
    }
};

/// The search: one width after the other, each from the weights of the one before.
template <const auto& Model, class Executor>
class progressive_compression {
public:
    progressive_compression(const named_tensors& weights, const data_set& data, const compress_options& options,
                            const Executor& threads)
        : teacher_(weights),
          options_(options),
          threads_(threads) {
        check(data);
        const auto judges = static_cast<std::size_t>(static_cast<double>(data.size()) * options.held_out);
        training_ = data.slice(0, data.size() - judges);
        judge_ = data.slice(data.size() - judges, data.size());
        const std::size_t count = std::min(training_.size(), static_cast<std::size_t>(options.records));
        for (std::size_t i = 0; i < count; ++i) seen_.push_back(training_.input(i * training_.size() / count));
        if (!options.folder.empty()) std::filesystem::create_directories(options.folder);
    }

    template <int... Widths>
    compressed run() {
        result_.float_accuracy = percent_right(teacher_);
        named_tensors weights = teacher_;
        const bool whole = visit_all<100, Widths...>(weights);
        choose_best(result_, options_);
        if (whole && result_.best >= 0 && options_.final_epochs > 0) {
            const int width = result_.chosen().width;
            if (((width != Widths || finish<Widths>()) && ...)) choose(result_, result_.points.size() - 1, options_);
        }
        return std::move(result_);
    }

private:
    void check(const data_set& data) const {
        if (!(options_.held_out > 0 && options_.held_out < 1) || options_.epochs < 1 || options_.records < 2)
            throw error("compress_to",
                        std::to_string(options_.held_out) + " of the records held out, " +
                            std::to_string(options_.epochs) + " epochs, rounding on " +
                            std::to_string(options_.records) + " records",
                        "hold out a share between 0 and 1, train an epoch or more, round on two records or more");
        if (data.labels.size() != data.size() || data.size() < 20)
            throw error("compress_to",
                        std::to_string(data.labels.size()) + " labels for " + std::to_string(data.size()) + " records",
                        "give twenty records or more, and each a label");
    }

    double percent_right(const named_tensors& weights) const {
        const auto packed_net = convert<net<Model>>(weights);
        runner<net<Model>> run(packed_net);
        double right = 0;
        for (std::size_t i = 0; i < judge_.size(); ++i) right += top_class(run(judge_.input(i))) == judge_.labels[i];
        return 100 * right / static_cast<double>(judge_.size());
    }

    distil_options options_of(const std::string& stage, int epochs) const {
        distil_options o = options_.training;
        o.epochs = epochs;
        o.validation = &judge_;
        o.keep_best = false;  // a schedule ends where it ends: the best of its epochs would be luck
        if (!options_.folder.empty()) o.checkpoint = options_.folder / (stage + ".safetensors");
        if (o.progress != nullptr) *o.progress << stage << '\n';
        return o;
    }

    template <int Previous, int Width, int... Rest>
    bool visit_all(named_tensors& weights) {
        if (!visit<Previous, Width>(weights)) return false;
        if constexpr (sizeof...(Rest) > 0)
            return visit_all<Width, Rest...>(weights);
        else
            return true;
    }
    /// @return  whether to go on
    template <int Previous, int Width>
    bool visit(named_tensors& weights) {
        static constexpr const auto& narrow = narrower<Model, Width>;
        if constexpr (Width != Previous)
            if (!narrow_to<Previous, Width>(weights)) return false;
        using int8_net = net<narrow, int8_values>;
        const auto costs = searched_formats::costs<narrow>(weights, seen_);
        weights_[Width] = weights;
        for (const long long bytes : ladder(int8_net::weights_bytes)) {
            const format_choice choice = choose_formats(costs, {.max_bytes = bytes});
            if (!add_point<Width>(weights, choice, options_.epochs)) return false;
            const bool is_last = !choice.fits || drop_of(result_, result_.points.back()) > options_.max_drop;
            if (is_last && options_.max_bytes == std::numeric_limits<long long>::max()) break;
        }
        return true;
    }
    /// Budgets of bytes to look at: all int8, and the one that is asked for; where none is, smaller and smaller ones.
    std::vector<long long> ladder(long long int8_bytes) const {
        if (options_.max_bytes < int8_bytes) return {int8_bytes, options_.max_bytes};
        std::vector<long long> all{int8_bytes};
        if (options_.max_bytes == std::numeric_limits<long long>::max() && options_.max_drop < 100)
            for (double share = 0.7; share > 0.15; share *= 0.7)
                all.push_back(static_cast<long long>(share * static_cast<double>(int8_bytes)));
        return all;
    }

    /// From the weights of the width before, by channels that the loss scores, and taught by the whole model.
    template <int Previous, int Width>
    bool narrow_to(named_tensors& weights) {
        static constexpr const auto &before = narrower<Model, Previous>, &narrow = narrower<Model, Width>;
        const auto scores = score_channels_by_loss<before>(weights, training_.slice(0, seen_.size()), 8, threads_);
        weights = keep_channels<before, narrow>(weights, scores);
        const distil_options o = options_of("width" + std::to_string(Width), options_.epochs);
        const auto taught = distil<Model, narrow>(teacher_, weights, training_, o, threads_);
        result_.interrupted = taught.interrupted;
        weights = taught.weights;
        return !taught.interrupted;
    }

    template <int Width>
    bool add_point(const named_tensors& weights, const format_choice& choice, int epochs) {
        static constexpr const auto& narrow = narrower<Model, Width>;
        using int8_net = net<narrow, int8_values>;
        compressed_point p;
        p.width = Width;
        p.model = Width == 100 ? options_.model_name
                               : "tc::keep_channels(" + options_.model_name +
                                     ", {.ratio = " + number_text(Width / 100.0) + ", .multiple = 4})";
        p.recipe = recipe_text(choice, "tc::");
        p.bytes = choice.bytes;
        p.arena = int8_net::arena_bytes;
        p.multiply_adds = int8_net::multiply_adds;
        p.formats = choice;
        p.epochs = epochs;
        const layer_roundings roundings = searched_formats::roundings(choice);
        const named_tensors start = dequantize<narrow>(weights, gptq<narrow>(weights, seen_, roundings));
        const std::string stage = "width" + std::to_string(Width) + "_bytes" + std::to_string(choice.bytes) +
                                  "_epochs" + std::to_string(epochs);
        const distil_options o = options_of(stage, epochs);
        const distillation_loss<Model, narrow, no_hints> loss(teacher_, training_, o, threads_);
        fitted_integers trained =
            fit<narrow>(start, training_, loss, roundings, static_cast<const fit_options&>(o), threads_);
        result_.interrupted = trained.interrupted;
        if (trained.interrupted) return false;
        p.accuracy = trained.history.back().score;
        p.trained = std::move(trained);
        result_.points.push_back(std::move(p));
        return true;
    }

    /// The best point once more, for longer.
    template <int Width>
    bool finish() {
        const format_choice choice = result_.chosen().formats;
        return add_point<Width>(weights_[Width], choice, options_.final_epochs);
    }

    const named_tensors& teacher_;
    const compress_options& options_;
    const Executor& threads_;
    data_set training_, judge_;
    std::vector<std::span<const float>> seen_;
    std::map<int, named_tensors> weights_;  ///< float, of each width
    compressed result_;
};

}  // namespace detail

/// Percent of records that a point has right, in the simulation that it was trained in: integer weights, and values on
/// the grids of int8. Model is that of the point.
template <const auto& Model>
double simulated_accuracy(const compressed_point& p, const data_set& data) {
    using int8_net = net<Model, detail::int8_values>;
    trainer<Model> simulated(dequantize<Model>(p.trained.weights, p.trained.rounded));
    const auto roundings = deployed_forward<int8_net>::roundings(p.trained.ranges);
    double right = 0;
    for (std::size_t i = 0; i < data.size(); ++i)
        simulated.predict(
            1,
            [&](int, int, std::span<float> values) {
                const auto from = data.input(i);
                std::copy(from.begin(), from.end(), values.begin());
            },
            [&](int, const auto& outputs) { right += top_class(outputs[0]) == data.labels[i]; }, serial{},
            typename trainer<Model>::own_forward{}, roundings.data());
    return 100 * right / static_cast<double>(data.size());
}

/// Makes a trained net smaller until it keeps to a budget: for each width (percent of the channels that are left, from
/// the widest on) it takes away channels, teaches what is left by the whole net, measures how sensitive each layer is
/// to formats of 8 to 1 bits, chooses them under the budget, rounds on records and trains with these integers and the
/// float net as teacher; at the end the best for longer, which is the result. Every point is kept. Seeded: the same
/// call gives the same points; with a folder it goes on where it was interrupted.
///
/// What it finds is C++ text: `declarations_of(result.chosen())`, whose net takes
/// `convert<net>(result.chosen())`.
///
/// @tparam  Widths   of the models that are tried, percent
/// @param   weights  trained, of Model
/// @param   data     labelled records to train on; a share of them judges
/// @throws error as `fit`, and where options make no sense. A budget that cannot be met is no error: the best point
///         found says how far off it is
template <const auto& Model, int... Widths, executor Executor = serial>
compressed compress_to(const named_tensors& weights, const data_set& data, const compress_options& options = {},
                       const Executor& threads = {}) {
    static_assert(((Widths > 0 && Widths <= 100) && ...), "widths are percent of the channels: above 0, up to 100");
    detail::progressive_compression<Model, Executor> search(weights, data, options, threads);
    if constexpr (sizeof...(Widths) == 0)
        return search.template run<100, 75, 50>();
    else
        return search.template run<Widths...>();
}

}  // namespace tensor_compress
