// SPDX-License-Identifier: MIT
#include <compress/graph/memory_plan.hpp>

#include <compress/graph/recipe.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "../catch.hpp"
#include "complaints.hpp"

namespace tc = tensor_compress;

namespace {

// A recipe of which about half of the random labels get each format.
constexpr auto int8_only = tc::recipe{tc::int8};
constexpr auto mixed = tc::recipe{tc::int8}.with("*[02468]", tc::fp32).with("*[37]/relu", tc::fp32);

class random_choice {
public:
    explicit random_choice(unsigned seed) : state(seed * 2654435761u + 17) {}
    int below(int limit) {
        state = state * 1664525u + 1013904223u;
        return static_cast<int>((state >> 16) % static_cast<unsigned>(limit));
    }

private:
    unsigned state;
};

/// A model of up to 40 operators, each on values drawn from all earlier ones, and up to five outputs.
tc::model<64> random_model(unsigned seed) {
    random_choice random(seed);
    tests::run_time_builder<64> g;
    std::vector<tc::value> images{g.input("image", {6, 4, 5})}, vectors{g.input("vector", {5})};
    if (random.below(2)) images.push_back(g.constant("pattern0", {6, 4, 5}));
    const auto any = [&](const std::vector<tc::value>& of) {
        // Late values more often, so that chains become long.
        const int last = static_cast<int>(of.size()) - 1;
        return of[static_cast<std::size_t>(random.below(3) ? last - random.below(std::min(last, 2) + 1)
                                                           : random.below(last + 1))];
    };
    const int count = 5 + random.below(30);
    for (int i = 0; i < count; ++i) {
        const std::string text = "n" + std::to_string(i);
        const tc::label name = text.c_str();
        const tc::value a = any(images), b = any(images), v = any(vectors);
        switch (random.below(13)) {
        case 0:
        case 1:
        case 2:
            images.push_back(g.conv2d(name, a, 5, 3));
            break;
        case 3:
            images.push_back(g.relu(name, g.conv2d(name / "conv", a, 5, 1)));
            break;
        case 4:
            images.push_back(g.add(name, g.conv2d(name / "conv", a, 5, 3), b));
            break;
        case 5:
            images.push_back(g.add(name, a, b));
            break;
        case 6:
            images.push_back(g.mul(name, a, v));
            break;
        case 7:
            images.push_back(g.hard_swish(name, a));
            break;
        case 8:
            images.push_back(g.reshape(name, g.flatten(name / "flat", a), {6, 4, 5}));
            break;
        case 9:
            images.push_back(g.conv2d(name, g.concat(name / "both", {a, b}), 5, 1));
            break;
        case 10:
            vectors.push_back(g.linear(name, v, 5));
            break;
        case 11:
            vectors.push_back(g.sigmoid(name, g.global_average_pool(name / "pool", a)));
            break;
        default:
            images.push_back(g.transpose(name, g.transpose(name / "there", a, {1, 0, 2}), {1, 0, 2}));
            break;
        }
    }
    std::vector<tc::value> outputs;
    for (int i = 1 + random.below(5); i > 0; --i) {
        const tc::value v = any(random.below(4) ? images : vectors);
        const bool again = std::any_of(outputs.begin(), outputs.end(), [&](tc::value o) { return o.id == v.id; });
        if (!again) outputs.push_back(v);
    }
    for (tc::value v : outputs) g.output(v);
    return g.finish();
}

/// Carries out a plan on memory that remembers which value each byte holds.
template <int Capacity, class Recipe>
class simulation {
public:
    simulation(const tc::model<Capacity>& model, const Recipe&)
        : m(model),
          plan(tc::plan_memory(model, Recipe::elements)) {
        arena.assign(static_cast<std::size_t>(plan.arena_bytes), nobody);
        for (int i = 0; i < m.output_count; ++i)
            results[static_cast<std::size_t>(i)].assign(static_cast<std::size_t>(bytes(m.outputs[i])), nobody);
    }

    /// What is wrong, or nothing.
    std::string run() {
        int inputs = 0;
        for (int id = 0; id < m.count && wrong.empty(); ++id) {
            const tc::node& n = m[id];
            const tc::placement p = plan.places[id];
            if (n.kind == tc::op::input) {
                expect(p.where == tc::memory::input && p.index == inputs++, id, "is not at its place among the inputs");
            } else if (n.kind == tc::op::constant) {
                expect(p.where == tc::memory::weights && p.root == id, id, "is not among the weights");
            } else if (tc::detail::is_view(n.kind)) {
                const tc::placement of = plan.places[n.inputs[0]];
                expect(p.where == of.where && p.index == of.index && p.offset == of.offset, id,
                       "is not where what it renames is");
            } else {
                step(id, n);
            }
        }
        for (int i = 0; i < m.output_count; ++i) {
            const tc::placement p = plan.places[m.outputs[i]];
            expect(p.where == tc::memory::output && p.index == i, m.outputs[i], "is not in the caller's output");
            expect(holds(m.outputs[i]), m.outputs[i], "is not there at the end");
        }
        int end = 0;
        for (int id = 0; id < m.count; ++id)
            if (plan.places[id].where == tc::memory::arena) {
                expect(plan.places[id].offset % tc::arena_alignment == 0, id, "does not start on a cache line");
                end = std::max(end, plan.places[id].offset + tc::round_up(bytes(id), tc::arena_alignment));
            }
        if (end != plan.arena_bytes) wrong += "the arena is larger than its last value needs";
        return wrong;
    }

