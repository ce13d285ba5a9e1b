// SPDX-License-Identifier: MIT

// Which format each layer of ResNet-8 gets for so many bytes of weights, chosen on 2,048 training images: 1,024 that
// weights are rounded on, 1,024 that errors are measured on. Fails where the choice is another than the one that is
// compiled here.

#include <compress/io/emit_header.hpp>
#include <compress/transform/mixed_precision.hpp>

#include "figures.hpp"
#include "judging.hpp"
#include "resnet8_fp32.hpp"

namespace bench {

/// The choices, as the program prints them.
inline constexpr auto within_40000 = tc::recipe{tc::int8}
                                         .with("conv2", tc::int4 | tc::group<16>)
                                         .with("conv4", tc::int4 | tc::group<16>)
                                         .with("conv5", tc::int8 | tc::codebook<4>)
                                         .with("conv7", tc::int8 | tc::codebook<3>)
                                         .with("conv8", tc::int8 | tc::codebook<3>)
                                         .with("conv9", tc::int8 | tc::codebook<4>);
inline constexpr auto within_32000 = tc::recipe{tc::int4}
                                         .with("conv1", tc::int8)
                                         .with("conv2", tc::int8 | tc::codebook<4>)
                                         .with("conv5", tc::int8 | tc::codebook<3>)
                                         .with("conv7", tc::int8 | tc::codebook<3>)
                                         .with("conv8", tc::int8 | tc::codebook<2>)
                                         .with("conv9", tc::int3)
                                         .with("fc1", tc::int8);

namespace {

class program {
public:
    explicit program(const std::filesystem::path& data)
        : weights_(tc::import_onnx(data / "models" / "resnet8_fp32.onnx").weights),
          training_(tc::load_cifar10(data / "cifar10" / "train.bin.gz")),
          rounded_on_(training_.slice(0, 1024)),
          held_out_(training_.slice(2048, 4096)),
          held_out_records_(held_out_),
          judge_(weights_, held_out_records_),
          original_(tc::load_cifar10(data / "cifar10" / "test.bin.gz").slice(0, 500)),
          jpeg_(tc::load_cifar10(data / "cifar10" / "test.bin.gz").slice(500, 2000)) {}

    /// @return whether the choices are those that are compiled
    bool run() {
        const auto costs =
            tc::sensitivity<resnet8_fp32, tc::tag::int8, tc::tag::int4, tc::tag::int3, tc::tag::int2,
                            decltype(tc::int4 | tc::group<16>), decltype(tc::int3 | tc::group<16>),
                            decltype(tc::int8 | tc::codebook<4>), decltype(tc::int8 | tc::codebook<3>),
                            decltype(tc::int8 | tc::codebook<2>)>(weights_, tc::records(training_.slice(0, 2048)));
        std::printf("%s; divergence of the outputs, where one layer alone is rounded\n%s\n", machine_text().c_str(),
                    cost_table(costs).c_str());
        table_.add({"FP32", std::to_string(tc::net<resnet8_fp32>::weights_bytes), "-", "-",
                    percent(judged<resnet8_fp32>(weights_, held_out_)),
                    percent(judged<resnet8_fp32>(weights_, original_)),
                    percent(judged<resnet8_fp32>(weights_, jpeg_))});
        add_uniform<every_int8>(costs, "int8");
        add_uniform<every_int4>(costs, "int4");
        add_uniform<every_int3>(costs, "int3");
        add_uniform<every_int2>(costs, "int2");
        const bool first = add_chosen<within_40000>(costs, 40000);
        const bool second = add_chosen<within_32000>(costs, 32000);
        std::printf("INT8 activations; held out: 2,048 other training images\n%s", table_.markdown().c_str());
        return first && second;
    }

private:
    static std::string cost_table(const tc::sensitivities& costs) {
        tc::text_table table({"layer", "format", "bytes", "divergence"});
        for (const auto& layer : costs.layers)
            for (const auto& f : layer.formats)
                table.add({layer.label, f.precision + (f.sparsity == "dense" ? "" : ' ' + f.sparsity),
                           std::to_string(f.bytes), tc::fixed_text(f.error, 5)});
        return table.markdown();
    }

    template <const auto& Recipe>
    void add(const std::string& name, double predicted) {
        using net = tc::net<resnet8_fp32, Recipe>;
        const tc::records seen(rounded_on_);
        const auto rounded = tc::gptq<net>(weights_, seen);
        const auto as_floats = tc::dequantize<resnet8_fp32>(weights_, rounded);
        const auto packed = tc::convert<net>(weights_, tc::calibrate<resnet8_fp32>(as_floats, seen), rounded);
        table_.add({name, std::to_string(net::weights_bytes), tc::fixed_text(predicted, 4),
                    tc::fixed_text(judge_(as_floats), 4), percent(judged(packed, held_out_)),
                    percent(judged(packed, original_)), percent(judged(packed, jpeg_))});
    }
    template <const auto& Recipe>
    void add_uniform(tc::sensitivities costs, const std::string& precision) {
        for (auto& layer : costs.layers)
            std::erase_if(layer.formats, [&](const auto& f) { return f.precision != precision; });
        add<Recipe>(precision, tc::choose_formats(costs, {}).error);
    }
    template <const auto& Recipe>
    bool add_chosen(const tc::sensitivities& costs, long long bytes) {
        const auto choice = tc::choose_formats(costs, {.max_bytes = bytes});
        const std::string found = tc::recipe_text(choice, "tc::");
        std::printf("%lld bytes: %s\n", bytes, found.c_str());
        add<Recipe>("chosen for " + std::to_string(bytes), choice.error);
        if (found == tc::recipe_text(Recipe, "tc::")) return true;
        std::printf("the program was compiled with another choice: %s\n", tc::recipe_text(Recipe, "tc::").c_str());
        return false;
    }

    tc::named_tensors weights_;
    tc::data_set training_, rounded_on_, held_out_;
    tc::records held_out_records_;
    tc::output_judge<resnet8_fp32> judge_;
    tc::data_set original_, jpeg_;
    tc::text_table table_{{"weights", "bytes", "divergence, predicted", "measured on held out", "accuracy on held out",
                           "original 500", "JPEG 1,500"}};
};

}  // namespace
}  // namespace bench

int main() {
    using namespace bench;
    const auto data = tests::data_directory();
    if (!data) {
        tests::skip_notice("mixed precision: neither COMPRESS_DATA nor ../shared/data is a folder");
        return 0;
    }
    return program(*data).run() ? 0 : 1;
}
