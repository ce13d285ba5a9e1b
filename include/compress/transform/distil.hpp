// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>

#include <compress/tensor/runner.hpp>
#include <compress/transform/fit_net.hpp>
#include <compress/transform/hints.hpp>

namespace tensor_compress {

struct distil_options : fit_options {
    double temperature = 4;  ///< by which logits are divided before their softmax, of teacher and student
    double alpha = 0.7;      ///< weight of the teacher's logits against that of the labels
    double hints = 1;        ///< by which the weights of all hints are multiplied
};

namespace detail {

template <const auto& Model>
inline constexpr auto logits_model = resized<logits_of(Model).count>(logits_of(Model));

/// What a teacher tells of a record: its logits, then for each hint the values, or the attention map.
template <const auto& Teacher, const auto& Hints>
class lessons {
public:
    /// More bytes are not kept, but computed again for each record in each epoch.
    static constexpr std::size_t most_kept_bytes = std::size_t{256} << 20;

    /// @param  keeps  whether the teacher is asked once, of each record of the data
    template <class Executor>
    lessons(const named_tensors& weights, const data_set& data, bool keeps, const Executor& threads)
        : data_(data),
          packed_(convert<teacher_net>(weights)) {
        if (!keeps || data.size() * floats * sizeof(float) > most_kept_bytes) return;
        kept_.resize(data.size() * floats);
        constexpr int parts = 8;
        threads.parallel_for(parts, [&](int part) {
            runner<teacher_net> run(packed_);
            for (std::size_t i = data.size() * static_cast<std::size_t>(part) / parts;
                 i < data.size() * static_cast<std::size_t>(part + 1) / parts; ++i)
                tell(run, data.input(i), std::span(kept_).subspan(i * floats, floats));
        });
    }

    static constexpr std::size_t classes = static_cast<std::size_t>(Teacher[Teacher.outputs[0]].output.elements());

    /// What is told of a record, [floats].
    ///
    /// @param  input  the record as the student sees it: what is kept is of records as they are
    /// @param  own    memory for what is not kept
    std::span<const float> operator()(std::size_t record, std::span<const float> input, std::vector<float>& own) const {
        if (!kept_.empty() && std::ranges::equal(input, data_.input(record)))
            return std::span(kept_).subspan(record * floats, floats);
        own.resize(floats);
        auto run = take_runner();
        tell(*run, input, own);
        const std::lock_guard lock(guard_);
        idle_.push_back(std::move(run));
        return own;
    }
    /// The part that a hint is about.
    template <int Hint>
    static std::span<const float> hinted_part(std::span<const float> told) {
        return told.subspan(place_of_hint(Hint), place_of_hint(Hint + 1) - place_of_hint(Hint));
    }

private:
    static constexpr const auto& observed = hinted<logits_model<Teacher>, Hints, &hint::teacher>();
    using teacher_net = net<observed>;
    static constexpr int hint_count = static_cast<int>(std::size(Hints));

    static constexpr std::size_t place_of_hint(int index) {
        std::size_t place = classes;
        for (int i = 0; i < index; ++i) {
            const hint& h = Hints[static_cast<std::size_t>(i)];
            const shape& s = observed[observed.find(h.teacher)].output;
            place += static_cast<std::size_t>(h.of == hint_kind::values ? s.elements() : pixels_of(s));
        }
        return place;
    }
    static constexpr std::size_t floats = place_of_hint(hint_count);

    static void tell(runner<teacher_net>& run, std::span<const float> input, std::span<float> told) {
        const auto logits = run(input);
        std::copy(logits.begin(), logits.end(), told.begin());
        for (int i = 0; i < hint_count; ++i) {
            const hint& h = Hints[static_cast<std::size_t>(i)];
            const auto part = told.subspan(place_of_hint(i), place_of_hint(i + 1) - place_of_hint(i));
            const auto values = run.output(output_index(observed, h.teacher));
            if (h.of == hint_kind::values)
                std::copy(values.begin(), values.end(), part.begin());
            else
                attention_map(values, part);
        }
    }

