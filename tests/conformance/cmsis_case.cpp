// SPDX-License-Identifier: MIT
#include "cmsis_case.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>

#include <nlohmann/json.hpp>

#include <compress/io/npy.hpp>

#include "../data.hpp"

namespace tests {
namespace {

namespace fs = std::filesystem;
namespace tc = tensor_compress;
using nlohmann::json;

json read_json(const fs::path& file) {
    std::ifstream stream(file);
    return json::parse(stream);
}

cmsis_case::tensor read_tensor(const fs::path& folder, const json& described) {
    cmsis_case::tensor t;
    t.shape = described.at("shape").get<std::vector<int>>();
    const fs::path file = folder / described.at("file").get<std::string>();
    if (described.at("dtype") == "float32") {
        const auto values = tc::load_npy<float>(file);
        t.reals.assign(values.data(), values.data() + values.size());
    } else {
        const auto values = tc::load_npy<std::int32_t>(file);
        t.integers.assign(values.data(), values.data() + values.size());
    }
    return t;
}

std::vector<double> as_numbers(const json& value) {
    if (value.is_boolean()) return {value.get<bool>() ? 1.0 : 0.0};
    if (value.is_number()) return {value.get<double>()};
    std::vector<double> numbers;
    if (value.is_array())
        for (const json& element : value)
            if (element.is_number()) numbers.push_back(element.get<double>());
    return numbers;
}

void read_params(cmsis_case& c, const json& params, const std::string& prefix) {
    for (const auto& [key, value] : params.items()) {
        c.params[prefix + key] = as_numbers(value);
        if (value.is_string()) c.texts[prefix + key] = value.get<std::string>();
    }
}

cmsis_case read_case(const fs::path& folder) {
    const json file = read_json(folder / "case.json");
    cmsis_case c;
    c.name = file.at("name").get<std::string>();
    c.operation = file.at("operator").get<std::string>();
    c.dtype = file.value("dtype", "");
    for (const auto& [key, described] : file.at("tensors").items()) c.tensors[key] = read_tensor(folder, described);
    if (file.contains("expected")) c.tensors["expected"] = read_tensor(folder, file.at("expected"));
    const json params = file.value("params", json::object());
    read_params(c, params, "");
    for (const json& layer : params.value("layers", json::array())) {  // of a network, named as their tensors are
        const std::string number = std::to_string(layer.at("index").get<int>());
        read_params(c, layer, (number.size() < 2 ? "layer0" : "layer") + number + "_");
    }
    c.atol = file.at("comparison").value("atol", 0.0);
    c.rtol = file.at("comparison").value("rtol", 0.0);
    return c;
}

std::string message(std::size_t i, double expected, double found) {
    return "element " + std::to_string(i) + ": expected " + std::to_string(expected) + ", found " +
           std::to_string(found);
}

}  // namespace

std::string cmsis_case::difference(std::vector<std::int8_t> found) const {
    const std::vector<std::int32_t>& expected = tensors.at("expected").integers;
    if (found.size() != expected.size()) return "wrong number of elements";
    const int low = integer("activation_min", -128), high = integer("activation_max", 127);
    for (std::size_t i = 0; i < found.size(); ++i)
        if (std::clamp<int>(found[i], low, high) != expected[i]) return message(i, expected[i], found[i]);
    return "";
}

std::string cmsis_case::difference(std::vector<float> found) const {
    const std::vector<float>& expected = tensors.at("expected").reals;
    if (found.size() != expected.size()) return "wrong number of elements";
    const bool clamped = params.count("activation_min") != 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        const double v =
            clamped ? std::clamp<double>(found[i], param("activation_min"), param("activation_max")) : double{found[i]};
        if (!(std::fabs(v - expected[i]) <= atol + rtol * std::fabs(double{expected[i]})))
            return message(i, double{expected[i]}, v);
    }
    return "";
}

bool left_out(const std::string& what) {
    const auto folder = conformance_directory();
    if (folder && fs::exists(*folder / "cmsis-nn" / "index.json")) return false;
    // tests/CMakeLists.txt knows these words.
    skip_notice("CMSIS-NN: " + what +
                ", because neither COMPRESS_CONFORMANCE nor ../shared/conformance has a folder cmsis-nn");
    return true;
}

std::vector<cmsis_case> cmsis_cases(const std::string& operation, const std::string& dtype) {
    std::vector<cmsis_case> cases;
    const fs::path folder = *conformance_directory() / "cmsis-nn";
    for (const json& entry : read_json(folder / "index.json"))
        if (entry.at("operator") == operation && entry.at("dtype") == dtype)
            cases.push_back(read_case(folder / entry.at("path").get<std::string>()));
    return cases;
}

cmsis_case cmsis_primitive(const std::string& name) {
    return read_case(*conformance_directory() / "cmsis-nn" / "primitives" / name);
}

tc::conv_geometry geometry_of(const cmsis_case& c) {
    const std::vector<int>&in = c["input"].shape, &out = c["expected"].shape;
    if (c.operation == "fully_connected") return {1, in[0], in[1], 1, out[0], out[1]};
    return {in[1],
            in[2],
            in[3],
            out[1],
            out[2],
            out[3],
            static_cast<int>(c.param("kernel", 0)),
            static_cast<int>(c.param("kernel", 1)),
            c.integer("stride_h"),
            c.integer("stride_w"),
            c.integer("dilation_h", 1),
            c.integer("dilation_w", 1),
            c.integer("pad_h"),
            c.integer("pad_w"),
            c.integer("groups", c.operation == "conv2d" ? 1 : in[3])};
}

}  // namespace tests
