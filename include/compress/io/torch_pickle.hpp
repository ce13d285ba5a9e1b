// SPDX-License-Identifier: MIT
#pragma once

// What torch.save puts into a pickle (torch/_utils.py, torch/serialization.py): dicts of tensors, each a call of
// _rebuild_tensor_v2 with a storage that is elsewhere, its offset, extents and strides.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <compress/io/bytes.hpp>
#include <compress/io/pickle.hpp>
#include <compress/tensor/error.hpp>
#include <compress/tensor/xtensor.hpp>

namespace tensor_compress::detail {

/// A type of torch's storages: its name, bytes of an element, and how one is read; integers are not.
struct torch_storage_type {
    std::string_view name;
    std::size_t bytes;
    double (*read)(const std::uint8_t*, std::endian);
};

template <class Number>
double read_number(const std::uint8_t* bytes, std::endian order) {
    return static_cast<double>(load_value<Number>(bytes, order));
}
template <float (*Decode)(std::uint16_t)>
double read_half(const std::uint8_t* bytes, std::endian order) {
    return static_cast<double>(Decode(load_value<std::uint16_t>(bytes, order)));
}

inline constexpr torch_storage_type torch_storage_types[] = {
    {"FloatStorage", 4, read_number<float>},
    {"DoubleStorage", 8, read_number<double>},
    {"HalfStorage", 2, read_half<decode_float16>},
    {"BFloat16Storage", 2, read_half<decode_bfloat16>},
    {"LongStorage", 8, nullptr},
    {"IntStorage", 4, nullptr},
    {"ShortStorage", 2, nullptr},
    {"CharStorage", 1, nullptr},
    {"ByteStorage", 1, nullptr},
    {"BoolStorage", 1, nullptr},
};

/// A tensor as the pickle describes it: element i along each axis is at offset + sum of i * stride in its storage.
struct torch_tensor {
    const torch_storage_type* type = nullptr;
    std::string_view key;  ///< of the storage
    std::size_t storage_elements = 0, offset = 0;
    std::vector<std::size_t> extents, strides;
};

inline constexpr const char* save_state_dict = "save its weights with torch.save(model.state_dict(), path)";

/// The tensors of a pickle, all of whose numbers are checked before anything is read by them.
class torch_pickle {
public:
    torch_pickle(pickle_content content, std::string file) : content_(std::move(content)), file_(std::move(file)) {}

    using named_tensor = std::pair<std::string_view, torch_tensor>;

    /// The tensors of the state_dict: of the inner dict that is asked for by name, else of the only one that has
    /// tensors, else of the outermost dict.
    std::vector<named_tensor> state_dict(std::string_view entry) const {
        const auto& outer = content_[content_.root];
        if (outer.kind == pickled_kind::call) refuse_object(outer, "is");
        if (outer.kind != pickled_kind::dict) throw error(file_, "holds no dict of tensors", save_state_dict);
        const auto inner = dicts_in(outer);
        if (!entry.empty()) {
            const auto found = inner.find(entry);
            if (found == inner.end())
                throw error(file_, "has no dict of tensors '" + std::string(entry) + "'",
                            inner.empty() ? "name none, its tensors are in no inner dict"
                                          : "take one of: " + names_of(inner));
            return tensors_of(*found->second);
        }
        if (inner.size() > 1)
            throw error(file_, "holds more than one dict of tensors: " + names_of(inner),
                        "pass the name of one to load_torch, or save that one alone");
        if (inner.size() == 1) return tensors_of(*inner.begin()->second);
        if (has_tensors(outer)) return tensors_of(outer);
        for (std::size_t i = 1; i < outer.items.size(); i += 2)
            if (is_object(content_[outer.items[i]])) refuse_object(content_[outer.items[i]], "holds");
        throw error(file_, "holds no tensor in its outermost dict, nor in one inside of that", save_state_dict);
    }

private:
    using named_dicts = std::map<std::string_view, const pickled*>;

    named_dicts dicts_in(const pickled& outer) const {
        named_dicts found;
        std::set<const pickled*> without;  // a dict may be there under any number of names
        for (std::size_t i = 0; i + 1 < outer.items.size(); i += 2) {
            const auto &key = content_[outer.items[i]], &value = content_[outer.items[i + 1]];
            if (key.kind != pickled_kind::text || value.kind != pickled_kind::dict || without.contains(&value))
                continue;
            if (has_tensors(value))
                found.insert_or_assign(key.text, &value);
            else
                without.insert(&value);
        }
        return found;
    }
    static std::string names_of(const named_dicts& dicts) {
        std::string names;
        for (const auto& [name, dict] : dicts) names.append(names.empty() ? "'" : ", '").append(name).append("'");
        return names;
    }

    [[noreturn]] void refuse(const std::string& found) const {
        throw error(file_, found,
                    "it is damaged or no state_dict, save it again with torch.save(model.state_dict(), path)");
    }
    [[noreturn]] void refuse_object(const pickled& call, const std::string& is) const {
        throw error(file_,
                    is + " a whole pickled object, of the class " + function_of(call) + ", and only tensors are read",
                    save_state_dict);
    }

    /// "torch._utils._rebuild_tensor_v2"
    std::string function_of(const pickled& call) const {
        const auto& function = content_[call.items[0]];
        if (function.kind != pickled_kind::name) return "?";
        return std::string(content_[function.items[0]].text).append(".").append(function.text);
    }
    bool is_call_of(const pickled& call, std::string_view name) const {
        const auto& function = content_[call.items[0]];
        return function.kind == pickled_kind::name && function.text == name &&
               content_[function.items[0]].text == "torch._utils";
    }
    std::span<const std::uint32_t> arguments_of(const pickled& call) const { return content_[call.items[1]].items; }

