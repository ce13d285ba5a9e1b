// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <span>

#include <compress/core/executor.hpp>
#include <compress/train/loss.hpp>
#include <compress/train/norms.hpp>
#include <compress/train/parameters.hpp>

namespace tensor_compress {

/// The forward and backward passes of a model over batches of records, and its parameters in the order in which the
/// kernels read them: optimisers see flat arrays.
///
/// A batch is split into `parts`, whose gradients are summed up apart and then in their order: results depend on the
/// number of parts, not on that of the threads.
template <const auto& Model, class Isa = native>
class trainer {
public:
    using graph = training_graph<Model>;
    static constexpr auto outputs = static_cast<std::size_t>(graph::graph.output_count);
    static constexpr auto inputs = static_cast<std::size_t>(graph::graph.count_of(op::input));
    using record = trained_record<outputs>;

    /// @throws error that lists tensors which are missing, superfluous or of another shape
    explicit trainer(const named_tensors& weights, int parts = 2)
        : tensors_(checked(weights)),
          parts_(parts < 1 ? 1 : parts),
          parameters_(to_parameters<Model>(tensors_)),
          gradients_(parameters_.size()),
          turned_(static_cast<std::size_t>(graph::turned_floats_of_all)),
          part_gradients_(static_cast<std::size_t>(parts_), aligned_floats(parameters_.size() + 16)),
          scratch_(static_cast<std::size_t>(parts_), aligned_floats(static_cast<std::size_t>(graph::scratch_floats))),
          norms_(training_norms<Model>(tensors_, parts_)) {
        find_constants();
    }

    std::span<float> parameters() { return parameters_; }
    /// What the passes compute with instead of parameters(), once it was asked for: gradients() are then of these.
    std::span<float> used_parameters() {
        if (used_.empty()) used_ = parameters_;
        return used_;
    }
    std::span<const float> gradients() const { return gradients_; }
    std::span<float> gradients() { return gradients_; }
    std::vector<training_norm>& norms() { return norms_; }
    int parts() const { return parts_; }

    /// Weights and running statistics as they are now.
    named_tensors weights() const {
        named_tensors result = tensors_;
        from_parameters<Model>(parameters_, result);
        std::size_t norm = 0;
        for (int id = 0; id < graph::count; ++id) {
            const node& n = graph::graph[id];
            if (n.kind != op::batch_norm) continue;
            const std::string label = text_of(Model[n.origin].name);
            const auto copy = [&](const char* part, const aligned_floats& from) {
                array<float>& to = result.find(label + part)->second;
                std::copy_n(from.data(), to.size(), to.data());
            };
            copy(".running_mean", norms_[norm].running_mean);
            copy(".running_var", norms_[norm++].running_variance);
        }
        return result;
    }
    /// Goes on from other weights of the same model.
    void set_weights(const named_tensors& weights) {
        tensors_ = checked(weights);
        parameters_ = to_parameters<Model>(tensors_);
        norms_ = training_norms<Model>(tensors_, parts_);
        find_constants();
    }

    struct pass_options {
        float norm_momentum = 0.1f;      ///< of batch_norm's running statistics
        bool frozen_norms = false;       ///< batch_norms use their running statistics, and keep them
        std::uint64_t dropout_seed = 0;  ///< of this batch
        bool dropout = true;
        const value_rounding* rounding = nullptr;  ///< by node: values that are rounded on their way
    };

    /// Where values come from.
    struct own_forward {};

