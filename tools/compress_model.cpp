// SPDX-License-Identifier: MIT

// compress-model MODEL.onnx -o OUT.hpp: an ONNX model as one C++ header with compressed weights, verified and measured.
//
// The type of a model is known to a compiler only. So the model is written as C++, compiled with the machine's own
// compiler and run: that program calibrates, converts, measures and emits the header. A second program, which includes
// nothing but the header, must compute the same bytes before anything is written where the user asked for it. Where a
// model is looked for within a budget, a program before both looks for it.

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include <compress/io/safetensors.hpp>

#include "compress_model/compiler.hpp"
#include "compress_model/explanation.hpp"
#include "compress_model/failure.hpp"
#include "compress_model/generated_programs.hpp"
#include "compress_model/interruption.hpp"
#include "compress_model/process.hpp"
#include "compress_model/progress.hpp"
#include "compress_model/publication.hpp"
#include "compress_model/recipe_choice.hpp"
#include "compress_model/resumption.hpp"
#include "compress_model/rewritten_model.hpp"
#include "compress_model/source_models.hpp"
#include "compress_model/source_records.hpp"
#include "compress_model/technique_programs.hpp"
#include "compress_model/techniques.hpp"
#include "compress_model/work_folder.hpp"

namespace compress_model {

namespace {

namespace fs = std::filesystem;
namespace tc = tensor_compress;

struct options {
    std::string model, header;
    std::string precision = "fp32", recipe;
    std::string calibrate, calibration = "mse";
    std::string input, output, labels, report;
    std::string keep, cxx, flags = "-O2 -march=native";
    bool explain = false;
    techniques asked;
    std::string words;  ///< of the command line
};

const std::map<std::string, std::string> range_methods{{"min-max", "min_max"},
                                                       {"percentile", "percentile"},
                                                       {"mse", "mse"},
                                                       {"moving-average", "moving_average"},
                                                       {"entropy", "entropy"}};

void declare(CLI::App& app, options& o) {
    app.set_version_flag("--version", build::version);
    app.add_option("model", o.model, "The model, an .onnx file")->required()->type_name("MODEL.onnx");
    app.add_option("-o", o.header, "The header to write; its namespace is the file's name")->type_name("OUT.hpp");
    app.add_option("--precision", o.precision,
                   "Format of all layers: fp32, int8, int4, ...; 'int8|n_of_m<2,4>' with a pattern")
        ->capture_default_str()
        ->type_name("FORMAT");
    app.add_option("--recipe", o.recipe,
                   "Other formats for some layers, the last match wins: 'block2/*=int8;head=fp32'")
        ->type_name("RULES");
    app.add_option("--calibrate", o.calibrate, "Records that ranges are chosen on; int8 needs them")
        ->type_name("X.npy");
    app.add_option("--calibration", o.calibration, "How: min-max, percentile, mse, moving-average or entropy")
        ->capture_default_str()
        ->type_name("METHOD");
    declare(app, o.asked);
    app.add_option("--input", o.input, "Records to run and to evaluate on")->type_name("X.npy");
    app.add_option("--output", o.output, "Where to write what the converted net gives for --input")->type_name("Y.npy");
    app.add_option("--labels", o.labels, "Class numbers of --input, for the accuracy")->type_name("L.npy");
    app.add_option("--report", o.report, "Where to write the measurements as JSON")->type_name("R.json");
    app.add_flag("--explain", o.explain, "Print the layers and what each option would do to them, and compile nothing");
    app.add_option("--keep", o.keep, "Leave the generated programs in this folder")->type_name("DIR");
    app.add_option("--cxx", o.cxx, "C++20 compiler; otherwise $CXX, then c++")->type_name("COMPILER");
    app.add_option("--flags", o.flags, "Its flags, separated by spaces")->capture_default_str()->type_name("FLAGS");
    // An empty name of a file or folder is what an unset variable of a script gives.
    for (CLI::Option* option : app.get_options()) {
        const std::string type = option->get_type_name();
        if (type == "DIR" || type.find('.') != std::string::npos)
            option->check([](const std::string& name) { return std::string(name.empty() ? "the name is empty" : ""); });
    }
    app.footer("Records are .npy files in the layout of the model file ([batch, channels, height, width] for images), "
               "float32;\n"
               "labels are integers. COMPRESS_INCLUDE names the folders of the headers, separated by ':', where they "
               "have moved.\n"
               "The model is changed in this order: channels, ranks, zeros, training, rounding; --qat trains last.\n"
               "Ends with 0 when the header computes the same bytes as the conversion, 1 when it does not or a "
               "compiler fails\n"
               "or --max-bytes cannot be kept to, 2 for bad input or usage.");
}

/// What needs no file to be opened.
void expect_sensible(const options& o) {
    if (o.header.empty() && !o.explain)
        throw bad_input("usage: -o is required; name the header, or see with --explain what would be done");
    if (!range_methods.contains(o.calibration))
        throw bad_input("--calibration: the method '" + o.calibration +
                        "' is unknown; take one of: min-max, percentile, mse, moving-average, entropy");
    if (!o.output.empty() && o.input.empty())
        throw bad_input("--output: there are no records to run; give --input too");
    if (!o.labels.empty() && o.input.empty())
        throw bad_input("--labels: there are no records they belong to; give --input too");
    expect_sensible(o.asked, o.precision != "fp32" || !o.recipe.empty(), !o.calibrate.empty());
    if (fs::path(o.header).filename().string().find_first_of("\"\\\n\r") != std::string::npos)
        throw bad_input(o.header + ": no #include can spell this name; choose another for -o");
    if (!o.keep.empty() && !o.asked.resume.empty() && file_of(o.keep) == file_of(o.asked.resume))
        throw bad_input("--resume: is the folder of --keep too, " + o.keep + "; give each its own");
    std::map<fs::path, std::string> read, written;
    const std::string teacher = o.asked.is_taught_by_other() ? o.asked.distil_from : "";
    for (const auto& file : {o.model, o.calibrate, o.input, o.labels, o.asked.train, o.asked.train_labels, teacher})
        if (!file.empty()) read.emplace(file_of(file), file);
    for (const auto& file : {o.header, o.output, o.report}) {
        if (file.empty()) continue;
        expect_writable(file);
        const auto path = file_of(file);
        if (read.contains(path)) throw bad_input(file + ": is read and would be overwritten; choose another name");
        if (!written.emplace(path, file).second)
            throw bad_input(file + ": would be written twice; choose another name");
    }
}

/// Checks the records and writes all that the generated programs read into the folder.
job prepare(const options& o, const tc::imported_model& imported, const work_folder& work) {
    job j;
    j.model_name = fs::path(o.model).stem().string();
    j.header_name = fs::path(o.header).filename().string();
    j.method = range_methods.at(o.calibration);
    j.changes = o.asked.changes();
    const auto& input = imported.inputs.front();
    const auto& output = imported.outputs.front();
    if (!o.calibrate.empty()) {
        tc::save_npy(work.path() / "calibration.npy", load_varied_records(o.calibrate, input));
        j.evaluated = "calibration.npy";
        j.judges_by_calibration = o.input.empty();
    }
    if (!o.input.empty()) {
        const auto values = load_records(o.input, input);
        tc::save_npy(work.path() / "input.npy", values);
        j.evaluated = "input.npy";
        j.writes_outputs = !o.output.empty();
        j.has_labels = !o.labels.empty();
        if (j.has_labels) tc::save_npy(work.path() / "labels.npy", load_labels(o.labels, values.shape(0), output));
    }
    if (o.asked.trains()) {
        const auto values = load_varied_records(o.asked.train, input);
        tc::save_npy(work.path() / "training.npy", values);
        if (!o.asked.train_labels.empty())
            tc::save_npy(work.path() / "training_labels.npy",
                         load_labels(o.asked.train_labels, values.shape(0), output));
    }
    if (j.writes_outputs && imported.outputs.size() > 1)
        throw tc::error(o.model, "has " + std::to_string(imported.outputs.size()) + " outputs, and --output holds one",
                        "leave --output out, or export the model with one output");
    tc::save_safetensors(work.path() / "weights.safetensors", imported.weights);
    return j;
}

/// Compiles NAME.cpp of the folder and runs it.
///
/// @return what it prints on stdout
std::string compile_and_run(const options& o, const compiler& cxx, const work_folder& work, const std::string& name,
                            headers which) {
    {
        const progress step("compile");
        cxx.compile(work, name, which, "try other --flags or another --cxx, or look at the source with --keep DIR");
    }
    command program{{"./" + name}, work.path(), "/dev/null", captured::output};
    if (!o.asked.resume.empty()) program.patience = std::chrono::seconds(10);  // to write a checkpoint
    const outcome result = run(program);
    if (result.is_good()) return result.output;
    const std::string sentence = o.model + ": " + one_line(result.output);
    if (result.signal == 0 && result.code == 2) throw bad_input(sentence);
    if (result.signal == 0 && result.code == 1) throw failure(sentence);
    throw failure(o.model + ": the " + (name == "search" ? "searching" : "converting") + " program " +
                  result.how_it_ended() + "; try other --flags, and report this with the model");
}

/// Widths to look at, percent of the channels: those that differ.
std::string widths_of(const rewritten_model::graph_type& graph) {
    std::string widths = "100";
    auto wider = std::make_unique<rewritten_model::graph_type>(graph);
    for (const int width : {75, 50}) {
        const auto narrower =
            std::make_unique<rewritten_model::graph_type>(rewritten_model::with_share(graph, width / 100.0));
        if (!rewritten_model::has_same_channels(*wider, *narrower)) widths += ", " + std::to_string(width);
        *wider = *narrower;
    }
    return widths;
}

/// Changes the model and its weights as asked, converts them and writes the header.
///
/// @return the tables for stdout
std::string convert(const options& o, const compiler& cxx, const work_folder& work, const rewritten_model& model,
                    const recipe_choice& recipe, job j, const technique_job& techniques, std::string models) {
    const auto write = [&](const variant_text& variant, const preparation& before) {
        tc::write_text(work.path() / "model.hpp", job_text(j, variant));
        tc::write_text(work.path() / "convert.cpp", converting_program(before));
    };
    if (!o.asked.searches()) {
        j.calibrates = recipe.needs_calibration(model.graph()) && !o.asked.qat;
        write({models, chosen_text(model.name(), recipe, changes_text(o.asked))}, preparation_for(techniques, model));
        return compile_and_run(o, cxx, work, "convert",
                               techniques.needs_algebra() ? headers::host_and_algebra : headers::host);
    }
    tc::write_text(work.path() / "model.hpp", job_text(j, {models, chosen_text(model.name(), recipe, "")}));
    tc::write_text(work.path() / "search.cpp", search_program(techniques, widths_of(model.graph())));
    const std::string found = compile_and_run(o, cxx, work, "search", headers::host_and_algebra);
    write({models, "#include \"found.hpp\"\n"}, preparation_of_found());
    return found + compile_and_run(o, cxx, work, "convert", headers::host_and_algebra);
}

/// The word after the first `namespace` of a header.
std::string namespace_of(const fs::path& header) {
    const auto bytes = tc::read_file(header);
    const std::string text(bytes.begin(), bytes.end());
    constexpr std::string_view keyword = "\nnamespace ";
    const auto begin = text.find(keyword) + keyword.size();
    return text.substr(begin, text.find(' ', begin) - begin);
}

void verify(const options& o, const compiler& cxx, const work_folder& work, const fs::path& header, int outputs) {
    const progress step("verify");
    tc::write_text(work.path() / "verify.cpp",
                   verifying_program("header/" + header.filename().string(), namespace_of(header), outputs));
    cxx.compile(work, "verify", headers::inference,
                "choose another name for -o if this one is taken, or look at the source with --keep DIR");
    const outcome result = run({{"./verify"}, work.path(), "verification.bin"});
    if (result.is_good()) return;
    const std::string found = result.output.empty() ? "it " + result.how_it_ended() : one_line(result.output);
    throw failure(o.header + ": the compiled header does not compute what was converted (" + found +
                  "), it was not written; try other --flags, and report this with the model");
}

void publish(const options& o, const work_folder& work, const fs::path& header, const tc::imported_tensor& output) {
    publication files;
    const auto copy_of = [](const fs::path& from) {
        return [from](const fs::path& to) { tc::write_file(to, tc::read_file(from)); };
    };
    files.add(o.header, copy_of(header));
    if (!o.output.empty()) {
        const auto values = to_source_layout(tc::load_npy<float>(work.path() / "outputs.npy"), output);
        files.add(o.output, [&](const fs::path& to) { tc::save_npy(to, values); });
    }
    if (!o.report.empty()) files.add(o.report, copy_of(work.path() / "report.json"));
    stop_if_interrupted();
    files.commit();
}

/// What can be said before anything is compiled, of a recipe for the model that comes out.
///
/// @return a line for each format that was changed to fit
std::vector<std::string> fit(const options& o, recipe_choice& recipe, const rewritten_model& model) {
    recipe.expect_matches(model.graph());
    const auto lines = recipe.fit(model.graph());
    if (o.asked.searches()) recipe_choice("int8", "").fit(model.graph());
    if (o.asked.qat) recipe.expect_both_signs(model.graph());
    for (const auto& [option, is_given] : {std::pair{"--ptq", o.asked.ptq},
                                           {"--gptq", o.asked.gptq},
                                           {"--ada-round", o.asked.ada_round},
                                           {"--qat", o.asked.qat}})
        if (is_given && !recipe.has_integers(model.graph()))
            throw bad_input(std::string(option) +
                            ": no layer stores integers; give a format that does, as --precision int8");
    if (recipe.needs_calibration(model.graph()) && o.calibrate.empty() && !o.asked.qat)
        throw bad_input(
            o.input.empty()
                ? "--precision: int8 needs records to choose ranges on; give --calibrate X.npy, 64 to 256 are usual"
                : "--input: is evaluated on, and ranges must be chosen on other records; give --calibrate X.npy too");
    return lines;
}

/// What would be done, and what is not known before it is.
std::string explained(const options& o, const tc::imported_model& imported, const rewritten_model& model,
                      const recipe_choice& recipe, const std::vector<std::string>& fitted) {
    explanation e(imported, model, recipe, o.asked);
    for (const std::string& line : fitted) e.add(line);
    e.add_options(!o.calibrate.empty());
    if (o.asked.searches())
        e.add("--max-bytes: int8 and smaller formats are tried with " + widths_of(model.graph()) +
              " % of the channels, each of them trained");
    e.add("next, without --explain: " +
          std::string(o.asked.searches() ? "a program that searches, then one" : "a program") +
          " that converts, measures and writes the header; then one that includes it and computes the same");
    return e.text();
}

void compress(const options& o) {
    expect_sensible(o);
    recipe_choice recipe(o.precision, o.recipe);
    std::optional<compiler> cxx;
    if (!o.explain) cxx.emplace(o.cxx, o.flags);
    const auto imported = import_source(o.model);
    const rewritten_model model(imported.graph, o.asked);
    const auto fitted = fit(o, recipe, model);
    if (!o.explain)
        for (const std::string& line : fitted) std::fprintf(stderr, "%s\n", line.c_str());
    const work_folder work(o.explain ? "" : o.keep);
    const job j = prepare(o, imported, work);
    std::string models = model.text();
    if (o.asked.is_taught_by_other()) {
        const auto teacher = import_teacher(o.asked.distil_from, imported);
        models += tc::model_text(teacher.graph, "teacher");
        tc::save_safetensors(work.path() / "teacher.safetensors", teacher.weights);
    }
    if (o.explain) {
        std::fputs(explained(o, imported, model, recipe, fitted).c_str(), stdout);
        return;
    }
    const resumption going_on = resumption_of(o.asked.resume, o.words);
    const technique_job techniques{o.asked, !o.calibrate.empty(), going_on.folder};
    const std::string tables = convert(o, *cxx, work, model, recipe, j, techniques, models);
    const auto header = work.path() / "header" / j.header_name;
    verify(o, *cxx, work, header, imported.graph.output_count);
    publish(o, work, header, imported.outputs.front());
    std::fputs(tables.c_str(), stdout);
}

int complain(const std::string& sentence, int code) {
    std::fprintf(stderr, "compress-model: %s\n", one_line(sentence).c_str());
    return code;
}

}  // namespace

}  // namespace compress_model

