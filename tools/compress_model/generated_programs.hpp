// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include <compress/io/model_text.hpp>

#include "program_template.hpp"
#include "recipe_choice.hpp"

namespace compress_model {

/// What the converting program is to do.
struct job {
    std::string model_name;              ///< in the report
    std::string header_name;             ///< file in the folder `header`
    std::string method = "mse";          ///< enumerator of range_method
    std::string evaluated;               ///< file with records to evaluate on; empty for none
    bool calibrates = false;             ///< whether ranges are chosen on calibration.npy
    bool changes = false;                ///< whether the model or its weights are not those of the file any more
    bool judges_by_calibration = false;  ///< there are no other records to evaluate on
    bool has_labels = false;
    bool writes_outputs = false;
};

/// Definitions of a model, a recipe and the recipe's name as C++.
struct variant_text {
    std::string models;  ///< `original`, and others that it is rewritten to
    std::string chosen;  ///< `model`, `recipe` and `recipe_name`
};

inline std::string text_constant(const char* name, const std::string& value) {
    return "inline constexpr const char* " + std::string(name) + " = " + tensor_compress::detail::quoted_text(value) +
           ";\n";
}

inline std::string chosen_text(const std::string& model, const recipe_choice& recipe, const std::string& changes) {
    return "inline constexpr const auto& model = " + model + ";\ninline constexpr auto recipe = " + recipe.cpp_text() +
           ";\n" + text_constant("recipe_name", recipe.text() + changes);
}

/// model.hpp: the models, the recipe and the job as C++.
inline std::string job_text(const job& j, const variant_text& variant) {
    const auto flag = [](const char* name, bool value) {
        return "inline constexpr bool " + std::string(name) + (value ? " = true;\n" : " = false;\n");
    };
    return "#pragma once\n\n#include <compress/calibrate/range.hpp>\n#include <compress/graph/builder.hpp>\n"
           "#include <compress/graph/recipe.hpp>\n#include <compress/graph/rewrite/keep_channels.hpp>\n"
           "#include <compress/graph/rewrite/low_rank.hpp>\n\nnamespace tc = tensor_compress;\n\nnamespace job {\n\n" +
           variant.models + '\n' + variant.chosen + '\n' + text_constant("model_name", j.model_name) +
           text_constant("header", "header/" + j.header_name) + text_constant("evaluated", j.evaluated) +
           flag("calibrates", j.calibrates) + flag("changes", j.changes) + flag("has_records", !j.evaluated.empty()) +
           flag("judges_by_calibration", j.judges_by_calibration) + flag("has_labels", j.has_labels) +
           flag("writes_outputs", j.writes_outputs) +
           "inline constexpr auto method = tensor_compress::range_method::" + j.method + ";\n\n} // namespace job\n";
}

/// What a program does before it converts: includes, and a definition of `prepare`.
struct preparation {
    std::string includes, definition;
};

/// convert.cpp: prepares weights, converts, emits the header and measures. It reads and writes files of the folder it
/// runs in, prints the tables on stdout, progress on stderr, and ends with 2 and one line on stdout where the input is
/// to blame.
inline std::string converting_program(const preparation& before) {
    return filled(R"cpp(// SPDX-License-Identifier: MIT

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <vector>

#include <compress/evaluate/report.hpp>
#include <compress/io/emit_header.hpp>
#include <compress/io/npy.hpp>
#include <compress/io/safetensors.hpp>
#include <compress/transform/calibrate.hpp>
INCLUDES
#include "model.hpp"

using reference = tc::net<job::original>;
using variant = tc::net<job::model, job::recipe>;
using spans = std::vector<std::span<const float>>;

namespace {

class progress {
public:
    explicit progress(const std::string& what) { std::fprintf(stderr, "%-24s", what.c_str()); }
    ~progress() {
        if (std::uncaught_exceptions() > 0)
            std::fputc('\n', stderr);
        else
            std::fprintf(stderr, "%8.2f s\n", std::chrono::duration<double>(clock::now() - start_).count());
    }

private:
    using clock = std::chrono::steady_clock;
    clock::time_point start_ = clock::now();
};

spans spans_of(const tc::data_set& data) {
    spans all;
    for (std::size_t i = 0; i < data.size(); ++i) all.push_back(data.input(i));
    return all;
}

tc::data_set load_evaluated() {
    if (!job::has_records) return {};
    tc::data_set data{tc::load_npy<float>(job::evaluated), {}, variant::size_of(variant::output_id(0))};
    if (job::has_labels) {
        const auto labels = tc::load_npy<std::int32_t>("labels.npy");
        data.labels.assign(labels.data(), labels.data() + labels.size());
    }
    return data;
}

// A range that one value has says nothing of other records.
void warn_of(const std::vector<std::string>& unchanging) {
    if (unchanging.empty()) return;
    std::string labels;
    for (std::size_t i = 0; i < unchanging.size() && i < 8; ++i) labels += (i == 0 ? "" : ", ") + unchanging[i];
    if (unchanging.size() > 8) labels += " and " + std::to_string(unchanging.size() - 8) + " more";
    std::fprintf(stderr,
                 "warning: what these layers give is the same for all calibration records: %s; give records that vary, or "
                 "look for layers that are dead\n",
                 labels.c_str());
}

template <class Net>
tc::calibration calibrate(const tc::named_tensors& tensors) {
    if constexpr (job::calibrates) {
        const tc::data_set data{tc::load_npy<float>("calibration.npy"), {}, 0};
        auto seen = [&] {
            const progress step("calibrate " + std::to_string(data.size()) + " records");
            return tc::calibrate<Net::model>(tensors, spans_of(data), {job::method});
        }();
        warn_of(seen.unchanging);
        return seen;
    } else {
        return {};
    }
}

// What is converted: ranges and integers where the layers of the net have some.
struct prepared {
    tc::named_tensors weights;
    tc::calibration seen;
    tc::rounded_layers rounded;
};

DEFINITION
// For the verifying program: records as the net takes them, each followed by what the net gives.
template <class Net>
void write_verification(const tc::packed<Net>& weights, spans records) {
    constexpr int input = Net::input_id(0);
    std::vector<float> made(Net::size_of(input));
    if (records.empty()) {
        for (std::size_t i = 0; i < made.size(); ++i) made[i] = static_cast<float>(i * 7919 % 2003) / 1001 - 1;
        records.push_back(made);
    }
    records.resize(std::min<std::size_t>(records.size(), 16));
    std::vector<std::uint8_t> bytes;
    tc::runner<Net> run(weights);
    for (const auto record : records) {
        for (const float value : record) {
            if constexpr (Net::element_of(input) == tc::element::float32)
                tc::append_value(bytes, value, std::endian::native);
            else
                bytes.push_back(static_cast<std::uint8_t>(tc::quantize(value, weights.view().inputs[0])));
        }
        run(record);
        for (int i = 0; i < Net::model.output_count; ++i)
            for (const std::byte b : run.output_bytes(i)) bytes.push_back(static_cast<std::uint8_t>(b));
    }
    tc::write_file("verification.bin", bytes);
}

template <class Net>
void write_outputs(const tc::packed<Net>& weights, const spans& records) {
    tc::runner<Net> run(weights);
    const std::size_t size = run.output_size(0);
    auto outputs = tc::make_array<float>({records.size(), size});
    for (std::size_t i = 0; i < records.size(); ++i) {
        const auto values = run(records[i]);
        std::copy(values.begin(), values.end(), outputs.data() + i * size);
    }
    tc::save_npy("outputs.npy", outputs);
}

template <class Net>
void measure(const tc::named_tensors& original, const prepared& p, const tc::packed<Net>& weights, const tc::data_set& data) {
    const progress step("measure");
    auto report = tc::new_report(job::model_name);
    const auto float_weights = tc::convert<reference>(original);
    report.variants.push_back(tc::evaluate<reference>("fp32", original, {}, float_weights, data));
    constexpr bool is_float = std::is_same_v<typename Net::recipe_type, typename reference::recipe_type>;
    if constexpr (!is_float || job::changes) report.variants.push_back(tc::evaluate<Net>(job::recipe_name, p.weights, p.seen, weights, data));
    tc::save_report(report, "report.json");
    std::printf("%s", tc::report_table(report).c_str());
    if (is_float) return;
    if (job::has_records) std::printf("\n%s", tc::noise_table(report.variants.back()).c_str());
    if (job::judges_by_calibration) std::printf("\nJudged by the calibration records, which the net was fitted to; give others with --input.\n");
    for (const auto& v : report.variants)
        if (v.overflows) std::printf("\n%s: outputs overflow on these records, of which there is no SQNR; give values as in training.\n", v.name.c_str());
    const std::string slower = tc::slower_text(report.variants.back());
    if (!slower.empty()) std::printf("\nSlower than the next larger format:\n%s", slower.c_str());
}

template <class Net>
void convert() {
    const auto original = tc::load_safetensors("weights.safetensors");
    const auto data = load_evaluated();
    const auto records = spans_of(data);
    const prepared p = prepare<Net>(original);
    const auto weights = [&] {
        const progress step("convert");
        auto packed = tc::convert<Net>(p.weights, p.seen, p.rounded);
        tc::emit_header(packed, job::header);
        write_verification(packed, records);
        if (job::writes_outputs) write_outputs(packed, records);
        return packed;
    }();
    measure(original, p, weights, data);
}

} // namespace

int main() {
    try {
        convert<variant>();
    } catch (const tc::error& problem) {
        std::printf("%s", problem.what());
        return 2;
    } catch (const std::exception& problem) {
        std::printf("%s", problem.what());
        return 1;
    }
    return 0;
}
)cpp",
                  {{"INCLUDES", before.includes}, {"DEFINITION", before.definition}});
}

