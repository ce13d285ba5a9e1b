// SPDX-License-Identifier: MIT

// demo [--mnist DIR]: the whole path, from nothing to a program that includes one header. You will see a small network
// being trained, a table with a row for each technique that makes it smaller, the layers of its INT8 variant that are
// farthest from FP32, and the output of a second program. Records are generated digits; with --mnist those of MNIST in
// DIR, IDX files, plain or .gz.

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iostream>

#include "demo_rows.hpp"
#include "digit_records.hpp"
#include "digits_training.hpp"

namespace tc = tensor_compress;
namespace fs = std::filesystem;

namespace {

int step_number = 0;
void step(const std::string& text) {
    std::printf("%d. %s\n", ++step_number, text.c_str());
    std::fflush(stdout);
}

void print_table(const tc::model_report& report) {
    tc::text_table table(
        {"technique", "bytes", "of FP32 %", "arena", "multiply-adds", "accuracy %", "us min", "us median"});
    const auto all = static_cast<double>(report.variants[0].weights_bytes);
    for (const auto& v : report.variants)
        table.add({v.name, std::to_string(v.weights_bytes),
                   tc::fixed_text(100 * static_cast<double>(v.weights_bytes) / all, 1), std::to_string(v.arena_bytes),
                   std::to_string(v.multiply_adds), tc::fixed_text(*v.accuracy, 2), tc::fixed_text(v.time.min, 2),
                   tc::fixed_text(v.time.median, 2)});
    std::printf("\n%s\n%s, one thread, %s, %s\n\n", table.text().c_str(), report.cpu.c_str(), report.isa.c_str(),
                report.compiler.c_str());
}

/// The second program was built from a header that another program made of a net which it had trained itself.
void compare_with_compiled(const std::string& header) {
    const auto compiled = tc::read_file(EMITTED_HEADER);
    if (!std::equal(header.begin(), header.end(), compiled.begin(), compiled.end()))
        throw tc::error(EMITTED_HEADER, "is not the header of the net that was just trained",
                        "build the target demo again, with one compiler and the same flags for all of it");
    step("emitting the INT8 net as a header: " + std::to_string(header.size()) +
         " characters, the same as the build's training gave");
}

void run_demo(int count, char** words) {
    const bool mnist = count > 1;
    auto [training, test] = digit_records_for(count, words, digits_to_learn);
    workbench bench{std::move(training), std::move(test), {}, {}};
    bench.some = bench.training.slice(0, 256);

    step("training the FP32 net on " + std::to_string(bench.training.size()) +
         (mnist ? " records of MNIST" : " generated digits"));
    bench.weights = train_digits_cnn(bench.training, bench.threads, &std::cout, isatty(STDOUT_FILENO) != 0);

    step("making it smaller, measuring each variant on " + std::to_string(bench.test.size()) + " other records");
    add_converted_rows(bench);
    add_trained_rows(bench);
    add_smaller_rows(bench);
    print_table(bench.report);
    step("where the INT8 net is farthest from FP32\n");
    std::printf("%s\n", tc::noise_table(bench.report.variants[1]).c_str());

    const fs::path compiled = EMITTED_HEADER;
    if (mnist) {
        const fs::path header = compiled.parent_path() / "digits_int8_mnist.hpp";
        tc::write_text(header, int8_header(bench, "digits_int8_mnist"));
        step("emitting the INT8 net as " + header.string());
    } else {
        compare_with_compiled(int8_header(bench, "digits_int8"));
    }
    step("running a second program, which includes such a header and nothing of the host part\n");
    if (std::system(("\"" SECOND_PROGRAM "\"")) != 0)
        throw tc::error(SECOND_PROGRAM, "failed", "build the target demo again");
    std::printf("\nits header: %s\nits program: %s\n", EMITTED_HEADER, SECOND_SOURCE);
}

}  // namespace

int main(int count, char** words) try {
    if (count != 1 && !(count == 3 && std::strcmp(words[1], "--mnist") == 0)) {
        std::fprintf(stderr, "demo [--mnist DIR]\n");
        return 2;
    }
    run_demo(count, words);
} catch (const tc::error& problem) {
    std::fprintf(stderr, "demo: %s\n", problem.what());
    return 2;
}
