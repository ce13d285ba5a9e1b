// SPDX-License-Identifier: MIT
#pragma once

// What torch.save writes since PyTorch 1.6 (torch/serialization.py): a zip archive of `<name>/data.pkl`, a pickle of
// the object in which each tensor names a storage, of `<name>/data/<key>`, the bytes of each storage, and
// `<name>/byteorder`.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <compress/io/strided_walk.hpp>
#include <compress/io/torch_pickle.hpp>
#include <compress/io/torch_signature.hpp>
#include <compress/io/zip_archive.hpp>
#include <compress/tensor/error.hpp>
#include <compress/tensor/printable.hpp>
#include <compress/tensor/weights.hpp>
#include <compress/tensor/xtensor.hpp>

namespace tensor_compress {

namespace detail {

/// The archive around the pickle.
class torch_archive {
public:
    torch_archive(const std::filesystem::path& file, unpacked_limit limit)
        : file_(file.string()),
          limit_(limit.value_or(default_unpacked_limit(regular_file_size(file)))),
          zip_(opened(file, limit)) {
        const auto& members = zip_.members();
        for (std::size_t i = 0; i < members.size(); ++i) places_.emplace(members[i], i);
        const auto pickle = std::find_if(members.begin(), members.end(), is_torch_member);
        if (pickle == members.end()) throw error(file_, "is a zip archive without data.pkl", save_state_dict);
        folder_ = pickle->substr(0, pickle->size() - std::string_view("data.pkl").size());
        if (places_.contains(folder_ + "constants.pkl"))
            throw error(file_, "is a TorchScript archive, a program with its weights",
                        "load it in Python with torch.jit.load, and save its weights with "
                        "torch.save(model.state_dict(), path)");
        if (places_.contains(folder_ + "byteorder")) {
            const auto text = member("byteorder");
            if (std::string_view(reinterpret_cast<const char*>(text.data()), text.size()) == "big")
                order_ = std::endian::big;
        }
    }

    std::vector<std::uint8_t> member(const std::string& name) {
        const auto found = places_.find(folder_ + name);
        if (found == places_.end())
            throw error(file_, "has no member '" + folder_ + name + "'", "it is damaged, save it again");
        return zip_.read(found->second, file_ + "[" + folder_ + name + "]");
    }

    /// The elements of a tensor in row-major order.
    /// @pre  of a type that is read
    array<float> tensor(std::string_view name, const torch_tensor& t) {
        const std::string source = file_ + "[" + std::string(name) + "]";
        const auto& storage = storage_of(t, source);
        const std::size_t count = element_count(t.extents, sizeof(float), source);
        if (count > (limit_ - made_) / sizeof(float))
            throw error(source,
                        "of shape " + shape_text(t.extents) + " brings the tensors to more than the limit of " +
                            counted(limit_, "byte"),
                        "raise the limit if you trust the file");
        made_ += count * sizeof(float);
        auto result = make_array<float>(t.extents);
        strided_walk walk(t.extents, t.strides, t.offset);
        for (std::size_t i = 0; i < count; ++i, walk.advance()) {
            const double value = t.type->read(storage.data() + walk.position() * t.type->bytes, order_);
            if (!fits_float(value))
                throw error(source, "holds " + number_text(value) + ", too large for float", "scale it before saving");
            result.data()[i] = static_cast<float>(value);
        }
        return result;
    }

private:
    static zip_archive opened(const std::filesystem::path& file, unpacked_limit limit) {
        std::array<std::uint8_t, 512> begin{};  // the pickle of version 1.5 and before, or the tar of 0.1
        std::ifstream(file, std::ios::binary).read(reinterpret_cast<char*>(begin.data()), begin.size());
        constexpr std::string_view tar = "ustar";
        if (is_old_torch_file(begin) || std::equal(tar.begin(), tar.end(), begin.begin() + 257))
            refuse_old_torch_file(file.string());
        return {file, limit, "is no archive of torch.save", save_state_dict};
    }

    const std::vector<std::uint8_t>& storage_of(const torch_tensor& t, const std::string& source) {
        const std::string key(t.key);
        auto found = storages_.find(key);
        if (found == storages_.end()) found = storages_.emplace(key, member("data/" + key)).first;
        if (t.storage_elements > found->second.size() / t.type->bytes)
            throw error(source,
                        "has a storage of " + counted(t.storage_elements, "element") + " of " +
                            counted(t.type->bytes, "byte") + ", but '" + folder_ + "data/" + key + "' holds " +
                            counted(found->second.size(), "byte"),
                        "it is damaged, save it again");
        return found->second;
    }

    std::string file_, folder_;
    std::uint64_t limit_, made_ = 0;
    zip_archive zip_;
    std::map<std::string, std::size_t> places_;
    std::map<std::string, std::vector<std::uint8_t>> storages_;
    std::endian order_ = std::endian::little;
};

}  // namespace detail

/// The tensors of a state_dict that torch.save wrote (.pt, .pth, PyTorch 1.6 or later) as float: float32, float16 and
/// bfloat16 exactly, float64 rounded to nearest. Integers, such as batch norm's num_batches_tracked, are left out.
/// Views and tensors that share a storage become tensors of their own, in row-major order.
///
/// Nothing of the file is executed. NaN and infinities are kept; `expect_finite` refuses them.
/// @param  entry  name of the dict of tensors in the outermost dict; where there is only one, it is found
/// @param  limit  bytes that the archive may unpack to, and that all tensors together may take
/// @throws error for a damaged archive or pickle, a tensor outside of its storage, another type, a whole pickled
/// module, TorchScript, and PyTorch's formats before 1.6
[[nodiscard]] inline named_tensors load_torch(const std::filesystem::path& file, std::string_view entry = {},
                                              unpacked_limit limit = {}) {
    detail::torch_archive archive(file, limit);
    const auto bytes = archive.member("data.pkl");
    const std::string source = file.string();
    const detail::torch_pickle pickle(detail::pickle_reader(bytes, source).read(), source);
    named_tensors tensors;
    for (const auto& [name, described] : pickle.state_dict(entry))
        if (described.type->read != nullptr)
            tensors.insert_or_assign(std::string(name), archive.tensor(name, described));
    return tensors;
}

}  // namespace tensor_compress
