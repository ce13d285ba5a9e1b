// SPDX-License-Identifier: MIT
#pragma once

// The safetensors format (huggingface/safetensors, README "Format"): 8 bytes little-endian header length, a JSON object
// name -> {dtype, shape, data_offsets}, then raw little-endian data. Offsets count from the end of the header.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <compress/io/bytes.hpp>
#include <compress/io/torch_signature.hpp>
#include <compress/tensor/error.hpp>
#include <compress/tensor/printable.hpp>
#include <compress/tensor/weights.hpp>
#include <compress/tensor/xtensor.hpp>

namespace tensor_compress {

/// The longest header a reader accepts, in bytes: the limit of the reference implementation.
inline constexpr std::uint64_t safetensors_header_limit = 100'000'000;

/// Free text beside the tensors, the header's "__metadata__".
using safetensors_metadata = std::map<std::string, std::string>;

namespace detail {

enum class stored_type { f16, bf16, f32, f64, integer };

struct safetensors_type {
    std::string_view name;
    stored_type type;
    std::size_t bytes;
};

inline constexpr safetensors_type safetensors_types[] = {
    {"F32", stored_type::f32, 4},     {"F16", stored_type::f16, 2},     {"BF16", stored_type::bf16, 2},
    {"F64", stored_type::f64, 8},     {"I64", stored_type::integer, 8}, {"I32", stored_type::integer, 4},
    {"I16", stored_type::integer, 2}, {"I8", stored_type::integer, 1},  {"U64", stored_type::integer, 8},
    {"U32", stored_type::integer, 4}, {"U16", stored_type::integer, 2}, {"U8", stored_type::integer, 1},
    {"BOOL", stored_type::integer, 1}};

/// One entry of the header, checked in itself; `begin` and `end` are bytes of the data.
struct safetensors_entry {
    std::string name;
    safetensors_type type;
    std::vector<std::size_t> extents;
    std::size_t begin = 0;
    std::size_t end = 0;
};

struct safetensors_header {
    safetensors_metadata metadata;
    std::vector<safetensors_entry> entries;  ///< in the order of the data
};

[[noreturn]] inline void refuse_safetensors(std::string_view file, const std::string& found) {
    throw error(file, found, "the file is damaged or no safetensors file, fetch or save it again");
}

/// Looks at a header before it becomes values: duplicate keys, which JSON libraries merge in silence, are refused, and
/// so is nesting deeper than a header's: one of brackets only would otherwise take gigabytes. (A callback of the parser
/// that makes values could do the same, and looks at all of an object's values after each of them.)
class safetensors_watch : public nlohmann::json_sax<nlohmann::json> {
public:
    explicit safetensors_watch(std::string_view file) : file_(file) {}

    bool null() override { return true; }
    bool boolean(bool) override { return true; }
    bool number_integer(number_integer_t) override { return true; }
    bool number_unsigned(number_unsigned_t) override { return true; }
    bool number_float(number_float_t, const string_t&) override { return true; }
    bool string(string_t&) override { return true; }
    bool binary(binary_t&) override { return true; }
    bool start_object(std::size_t) override { return open(); }
    bool end_object() override { return keys_.pop_back(), true; }
    bool start_array(std::size_t) override { return open(); }
    bool end_array() override { return keys_.pop_back(), true; }
    bool key(string_t& name) override {
        if (!keys_.back().insert(name).second)
            refuse_safetensors(file_, "has the key '" + name + "' twice in its header");
        return true;
    }
    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& failure) override {
        refuse_safetensors(file_, std::string("has a header that is not JSON (") + failure.what() + ")");
    }

private:
    bool open() {
        if (keys_.size() == 3) refuse_safetensors(file_, "has a header nested deeper than the format");
        return keys_.emplace_back(), true;
    }

