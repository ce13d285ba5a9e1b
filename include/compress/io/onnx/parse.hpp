// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <compress/io/onnx/messages.hpp>
#include <compress/io/onnx/protobuf.hpp>

namespace tensor_compress::onnx {

/// Reads ModelProto. Field numbers: onnx.proto of ONNX 1.16.
///
/// @param  bytes  of the file; they stay alive as long as the result
/// @throws model_error   for a field of the wrong type
/// @throws protozero::exception  for bytes that are no protobuf message, or end inside one
model_proto parse_model(std::string_view bytes);

namespace detail {

inline tensor_proto parse_tensor(pbf_reader fields) {
    tensor_proto t;
    while (fields.next()) {
        switch (fields.tag()) {
        case 1:
            append(fields, t.dims);
            break;
        case 2:
            t.type = static_cast<element_type>(static_cast<std::int32_t>(integer(fields)));
            break;
        case 4:
            append(fields, t.floats);
            break;
        case 5:
        case 7:
            append(fields, t.integers);
            break;
        case 8:
            t.name = name(fields);
            break;
        case 9:
            t.raw = view(fields), t.has_raw = true;
            break;
        case 10:
            append(fields, t.doubles);
            break;
        case 14:
            t.external = integer(fields) != 0;
            break;
        default:
            fields.skip();
        }
    }
    return t;
}

inline attribute_proto parse_attribute(pbf_reader fields) {
    attribute_proto a;
    while (fields.next()) {
        switch (fields.tag()) {
        case 1:
            a.name = name(fields);
            break;
        case 2:
            a.number = number(fields), a.has_number = true;
            break;
        case 3:
            a.integer = integer(fields), a.has_integer = true;
            break;
        case 4:
            a.text = text(fields), a.has_text = true;
            break;
        case 5:
            a.tensor = parse_tensor(message(fields)), a.has_tensor = true;
            break;
        case 7:
            append(fields, a.numbers);
            break;
        case 8:
            append(fields, a.integers);
            break;
        default:
            fields.skip();
        }
    }
    return a;
}

inline node_proto parse_node(pbf_reader fields) {
    node_proto n;
    while (fields.next()) {
        switch (fields.tag()) {
        case 1:
            n.inputs.push_back(name(fields));
            break;
        case 2:
            n.outputs.push_back(name(fields));
            break;
        case 3:
            n.name = name(fields);
            break;
        case 4:
            n.kind = name(fields);
            break;
        case 5:
            n.attributes.push_back(parse_attribute(message(fields)));
            break;
        case 7:
            n.domain = name(fields);
            break;
        default:
            fields.skip();
        }
    }
    return n;
}

/// The message in field `tag` of a message, or an empty one; the last counts, as protobuf wants it.
inline pbf_reader only_field(pbf_reader fields, std::uint32_t tag, bool& found) {
    pbf_reader result;
    found = false;
    while (fields.next()) {
        if (fields.tag() == tag)
            result = message(fields), found = true;
        else
            fields.skip();
    }
    return result;
}

inline std::int64_t parse_dimension(pbf_reader fields) {
    std::int64_t extent = -1;
    while (fields.next()) {
        if (fields.tag() == 1)
            extent = integer(fields);
        else
            fields.skip();
    }
    return extent;
}

/// TypeProto: field 1 is a tensor type, whose field 1 is the element type and field 2 the shape.
inline void parse_type(pbf_reader type, value_info& v) {
    bool found = false;
    auto tensor = only_field(type, 1, found);
    while (found && tensor.next()) {
        if (tensor.tag() == 1) {
            v.type = static_cast<element_type>(static_cast<std::int32_t>(integer(tensor)));
        } else if (tensor.tag() == 2) {
            v.has_shape = true;
            v.dims.clear();
            auto dims = message(tensor);
            while (dims.next()) {
                if (dims.tag() == 1)
                    v.dims.push_back(parse_dimension(message(dims)));
                else
                    dims.skip();
            }
        } else {
            tensor.skip();
        }
    }
}

inline value_info parse_value_info(pbf_reader fields) {
    value_info v;
    while (fields.next()) {
        switch (fields.tag()) {
        case 1:
            v.name = name(fields);
            break;
        case 2:
            parse_type(message(fields), v);
            break;
        default:
            fields.skip();
        }
    }
    return v;
}

inline void parse_graph(pbf_reader fields, model_proto& m) {
    bool found = false;
    while (fields.next()) {
        switch (fields.tag()) {
        case 1:
            m.nodes.push_back(parse_node(message(fields)));
            m.nodes.back().index = m.nodes.size() - 1;
            break;
        case 5:
            m.initializers.push_back(parse_tensor(message(fields)));
            break;
        case 11:
            m.inputs.push_back(parse_value_info(message(fields)));
            break;
        case 12:
            m.outputs.push_back(parse_value_info(message(fields)));
            break;
        case 15:
            m.sparse_initializers.push_back(parse_tensor(only_field(message(fields), 1, found)).name);
            break;
        default:
            fields.skip();
        }
    }
}

/// OperatorSetIdProto: the version of the default domain, whose name is empty or "ai.onnx".
inline void parse_opset(pbf_reader fields, model_proto& m) {
    std::string domain;
    std::int64_t version = 0;
    while (fields.next()) {
        switch (fields.tag()) {
        case 1:
            domain = text(fields);
            break;
        case 2:
            version = integer(fields);
            break;
        default:
            fields.skip();
        }
    }
    if (domain.empty() || domain == "ai.onnx") m.opset = version;
}

}  // namespace detail

inline model_proto parse_model(std::string_view bytes) {
    model_proto m;
    detail::pbf_reader fields{protozero::data_view{bytes.data(), bytes.size()}};
    while (fields.next()) {
        switch (fields.tag()) {
        case 7:
            detail::parse_graph(detail::message(fields), m), m.has_graph = true;
            break;
        case 8:
            detail::parse_opset(detail::message(fields), m);
            break;
        default:
            fields.skip();
        }
    }
    return m;
}

}  // namespace tensor_compress::onnx