    /// Forwards and backwards over `records` records; afterwards gradients() holds those of their mean loss.
    ///
    /// @param  fill  fill(index, input, span<float>) writes a record's values
    /// @param  loss  loss(record) returns a record's loss and writes its gradients; called from several threads
    /// @param  forward  if given, forward(chunk, part) writes all values instead of the trainer, from the inputs in the
    ///                  chunk; batch_norms then have to be frozen
    /// @return  the mean loss
    template <class Fill, class Loss, executor Executor = serial, class Forward = own_forward>
    double run(int records, const Fill& fill, const Loss& loss, const pass_options& options,
               const Executor& threads = {}, const Forward& forward = {}) {
        prepare(records, graph::segments > 1);
        turn_weights();
        for (auto& g : part_gradients_) std::fill(g.begin(), g.end(), 0.0f);
        for (training_norm& n : norms_) n.clear();
        std::vector<double> losses(static_cast<std::size_t>(parts_));
        const float scale = 1.0f / static_cast<float>(records);
        run_segments(records, fill, options, threads, forward, [&](const training_chunk& c, int part) {
            losses[static_cast<std::size_t>(part)] += give_losses(c, loss, scale);
            backward_segment<graph::segments - 1>(c);
        });
        for_constants<graph::segments - 1>([&]<int Done>() {
            constexpr int segment = graph::segments - 2 - Done, id = graph::begin_of(segment + 1);
            norms_[segment].finish(parameters_.data() + graph::parameter_place(id),
                                   gradients_.data() + graph::parameter_place(id),
                                   gradients_.data() + graph::parameter_place(id) + graph::template bias_offset<id>());
            each_chunk(records, options, threads, [&](const training_chunk& c, int) {
                steps::template backward_through_norm<id>(c);
                backward_segment<segment>(c);
            });
        });
        reduce(threads);
        double sum = 0;
        for (const double l : losses) sum += l;
        return sum / records;
    }

    /// Forwards alone, but with the batch's own statistics, towards which the running ones of batch_norms go by
    /// options.norm_momentum.
    template <class Fill, executor Executor = serial>
    void measure_norms(int records, const Fill& fill, const pass_options& options, const Executor& threads = {}) {
        prepare(records, graph::segments > 1);
        for (training_norm& n : norms_) n.clear();
        run_segments(records, fill, options, threads, own_forward{}, [](const training_chunk&, int) {});
    }

    /// Forwards alone, as in inference: running statistics, no dropout.
    ///
    /// @param  see  see(index, array of spans of outputs); called from several threads
    /// @param  forward   as of run
    /// @param  rounding  as in pass_options
    template <class Fill, class See, executor Executor = serial, class Forward = own_forward>
    void predict(int records, const Fill& fill, const See& see, const Executor& threads = {},
                 const Forward& forward = {}, const value_rounding* rounding = nullptr) {
        prepare(records, false);
        const pass_options options = begin_inference(rounding);
        each_chunk(records, options, threads, [&](const training_chunk& c, int part) {
            fill_inputs(c, fill);
            for_constants<graph::segments>([&]<int Segment>() { forward_segment<Segment>(c, part, forward); });
            for (int r = 0; r < c.records; ++r) see(c.first_record + r, record_of(c, r).outputs);
        });
    }

    /// Forwards alone, as in inference, and shows all values.
    ///
    /// @param  rounding  as in pass_options
    /// @param  see       see(id, span of the value of a record), for each node in the order of the records; not for
    ///                   views and dropout, which give no value of their own
    template <class Fill, class See>
    void observe(int records, const Fill& fill, const value_rounding* rounding, const See& see) {
        prepare(records, false);
        const pass_options options = begin_inference(rounding);
        each_chunk(records, options, serial{}, [&](const training_chunk& c, int part) {
            fill_inputs(c, fill);
            for_constants<graph::segments>([&]<int Segment>() { forward_segment<Segment>(c, part, own_forward{}); });
            for_constants<graph::count>([&]<int Id>() {
                constexpr op kind = graph::graph[Id].kind;
                if constexpr (detail::is_view(kind) || kind == op::dropout) return;
                for (int r = 0; r < c.records; ++r)
                    see(Id, std::span(steps::template value<Id>(c, r), static_cast<std::size_t>(graph::elements(Id))));
            });
        });
    }

private:
    using steps = training_steps<Model, Isa>;

    static const named_tensors& checked(const named_tensors& weights) {
        expect_weights(Model, weights, "train");
        return weights;
    }

    void find_constants() {
        for (int id = 0; id < graph::count; ++id)
            constants_[static_cast<std::size_t>(id)] =
                graph::graph[id].kind == op::constant
                    ? tensors_.find(text_of(graph::graph[id].name) + ".value")->second.data()
                    : nullptr;
    }

    const aligned_floats& used() const { return used_.empty() ? parameters_ : used_; }

    static int chunks_of(int records) { return ceil_div(records, graph::chunk); }