    std::string_view file_;
    std::vector<std::set<std::string>> keys_;  ///< of the objects and arrays that are open
};

inline nlohmann::json parse_safetensors_json(std::span<const std::uint8_t> text, std::string_view file) {
    safetensors_watch watch(file);
    nlohmann::json::sax_parse(text.begin(), text.end(), &watch);
    return nlohmann::json::parse(text.begin(), text.end());
}

[[noreturn]] inline void refuse_dtype(std::string_view dtype, const std::string& tensor, std::string_view file) {
    throw error(file, "tensor '" + tensor + "' has dtype " + std::string(dtype) + ", expected F32, F16, BF16 or F64",
                "convert it to float before saving, or leave it out");
}

inline safetensors_type safetensors_type_of(std::string_view dtype, const std::string& tensor, std::string_view file) {
    for (const auto& known : safetensors_types)
        if (known.name == dtype) return known;
    refuse_dtype(dtype, tensor, file);
}

inline std::vector<std::size_t> whole_numbers(const nlohmann::json& info, const char* key, const std::string& tensor,
                                              std::string_view file) {
    const auto found = info.find(key);
    const bool is_list =
        found != info.end() && found->is_array() &&
        std::all_of(found->begin(), found->end(), [](const auto& n) { return n.is_number_unsigned(); });
    if (!is_list) refuse_safetensors(file, "tensor '" + tensor + "' has no '" + key + "' of whole numbers");
    return found->get<std::vector<std::size_t>>();
}

inline safetensors_entry parse_safetensors_entry(const std::string& name, const nlohmann::json& info,
                                                 std::size_t data_bytes, std::string_view file) {
    if (!info.is_object() || !info.contains("dtype") || !info["dtype"].is_string())
        refuse_safetensors(file, "tensor '" + name + "' has no 'dtype'");
    safetensors_entry entry{name, safetensors_type_of(info["dtype"].get<std::string>(), name, file),
                            whole_numbers(info, "shape", name, file)};
    const auto offsets = whole_numbers(info, "data_offsets", name, file);
    if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data_bytes)
        refuse_safetensors(file, "tensor '" + name + "' has data_offsets " + shape_text(offsets) + " in data of " +
                                     counted(data_bytes, "byte"));
    entry.begin = offsets[0];
    entry.end = offsets[1];
    const std::size_t count = element_count(entry.extents, entry.type.bytes, std::string(file) + "[" + name + "]");
    if (entry.type.type == stored_type::integer && count != 1) refuse_dtype(entry.type.name, name, file);
    const std::size_t size = count * entry.type.bytes;
    if (size != entry.end - entry.begin)
        refuse_safetensors(file, "tensor '" + name + "' of shape " + shape_text(entry.extents) + " takes " +
                                     counted(size, "byte") + ", but its data_offsets " + shape_text(offsets) +
                                     " give " + std::to_string(entry.end - entry.begin));
    return entry;
}

inline safetensors_metadata parse_safetensors_metadata(const nlohmann::json& found, std::string_view file) {
    const bool is_text = found.is_object() &&
                         std::all_of(found.begin(), found.end(), [](const auto& value) { return value.is_string(); });
    if (!is_text) refuse_safetensors(file, "has a '__metadata__' that is not a map from text to text");
    return found.get<safetensors_metadata>();
}

/// The tensors lie side by side from the first byte of the data to the last, as the format demands.
inline void expect_no_holes(const std::vector<safetensors_entry>& entries, std::size_t data_bytes,
                            std::string_view file) {
    std::size_t end = 0;
    for (const auto& entry : entries) {
        if (entry.begin != end)
            refuse_safetensors(
                file, "tensor '" + entry.name + "' begins at byte " + std::to_string(entry.begin) + " of the data, " +
                          (entry.begin < end ? "inside the one before, which ends at " : "after a hole from ") +
                          std::to_string(end));
        end = entry.end;
    }
    if (end != data_bytes)
        refuse_safetensors(file, "has " + counted(data_bytes - end, "byte") + " of data that belong to no tensor");
}

