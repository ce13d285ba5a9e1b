// SPDX-License-Identifier: MIT
#pragma once

#include <compress/transform/compressed_point.hpp>
#include <compress/transform/distil.hpp>
#include <compress/transform/gptq.hpp>
#include <compress/transform/keep_channels_on_records.hpp>

namespace tensor_compress {

struct compress_options : compression_budget {
    std::string model_name = "model";   ///< in the C++ text
    std::optional<int> epochs{};        ///< of training after each change; empty: a quarter of the final ones
    std::optional<int> final_epochs{};  ///< of the best point, at the end, 0: none; empty: as `fit` would choose
    double held_out = 0.1;              ///< share of the records that nothing is trained on: they judge
    int records = 512;                  ///< that layers are rounded on, and errors measured on
    distil_options training{};
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

/// The search: one width after the other, each from the weights of the one before, rounded on records and judged; then
/// those are trained that may win.
template <const auto& Model, class Executor>
class progressive_compression {
public:
    progressive_compression(const named_tensors& weights, const data_set& data, const compress_options& options,
                            const Executor& threads)
        : teacher_(weights),
          data_(data),
          options_(options),
          threads_(threads),
          parts_(split(checked(data, options), judged_options())) {
        const std::size_t count = std::min(parts_.count(), static_cast<std::size_t>(options.records));
        sample_.inputs = make_array<float>({count, data.record_size()});
        sample_.classes = data.classes;
        for (std::size_t i = 0; i < count; ++i) {
            seen_.push_back(parts_.spread(i, count));
            std::copy(seen_.back().begin(), seen_.back().end(), sample_.inputs.data() + i * data.record_size());
            sample_.labels.push_back(data.labels[parts_.trained[i * parts_.count() / count]]);
        }
        const int by_rules = plan_by_rules(options.training, parts_.count()).epochs;
        final_epochs_ = options.final_epochs.value_or(by_rules);
        epochs_ = options.epochs.value_or(std::max(1, (options.final_epochs.value_or(by_rules) + 3) / 4));
        if (!options.folder.empty()) std::filesystem::create_directories(options.folder);
    }

    template <int... Widths>
    compressed run() {
        result_.float_accuracy = percent_right(teacher_);
        named_tensors weights = teacher_;
        if (visit_all<100, Widths...>(weights) && (train_candidates<Widths>() && ...)) {
            choose_best(result_, options_);
            const int width = result_.chosen().width;
            if (final_epochs_ > 0) (void)((width != Widths || finish<Widths>()) && ...);
        }
        choose_best(result_, options_);
        return std::move(result_);
    }

private:
    static const data_set& checked(const data_set& data, const compress_options& options) {
        if (!(options.held_out > 0 && options.held_out < 1) || options.epochs.value_or(1) < 1 || options.records < 2)
            throw error("compress_to",
                        std::to_string(options.held_out) + " of the records held out, " +
                            std::to_string(options.epochs.value_or(1)) + " epochs, rounding on " +
                            std::to_string(options.records) + " records",
                        "hold out a share between 0 and 1, train an epoch or more, round on two records or more");
        if (data.labels.size() != data.size() || data.size() < 20)
            throw error("compress_to",
                        std::to_string(data.labels.size()) + " labels for " + std::to_string(data.size()) + " records",
                        "give twenty records or more, and each a label");
        return data;
    }
    fit_options judged_options() const {
        fit_options o = options_.training;
        o.held_out = options_.held_out;
        return o;
    }

    double percent_right(const named_tensors& weights) const {
        const auto packed_net = convert<net<Model>>(weights);
        runner<net<Model>> run(packed_net);
        double right = 0;
        for (const std::uint32_t i : parts_.judging) right += top_class(run(data_.input(i))) == data_.labels[i];
        return 100 * right / static_cast<double>(parts_.judging.size());
    }

    /// What is chosen for the first training of a kind is for all of that kind.
    distil_options options_of(const std::string& stage, int epochs, const std::optional<training_plan>& plan) const {
        distil_options o = plan ? as_planned(options_.training, *plan) : options_.training;
        o.epochs = epochs;
        o.held_out = options_.held_out;
        if (epochs == 0) return o.progress = nullptr, o;
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
        for (const long long bytes : ladder(int8_net::weights_bytes))
            (void)add_point<Width>(choose_formats(costs, {.max_bytes = bytes}), 0);
        return true;
    }

