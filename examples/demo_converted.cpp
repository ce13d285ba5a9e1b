// SPDX-License-Identifier: MIT

// Rows of the demo that need no training: other formats for the weights of the FP32 net.

#include <compress/io/emit_header.hpp>
#include <compress/net/fits.hpp>
#include <compress/transform/calibrate.hpp>
#include <compress/transform/gptq.hpp>

#include "demo_rows.hpp"

namespace tc = tensor_compress;

inline constexpr tc::recipe int4_weights{tc::weight_only(tc::int4)};
inline constexpr tc::recipe all_int4{tc::int4};
inline constexpr auto tables = tc::recipe{tc::int8}.with("conv[23]", tc::int8 | tc::codebook<4>);
/// What `choose_formats` chooses for 6,000 bytes of this net; 11_mixed_precision.cpp shows how.
inline constexpr auto mixed =
    tc::recipe{tc::int8}.with("conv2", tc::int8 | tc::codebook<2>).with("conv3", tc::int8 | tc::codebook<2>);

using int8_net = tc::net<digits_cnn, all_int8>;
static_assert(tc::fits<int8_net, tc::budget{.ram = 8 * 1024, .flash = 16 * 1024}>);

namespace {

/// Each weight becomes the nearest that the format has.
technique_result to_nearest(const workbench& bench) { return {bench.weights, bench.ranges}; }

/// Weights are rounded so that on some records each layer gives what it gave before.
template <class Net>
technique_result on_records(const workbench& bench) {
    return {bench.weights, bench.ranges, tc::gptq<Net>(bench.weights, tc::records(bench.some))};
}

template <class Net>
void row_on_records(workbench& bench, const char* name, const char* action) {
    row<Net>(bench, name, action, on_records<Net>);
}

}  // namespace

void add_converted_rows(workbench& bench) {
    bench.ranges = tc::calibrate<digits_cnn>(bench.weights, tc::records(bench.some));
    row<tc::net<digits_cnn>>(bench, "FP32", "as it was trained", to_nearest);
    row<int8_net>(bench, "INT8", "ranges of values from 256 records", to_nearest);
    row<tc::net<digits_cnn, int4_weights>>(bench, "INT4 weights, FP32 values", "weights to the nearest level",
                                           to_nearest);
    row_on_records<tc::net<digits_cnn, all_int4>>(bench, "INT4", "rounded on 256 records");
    row_on_records<tc::net<digits_cnn, tables>>(bench, "INT8, tables of 16 weights",
                                                "tables found, then rounded on records");
    row_on_records<tc::net<digits_cnn, mixed>>(bench, "mixed for 6,000 bytes", "formats by layer, rounded on records");
}

std::string int8_header(const workbench& bench, const char* name) {
    return tc::header_text(tc::convert<int8_net>(bench.weights, bench.ranges), name);
}