    /// The call that makes a tensor: itself, or that inside a parameter. Parameters are one around the other at most
    /// once.
    const pickled* tensor_call(const pickled& value) const {
        const pickled* at = &value;
        if (at->kind != pickled_kind::call) return nullptr;
        if (is_call_of(*at, "_rebuild_parameter") || is_call_of(*at, "_rebuild_parameter_with_state")) {
            if (arguments_of(*at).empty()) refuse("has a parameter without a tensor");
            at = &content_[arguments_of(*at)[0]];
            if (at->kind != pickled_kind::call) return nullptr;
        }
        return is_call_of(*at, "_rebuild_tensor_v2") || is_call_of(*at, "_rebuild_tensor") ? at : nullptr;
    }
    bool is_object(const pickled& value) const { return value.kind == pickled_kind::call && !tensor_call(value); }
    bool has_tensors(const pickled& dict) const {
        for (std::size_t i = 1; i < dict.items.size(); i += 2)
            if (tensor_call(content_[dict.items[i]])) return true;
        return false;
    }

    std::vector<named_tensor> tensors_of(const pickled& dict) const {
        std::vector<named_tensor> tensors;
        for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
            const auto &key = content_[dict.items[i]], &value = content_[dict.items[i + 1]];
            const pickled* const call = tensor_call(value);
            if (key.text.size() > 4096)
                refuse("has the name '" + std::string(key.text.substr(0, 100)) + "...' of " +
                       counted(key.text.size(), "byte"));
            if (call != nullptr && key.kind == pickled_kind::text)
                tensors.emplace_back(key.text, tensor_of(*call, std::string(key.text)));
            else if (value.kind == pickled_kind::call && key.kind == pickled_kind::text)
                throw error(file_, "'" + std::string(key.text) + "' is an object that " + function_of(value) + " makes",
                            "dequantise or convert it before saving, or leave it out");
        }
        return tensors;
    }

    /// _rebuild_tensor_v2(storage, offset, size, stride, ...)
    torch_tensor tensor_of(const pickled& call, const std::string& name) const {
        const auto arguments = arguments_of(call);
        if (arguments.size() < 4) refuse("tensor '" + name + "' has too few arguments");
        torch_tensor t = storage_of(content_[arguments[0]], name);
        t.offset = whole(content_[arguments[1]], name);
        t.extents = whole_list(content_[arguments[2]], name);
        t.strides = whole_list(content_[arguments[3]], name);
        if (t.extents.size() != t.strides.size())
            refuse("tensor '" + name + "' has " + std::to_string(t.extents.size()) + " extents and " +
                   std::to_string(t.strides.size()) + " strides");
        expect_inside(t, name);
        return t;
    }

    /// ('storage', type, key, device, elements)
    torch_tensor storage_of(const pickled& value, const std::string& name) const {
        const auto is_tuple = value.kind == pickled_kind::persistent &&
                              content_[value.items[0]].kind == pickled_kind::tuple &&
                              content_[value.items[0]].items.size() == 5;
        if (!is_tuple) refuse("tensor '" + name + "' has no storage");
        const auto& parts = content_[value.items[0]].items;
        const pickled &type = content_[parts[1]], &key = content_[parts[2]];
        if (content_[parts[0]].text != "storage" || type.kind != pickled_kind::name || key.kind != pickled_kind::text)
            refuse("tensor '" + name + "' has no storage");
        torch_tensor t;
        for (const auto& known : torch_storage_types)
            if (known.name == type.text) t.type = &known;
        if (t.type == nullptr)
            throw error(file_, "tensor '" + name + "' has a " + std::string(type.text) + ", which is not known",
                        "convert it to float before saving");
        if (key.text.size() > 256)
            refuse("tensor '" + name + "' has a storage with a name of " + counted(key.text.size(), "byte"));
        t.key = key.text;
        t.storage_elements = whole(content_[parts[4]], name);
        return t;
    }

    std::size_t whole(const pickled& value, const std::string& name) const {
        if (value.kind != pickled_kind::integer || value.integer < 0)
            refuse("tensor '" + name + "' has an extent, stride or offset that is no number from 0 on");
        return static_cast<std::size_t>(value.integer);
    }
    std::vector<std::size_t> whole_list(const pickled& value, const std::string& name) const {
        if (value.kind != pickled_kind::tuple && value.kind != pickled_kind::list)
            refuse("tensor '" + name + "' has no tuple of extents or strides");
        if (value.items.size() > 64)
            refuse("tensor '" + name + "' has " + std::to_string(value.items.size()) + " extents or strides");
        std::vector<std::size_t> numbers;
        for (const auto item : value.items) numbers.push_back(whole(content_[item], name));
        return numbers;
    }

    /// The last element, offset + sum of (extent - 1) * stride, lies in the storage.
    void expect_inside(const torch_tensor& t, const std::string& name) const {
        if (std::find(t.extents.begin(), t.extents.end(), 0u) != t.extents.end()) return;
        std::size_t last = t.offset;
        bool fits = true;
        for (std::size_t axis = 0; axis < t.extents.size(); ++axis) {
            std::size_t way = 0;
            fits = fits && !__builtin_mul_overflow(t.extents[axis] - 1, t.strides[axis], &way) &&
                   !__builtin_add_overflow(last, way, &last);
        }
        if (!fits || last >= t.storage_elements)
            refuse("tensor '" + name + "' of shape " + shape_text(t.extents) + ", strides " + shape_text(t.strides) +
                   " and offset " + std::to_string(t.offset) + " leaves its storage of " +
                   counted(t.storage_elements, "element"));
    }

    pickle_content content_;
    std::string file_;
};

}  // namespace tensor_compress::detail