int main(int count, char** arguments) {
    using namespace compress_model;
    options o;
    CLI::App app("An ONNX model as one C++ header with compressed weights, verified and measured.", "compress-model");
    declare(app, o);
    try {
        app.parse(count, arguments);
    } catch (const CLI::Success& asked) {  // --help, --version
        return app.exit(asked);
    } catch (const CLI::ParseError& problem) {
        return complain(std::string("usage: ") + problem.what() + "; compress-model --help lists the options", 2);
    }
    for (int i = 1; i < count; ++i) o.words += (i == 1 ? "" : " ") + std::string(arguments[i]);
    note_interruptions();
    try {
        compress(o);
        return 0;
    } catch (const interrupted& by) {
        complain(o.asked.resume.empty()
                     ? "interrupted; nothing was written, start it again"
                     : "interrupted; nothing was written, start it again to go on from " + o.asked.resume,
                 1);
        std::signal(by.signal, SIG_DFL);
        std::raise(by.signal);
        return 1;
    } catch (const tensor_compress::error& problem) {
        return complain(problem.what(), 2);
    } catch (const bad_input& problem) {
        return complain(problem.what(), 2);
    } catch (const failure& problem) {
        complain(problem.what(), 1);
        std::fputs(problem.details.c_str(), stderr);
    } catch (const std::exception& problem) {
        complain(o.model + ": " + problem.what() + "; check the memory and disk space that are left", 1);
    }
    return 1;
}
