// SPDX-License-Identifier: MIT

// Rows of the demo that need no training: other formats for the weights of the FP32 net.

#include <compress/io/emit_header.hpp>
#include <compress/net/fits.hpp>
#include <compress/transform/calibrate.hpp>
#include <compress/transform/gptq.hpp>

#include "demo_rows.hpp"

namespace tc = tensor_compress;

inline constexpr tc::recipe dynamic_int8{tc::dynamic(tc::int8)};
inline constexpr tc::recipe int4_weights{tc::weight_only(tc::int4)};
inline constexpr tc::recipe all_int4{tc::int4};
inline constexpr auto codebooks = tc::recipe{tc::int8}.with("conv[23]", tc::int8 | tc::codebook<4>);
/// What `choose_formats` chooses for 5,000 bytes of this net; 11_mixed_precision.cpp shows how.
inline constexpr auto mixed =
    tc::recipe{tc::int8}.with("conv1", tc::int4).with("conv2", tc::binary).with("conv3", tc::int8 | tc::codebook<2>);

using int8_net = digits_with<all_int8>;
static_assert(tc::fits<int8_net, tc::budget{.ram = 8 * 1024, .flash = 16 * 1024}>);

namespace {

/// Each weight becomes the nearest that the format has.
constexpr auto to_nearest = [](const workbench& bench, auto) -> technique_result {
    return {bench.weights, bench.ranges};
};

/// Weights are rounded so that on some records each layer gives what it gave before.
constexpr auto on_records = []<class Net>(const workbench& bench, std::type_identity<Net>) -> technique_result {
    return {bench.weights, bench.ranges, tc::gptq<Net>(bench.weights, tc::records(bench.some))};
};

}  // namespace

void add_converted_rows(workbench& bench) {
    bench.ranges = tc::calibrate<digits_cnn>(bench.weights, tc::records(bench.some));
    row<tc::net<digits_cnn>>(bench, "FP32", "as it was trained", to_nearest);
    row<int8_net>(bench, "INT8", "ranges of values from 256 records", to_nearest);
    row<digits_with<dynamic_int8>>(bench, "dynamic INT8", "ranges of values at run time", to_nearest);
    row<digits_with<int4_weights>>(bench, "INT4 weights, FP32 values", "weights to the nearest level", to_nearest);
    row<digits_with<all_int4>>(bench, "INT4", "rounded on 256 records", on_records);
    row<digits_with<codebooks>>(bench, "INT8, codebooks of 16", "rounded on 256 records", on_records);
    row<digits_with<mixed>>(bench, "mixed, at most 5,000 bytes", "a format for each layer, rounded on records",
                            on_records);
}

std::string int8_header(const workbench& bench, const char* name) {
    return tc::header_text(tc::convert<int8_net>(bench.weights, bench.ranges), name);
}
