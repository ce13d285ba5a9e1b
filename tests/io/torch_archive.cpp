// SPDX-License-Identifier: MIT
#include <compress/io/torch_archive.hpp>

#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <compress/io/npz.hpp>
#include <compress/io/onnx.hpp>
#include <compress/io/safetensors.hpp>

#include "../catch.hpp"
#include "../scratch.hpp"
#include "torch_writer.hpp"

namespace tc = tensor_compress;
namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using tests::pickle_writer;
using tests::scratch_folder;
using tests::storage_bytes;
using tests::write_zip;
using tests::zip_members;
using byte_vector = std::vector<std::uint8_t>;

namespace {

/// An archive of one pickle and its storages, read.
tc::named_tensors read(const pickle_writer& pickle, const zip_members& storages, std::string_view entry = {}) {
    const scratch_folder folder;
    zip_members members{{"m/data.pkl", pickle.bytes()}};
    for (const auto& [key, bytes] : storages) members.emplace_back("m/data/" + key, bytes);
    members.emplace_back("m/version", byte_vector{'3', '\n'});
    write_zip(folder / "m.pt", members);
    return tc::load_torch(folder / "m.pt", entry);
}

std::string refusal(const pickle_writer& pickle, const zip_members& storages = {}, std::string_view entry = {}) {
    try {
        (void)read(pickle, storages, entry);
    } catch (const tc::error& refused) {
        return refused.what();
    }
    return "accepted";
}

const std::vector<float> six{0, 1, 2, 3, 4, 5};

/// One tensor 'w' of six floats in storage "0".
pickle_writer one_tensor(const pickle_writer::view& v, std::int64_t elements = 6) {
    pickle_writer pickle;
    pickle.ordered_dict([&](auto& dict) { dict.text("w").tensor("FloatStorage", "0", elements, v); });
    return pickle;
}
zip_members six_floats() { return {{"0", storage_bytes(six)}}; }

std::vector<float> values(const tc::array<float>& a) { return {a.data(), a.data() + a.size()}; }

}  // namespace

TEST_CASE("a state_dict is read", "[torch]") {
    pickle_writer pickle;
    pickle.ordered_dict([](auto& dict) {
        dict.text("fc.weight").tensor("FloatStorage", "0", 6, {0, {2, 3}, {3, 1}});
        dict.text("fc.bias").global("torch._utils", "_rebuild_parameter").raw("(");  // as of a parameter
        dict.tensor("FloatStorage", "1", 2, {0, {2}, {1}}).raw("\x88").global("collections", "OrderedDict").raw(")RtR");
        dict.text("bn.num_batches_tracked").tensor("LongStorage", "2", 1, {0, {}, {}});
    });
    pickle.raw("}").text("_metadata").raw("}sb");  // an attribute of the dict
    const auto tensors =
        read(pickle, {{"0", storage_bytes(six)}, {"1", storage_bytes<float>({7, 8})}, {"2", byte_vector(8)}});
    CHECK(tensors.size() == 2);
    CHECK(tc::shape_of(tensors.at("fc.weight")) == std::vector<std::size_t>{2, 3});
    CHECK(values(tensors.at("fc.weight")) == six);
    CHECK(values(tensors.at("fc.bias")) == std::vector<float>{7, 8});
}

TEST_CASE("views and shared storages become tensors of their own", "[torch]") {
    pickle_writer pickle;
    pickle.ordered_dict([](auto& dict) {
        dict.text("turned").tensor("FloatStorage", "0", 6, {0, {3, 2}, {1, 3}});
        dict.text("column").tensor("FloatStorage", "0", 6, {1, {2}, {3}});
        dict.text("repeated").tensor("FloatStorage", "0", 6, {5, {2, 2}, {0, 0}});
        dict.text("scalar").tensor("FloatStorage", "0", 6, {2, {}, {}});
        dict.text("empty").tensor("FloatStorage", "0", 6, {6, {0, 4}, {4, 1}});
    });
    const auto tensors = read(pickle, six_floats());
    CHECK(values(tensors.at("turned")) == std::vector<float>{0, 3, 1, 4, 2, 5});
    CHECK(values(tensors.at("column")) == std::vector<float>{1, 4});
    CHECK(values(tensors.at("repeated")) == std::vector<float>(4, 5.0f));
    CHECK(values(tensors.at("scalar")) == std::vector<float>{2});
    CHECK(tensors.at("empty").size() == 0);
}