    int in_place = 0;

private:
    static constexpr int nobody = -1;

    int bytes(int id) const { return m[id].output.elements() * tc::bytes_of(Recipe::elements[m[id].format]); }
    int value_of(int id) const {
        while (tc::detail::is_view(m[id].kind)) id = m[id].inputs[0];
        return id;
    }
    void expect(bool right, int id, const char* what) {
        if (!right && wrong.empty()) wrong = std::string(m[id].name.c_str()) + " " + what;
    }
    /// The memory in which a value lies, if it is written while the net runs.
    std::vector<int>* space(int id) {
        const tc::placement p = plan.places[id];
        if (p.where == tc::memory::arena) return &arena;
        return p.where == tc::memory::output ? &results[static_cast<std::size_t>(p.index)] : nullptr;
    }
    bool holds(int id) {
        const std::vector<int>* memory = space(id);
        if (memory == nullptr) return true;
        const auto first = memory->begin() + plan.places[id].offset;
        return std::all_of(first, first + bytes(id), [&](int owner) { return owner == value_of(id); });
    }
    bool overlap(int a, int b) {
        const int first = plan.places[a].offset, second = plan.places[b].offset;
        return space(a) != nullptr && space(a) == space(b) && first < second + bytes(b) && second < first + bytes(a);
    }
    void step(int id, const tc::node& n) {
        std::vector<int> operands(n.inputs, n.inputs + n.input_count);
        if (n.residual >= 0) operands.push_back(n.residual);
        for (int operand : operands) {
            expect(holds(operand), operand, "is overwritten before it is read");
            if (!overlap(id, operand)) continue;
            const bool elementwise = tc::is_elementwise_pair(n.kind) || tc::is_activation(n.kind);
            const bool same_place =
                plan.places[id].offset == plan.places[operand].offset && bytes(id) == bytes(operand);
            expect(same_place && (elementwise || operand == n.residual), id, "overwrites what it reads");
            if (n.residual >= 0) expect(!overlap(id, n.inputs[0]), id, "overwrites what it convolves");
            ++in_place;
        }
        std::vector<int>* memory = space(id);
        expect(memory != nullptr, id, "is written to what is not writable");
        if (memory == nullptr) return;
        const auto offset = static_cast<std::size_t>(plan.places[id].offset),
                   size = static_cast<std::size_t>(bytes(id));
        expect(offset + size <= memory->size(), id, "does not fit its memory");
        if (wrong.empty()) std::fill_n(memory->begin() + plan.places[id].offset, bytes(id), id);
    }

    const tc::model<Capacity>& m;
    tc::memory_plan<Capacity> plan;
    std::vector<int> arena;
    std::array<std::vector<int>, tc::max_outputs> results;
    std::string wrong;
};

template <class Recipe>
int check(const tc::model<64>& written, const Recipe& recipe, bool fused) {
    const auto lowered = tc::lower(written, recipe, fused ? tc::lowering::stored : tc::lowering::observed);
    simulation run(lowered, recipe);
    CHECK(run.run() == "");
    return run.in_place;
}

}  // namespace

TEST_CASE("no plan of a random model loses a value", "[graph]") {
    int in_place = 0;
    for (unsigned seed = 0; seed < 300; ++seed) {
        INFO("seed " << seed);
        const auto written = random_model(seed);
        for (const bool fused : {false, true}) {
            in_place += check(written, tc::all_fp32, fused);
            in_place += check(written, int8_only, fused);
            in_place += check(written, mixed, fused);
        }
    }
    CHECK(in_place > 1000);  // it is not for want of trying
}

// A chain needs two values at a time, the larger pairs of which meet: 64 + 256, 256 + 128.
constexpr auto chain = tc::make_model([](auto& g) {
    auto x = g.linear("a", g.input("x", {4}), 16);
    x = g.linear("b", x, 64);
    x = g.linear("c", x, 32);
    g.linear("d", x, 4);
});
constexpr auto chain_plan = tc::plan_memory(chain, tc::all_fp32.elements);
static_assert(chain_plan.arena_bytes == 384);
static_assert(chain_plan.places[0].where == tc::memory::input && chain_plan.places[4].where == tc::memory::output);
static_assert(chain_plan.places[2].offset == 0 && chain_plan.places[1].offset == 256 &&
              chain_plan.places[3].offset == 256);

// Activations go over what they read, unless it is read again or is the caller's.
constexpr auto activations = tc::make_model([](auto& g) {
    auto x = g.relu("of_input", g.input("x", {16}));
    auto a = g.sigmoid("in_place", x);
    auto b = g.tanh("read_again", a);
    auto c = g.add("sum", a, b);
    g.linear("last", g.softmax("rows", c), 3);
});
constexpr auto activation_plan = tc::plan_memory(activations, tc::all_fp32.elements);
static_assert(activation_plan.arena_bytes == 128);
static_assert(activation_plan.places[1].where == tc::memory::arena && activation_plan.places[2].root == 1);
static_assert(activation_plan.places[3].root == 3 && activation_plan.places[4].root == 1);
static_assert(activation_plan.places[5].root == 5);  // a softmax reads a row twice

// Values that only the caller sees need no arena at all.
constexpr auto direct = tc::make_model([](auto& g) { g.linear("y", g.input("x", {4}), 3); });
static_assert(tc::plan_memory(direct, tc::all_fp32.elements).arena_bytes == 0);