    /// Trains, of one width, what may become the best point. Under a budget of sizes that is the point that keeps to
    /// it, or comes nearest, unless it is far behind another width's; without one, smaller and smaller points until
    /// one loses too much.
    template <int Width>
    bool train_candidates() {
        const bool is_sized = options_.max_bytes != std::numeric_limits<long long>::max();
        std::vector<format_choice> choices;
        double best_elsewhere = 0;
        int best = -1;
        for (std::size_t i = 0; i < result_.points.size(); ++i) {
            const compressed_point& p = result_.points[i];
            if (p.epochs > 0) continue;
            const bool fits = p.bytes <= options_.max_bytes && p.arena <= options_.max_arena;
            if (p.width != Width) {
                if (fits) best_elsewhere = std::max(best_elsewhere, p.accuracy);
                continue;
            }
            if (!is_sized) choices.push_back(p.formats);
            if (best < 0 || is_better(result_, p, result_.points[static_cast<std::size_t>(best)], options_))
                best = static_cast<int>(i);
        }
        constexpr double far_behind = 5;  // points of accuracy, which training seldom makes up for
        if (is_sized && best >= 0 &&
            result_.points[static_cast<std::size_t>(best)].accuracy + far_behind > best_elsewhere)
            choices.push_back(result_.points[static_cast<std::size_t>(best)].formats);
        for (const format_choice& choice : choices) {
            if (!add_point<Width>(choice, epochs_)) return false;
            if (!is_sized && drop_of(result_, result_.points.back()) > options_.max_drop) break;
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

    /// From the weights of the width before, by channels that the loss scores, fitted on records to what that gave, and
    /// taught by the whole model.
    template <int Previous, int Width>
    bool narrow_to(named_tensors& weights) {
        static constexpr const auto &before = narrower<Model, Previous>, &narrow = narrower<Model, Width>;
        const auto scores = score_channels_by_loss<before>(weights, sample_, 8, threads_);
        weights = keep_channels<before, narrow>(weights, scores, seen_);
        const distil_options o = options_of("width" + std::to_string(Width), epochs_, in_floats_);
        auto taught = distil<Model, narrow>(teacher_, weights, data_, o, threads_);
        result_.interrupted = taught.interrupted;
        if (!in_floats_) in_floats_ = taught.plan;
        weights = std::move(taught.weights);
        return !taught.interrupted;
    }

    template <int Width>
    bool add_point(const format_choice& choice, int epochs, const std::string& when = "") {
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
        const named_tensors& weights = weights_[Width];
        const named_tensors start = dequantize<narrow>(weights, gptq<narrow>(weights, seen_, roundings));
        const std::string stage = when + "width" + std::to_string(Width) + "_bytes" + std::to_string(choice.bytes) +
                                  "_epochs" + std::to_string(epochs);
        const distil_options o = options_of(stage, epochs, with_integers_);
        const distillation_loss<Model, narrow, no_hints> loss(teacher_, data_, o, threads_);
        fitted_integers trained =
            fit<narrow>(start, data_, loss, roundings, static_cast<const fit_options&>(o), threads_);
        result_.interrupted = trained.interrupted;
        if (trained.interrupted) return false;
        if (!with_integers_ && epochs > 0) with_integers_ = trained.plan;
        p.accuracy = trained.score;
        p.trained = std::move(trained);
        result_.points.push_back(std::move(p));
        return true;
    }

    /// The best point once more, for longer.
    template <int Width>
    bool finish() {
        const format_choice choice = result_.chosen().formats;
        return add_point<Width>(choice, final_epochs_, "final_");
    }

    const named_tensors& teacher_;
    const data_set& data_;
    const compress_options& options_;
    const Executor& threads_;
    split_records parts_;
    data_set sample_;                           ///< of the records that are trained on, with labels
    std::vector<std::span<const float>> seen_;  ///< the same without
    int epochs_ = 0, final_epochs_ = 0;
    std::optional<training_plan> in_floats_, with_integers_;
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
/// float net as teacher those that may win; at the end the best for longer. Every point is kept, those that were
/// rounded alone among them, and the best one is the result. What `training` leaves open is chosen once for the float
/// nets and once for the integers. Seeded: the same call gives the same points; with a folder it goes on where it was
/// interrupted.
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
