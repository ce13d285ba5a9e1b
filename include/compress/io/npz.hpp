// SPDX-License-Identifier: MIT
#pragma once

// NumPy's .npz format: a zip archive with one .npy file per array, stored (numpy.savez) or deflated
// (numpy.savez_compressed).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zip.h>

#include <compress/io/bytes.hpp>
#include <compress/io/npy.hpp>
#include <compress/tensor/error.hpp>
#include <compress/tensor/weights.hpp>
#include <compress/tensor/xtensor.hpp>

namespace tensor_compress {

enum class npz_compression { stored, deflated };

namespace detail {

/// Releases libzip's objects; an archive is left as it was.
struct zip_release {
    void operator()(zip_t* archive) const { zip_discard(archive); }
    void operator()(zip_file_t* member) const { zip_fclose(member); }
    void operator()(zip_source_t* source) const { zip_source_free(source); }
};
using zip_handle = std::unique_ptr<zip_t, zip_release>;
using zip_member_handle = std::unique_ptr<zip_file_t, zip_release>;
using zip_source_handle = std::unique_ptr<zip_source_t, zip_release>;

/// libzip's words for a failure, owned by its error until that is released.
struct zip_failure {
    zip_error_t code;
    zip_failure() { zip_error_init(&code); }
    explicit zip_failure(int number) { zip_error_init_with_code(&code, number); }
    ~zip_failure() { zip_error_fini(&code); }
    zip_failure(const zip_failure&) = delete;
    zip_failure& operator=(const zip_failure&) = delete;
    std::string text() { return zip_error_strerror(&code); }
};

/// An .npz archive opened for reading, and the names of its arrays.
class npz_archive {
public:
    npz_archive(const std::filesystem::path& file, std::uint64_t limit) : file_(file.string()), left_(limit) {
        regular_file_size(file);
        int number = 0;
        archive_.reset(zip_open(file_.c_str(), ZIP_RDONLY, &number));
        if (!archive_)
            throw error(file_, "is not a readable .npz archive (" + zip_failure(number).text() + ")",
                        "save it with numpy.savez");
        const auto count = static_cast<zip_uint64_t>(std::max<zip_int64_t>(zip_get_num_entries(archive_.get(), 0), 0));
        for (zip_uint64_t index = 0; index < count; ++index) names_.push_back(array_name(index));
    }

    [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
    [[nodiscard]] std::string member_text(std::size_t index) const { return file_ + "[" + names_[index] + "]"; }

    /// The unpacked bytes of a member, whose checksum libzip has compared.
    std::vector<std::uint8_t> read(std::size_t index) {
        zip_member_handle member(zip_fopen_index(archive_.get(), index, 0));
        if (!member)
            throw error(member_text(index), std::string("cannot be opened (") + zip_strerror(archive_.get()) + ")",
                        "save the archive with numpy.savez");
        std::vector<std::uint8_t> bytes, piece(std::size_t{1} << 16);
        while (true) {  // until nothing comes: the size in the archive's directory may be wrong, and the checksum is
                        // compared at the end
            const zip_int64_t count = zip_fread(member.get(), piece.data(), piece.size());
            if (count < 0)
                throw error(member_text(index),
                            std::string("cannot be unpacked (") + zip_file_strerror(member.get()) + ")",
                            "the archive is damaged, fetch it again");
            if (count == 0) return bytes;
            if (static_cast<std::uint64_t>(count) > left_)
                throw error(file_, "unpacks to more than the limit", "raise the limit if you trust the file");
            left_ -= static_cast<std::uint64_t>(count);
            bytes.insert(bytes.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(count));
        }
    }

private:
    std::string array_name(zip_uint64_t index) {
        const char* const member = zip_get_name(archive_.get(), index, 0);
        std::string name = member ? member : "";
        if (!name.ends_with(".npy"))
            throw error(file_, "has a member '" + name + "' that is not an .npy file", "save it with numpy.savez");
        name.resize(name.size() - 4);
        if (std::find(names_.begin(), names_.end(), name) != names_.end())
            throw error(file_, "has two members '" + name + "'", "save it with numpy.savez");
        return name;
    }

    std::string file_;
    std::uint64_t left_;
    zip_handle archive_;
    std::vector<std::string> names_;
};

}  // namespace detail

/// All arrays of an .npz archive by name, each converted to T as by `load_npy`.
///
/// @param  limit  bytes that all members together may unpack to
/// @throws error naming the archive and member when one is damaged, too large, or of a dtype or value that T cannot
/// hold
template <npy_element T>
[[nodiscard]] named_arrays<T> load_npz(const std::filesystem::path& file,
                                       std::uint64_t limit = default_unpacked_limit) {
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
                                       std::uint64_t limit = default_unpacked_limit) {
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