TEST_CASE("all types of floats are read, in either byte order", "[torch]") {
    pickle_writer pickle;
    pickle.ordered_dict([](auto& dict) {
        dict.text("f").tensor("FloatStorage", "f", 1, {0, {1}, {1}});
        dict.text("d").tensor("DoubleStorage", "d", 1, {0, {1}, {1}});
        dict.text("h").tensor("HalfStorage", "h", 2, {0, {2}, {1}});
        dict.text("b").tensor("BFloat16Storage", "b", 1, {0, {1}, {1}});
    });
    for (const auto order : {std::endian::little, std::endian::big}) {
        const scratch_folder folder;
        const std::string name = order == std::endian::big ? "big" : "little";
        write_zip(folder / "m.pt", {{"a/data.pkl", pickle.bytes()},
                                    {"a/byteorder", byte_vector(name.begin(), name.end())},
                                    {"a/data/f", storage_bytes<float>({-1.5f}, order)},
                                    {"a/data/d", storage_bytes<double>({0.1}, order)},
                                    {"a/data/h", storage_bytes<std::uint16_t>({0x3c00, 0xfc00}, order)},
                                    {"a/data/b", storage_bytes<std::uint16_t>({0xc000}, order)}});
        const auto tensors = tc::load_torch(folder / "m.pt");
        CHECK(tensors.at("f")(0) == -1.5f);
        CHECK(tensors.at("d")(0) == 0.1f);
        CHECK(tensors.at("h")(0) == 1.0f);
        CHECK(tensors.at("h")(1) == -std::numeric_limits<float>::infinity());
        CHECK(tensors.at("b")(0) == -2.0f);
    }
    pickle_writer large;
    large.ordered_dict([](auto& dict) { dict.text("d").tensor("DoubleStorage", "d", 1, {0, {1}, {1}}); });
    CHECK_THAT(refusal(large, {{"d", storage_bytes<double>({1e300})}}),
               ContainsSubstring("m.pt[d]: holds 1e+300, too large for float"));
    pickle_writer other;
    other.ordered_dict([](auto& dict) { dict.text("c").tensor("ComplexFloatStorage", "c", 1, {0, {1}, {1}}); });
    CHECK_THAT(refusal(other), ContainsSubstring("tensor 'c' has a ComplexFloatStorage, which is not known"));
}

TEST_CASE("the dict of tensors in a checkpoint is found, or asked for", "[torch]") {
    const auto checkpoint = [](const std::vector<std::string>& names) {
        pickle_writer pickle;
        pickle.raw("}(").text("epoch").integer(7).text("loss").raw("G\x3f\xf0").raw({"\0\0\0\0\0\0", 6});
        float first = 0;
        for (const auto& name : names)
            pickle.text(name).ordered_dict([&](auto& dict) {
                dict.text("w").tensor("FloatStorage", "0", 6, {static_cast<std::int64_t>(first++), {1}, {1}});
            });
        pickle.text("best").tensor("FloatStorage", "0", 6, {5, {}, {}});
        pickle.text("args").global("argparse", "Namespace").raw(")\x81}").text("lr").integer(1).raw("sb");
        return pickle.raw("u");
    };
    CHECK(read(checkpoint({"state_dict"}), six_floats()).at("w")(0) == 0);
    CHECK(read(checkpoint({"model"}), six_floats()).at("w")(0) == 0);
    CHECK(read(checkpoint({"model", "ema"}), six_floats(), "ema").at("w")(0) == 1);
    CHECK_THAT(refusal(checkpoint({"model", "ema"}), six_floats()),
               ContainsSubstring("holds more than one dict of tensors: 'ema', 'model'; pass the name of one"));
    CHECK_THAT(refusal(checkpoint({"model", "ema"}), six_floats(), "net"),
               ContainsSubstring("has no dict of tensors 'net'; take one of: 'ema', 'model'"));
    CHECK_THAT(refusal(one_tensor({0, {6}, {1}}), six_floats(), "model"), ContainsSubstring("name none"));
}