    /// Slabs for a batch: of all chunks where segments leave values for each other, else one for each part.
    void prepare(int records, bool whole_batch) {
        whole_batch_ = whole_batch;
        const auto wanted = static_cast<std::size_t>(whole_batch ? chunks_of(records) : parts_);
        while (slabs_.size() < wanted) slabs_.emplace_back(static_cast<std::size_t>(graph::slab_floats));
    }
    /// What pads them is zero from the beginning.
    void turn_weights() {
        detail::for_each_trained<Model>([&]<int Id>() {
            constexpr const node& n = graph::graph.nodes[Id];
            if constexpr (is_product(n.kind))
                if constexpr (graph::needs_gradient(n.inputs[0]))
                    turn_for_input_gradient<graph::template product_geometry<Id>(), graph::template is_depthwise<Id>>(
                        used().data() + graph::parameter_place(Id), turned_.data() + graph::turned_place(Id));
        });
    }

    /// Running statistics, no dropout.
    pass_options begin_inference(const value_rounding* rounding) {
        pass_options options;
        options.frozen_norms = true;
        options.dropout = false;
        options.rounding = rounding;
        for (int i = 0; i < graph::segments - 1; ++i) scale_norm(i, options);
        return options;
    }

    /// f(chunk, part) for every chunk of a batch.
    template <class Executor, class F>
    void each_chunk(int records, const pass_options& options, const Executor& threads, const F& f) {
        const int chunks = chunks_of(records);
        threads.parallel_for(parts_, [&](int part) {
            std::vector<norm_step> norms;
            for (training_norm& n : norms_) norms.push_back(n.view(part));
            const auto at = static_cast<std::size_t>(part);
            for (int i = chunks * part / parts_; i < chunks * (part + 1) / parts_; ++i) {
                const int first = i * graph::chunk;
                const int count = records - first < graph::chunk ? records - first : graph::chunk;
                f(training_chunk{slabs_[whole_batch_ ? static_cast<std::size_t>(i) : at].data(), count, used().data(),
                                 turned_.data(), part_gradients_[at].data(), scratch_[at].data(), constants_.data(),
                                 norms.data(), options.dropout_seed, first, options.dropout, options.rounding},
                  part);
            }
        });
    }

    template <class Fill>
    static void fill_inputs(const training_chunk& c, const Fill& fill) {
        for_constants<graph::count>([&]<int Id>() {
            if constexpr (graph::graph[Id].kind == op::input) {
                constexpr int index = graph::index_among(op::input, Id);
                for (int r = 0; r < c.records; ++r)
                    fill(c.first_record + r, index,
                         std::span(steps::template result<Id>(c, r), static_cast<std::size_t>(graph::elements(Id))));
            }
        });
    }

    /// Forwards over a batch, from one batch_norm to the next; at_end(chunk, part) once a chunk has all of its values.
    template <class Fill, class Executor, class Forward, class AtEnd>
    void run_segments(int records, const Fill& fill, const pass_options& options, const Executor& threads,
                      const Forward& forward, const AtEnd& at_end) {
        for_constants<graph::segments>([&]<int Segment>() {
            constexpr bool last = Segment + 1 == graph::segments;
            each_chunk(records, options, threads, [&](const training_chunk& c, int part) {
                if constexpr (Segment == 0) fill_inputs(c, fill);
                forward_segment<Segment>(c, part, forward);
                if constexpr (last)
                    at_end(c, part);
                else if (!options.frozen_norms)
                    add_moments<Segment + 1>(c, part);
            });
            if constexpr (!last) scale_norm(Segment, options);
        });
    }
    template <int Segment, class Forward>
    static void forward_segment(const training_chunk& c, int part, const Forward& forward) {
        constexpr int begin = graph::begin_of(Segment), end = graph::begin_of(Segment + 1);
        if constexpr (!std::is_same_v<Forward, own_forward>) {
            if (Segment == 0) forward(c, part);
        } else {
            for_constants<end - begin>([&]<int I>() {
                steps::template forward<begin + I>(c);
                if (c.rounding != nullptr) steps::template round_value<begin + I>(c);
            });
        }
    }
    template <int Segment>
    static void backward_segment(const training_chunk& c) {
        constexpr int begin = graph::begin_of(Segment), end = graph::begin_of(Segment + 1);
        for_constants<end - begin>([&]<int I>() {
            if (c.rounding != nullptr) steps::template stop_at_ends<end - 1 - I>(c);
            steps::template backward<end - 1 - I>(c);
        });
    }