    /// One that no other thread uses.
    std::unique_ptr<runner<teacher_net>> take_runner() const {
        const std::lock_guard lock(guard_);
        if (idle_.empty()) return std::make_unique<runner<teacher_net>>(packed_.view());
        auto run = std::move(idle_.back());
        idle_.pop_back();
        return run;
    }

    const data_set& data_;
    packed<teacher_net> packed_;
    std::vector<float> kept_;
    mutable std::mutex guard_;
    mutable std::vector<std::unique_ptr<runner<teacher_net>>> idle_;
};

/// alpha * T^2 * KL(teacher || student) + (1 - alpha) * cross-entropy with the labels + the hints' terms.
template <const auto& Teacher, const auto& Student, const auto& Hints>
class distillation_loss {
public:
    template <class Executor>
    distillation_loss(const named_tensors& weights, const data_set& data, const distil_options& options,
                      const Executor& threads)
        : options_(checked(options, data)),
          teacher_(identity_of(weights)),
          lessons_(weights, data, may_keep(options), threads) {
        if (options.alpha < 1) by_labels_.emplace(data, lessons<Teacher, Hints>::classes, options.label_smoothing);
    }

    template <std::size_t Outputs>
    double operator()(const trained_record<Outputs>& r) const {
        std::vector<float> own;
        const auto told = lessons_(r.index, r.input, own);
        const auto wanted = told.first(lessons<Teacher, Hints>::classes);
        double loss =
            options_.alpha * add_divergence(r.outputs[0], wanted, options_.temperature, r.gradients[0], options_.alpha);
        if (by_labels_) loss += (1 - options_.alpha) * (*by_labels_)(r, 1 - options_.alpha);
        for_constants<static_cast<int>(std::size(Hints))>([&]<int I>() {
            constexpr std::size_t at = output_index(hinted<Student, Hints, &hint::student>(), Hints[I].student);
            const double weight = options_.hints * Hints[I].weight;
            const auto target = lessons<Teacher, Hints>::template hinted_part<I>(told);
            loss += weight * (Hints[I].of == hint_kind::values
                                  ? add_squared_error(r.outputs[at], target, r.gradients[at], weight)
                                  : add_attention_error(r.outputs[at], target, r.gradients[at], weight));
        });
        return loss;
    }

    /// What a checkpoint says of the loss that it was written with.
    void add_to(identity& all) const {
        for (const double v : {options_.temperature, options_.alpha, options_.hints}) all.add(exact_text(v));
        all.add(teacher_);
    }

private:
    /// Where every image is changed, nothing that is kept of them would be used.
    static bool may_keep(const distil_options& options) { return !options.augment || !options.augment->changes(); }
    static const distil_options& checked(const distil_options& options, const data_set& data) {
        if (!(options.temperature > 0))
            throw error("distil", "a temperature of " + std::to_string(options.temperature),
                        "it is above 0; 2 to 8 are usual");
        if (!(options.alpha >= 0 && options.alpha <= 1))
            throw error("distil", "an alpha of " + std::to_string(options.alpha),
                        "it is the teacher's share of the loss, from 0 to 1");
        if (!(options.hints >= 0))
            throw error("distil", "hints times " + std::to_string(options.hints),
                        "what their weights are multiplied by is not below 0");
        if (data.labels.size() != data.size() && options.alpha < 1)
            throw error("distil",
                        std::to_string(data.labels.size()) + " labels for " + std::to_string(data.size()) + " records",
                        "give each record one, or the teacher alone: alpha = 1");
        return options;
    }

