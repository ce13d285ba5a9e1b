// SPDX-License-Identifier: MIT
#pragma once

// NumPy's .npz format: a zip archive with one .npy file per array, stored (numpy.savez) or deflated
// (numpy.savez_compressed).

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <compress/io/bytes.hpp>
#include <compress/io/npy.hpp>
#include <compress/io/zip_archive.hpp>
#include <compress/tensor/error.hpp>
#include <compress/tensor/weights.hpp>
#include <compress/tensor/xtensor.hpp>

namespace tensor_compress {

enum class npz_compression { stored, deflated };

namespace detail {

/// An .npz archive opened for reading, and the names of its arrays.
class npz_archive {
public:
    npz_archive(const std::filesystem::path& file, unpacked_limit limit)
        : file_(file.string()),
          zip_(file, limit, "is not a readable .npz archive", "save it with numpy.savez") {
        zip_.expect_no_torch_archive();
        for (const auto& member : zip_.members()) names_.push_back(array_name(member));
        std::set<std::string_view> known;
        for (const auto& name : names_)
            if (!known.insert(name).second)
                throw error(file_, "has two members '" + name + "'", "save it with numpy.savez");
    }

    [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
    [[nodiscard]] std::string member_text(std::size_t index) const { return file_ + "[" + names_[index] + "]"; }

    /// The unpacked bytes of a member, as many as its own header says.
    std::vector<std::uint8_t> read(std::size_t index) {
        const std::string name = member_text(index);
        return zip_.read(index, name, [&](auto begin) { return npy_file_bytes(begin, name); });
    }

private:
    std::string array_name(std::string_view member) const {
        if (!member.ends_with(".npy"))
            throw error(file_, "has a member '" + std::string(member) + "' that is not an .npy file",
                        "save it with numpy.savez");
        return std::string(member.substr(0, member.size() - 4));
    }

    std::string file_;
    zip_archive zip_;
    std::vector<std::string> names_;
};

}  // namespace detail

/// All arrays of an .npz archive by name, each converted to T as by `load_npy`.
///
/// @param  limit  bytes that all members together may unpack to
/// @throws error naming the archive and member when one is damaged, too large, or of a dtype or value that T cannot
/// hold
template <npy_element T>
[[nodiscard]] named_arrays<T> load_npz(const std::filesystem::path& file, unpacked_limit limit = {}) {
    detail::npz_archive archive(file, limit);
    named_arrays<T> arrays;
    for (std::size_t i = 0; i < archive.names().size(); ++i)
        arrays.emplace(archive.names()[i], detail::array_from_npy<T>(archive.read(i), archive.member_text(i)));
    return arrays;
}

/// One array of an .npz archive; the others are not unpacked.
///
/// @throws error as `load_npz`, and when there is no such array, listing those there are
template <npy_element T>
[[nodiscard]] array<T> load_npz_member(const std::filesystem::path& file, std::string_view name,
                                       unpacked_limit limit = {}) {
    detail::npz_archive archive(file, limit);
    std::string there;
    for (std::size_t i = 0; i < archive.names().size(); ++i) {
        if (archive.names()[i] == name) return detail::array_from_npy<T>(archive.read(i), archive.member_text(i));
        there += (i == 0 ? "" : ", ") + archive.names()[i];
    }
    throw error(file.string(), "has no array '" + std::string(name) + "'",
                there.empty() ? "it is empty, save it again" : "take one of: " + there);
}

namespace detail {

/// Adds one member; the bytes must live until the archive is closed.
inline void add_npz_member(zip_t* archive, const std::string& name, std::span<const std::uint8_t> bytes,
                           npz_compression compression, const std::string& file) {
    const auto refuse = [&] {
        throw error(file, "cannot take the array '" + name + "' (" + zip_strerror(archive) + ")",
                    "give it a name of UTF-8 text");
    };
    zip_source_handle source(zip_source_buffer(archive, bytes.data(), bytes.size(), 0));
    if (!source) refuse();
    const zip_int64_t index = zip_file_add(archive, (name + ".npy").c_str(), source.get(), ZIP_FL_ENC_UTF_8);
    if (index < 0) refuse();
    source.release();  // the archive owns it now
    const auto added = static_cast<zip_uint64_t>(index);
    zip_set_file_compression(archive, added, compression == npz_compression::stored ? ZIP_CM_STORE : ZIP_CM_DEFLATE, 0);
    // 1980-01-01, as NumPy writes it: the same arrays give the same bytes on every day.
    zip_file_set_dostime(archive, added, 0, (1 << 5) | 1, 0);
}

/// The archive's bytes, once it has been closed into its source.
inline std::vector<std::uint8_t> read_source(zip_source_t* source, const std::string& file) {
    std::vector<std::uint8_t> bytes;
    zip_stat_t about;
    bool is_complete =
        zip_source_stat(source, &about) == 0 && (about.valid & ZIP_STAT_SIZE) != 0 && zip_source_open(source) == 0;
    if (is_complete) {
        bytes.resize(static_cast<std::size_t>(about.size));
        is_complete = zip_source_read(source, bytes.data(), bytes.size()) == static_cast<zip_int64_t>(bytes.size());
        zip_source_close(source);
    }
    if (!is_complete)
        throw error(file, std::string("cannot be packed (") + zip_error_strerror(zip_source_error(source)) + ")",
                    "check the memory that is left");
    return bytes;
}

}  // namespace detail

/// Writes an .npz archive that numpy.load reads; the archive is built in memory and the same arrays give the same
/// bytes.
/// @throws error as `write_file`, and when there is no array or a name is not UTF-8
template <npy_element T>
void save_npz(const std::filesystem::path& file, const named_arrays<T>& arrays,
              npz_compression compression = npz_compression::stored) {
    if (arrays.empty()) throw error(file.string(), "would be an archive without arrays", "give at least one array");
    std::vector<std::vector<std::uint8_t>> members;
    for (const auto& entry : arrays) members.push_back(detail::npy_from_array(entry.second));

    detail::zip_failure failure;
    detail::zip_source_handle packed(zip_source_buffer_create(nullptr, 0, 0, &failure.code));
    if (packed) zip_source_keep(packed.get());  // a second owner: opening the archive takes the first
    detail::zip_handle archive(packed ? zip_open_from_source(packed.get(), ZIP_TRUNCATE, &failure.code) : nullptr);
    if (!archive)
        throw error(file.string(), "cannot be packed (" + failure.text() + ")", "check the memory that is left");

    std::size_t i = 0;
    for (const auto& entry : arrays)
        detail::add_npz_member(archive.get(), entry.first, members[i++], compression, file.string());
    if (zip_close(archive.get()) != 0)
        throw error(file.string(), std::string("cannot be packed (") + zip_strerror(archive.get()) + ")",
                    "check the memory that is left");
    archive.release();
    write_file(file, detail::read_source(packed.get(), file.string()));
}

}  // namespace tensor_compress