TEST_CASE("what is no state_dict is refused by name", "[torch]") {
    const std::string advice = "torch.save(model.state_dict(), path)";
    pickle_writer module;
    module.global("torch.nn.modules.container", "Sequential").raw(")\x81}").text("training").raw("\x89sb");
    CHECK_THAT(refusal(module), ContainsSubstring("is a whole pickled object, of the class "
                                                  "torch.nn.modules.container.Sequential") &&
                                    ContainsSubstring(advice));
    pickle_writer inside;
    inside.raw("}").text("model").global("net", "Net").raw(")\x81s");
    CHECK_THAT(refusal(inside), ContainsSubstring("holds a whole pickled object, of the class net.Net"));
    CHECK_THAT(refusal(pickle_writer().integer(3)), ContainsSubstring("holds no dict of tensors"));
    pickle_writer quantised;
    quantised.ordered_dict([](auto& dict) {
        dict.text("w").tensor("FloatStorage", "0", 6, {0, {6}, {1}});
        dict.text("q").global("torch._utils", "_rebuild_qtensor").raw(")R");
    });
    CHECK_THAT(refusal(quantised, six_floats()),
               ContainsSubstring("'q' is an object that torch._utils._rebuild_qtensor makes"));

    const scratch_folder folder;
    const auto message = [&] {
        try {
            (void)tc::load_torch(folder / "m.pt");
        } catch (const tc::error& refused) {
            return std::string(refused.what());
        }
        return std::string("accepted");
    };
    write_zip(folder / "m.pt", {{"m/data.pkl", pickle_writer().raw("}").bytes()}, {"m/constants.pkl", {'.'}}});
    CHECK_THAT(message(), ContainsSubstring("is a TorchScript archive") && ContainsSubstring("torch.jit.load"));
    write_zip(folder / "m.pt", {{"x.npy", {'h', 'i'}}});
    CHECK_THAT(message(), ContainsSubstring("is a zip archive without data.pkl") && ContainsSubstring(advice));
    tc::write_file(folder / "m.pt",
                   byte_vector{0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'});
    CHECK_THAT(message(), ContainsSubstring("in the format before version 1.6") && ContainsSubstring(advice));
    byte_vector tar(1024);
    const std::string magic = "ustar";
    std::copy(magic.begin(), magic.end(), tar.begin() + 257);
    tc::write_file(folder / "m.pt", tar);
    CHECK_THAT(message(), ContainsSubstring("in the format before version 1.6"));
    tc::write_file(folder / "m.pt", byte_vector(100, 'x'));
    CHECK_THAT(message(), ContainsSubstring("is no archive of torch.save (Not a zip archive)"));
    CHECK_THROWS_WITH(tc::load_torch(folder / "none.pt"), ContainsSubstring("does not exist"));
}

TEST_CASE("other readers know a PyTorch archive", "[torch]") {
    const scratch_folder folder;
    write_zip(folder / "m.pt", {{"m/data.pkl", one_tensor({0, {6}, {1}}).bytes()}, {"m/data/0", storage_bytes(six)}});
    const auto expected = ContainsSubstring("m.pt: is a PyTorch archive; read its weights with load_torch");
    CHECK_THROWS_WITH(tc::load_safetensors(folder / "m.pt"), expected);
    CHECK_THROWS_WITH(tc::load_npz<float>(folder / "m.pt"), expected);
    CHECK_THROWS_WITH(tc::load_npy<float>(folder / "m.pt"), expected);
    CHECK_THROWS_WITH(tc::import_onnx(folder / "m.pt"), expected);
}

TEST_CASE("numbers of a tensor are checked, each in turn", "[torch]") {
    const std::int64_t huge = std::numeric_limits<std::int64_t>::max();
    const auto of = [&](const pickle_writer::view& v, std::int64_t elements = 6) {
        return refusal(one_tensor(v, elements), six_floats());
    };
    CHECK(of({0, {2, 3}, {3, 1}}) == "accepted");
    CHECK_THAT(
        of({1, {2, 3}, {3, 1}}),
        ContainsSubstring("tensor 'w' of shape [2, 3], strides [3, 1] and offset 1 leaves its storage of 6 elements"));
    for (const auto& v : std::vector<pickle_writer::view>{{0, {7}, {1}},
                                                          {0, {2, 3}, {4, 1}},
                                                          {6, {}, {}},
                                                          {0, {huge}, {1}},
                                                          {0, {huge, huge}, {1, 1}},
                                                          {0, {2, 2}, {huge, huge}},
                                                          {huge, {2}, {huge}},
                                                          {0, {3}, {huge}}})
        CHECK_THAT(of(v), ContainsSubstring("leaves its storage"));
    for (const auto& v : std::vector<pickle_writer::view>{{-1, {2}, {1}}, {0, {-2}, {1}}, {5, {2}, {-1}}})
        CHECK_THAT(of(v), ContainsSubstring("no number from 0 on"));
    CHECK_THAT(of({0, {6}, {}}), ContainsSubstring("1 extents and 0 strides"));
    CHECK_THAT(of({0, std::vector<std::int64_t>(65, 1), std::vector<std::int64_t>(65, 1)}),
               ContainsSubstring("65 extents or strides"));
    CHECK_THAT(of({0, {7}, {1}}, 7), ContainsSubstring("m.pt[w]: has a storage of 7 elements of 4 bytes, but "
                                                       "'m/data/0' holds 24 bytes"));
    CHECK_THAT(of({0, {6}, {1}}, huge), ContainsSubstring("but 'm/data/0' holds 24 bytes"));
    CHECK_THAT(refusal(one_tensor({0, {6}, {1}})), ContainsSubstring("has no member 'm/data/0'"));
    // One element, repeated: no storage is left, and still it would be 64 GB.
    CHECK_THAT(of({0, {1 << 17, 1 << 17}, {0, 0}}), ContainsSubstring("brings the tensors to more than the limit of"));
    CHECK_THAT(of({0, {huge, huge}, {0, 0}}), ContainsSubstring("more bytes than memory can have"));
}

TEST_CASE("a pickle of other things in place of a tensor's parts is refused", "[torch]") {
    const auto with = [](const std::string& arguments) {
        pickle_writer pickle;
        pickle.ordered_dict([&](auto& dict) {
            dict.text("w").global("torch._utils", "_rebuild_tensor_v2").raw("(" + arguments + "tR");
        });
        return refusal(pickle, six_floats());
    };
    CHECK_THAT(with(""), ContainsSubstring("tensor 'w' has too few arguments"));
    CHECK_THAT(with("NK\x01))"), ContainsSubstring("tensor 'w' has no storage"));
    CHECK_THAT(with("NQK\x01))"), ContainsSubstring("tensor 'w' has no storage"));
    CHECK_THAT(with("(NNNNNtQK\x01))"), ContainsSubstring("tensor 'w' has no storage"));
    pickle_writer no_numbers;
    no_numbers.ordered_dict([](auto& dict) {
        dict.text("w").global("torch._utils", "_rebuild_tensor_v2").raw("(").storage("FloatStorage", "0", 6);
        dict.raw("NNNtR");
    });
    CHECK_THAT(refusal(no_numbers, six_floats()), ContainsSubstring("no number from 0 on"));
    pickle_writer parameter;
    parameter.ordered_dict([](auto& dict) { dict.text("w").global("torch._utils", "_rebuild_parameter").raw(")R"); });
    CHECK_THAT(refusal(parameter), ContainsSubstring("has a parameter without a tensor"));
}

TEST_CASE("opcodes that no state_dict has, and those in the wrong place, are refused", "[torch]") {
    const auto of = [](std::string_view opcodes) { return refusal(pickle_writer().raw(opcodes)); };
    CHECK_THAT(of("ios\nsystem\n"), ContainsSubstring("has the opcode 105 at byte 2, which no state_dict has"));
    CHECK_THAT(of("\xff"), ContainsSubstring("has the opcode 255"));
    for (const char* opcodes :
         {"", "0", "R", "K\x01R", "b", "Q", "s", "}Ns", "a", "]a", "q\x01", "\x86", "N\x87", "(\x85"})
        CHECK_THAT(of(opcodes), ContainsSubstring("empty stack"));
    for (const char* opcodes : {"t", "u", "e", "N}t"})
        CHECK_THAT(of(opcodes), ContainsSubstring("mark that is not there"));
    for (const char* opcodes : {"h\x07", "j\x07\x07\x07\x07"})
        CHECK_THAT(of(opcodes), ContainsSubstring("of its memo"));
    for (const char* opcodes : {"NNNs", "]NNs", "}Na", "}(Nu"})
        CHECK_THAT(of(opcodes), ContainsSubstring("adds items"));
    CHECK_THAT(of("NNR"), ContainsSubstring("calls with arguments that are no tuple"));
    CHECK_THAT(of("NN\x93"), ContainsSubstring("a class whose name is no text"));
    CHECK_THAT(of("cos"), ContainsSubstring("ends inside the name of a class"));
    CHECK_THAT(of("X\xff\xff\xff\xff"), ContainsSubstring("takes 4294967295"));
    CHECK_THAT(of("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"), ContainsSubstring("takes 18446744073709551615"));
    CHECK_THAT(of("\x8a\xff"), ContainsSubstring("takes 255"));
    // A call is a record: nothing runs, and it is no dict.
    CHECK_THAT(of("cos\nsystem\nX\x04"), ContainsSubstring("ends after"));
    CHECK_THAT(refusal(pickle_writer().global("os", "system").text("true").raw("\x85R")),
               ContainsSubstring("is a whole pickled object, of the class os.system"));
}

TEST_CASE("a pickle that holds itself, or very much, is refused or read, never more", "[torch]") {
    // A dict in itself, and a tuple of tuples that would have 2^200 leaves.
    const auto no_tensor = ContainsSubstring("holds no tensor in its outermost dict");
    CHECK_THAT(refusal(pickle_writer().raw("}q").raw({"\0", 1}).text("me").raw("h").raw({"\0", 1}).raw("s")),
               no_tensor);
    pickle_writer doubled;
    doubled.raw("}").text("t").raw(")q\x01");
    for (int i = 0; i < 200; ++i) doubled.raw("h\x01\x86q\x01");
    CHECK_THAT(refusal(doubled.raw("s")), no_tensor);
    CHECK_THAT(refusal(pickle_writer().raw(std::string(5'000'000, 'N'))),
               ContainsSubstring("more than 4000000 values"));
    CHECK_THAT(refusal(pickle_writer().raw(std::string(1'000'000, '('))),
               ContainsSubstring("nests more than 1000 marks"));
    std::string recalled = "Nq\x01";
    for (int i = 0; i < 5'000'000; ++i) recalled += "h\x01";
    CHECK_THAT(refusal(pickle_writer().raw(recalled)), ContainsSubstring("stacks more than 4000000 values"));
    std::string remembered = "N";
    for (std::uint32_t i = 0; i < 4'500'000; ++i)
        remembered.append("r").append(reinterpret_cast<const char*>(&i), sizeof i);
    CHECK_THAT(refusal(pickle_writer().raw(remembered)), ContainsSubstring("remembers more than 4000000 values"));
}

TEST_CASE("many tensors take time in proportion", "[torch]") {
    constexpr int many = 30'000;
    pickle_writer pickle;
    zip_members storages;
    pickle.ordered_dict([&](auto& dict) {
        for (int i = 0; i < many; ++i) {
            const std::string key = std::to_string(i);
            dict.text("w" + key).tensor("FloatStorage", key, 1, {0, {1}, {1}});
            storages.emplace_back(key, storage_bytes<float>({static_cast<float>(i)}));
        }
    });
    const auto tensors = read(pickle, storages);
    CHECK(tensors.size() == many);
    CHECK(tensors.at("w12345")(0) == 12345.0f);
}

TEST_CASE("what a pickle holds once and names often takes time in proportion", "[torch]") {
    // Each would be 10^10 and more, were it looked at for each of its names.
    constexpr int many = 100'000;
    pickle_writer dicts;
    dicts.raw("}}(");
    for (int i = 0; i < many; ++i) dicts.raw("K\x01N");
    dicts.raw("uq\x01"
              "0(");
    for (int i = 0; i < many; ++i) dicts.text(std::to_string(i)).raw("h\x01");
    CHECK_THAT(refusal(dicts.raw("u")), ContainsSubstring("holds no tensor"));

    pickle_writer extents;  // a tuple of many extents, of many tensors
    extents.raw("}")
        .integers(std::vector<std::int64_t>(many, 1))
        .raw("q\x01"
             "0(");
    for (int i = 0; i < many; ++i) {
        extents.text(std::to_string(i)).global("torch._utils", "_rebuild_tensor_v2").raw("(");
        extents.storage("FloatStorage", "0", 6).raw("K").raw({"\0", 1}).raw("h\x01h\x01tR");
    }
    CHECK_THAT(refusal(extents.raw("u"), six_floats()), ContainsSubstring("100000 extents or strides"));

    pickle_writer names;
    names.ordered_dict([](auto& dict) {
        dict.text(std::string(5000, 'n')).tensor("FloatStorage", "0", 6, {0, {6}, {1}});
    });
    CHECK_THAT(refusal(names, six_floats()), ContainsSubstring("...' of 5000 bytes"));
    pickle_writer storages;
    storages.ordered_dict([](auto& dict) {
        dict.text("w").tensor("FloatStorage", std::string(300, '0'), 6, {0, {6}, {1}});
    });
    CHECK_THAT(refusal(storages), ContainsSubstring("a storage with a name of 300 bytes"));
}

TEST_CASE("a PyTorch archive that is cut or changed is read or refused, never more", "[torch]") {
    const scratch_folder folder;
    const auto pickle = one_tensor({1, {2, 2}, {2, 1}}).bytes();
    for (std::size_t length = 0; length < pickle.size(); ++length) {
        write_zip(folder / "m.pt",
                  {{"m/data.pkl", {pickle.begin(), pickle.begin() + static_cast<std::ptrdiff_t>(length)}},
                   {"m/data/0", storage_bytes(six)}});
        CHECK_THROWS_AS(tc::load_torch(folder / "m.pt"), tc::error);
    }
    std::mt19937 random(7);
    std::size_t refused = 0;
    for (int round = 0; round < 3000; ++round) {
        auto changed = pickle;
        for (int i = 0; i <= round % 3; ++i) changed[random() % changed.size()] = static_cast<std::uint8_t>(random());
        write_zip(folder / "m.pt", {{"m/data.pkl", changed}, {"m/data/0", storage_bytes(six)}});
        try {
            (void)tc::load_torch(folder / "m.pt");
        } catch (const tc::error&) {
            ++refused;
        }
    }
    CHECK(refused > 1000);

    write_zip(folder / "m.pt", {{"m/data.pkl", pickle}, {"m/data/0", storage_bytes(six)}});
    const auto whole = tc::read_file(folder / "m.pt");
    for (std::size_t length = 1; length < whole.size(); ++length) {
        tc::write_file(folder / "b.pt", std::span(whole).first(length));
        CHECK_THROWS_AS(tc::load_torch(folder / "b.pt"), tc::error);
    }
}