    const distil_options& options_;
    std::string teacher_;
    lessons<Teacher, Hints> lessons_;
    std::optional<cross_entropy> by_labels_;  ///< unless the teacher alone counts
};

template <const auto& Teacher, const auto& Student>
constexpr bool teaches() {
    constexpr auto input_of = [](const auto& m) {
        int id = 0;
        while (m[id].kind != op::input) ++id;
        return m[id].output;
    };
    static_assert(input_of(Teacher) == input_of(Student),
                  "teacher and student have to read the same input: give the student the teacher's input shape");
    static_assert(Teacher[Teacher.outputs[0]].output.elements() == Student[Student.outputs[0]].output.elements(),
                  "teacher and student have to tell the same number of classes apart: their outputs differ in size");
    return true;
}

}  // namespace detail

/// Trains `Student` to give what `Teacher` gives: softened by a temperature, the teacher's probabilities say which
/// classes are alike. Hints, pairs of values of the two, say how it gets there:
///
///   inline constexpr tc::hint hints[]{{"conv2", "conv1", 10}, {"conv4", "conv3", 100, tc::hint_kind::attention}};
///   tc::distil<teacher, student, hints>(teacher_weights, student_weights, data, options);
///
/// What the teacher tells is computed once, unless images are augmented or it is more than 256 MB. Source: Hinton,
/// Vinyals, Dean 2015, Distilling the Knowledge in a Neural Network; of the hints see transform/hints.hpp.
///
/// @param  teacher_weights  trained, of Teacher
/// @param  student_weights  where the student starts: initial_weights<Student>(seed), or pruned, factorised, ... ones
/// @throws error as `fit`, and where the temperature, alpha or the factor of hints makes no sense. Hints of values that
///         do not fit each other do not compile
template <const auto& Teacher, const auto& Student, const auto& Hints, executor Executor = serial>
fitted distil(const named_tensors& teacher_weights, const named_tensors& student_weights, const data_set& data,
              const distil_options& options = {}, const Executor& threads = {}) {
    static_assert(detail::teaches<Teacher, Student>() && hints_fit<Teacher, Student, Hints>());
    const detail::distillation_loss<Teacher, Student, Hints> loss(teacher_weights, data, options, threads);
    return fit<detail::hinted<Student, Hints, &hint::student>()>(student_weights, data, loss,
                                                                 static_cast<const fit_options&>(options), threads);
}

template <const auto& Teacher, const auto& Student, executor Executor = serial>
fitted distil(const named_tensors& teacher_weights, const named_tensors& student_weights, const data_set& data,
              const distil_options& options = {}, const Executor& threads = {}) {
    return distil<Teacher, Student, detail::no_hints>(teacher_weights, student_weights, data, options, threads);
}

/// The same for a student with the integers of `Net`: quantisation-aware training with a teacher, which may be the
/// model of Net itself. Hints are of values that Net stores.
template <const auto& Teacher, net_type Net, const auto& Hints, executor Executor = serial>
fitted_net<Net> distil(const named_tensors& teacher_weights, const named_tensors& student_weights, const data_set& data,
                       const distil_options& options = {}, const Executor& threads = {}) {
    static_assert(detail::teaches<Teacher, Net::model>() && hints_fit<Teacher, Net::model, Hints>() &&
                  net_stores_hints<Net, Hints>());
    const detail::distillation_loss<Teacher, Net::model, Hints> loss(teacher_weights, data, options, threads);
    using student = net<detail::hinted<Net::model, Hints, &hint::student>(), Net::recipe, typename Net::isa>;
    return {fit<student>(student_weights, data, loss, static_cast<const fit_options&>(options), threads)};
}

template <const auto& Teacher, net_type Net, executor Executor = serial>
fitted_net<Net> distil(const named_tensors& teacher_weights, const named_tensors& student_weights, const data_set& data,
                       const distil_options& options = {}, const Executor& threads = {}) {
    return distil<Teacher, Net, detail::no_hints>(teacher_weights, student_weights, data, options, threads);
}

}  // namespace tensor_compress
