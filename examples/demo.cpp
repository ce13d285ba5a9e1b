// SPDX-License-Identifier: MIT

// demo [--mnist DIR]: the whole path, from trained weights to a program that includes one header. You will see one line
// per step, a table of the FP32 and INT8 variants, the layers of the INT8 variant that are farthest from FP32, and the
// output of the second program. Records are generated digits; with --mnist those of MNIST in DIR, IDX files, plain or
// .gz.

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <compress/compress.hpp>

#include "digits_cnn.hpp"

namespace tc = tensor_compress;
namespace fs = std::filesystem;

inline constexpr auto all_int8 = tc::recipe{tc::int8};
using float_net = tc::net<digits_cnn>;
using int8_net = tc::net<digits_cnn, all_int8>;

static_assert(tc::fits<int8_net, tc::budget{.ram = 8 * 1024, .flash = 16 * 1024}>);

namespace {

int step_number = 0;
void step(const std::string& text) {
    std::printf("%d. %s\n", ++step_number, text.c_str());
    std::fflush(stdout);
}

/// The first of `<folder>/<prefix>-<rest>` and the same with .gz that exists.
fs::path find_idx(const fs::path& folder, std::initializer_list<const char*> prefixes, const std::string& rest) {
    for (const char* prefix : prefixes)
        for (const char* suffix : {"", ".gz"})
            if (const fs::path file = folder / (prefix + ("-" + rest) + suffix); fs::exists(file)) return file;
    throw tc::error(folder.string(), std::string("holds no ") + *prefixes.begin() + '-' + rest + ", plain or .gz",
                    "give the folder with MNIST's four IDX files");
}
tc::data_set load_mnist(const fs::path& folder, std::initializer_list<const char*> prefixes) {
    return tc::load_idx(find_idx(folder, prefixes, "images-idx3-ubyte"),
                        find_idx(folder, prefixes, "labels-idx1-ubyte"));
}

struct records {
    tc::data_set calibration, test;
    std::string name;
};
records load_records(const char* mnist) {
    records all =
        mnist ? records{load_mnist(mnist, {"train"}).slice(0, 256), load_mnist(mnist, {"t10k", "test5k"}), "MNIST"}
              : records{tc::make_digits(256, 3), tc::make_digits(2000, 2), "generated digits"};
    all.calibration.inputs /= 255.0f;
    all.test.inputs /= 255.0f;
    return all;
}

void run_demo(const char* mnist) {
    const fs::path file = fs::path(EXAMPLES_DATA) / "digits_cnn.safetensors";
    step("reading the weights, " + file.filename().string());
    const auto tensors = tc::load_weights<digits_cnn>(file);

    const records data = load_records(mnist);
    step("calibrating on " + std::to_string(data.calibration.size()) + " records of " + data.name);
    const auto seen = tc::calibrate<digits_cnn>(tensors, tc::records(data.calibration));

    step("converting to FP32 and INT8, measuring both on " + std::to_string(data.test.size()) + " other records");
    const auto int8_weights = tc::convert<int8_net>(tensors, seen);
    tc::model_report report = tc::new_report("digits_cnn");
    report.variants.push_back(
        tc::evaluate<float_net>("fp32", tensors, seen, tc::convert<float_net>(tensors), data.test));
    report.variants.push_back(tc::evaluate<int8_net>("int8", tensors, seen, int8_weights, data.test));
    std::printf("\n%s\n%s, one thread, %s, %s\n\n%s\n", tc::report_table(report).c_str(), report.cpu.c_str(),
                report.isa.c_str(), report.compiler.c_str(), tc::noise_table(report.variants[1]).c_str());

    const fs::path compiled = EMITTED_HEADER;
    const fs::path header = mnist ? compiled.parent_path() / "digits_int8_mnist.hpp" : compiled;
    if (mnist) tc::emit_header(int8_weights, header);
    const auto bytes = tc::read_file(header);
    step("emitting the INT8 net as " + header.filename().string() + ", " + std::to_string(bytes.size()) +
         " characters");

    step("running a second program, which includes that header and nothing of the host part\n");
    std::fflush(stdout);
    if (std::system(("\"" SECOND_PROGRAM "\"")) != 0)
        throw tc::error(SECOND_PROGRAM, "failed", "build the target demo again");
    std::printf("\nthe header: %s\nits program: %s\n", EMITTED_HEADER,
                (fs::path(EXAMPLES_DATA).parent_path() / "05_embed_header.cpp").c_str());
}

}  // namespace

int main(int count, char** arguments) try {
    const bool mnist = count == 3 && std::strcmp(arguments[1], "--mnist") == 0;
    if (count != 1 && !mnist) {
        std::fprintf(stderr, "demo [--mnist DIR]\n");
        return 2;
    }
    run_demo(mnist ? arguments[2] : nullptr);
} catch (const tc::error& problem) {
    std::fprintf(stderr, "demo: %s\n", problem.what());
    return 2;
}