/// verify.cpp: includes the header and nothing else of the library, and compares what its net gives with the bytes on
/// stdin. Its names stand inside main, because the header's namespace is the user's choice.
inline std::string verifying_program(const std::string& header_name, const std::string& name_space, int outputs) {
    const auto element_text = [](const std::string& id) {
        return "std::conditional_t<net::element_of(" + id +
               ") == tensor_compress::element::float32, float, std::int8_t>";
    };
    std::string memory = "    static " + element_text("net::input_id(0)") + " input[net::size_of(net::input_id(0))];\n";
    std::string arguments, comparisons;
    for (int i = 0; i < outputs; ++i) {
        const std::string k = std::to_string(i), id = "net::output_id(" + k + ")";
        memory += "    static " + element_text(id) + " output_" + k + "[net::size_of(" + id + ")], expected_" + k +
                  "[net::size_of(" + id + ")];\n";
        arguments += (i == 0 ? "output_" : " output_") + k + ",";
        comparisons += "        if (!is_equal(output_" + k + ", expected_" + k + ", record, " + k + ")) return 1;\n";
    }
    const std::string text =
        filled(R"cpp(int main() {
    using net = ::NAMESPACE::net;
MEMORY    alignas(64) static std::byte arena[net::arena_bytes + 1];
    const auto is_equal = [](const auto& found, auto& expected, int record, int output) {
        if (std::fread(expected, sizeof expected, 1, stdin) != 1) return false;
        const auto* a = reinterpret_cast<const unsigned char*>(found);
        const auto* b = reinterpret_cast<const unsigned char*>(expected);
        unsigned i = 0;
        while (i < sizeof found && a[i] == b[i]) ++i;
        if (i == sizeof found) return true;
        i /= sizeof found[0];
        std::printf("value %u of output %d is %.9g instead of %.9g for record %d", i, output, double(found[i]), double(expected[i]), record);
        return false;
    };
    int record = 0;
    for (; std::fread(input, sizeof input, 1, stdin) == 1; ++record) {
        net::run(::NAMESPACE::weights, input, ARGUMENTS arena);
COMPARISONS    }
    return record > 0 ? 0 : 1;
}
)cpp",
               {{"MEMORY", memory}, {"ARGUMENTS", arguments}, {"COMPARISONS", comparisons}, {"NAMESPACE", name_space}});
    return "// SPDX-License-Identifier: MIT\n\n#include \"" + header_name + "\"\n\n#include <cstdio>\n\n" + text;
}

}  // namespace compress_model