    static record record_of(const training_chunk& c, int r) {
        constexpr int input = graph::nth(op::input, 0);
        record found{static_cast<std::size_t>(c.first_record + r),
                     {},
                     {},
                     {steps::template value<input>(c, r), static_cast<std::size_t>(graph::elements(input))}};
        for_constants<static_cast<int>(outputs)>([&]<int I>() {
            constexpr int id = graph::graph.outputs[I];
            constexpr auto size = static_cast<std::size_t>(graph::elements(id));
            found.outputs[static_cast<std::size_t>(I)] = {steps::template value<id>(c, r), size};
            if constexpr (graph::needs_gradient(id))
                found.gradients[static_cast<std::size_t>(I)] = {steps::template gradient<id>(c, r), size};
        });
        return found;
    }
    template <class Loss>
    static double give_losses(const training_chunk& c, const Loss& loss, float scale) {
        double sum = 0;
        for (int r = 0; r < c.records; ++r) {
            record one = record_of(c, r);
            for (const std::span<float> g : one.gradients) std::fill(g.begin(), g.end(), 0.0f);
            sum += static_cast<double>(loss(one));
            for (std::size_t i = 0; i < outputs; ++i)
                if (!is_seen_before(i))
                    for (float& v : one.gradients[i]) v *= scale;
        }
        return sum;
    }
    /// Whether an earlier output is the same value, or a view of it: what losses add to both is one gradient.
    static constexpr bool is_seen_before(std::size_t output) {
        for (std::size_t i = 0; i < output; ++i)
            if (graph::root(graph::graph.outputs[i]) == graph::root(graph::graph.outputs[output])) return true;
        return false;
    }

    /// Moments of what the batch_norm at the beginning of `Segment` reads.
    template <int Segment>
    void add_moments(const training_chunk& c, int part) {
        constexpr int id = graph::begin_of(Segment), channels = graph::graph[id].output.channels();
        constexpr int source = graph::graph[id].inputs[0];
        const int pixels = c.records * graph::elements(source) / channels;
        alignas(64) float mean[channels], squares[channels];
        moments_of<Isa, channels>(pixels, steps::template value<source>(c), mean, squares);
        norms_[Segment - 1].moments(part).merge(pixels, mean, squares);
    }
    void scale_norm(int index, const pass_options& options) {
        const int id = graph::begin_of(index + 1);
        const float* gamma = used().data() + graph::parameter_place(id);
        const float* beta = gamma + round_up(graph::graph[id].output.channels(), 16);
        training_norm& norm = norms_[static_cast<std::size_t>(index)];
        if (options.frozen_norms)
            norm.use_running(gamma, beta);
        else
            norm.use_batch(gamma, beta, options.norm_momentum);
    }

    /// Sums up the parts' gradients, and clears the lanes that belong to no output. Norms have theirs already.
    template <class Executor>
    void reduce(const Executor& threads) {
        detail::for_each_trained<Model>([&]<int Id>() {
            constexpr op kind = graph::graph[Id].kind;
            if constexpr (kind == op::batch_norm) return;
            constexpr int begin = graph::parameter_place(Id), end = graph::parameter_place(Id + 1);
            detail::for_each_piece(begin, end, threads, [&](int first, int last) {
                simd::for_each_vector<Isa>(first, last, [&]<class V>(int i) COMPRESS_LAMBDA_INLINE {
                    auto sum = V::load(part_gradients_[0].data() + i);
                    for (std::size_t p = 1; p < part_gradients_.size(); ++p)
                        sum = V::add(sum, V::load(part_gradients_[p].data() + i));
                    V::store(gradients_.data() + i, sum);
                });
            });
            if constexpr (is_product(kind) && !graph::template is_depthwise<Id>)
                clear_padding<graph::template product_geometry<Id>()>(gradients_.data() + begin);
        });
    }

    named_tensors tensors_;
    int parts_;
    aligned_floats parameters_, used_, gradients_, turned_;
    std::vector<aligned_floats> part_gradients_, scratch_, slabs_;
    std::vector<training_norm> norms_;
    std::array<const float*, static_cast<std::size_t>(graph::count)> constants_{};
    bool whole_batch_ = false;
};

}  // namespace tensor_compress
