// SPDX-License-Identifier: MIT

// A small int8 net, layer after layer as in an arena, gives the same bytes on every instruction set: those that the
// plain C++ of isa::scalar gave when this was written.

#include <compress/layers/conv2d.hpp>
#include <compress/layers/depthwise_conv2d.hpp>
#include <compress/layers/elementwise.hpp>
#include <compress/layers/linear.hpp>
#include <compress/layers/pool.hpp>
#include <compress/layers/softmax.hpp>

#include <cstdio>
#include <set>

#include "../catch.hpp"
#include "../numbers.hpp"

namespace {
namespace checksum_test {

namespace tc = tensor_compress;
namespace layers = tc::layers;
using tc::conv_geometry;
using byte = tc::native::activation;

constexpr conv_geometry first_geometry{16, 14, 3, 8, 7, 24, 3, 3, 2, 2, 1, 1, 0, 0};
constexpr conv_geometry depthwise_geometry{8, 7, 24, 8, 7, 24, 3, 3, 1, 1, 1, 1, 1, 1, 24};
constexpr conv_geometry pixel_geometry{8, 7, 24, 8, 7, 24};
constexpr conv_geometry grouped_geometry{8, 7, 24, 8, 7, 36, 3, 3, 1, 1, 2, 2, 2, 2, 2};
constexpr conv_geometry pool_geometry{8, 7, 36, 3, 3, 36, 3, 3, 3, 3, 1, 1, 1, 1, 36};

/// 64-bit FNV-1a over the values of each layer.
class checksum {
public:
    void add(const std::vector<byte>& layer) {
        CHECK(std::set<byte>(layer.begin(), layer.end()).size() > 15);  // a constant layer would hide all before it
        for (const byte stored : layer) {
            hash_ ^= static_cast<std::uint8_t>(stored - tc::stored_offset<byte>);
            hash_ *= 0x100000001b3u;
        }
    }
    std::uint64_t value() const { return hash_; }

private:
    std::uint64_t hash_ = 0xcbf29ce484222325u;
};

/// Runs `Layer` with weights, biases and factors drawn from `random`; one in sixteen factors saturates.
template <class Layer, int Outputs, int Terms, class In>
std::vector<byte> product(tests::numbers& random, const std::vector<In>& input, int output_elements,
                          const std::vector<byte>* residual = nullptr) {
    std::vector<std::int8_t> weights, packed(Layer::packed_bytes);
    std::vector<std::int32_t> bias;
    std::vector<tc::fixed_multiplier> factors;
    for (int i = 0; i < Outputs * Terms; ++i) weights.push_back(random.byte());
    for (int o = 0; o < Outputs; ++o) {
        bias.push_back(random.between(-20000, 20000));
        int shift = o % 16 == 3 ? -3 : -7;
        for (int terms = Terms; terms > 3; terms /= 4) --shift;  // sums grow with the root of their number
        factors.push_back({random.between(1 << 30, 2147483647), shift});
    }
    tc::int8_product p{weights.data(), bias.data(), factors.data(), random.between(-100, 100), random.between(-30, 30),
                       -128,           120};
    p.add = {p.zero_point, 17, -5, {1900000000, -1}, {1300000000, -1}, {1500000000, -18}, -110, 127};
    Layer::pack(packed.data(), p);
    std::vector<byte> output(static_cast<std::size_t>(output_elements));
    if constexpr (requires {
                      Layer::template run<tc::native>(packed.data(), input.data(), output.data(), output.data());
                  })
        Layer::template run<tc::native>(packed.data(), input.data(), output.data(),
                                        residual ? residual->data() : static_cast<const byte*>(nullptr));
    else
        Layer::template run<tc::native>(packed.data(), input.data(), output.data());
    return output;
}

TEST_CASE("every instruction set gives the same int8 bytes", "[isa]") {
    using tc::tag::dense;
    using tc::tag::int8;
    tests::numbers random(2024);
    checksum sum;
    std::vector<std::int8_t> image;
    for (int i = 0; i < first_geometry.in_elements(); ++i) image.push_back(random.byte());

    const auto a = product<layers::conv2d<first_geometry, int8>, 24, 27>(random, image, first_geometry.out_elements());
    sum.add(a);
    const auto b = product<layers::depthwise_conv2d<depthwise_geometry, int8>, 24, 9>(
        random, a, depthwise_geometry.out_elements());
    sum.add(b);
    using residual =
        layers::conv2d<pixel_geometry, int8, dense, tc::float_end{tc::clamp_kind::none, true, tc::clamp_kind::none}>;
    const auto c = product<residual, 24, 24>(random, b, pixel_geometry.out_elements(), &a);
    sum.add(c);

    constexpr tc::pair_extent extent{pixel_geometry.out_elements(), pixel_geometry.out_elements(),
                                     pixel_geometry.out_elements()};
    std::vector<std::int8_t> packed(tc::add_scaling_bytes);
    layers::pair<layers::pair_operator::add, extent, int8>::pack(
        packed.data(), {3, -8, 1, {1073741825, 0}, {2000000001, -1}, {1234567890, -18}, -128, 127});
    std::vector<byte> d(c.size()), e(c.size());
    layers::pair<layers::pair_operator::add, extent, int8>::run(packed.data(), b.data(), c.data(), d.data());
    sum.add(d);
    layers::pair<layers::pair_operator::add, extent, int8>::pack(packed.data(),
                                                                 {3, -8, 1, {}, {}, {1234567890, -6}, -128, 127});
    layers::pair<layers::pair_operator::mul, extent, int8>::run(packed.data(), a.data(), d.data(), e.data());
    sum.add(e);

    const auto f = product<layers::conv2d<grouped_geometry, int8>, 36, 108>(random, e, grouped_geometry.out_elements());
    sum.add(f);
    std::vector<byte> g(static_cast<std::size_t>(pool_geometry.out_elements())), h(g.size());
    layers::max_pool<pool_geometry>::run(nullptr, f.data(), g.data());
    sum.add(g);
    layers::avg_pool<pool_geometry, false, int8>::run(nullptr, f.data(), h.data());
    sum.add(h);
    const auto i = product<layers::linear<324, 70, int8>, 70, 324>(random, h, 70);
    sum.add(i);

    packed.resize(layers::softmax<7, 10, int8>::packed_bytes);
    layers::softmax<7, 10, int8>::pack(packed.data(), {1500000000, 22, -200});
    std::vector<byte> j(70);
    layers::softmax<7, 10, int8>::run(packed.data(), i.data(), j.data());
    sum.add(j);

    std::printf("%s: checksum %016llx\n", tc::native::name, static_cast<unsigned long long>(sum.value()));
    CHECK(sum.value() == 0xd5364a1f1bfd98beu);
}

}  // namespace checksum_test
}  // namespace
