// SPDX-License-Identifier: MIT

// Nets with every kind of kernel, whose object file is looked into.

#include <compress/inference.hpp>

namespace formats {

namespace tc = tensor_compress;

inline constexpr auto written = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("stem", g.input("image", {16, 16, 8}), 32, 3));
    x = g.relu(g.depthwise_conv2d("depth", x, {3, 3}));
    x = g.relu(g.conv2d("apart", x, 64, 3, {.stride = 2}));
    x = g.relu(g.add("sum", g.conv2d("point", x, 64, 1), x));
    x = g.max_pool("pool", x, {2, 2});
    x = g.relu(g.linear("wide", g.flatten("flat", x), 64));
    x = g.relu(g.linear("middle", x, 64));
    x = g.relu(g.linear("narrow", x, 64));
    x = g.relu(g.linear("last", x, 64));
    g.softmax("scores", g.linear("head", x, 10));
});
inline constexpr auto floats = tc::recipe{tc::fp32}
                                   .with("stem", tc::fp32 | tc::n_of_m<2, 4>)
                                   .with("depth", tc::weight_only(tc::int4))
                                   .with("apart", tc::fp32 | tc::unstructured<80>)
                                   .with("point", tc::fp32 | tc::block<16, 1, 50>)
                                   .with("wide", tc::weight_only(tc::int4 | tc::group<32>))
                                   .with("middle", tc::bf16 | tc::n_of_m<1, 4>)
                                   .with("narrow", tc::fp16)
                                   .with("last", tc::fp32 | tc::block<1, 16, 50>);
inline constexpr auto integers = tc::recipe{tc::int8}
                                     .with("stem", tc::int8 | tc::n_of_m<2, 4> | tc::for_speed)
                                     .with("depth", tc::int4)
                                     .with("apart", tc::int8 | tc::unstructured<80>)
                                     .with("point", tc::int8 | tc::block<16, 4, 50>)
                                     .with("wide", tc::int4 | tc::group<32>)
                                     .with("middle", tc::int8 | tc::n_of_m<1, 4>)
                                     .with("narrow", tc::binary_activations)
                                     .with("last", tc::int8 | tc::codebook<4>)
                                     .with("head", tc::binary);

inline constexpr auto at_run_time =
    tc::recipe{tc::dynamic(tc::int8)}.with("depth", tc::fp32).with("wide", tc::dynamic(tc::int4));

inline constexpr auto attention = tc::make_model([](auto& g) {
    auto x = g.layer_norm("norm", g.input("tokens", {16, 32}));
    auto scores = g.matmul("scores", g.linear("query", x, 32), g.linear("key", x, 32), true);
    g.matmul("mixed", g.softmax("weights", scores), g.linear("value", x, 32));
});
inline constexpr tc::recipe all_int8{tc::int8};

template <class Net>
struct program {
    static void run(const typename Net::weights& weights, typename Net::template input<0> input,
                    typename Net::template output<0> output, std::span<std::byte, Net::arena_bytes> arena) {
        Net::run(weights, input, output, arena);
    }
};
template struct program<tc::net<written, floats>>;
template struct program<tc::net<written, integers>>;
template struct program<tc::net<written, at_run_time>>;
template struct program<tc::net<attention>>;
template struct program<tc::net<attention, all_int8>>;

}  // namespace formats
