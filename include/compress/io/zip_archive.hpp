// SPDX-License-Identifier: MIT
#pragma once

// Zip archives, the wrapping of .npz files and of what PyTorch saves: handles of libzip, and reading by member.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zip.h>

#include <compress/io/torch_signature.hpp>
#include <compress/io/unpack.hpp>
#include <compress/tensor/error.hpp>

namespace tensor_compress::detail {

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

/// An archive opened for reading.
class zip_archive {
public:
    /// @param  limit   bytes that all members together may unpack to
    /// @param  no_zip  what is said of a file that is no archive
    /// @throws error when there is no such file, or none that libzip reads
    zip_archive(const std::filesystem::path& file, unpacked_limit limit, std::string_view no_zip,
                std::string_view advice)
        : file_(file.string()),
          advice_(advice),
          limit_(limit.value_or(default_unpacked_limit(regular_file_size(file)))) {
        int number = 0;
        archive_.reset(zip_open(file_.c_str(), ZIP_RDONLY, &number));
        if (!archive_) throw error(file_, std::string(no_zip) + " (" + zip_failure(number).text() + ")", advice_);
        const auto count = static_cast<zip_uint64_t>(std::max<zip_int64_t>(zip_get_num_entries(archive_.get(), 0), 0));
        for (zip_uint64_t index = 0; index < count; ++index) {
            const char* const name = zip_get_name(archive_.get(), index, 0);
            members_.emplace_back(name != nullptr ? name : "");
        }
    }

    /// Names of all members, in the order of the archive.
    [[nodiscard]] const std::vector<std::string>& members() const noexcept { return members_; }

    /// @throws error for an archive that torch.save wrote
    void expect_no_torch_archive() const {
        for (const auto& name : members_)
            if (is_torch_member(name)) refuse_torch_archive(file_);
    }

    /// The unpacked bytes of a member, whose checksum libzip has compared.
    ///
    /// @param  name     of the member in messages
    /// @param  size_of  of the format inside: unpacking ends with an error as soon as there is more
    std::vector<std::uint8_t> read(std::size_t index, const std::string& name, size_by_header size_of = {}) {
        zip_member_handle member(zip_fopen_index(archive_.get(), index, 0));
        if (!member) throw error(name, std::string("cannot be opened (") + zip_strerror(archive_.get()) + ")", advice_);
        unpacked_bytes unpacked(name, limit_, unpacked_, std::move(size_of));
        std::vector<std::uint8_t> piece(std::size_t{1} << 16);
        while (true) {  // until nothing comes: the size in the archive's directory may be wrong, and the checksum is
                        // compared at the end
            const zip_int64_t count = zip_fread(member.get(), piece.data(), piece.size());
            if (count < 0)
                throw error(name, std::string("cannot be unpacked (") + zip_file_strerror(member.get()) + ")",
                            "the archive is damaged, fetch it again");
            if (count == 0) break;
            unpacked.append(std::span(piece).first(static_cast<std::size_t>(count)));
        }
        unpacked_ += unpacked.size();
        return unpacked.take();
    }

private:
    std::string file_, advice_;
    std::uint64_t limit_, unpacked_ = 0;
    zip_handle archive_;
    std::vector<std::string> members_;
};

}  // namespace tensor_compress::detail
