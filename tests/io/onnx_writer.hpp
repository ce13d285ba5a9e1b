// SPDX-License-Identifier: MIT
#pragma once

// Writes small ONNX files for tests, right and wrong ones.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <protozero/pbf_writer.hpp>

namespace tests {

using dims = std::vector<std::int64_t>;
using names = std::vector<std::string>;

class onnx_writer {
public:
    explicit onnx_writer(int opset = 13) : opset_(opset) {}

    onnx_writer& input(const std::string& name, const dims& shape, int type = 1) {
        return value_info(11, name, shape, type);
    }
    onnx_writer& output(const std::string& name, const dims& shape = {}) { return value_info(12, name, shape, 1); }

    onnx_writer& floats(const std::string& name, const dims& shape, const std::vector<float>& values) {
        return add(5, float_tensor(name, shape, values));
    }
    /// Values 0.01, 0.02, ... so that each element is known by its value.
    onnx_writer& numbered(const std::string& name, const dims& shape) {
        std::vector<float> values;
        std::int64_t count = 1;
        for (const auto extent : shape) count *= extent;
        for (std::int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(i + 1) / 100.0f);
        return floats(name, shape, values);
    }
    onnx_writer& integers(const std::string& name, const dims& values) {
        std::string data;
        protozero::pbf_writer t(data);
        t.add_int64(1, static_cast<std::int64_t>(values.size()));
        t.add_int32(2, 7);
        t.add_packed_int64(7, values.begin(), values.end());
        t.add_string(8, name);
        return add(5, data);
    }
    onnx_writer& raw_initializer(const std::string& message) { return add(5, message); }

    static std::string float_tensor(const std::string& name, const dims& shape, const std::vector<float>& values) {
        std::string data;
        protozero::pbf_writer t(data);
        t.add_packed_int64(1, shape.begin(), shape.end());
        t.add_int32(2, 1);
        t.add_packed_float(4, values.begin(), values.end());
        t.add_string(8, name);
        return data;
    }

    static std::string attribute(const std::string& name, const dims& values) {
        std::string data;
        protozero::pbf_writer a(data);
        a.add_string(1, name);
        for (const auto v : values) a.add_int64(8, v);
        a.add_int32(20, 7);
        return data;
    }
    static std::string attribute(const std::string& name, std::int64_t value) {
        std::string data;
        protozero::pbf_writer a(data);
        a.add_string(1, name);
        a.add_int64(3, value);
        a.add_int32(20, 2);
        return data;
    }
    static std::string attribute(const std::string& name, float value) {
        std::string data;
        protozero::pbf_writer a(data);
        a.add_string(1, name);
        a.add_float(2, value);
        a.add_int32(20, 1);
        return data;
    }

    onnx_writer& node(const std::string& kind, const std::string& name, const names& inputs, const names& outputs,
                      const names& attributes = {}, const std::string& domain = "") {
        std::string data;
        protozero::pbf_writer n(data);
        for (const auto& i : inputs) n.add_string(1, i);
        for (const auto& o : outputs) n.add_string(2, o);
        n.add_string(3, name);
        n.add_string(4, kind);
        for (const auto& a : attributes) n.add_message(5, a);
        if (!domain.empty()) n.add_string(7, domain);
        return add(1, data);
    }

    [[nodiscard]] std::vector<std::uint8_t> bytes() const {
        std::string data, opset;
        protozero::pbf_writer(opset).add_int64(2, opset_);
        protozero::pbf_writer m(data);
        m.add_int64(1, 7);
        m.add_message(7, graph_);
        m.add_message(8, opset);
        return {data.begin(), data.end()};
    }

private:
    onnx_writer& add(protozero::pbf_tag_type field, const std::string& message) {
        protozero::pbf_writer(graph_).add_message(field, message);
        return *this;
    }
    /// A negative extent is symbolic; an empty shape of an output is not written.
    onnx_writer& value_info(protozero::pbf_tag_type field, const std::string& name, const dims& extents, int type) {
        std::string shape, tensor_type, types, info;
        for (const auto extent : extents) {
            std::string dimension;
            if (extent < 0)
                protozero::pbf_writer(dimension).add_string(2, "batch");
            else
                protozero::pbf_writer(dimension).add_int64(1, extent);
            protozero::pbf_writer(shape).add_message(1, dimension);
        }
        protozero::pbf_writer(tensor_type).add_int32(1, type);
        if (field == 11 || !extents.empty()) protozero::pbf_writer(tensor_type).add_message(2, shape);
        protozero::pbf_writer(types).add_message(1, tensor_type);
        protozero::pbf_writer(info).add_string(1, name);
        protozero::pbf_writer(info).add_message(2, types);
        return add(field, info);
    }

    int opset_;
    std::string graph_;
};

}  // namespace tests
