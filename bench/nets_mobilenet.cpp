// SPDX-License-Identifier: MIT
#include "mobilenetv2_fp32.hpp"
#include "net_row.hpp"

using mobilenetv2_int8 = tensor_compress::net<mobilenetv2_fp32, bench::all_int8>;
static_assert(mobilenetv2_int8::arena_bytes_for<tensor_compress::thread_team<2>> <= 1300 * 1024);

namespace bench {

row bench_mobilenetv2() {
    return bench_file<mobilenetv2_fp32>("MobileNetV2-224", "mobilenetv2_fp32.onnx", "mobilenetv2_int8_qdq.onnx", 8);
}

}  // namespace bench