/// Reads and checks the header; `bytes` stands at the data afterwards.
inline safetensors_header read_safetensors_header(byte_reader& bytes, std::string_view file) {
    expect_no_torch_file(bytes.rest(), file);
    const auto length = bytes.read<std::uint64_t>(std::endian::little, "the header's length");
    if (length > safetensors_header_limit)
        refuse_safetensors(file, "claims a header of " + counted(length, "byte") + ", the limit is " +
                                     std::to_string(safetensors_header_limit));
    const auto text = bytes.take(length, "the header");
    if (text.empty() || text[0] != '{') refuse_safetensors(file, "has a header that does not begin with '{'");

    safetensors_header header;
    const auto json = parse_safetensors_json(text, file);
    for (const auto& [name, info] : json.items()) {
        if (name == "__metadata__")
            header.metadata = parse_safetensors_metadata(info, file);
        else
            header.entries.push_back(parse_safetensors_entry(name, info, bytes.remaining(), file));
    }
    std::sort(header.entries.begin(), header.entries.end(),
              [](const auto& a, const auto& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
    expect_no_holes(header.entries, bytes.remaining(), file);
    return header;
}

inline float load_stored_float(const std::uint8_t* bytes, stored_type type, const std::string& tensor,
                               std::string_view file) {
    switch (type) {
    case stored_type::f16:
        return decode_float16(load_value<std::uint16_t>(bytes, std::endian::little));
    case stored_type::bf16:
        return decode_bfloat16(load_value<std::uint16_t>(bytes, std::endian::little));
    case stored_type::f32:
        return load_value<float>(bytes, std::endian::little);
    default:
        break;
    }
    const auto value = load_value<double>(bytes, std::endian::little);
    if (!fits_float(value))
        throw error(file, "tensor '" + tensor + "' holds " + number_text(value) + ", too large for float",
                    "scale it before saving");
    return static_cast<float>(value);
}

}  // namespace detail

/// All tensors of a safetensors file as float: F32, F16 and BF16 exactly, F64 rounded to nearest.
/// NaN and infinities are kept; `expect_finite` refuses them. An integer of one element is a counter, as batch norm's
/// num_batches_tracked, and left out.
///
/// @throws error for every violation of the format: a header longer than its limit or than the file, not JSON, with a
/// key twice;
///         offsets out of range, overlapping or leaving holes; a shape that overflows or does not give the bytes;
///         another dtype
[[nodiscard]] inline named_tensors load_safetensors(const std::filesystem::path& file) {
    const auto content = read_file(file);
    const std::string name = file.string();
    byte_reader bytes(content, name);
    const auto header = detail::read_safetensors_header(bytes, name);
    named_tensors tensors;
    for (const auto& entry : header.entries) {
        const auto data = bytes.take(entry.end - entry.begin, "the data");
        if (entry.type.type == detail::stored_type::integer) continue;
        auto tensor = make_array<float>(entry.extents);
        const std::size_t step = entry.type.bytes, count = data.size() / step;
        for (std::size_t i = 0; i < count; ++i)
            tensor.data()[i] = detail::load_stored_float(data.data() + i * step, entry.type.type, entry.name, name);
        tensors.emplace(entry.name, std::move(tensor));
    }
    return tensors;
}

/// The "__metadata__" of a safetensors file, empty where there is none.
/// @throws error as `load_safetensors`
[[nodiscard]] inline safetensors_metadata load_safetensors_metadata(const std::filesystem::path& file) {
    const auto content = read_file(file);
    byte_reader bytes(content, file.string());
    return detail::read_safetensors_header(bytes, file.string()).metadata;
}

/// Writes tensors as F32 in the order of their names; the header is padded with spaces so that the data begin at a
/// multiple of 8.
/// @throws error as `write_file`, and when a name or a text is not UTF-8 or a tensor is called "__metadata__"
inline void save_safetensors(const std::filesystem::path& file, const named_tensors& tensors,
                             const safetensors_metadata& metadata = {}) {
    nlohmann::json header = nlohmann::json::object();
    if (!metadata.empty()) header["__metadata__"] = metadata;
    std::size_t end = 0;
    for (const auto& [name, tensor] : tensors) {
        if (name == "__metadata__")
            throw error(file.string(), "cannot hold a tensor called '__metadata__', a name of the format", "rename it");
        const std::size_t begin = std::exchange(end, end + tensor.size() * sizeof(float));
        header[name] = {{"dtype", "F32"}, {"shape", shape_of(tensor)}, {"data_offsets", {begin, end}}};
    }
    std::string text;
    try {
        text = header.dump();
    } catch (const nlohmann::json::exception& failure) {
        throw error(file.string(), std::string("cannot hold a name or text of the metadata (") + failure.what() + ")",
                    "write it in UTF-8");
    }
    text.append((8 - text.size() % 8) % 8, ' ');

    std::vector<std::uint8_t> bytes;
    bytes.reserve(8 + text.size() + end);
    append_value(bytes, static_cast<std::uint64_t>(text.size()), std::endian::little);
    bytes.insert(bytes.end(), text.begin(), text.end());
    for (const auto& [name, tensor] : tensors)
        for (std::size_t i = 0; i < tensor.size(); ++i) append_value(bytes, tensor.data()[i], std::endian::little);
    write_file(file, bytes);
}

}  // namespace tensor_compress
