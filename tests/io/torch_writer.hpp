// SPDX-License-Identifier: MIT
#pragma once

// Writes archives as torch.save does, right and wrong ones.

#include <bit>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zip.h>

#include <compress/io/bytes.hpp>

#include "../catch.hpp"

namespace tests {

/// Writes a pickle of protocol 2, opcode by opcode.
class pickle_writer {
public:
    pickle_writer() { raw("\x80\x02"); }

    pickle_writer& raw(std::string_view bytes) {
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    pickle_writer& text(std::string_view value) {
        raw("X");
        tensor_compress::append_value(bytes_, static_cast<std::uint32_t>(value.size()), std::endian::little);
        return raw(value);
    }
    pickle_writer& integer(std::int64_t value) {
        raw("\x8a\x08");
        tensor_compress::append_value(bytes_, value, std::endian::little);
        return *this;
    }
    pickle_writer& integers(const std::vector<std::int64_t>& values) {
        raw("(");
        for (const auto value : values) integer(value);
        return raw("t");
    }
    pickle_writer& global(const std::string& module, const std::string& name) {
        return raw("c" + module + "\n" + name + "\n");
    }
    /// `fill` writes keys and values.
    template <class Fill>
    pickle_writer& ordered_dict(const Fill& fill) {
        global("collections", "OrderedDict").raw(")R(");
        fill(*this);
        return raw("u");
    }
    pickle_writer& storage(const std::string& type, const std::string& key, std::int64_t elements) {
        return raw("(").text("storage").global("torch", type).text(key).text("cpu").integer(elements).raw("tQ");
    }
    struct view {
        std::int64_t offset = 0;
        std::vector<std::int64_t> extents, strides;
    };
    pickle_writer& tensor(const std::string& type, const std::string& key, std::int64_t elements, const view& v) {
        global("torch._utils", "_rebuild_tensor_v2").raw("(").storage(type, key, elements).integer(v.offset);
        integers(v.extents).integers(v.strides).raw("\x89");
        return global("collections", "OrderedDict").raw(")RtR");
    }

    [[nodiscard]] std::vector<std::uint8_t> bytes() const {
        auto all = bytes_;
        all.push_back('.');
        return all;
    }

private:
    std::vector<std::uint8_t> bytes_;
};

using zip_members = std::vector<std::pair<std::string, std::vector<std::uint8_t>>>;

inline void write_zip(const std::filesystem::path& file, const zip_members& members, int method = ZIP_CM_STORE) {
    zip_t* const archive = zip_open(file.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
    REQUIRE(archive);
    for (const auto& [name, bytes] : members) {
        const auto index =
            zip_file_add(archive, name.c_str(), zip_source_buffer(archive, bytes.data(), bytes.size(), 0), 0);
        REQUIRE(index >= 0);
        zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), method, 0);
    }
    REQUIRE(zip_close(archive) == 0);
}

template <class Number>
std::vector<std::uint8_t> storage_bytes(const std::vector<Number>& values, std::endian order = std::endian::little) {
    std::vector<std::uint8_t> bytes;
    for (const Number value : values) tensor_compress::append_value(bytes, value, order);
    return bytes;
}

}  // namespace tests
