// SPDX-License-Identifier: MIT
#include <compress/io/safetensors.hpp>

#include <compress/io/npz.hpp>

#include <cmath>

#include "../catch.hpp"
#include "../data.hpp"
#include "../scratch.hpp"

namespace tc = tensor_compress;
namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using tests::scratch_folder;
using byte_vector = std::vector<std::uint8_t>;

namespace {

/// A safetensors file with any header text, and any length claimed for it.
byte_vector file_of(const std::string& header, const byte_vector& data, std::uint64_t claimed) {
    byte_vector bytes;
    tc::append_value(bytes, claimed, std::endian::little);
    bytes.insert(bytes.end(), header.begin(), header.end());
    bytes.insert(bytes.end(), data.begin(), data.end());
    return bytes;
}

byte_vector file_of(const std::string& header, const byte_vector& data) { return file_of(header, data, header.size()); }

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
    return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

tc::named_tensors read(const byte_vector& bytes) {
    const scratch_folder folder;
    tc::write_file(folder / "m.safetensors", bytes);
    return tc::load_safetensors(folder / "m.safetensors");
}

std::string refusal(const byte_vector& bytes) {
    try {
        (void)read(bytes);
    } catch (const tc::error& refused) {
        return refused.what();
    }
    return "accepted";
}

std::string refusal(const std::string& header, const byte_vector& data) { return refusal(file_of(header, data)); }

template <class Stored>
byte_vector values(std::initializer_list<Stored> list) {
    byte_vector bytes;
    for (const Stored value : list) tc::append_value(bytes, value, std::endian::little);
    return bytes;
}

}  // namespace

TEST_CASE("tensors and metadata are read as they were written", "[safetensors]") {
    const scratch_folder folder;
    tc::named_tensors tensors;
    tensors["stem.weight"] = tc::make_array<float>({2, 3, 1, 1});
    tensors["stem.bias"] = tc::make_array<float>({2});
    tensors["scale"] = tc::make_array<float>({});
    tensors["none"] = tc::make_array<float>({0, 4});
    tensors["na\"me \xc3\xa9\n"] = tc::make_array<float>({1});
    for (auto& item : tensors)
        for (std::size_t i = 0; i < item.second.size(); ++i) item.second.data()[i] = 1.5f * static_cast<float>(i) - 1;
    const tc::safetensors_metadata metadata{{"format", "pt"}, {"made by", "a \"test\""}};

    tc::save_safetensors(folder / "m.safetensors", tensors, metadata);
    CHECK((tc::load_safetensors(folder / "m.safetensors") == tensors));
    CHECK(tc::load_safetensors_metadata(folder / "m.safetensors") == metadata);
    const auto bytes = tc::read_file(folder / "m.safetensors");
    CHECK(tc::load_value<std::uint64_t>(bytes.data(), std::endian::little) % 8 == 0);
    CHECK(bytes[8] == '{');

    tc::save_safetensors(folder / "m.safetensors", {});
    CHECK(tc::load_safetensors(folder / "m.safetensors").empty());
    CHECK(tc::load_safetensors_metadata(folder / "m.safetensors").empty());
}

TEST_CASE("NaN is kept to the bit and found by expect_finite", "[safetensors]") {
    const auto tensors =
        read(file_of("{" + entry("a", "F32", "[2]", "[0,8]") + "}", values<std::uint32_t>({0x7fc01234, 0xff800000})));
    CHECK(std::bit_cast<std::uint32_t>(tensors.at("a")(0)) == 0x7fc01234);
    CHECK_THROWS_WITH(tc::expect_finite(tensors, "m.safetensors"),
                      ContainsSubstring("tensor 'a' [2] holds NaN at index [0]"));
}

TEST_CASE("every floating-point type becomes float", "[safetensors]") {
    const std::string header = "{" + entry("d", "F64", "[2]", "[0,16]") + "," + entry("s", "F32", "[1]", "[16,20]") +
                               "," + entry("h", "F16", "[1,2]", "[20,24]") + "," +
                               entry("b", "BF16", "[2]", "[24,28]") + "}   ";
    auto data = values<double>({0.1, -3.0});
    for (const auto& more :
         {values<float>({2.5f}), values<std::uint16_t>({0x3c00, 0x0001}), values<std::uint16_t>({0x3f80, 0xc000})})
        data.insert(data.end(), more.begin(), more.end());
    const auto tensors = read(file_of(header, data));
    REQUIRE(tensors.size() == 4);
    CHECK(tensors.at("d")(0) == 0.1f);
    CHECK(tensors.at("d")(1) == -3.0f);
    CHECK(tensors.at("s")(0) == 2.5f);
    CHECK(tensors.at("h")(0, 0) == 1.0f);
    CHECK(tensors.at("h")(0, 1) == 0x1p-24f);
    CHECK(tensors.at("b")(1) == -2.0f);
}

TEST_CASE("other types are refused with the tensor's name", "[safetensors]") {
    for (const char* dtype : {"I64", "I8", "U8", "BOOL", "F8_E4M3", "f32", ""})
        CHECK_THAT(refusal("{" + entry("labels", dtype, "[2]", "[0,16]") + "}", byte_vector(16)),
                   ContainsSubstring("m.safetensors: tensor 'labels' has dtype " + std::string(dtype) +
                                     ", expected F32, F16, BF16 or F64;"));
    CHECK_THAT(refusal("{" + entry("a", "F64", "[1]", "[0,8]") + "}", values<double>({1e300})),
               ContainsSubstring("too large for float"));
}

TEST_CASE("counters are left out", "[safetensors]") {
    const std::string header = "{" + entry("bn.weight", "F32", "[1]", "[0,4]") + "," +
                               entry("bn.num_batches_tracked", "I64", "[]", "[4,12]") + "," +
                               entry("step", "U8", "[1,1]", "[12,13]") + "}";
    const auto tensors = read(file_of(header, byte_vector(13)));
    CHECK(tensors.size() == 1);
    CHECK(tensors.at("bn.weight")(0) == 0.0f);
    CHECK_THAT(refusal(header, byte_vector(4)), ContainsSubstring("has data_offsets [4, 12] in data of 4 bytes"));
}

TEST_CASE("a file of PyTorch is known", "[safetensors]") {
    const std::string archive = "PK\3\4" + std::string(12, '\0') + "model/data.pkl and more";
    CHECK_THAT(refusal(byte_vector(archive.begin(), archive.end())),
               ContainsSubstring("m.safetensors: is a PyTorch archive; read its weights with load_torch"));
    const byte_vector old{0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
    CHECK_THAT(refusal(old), ContainsSubstring("is a PyTorch file in the format before version 1.6; save it again"));
}

TEST_CASE("a safetensors file cut anywhere is refused", "[safetensors]") {
    const auto whole = file_of("{" + entry("a", "F32", "[3]", "[0,12]") + "}", byte_vector(12));
    for (std::size_t length = 1; length < whole.size(); ++length)
        CHECK_THAT(refusal(byte_vector(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length))),
                   ContainsSubstring("m.safetensors: "));
}

TEST_CASE("every changed byte of a safetensors header is read or refused, never more", "[safetensors]") {
    const auto whole = file_of(
        "{" + entry("a", "F32", "[3]", "[0,12]") + "," + entry("b", "F16", "[1,2]", "[12,16]") + "}", byte_vector(16));
    const scratch_folder folder;
    std::size_t refused = 0;
    for (std::size_t at = 0; at + 16 < whole.size(); ++at) {
        for (const int change : {1, 2, 4, 16, 32, 128, 255}) {
            auto bytes = whole;
            bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ change);
            tc::byte_reader reader(bytes, "m");
            try {
                (void)tc::detail::read_safetensors_header(reader, "m");
            } catch (const tc::error&) {
                ++refused;
            }
        }
    }
    CHECK(refused > 500);
}

TEST_CASE("a header's length is checked before it is believed", "[safetensors]") {
    CHECK_THAT(refusal(file_of("{}", {}, 100'000'001)),
               ContainsSubstring("claims a header of 100000001 bytes, the limit is 100000000"));
    CHECK_THAT(refusal(file_of("{}", {}, ~std::uint64_t{0})),
               ContainsSubstring("claims a header of 18446744073709551615 bytes"));
    CHECK_THAT(refusal(file_of("{}", {}, 3)),
               ContainsSubstring("ends after 10 bytes, but the header at byte 8 takes 3"));
    CHECK_THAT(refusal(file_of("{}", {}, 0)), ContainsSubstring("has a header that does not begin with '{'"));
}

TEST_CASE("a header that is not the format's JSON is refused", "[safetensors]") {
    CHECK_THAT(refusal(" {}", {}), ContainsSubstring("does not begin with '{'"));
    CHECK_THAT(refusal("[]", {}), ContainsSubstring("does not begin with '{'"));
    CHECK_THAT(refusal("{\"a\"", {}), ContainsSubstring("has a header that is not JSON"));
    CHECK_THAT(refusal("{} x", {}), ContainsSubstring("has a header that is not JSON"));
    CHECK_THAT(refusal("{\"\xff\":1}", {}), ContainsSubstring("has a header that is not JSON"));
    CHECK_THAT(refusal("{\"a\":1}", {}), ContainsSubstring("tensor 'a' has no 'dtype'"));
    CHECK_THAT(refusal("{\"a\":{\"dtype\":7}}", {}), ContainsSubstring("tensor 'a' has no 'dtype'"));
    CHECK_THAT(refusal("{\"a\":{\"dtype\":\"F32\"}}", {}),
               ContainsSubstring("tensor 'a' has no 'shape' of whole numbers"));
    CHECK_THAT(refusal("{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", {}),
               ContainsSubstring("tensor 'a' has no 'data_offsets' of whole numbers"));
    for (const char* shape : {"[-1]", "[1.0]", "[\"1\"]", "1", "[18446744073709551616]", "null"})
        CHECK_THAT(refusal("{" + entry("a", "F32", shape, "[0,4]") + "}", byte_vector(4)),
                   ContainsSubstring("tensor 'a' has no 'shape' of whole numbers"));
    CHECK_THAT(refusal("{\"__metadata__\":{\"a\":1}}", {}),
               ContainsSubstring("'__metadata__' that is not a map from text to text"));
    CHECK_THAT(refusal("{\"__metadata__\":[]}", {}), ContainsSubstring("'__metadata__' that is not a map"));
    const std::string a = entry("a", "F32", "[1]", "[0,4]");
    CHECK_THAT(refusal("{" + a + "," + a + "}", byte_vector(4)),
               ContainsSubstring("has the key 'a' twice in its header"));
    CHECK_THAT(
        refusal("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", byte_vector(4)),
        ContainsSubstring("has the key 'dtype' twice"));
    CHECK_THAT(refusal("{" + entry("a", "F32", "[[1]]", "[0,4]") + "}", byte_vector(4)),
               ContainsSubstring("nested deeper than the format"));
    CHECK_THAT(refusal("{\"a\":" + std::string(100'000, '['), {}), ContainsSubstring("nested deeper than the format"));
    CHECK_THAT(refusal("{\"a\":" + std::string(100'000, '{'), {}), ContainsSubstring("has a header that is not JSON"));
}

TEST_CASE("offsets out of range, overlapping or with holes are refused", "[safetensors]") {
    const auto two = [](const char* first, const char* second) {
        return "{" + entry("a", "F32", "[1]", first) + "," + entry("b", "F32", "[1]", second) + "}";
    };
    CHECK(refusal(two("[0,4]", "[4,8]"), byte_vector(8)) == "accepted");
    CHECK(refusal(two("[4,8]", "[0,4]"), byte_vector(8)) == "accepted");
    CHECK_THAT(refusal(two("[0,4]", "[5,9]"), byte_vector(9)),
               ContainsSubstring("tensor 'b' begins at byte 5 of the data, after a hole from 4"));
    CHECK_THAT(refusal(two("[0,4]", "[2,6]"), byte_vector(6)),
               ContainsSubstring("tensor 'b' begins at byte 2 of the data, inside the one before, which ends at 4"));
    CHECK_THAT(refusal(two("[0,4]", "[0,4]"), byte_vector(4)), ContainsSubstring("inside the one before"));
    CHECK_THAT(refusal(two("[1,5]", "[5,9]"), byte_vector(9)),
               ContainsSubstring("tensor 'a' begins at byte 1 of the data, after a hole from 0"));
    CHECK_THAT(refusal(two("[0,4]", "[4,8]"), byte_vector(9)),
               ContainsSubstring("has 1 byte of data that belong to no tensor"));
    CHECK_THAT(refusal(two("[0,4]", "[4,8]"), byte_vector(7)),
               ContainsSubstring("tensor 'b' has data_offsets [4, 8] in data of 7 bytes"));
    CHECK_THAT(refusal(two("[4,0]", "[4,8]"), byte_vector(8)), ContainsSubstring("tensor 'a' has data_offsets [4, 0]"));
    CHECK_THAT(refusal(two("[0]", "[4,8]"), byte_vector(8)), ContainsSubstring("tensor 'a' has data_offsets [0]"));
    CHECK_THAT(refusal(two("[0,18446744073709551615]", "[4,8]"), byte_vector(8)),
               ContainsSubstring("tensor 'a' has data_offsets [0, 18446744073709551615]"));
    CHECK_THAT(refusal("{}", byte_vector(8)), ContainsSubstring("has 8 bytes of data that belong to no tensor"));
}

TEST_CASE("a shape that overflows or gives other bytes is refused", "[safetensors]") {
    const auto shaped = [](const char* shape) {
        return refusal("{" + entry("a", "F32", shape, "[0,8]") + "}", byte_vector(8));
    };
    CHECK(shaped("[2]") == "accepted");
    CHECK(shaped("[1,2,1]") == "accepted");
    CHECK_THAT(shaped("[3]"),
               ContainsSubstring("tensor 'a' of shape [3] takes 12 bytes, but its data_offsets [0, 8] give 8"));
    CHECK_THAT(shaped("[]"), ContainsSubstring("takes 4 bytes"));
    CHECK_THAT(shaped("[0]"), ContainsSubstring("takes 0 bytes"));
    CHECK_THAT(shaped("[4611686018427387904,4]"),
               ContainsSubstring("m.safetensors[a]: names a shape of more bytes than memory can have"));
    CHECK_THAT(shaped("[4611686018427387906]"), ContainsSubstring("names a shape of more bytes than memory can have"));
}

TEST_CASE("what the format cannot hold is refused", "[safetensors]") {
    const scratch_folder folder;
    tc::named_tensors tensors;
    tensors["__metadata__"] = tc::make_array<float>({1});
    CHECK_THROWS_WITH(tc::save_safetensors(folder / "m.safetensors", tensors),
                      ContainsSubstring("cannot hold a tensor called '__metadata__'"));
    tensors.clear();
    tensors["\xff"] = tc::make_array<float>({1});
    CHECK_THROWS_WITH(tc::save_safetensors(folder / "m.safetensors", tensors), ContainsSubstring("write it in UTF-8"));
    CHECK_THROWS_AS(tc::save_safetensors(folder / "none/m.safetensors", {}), tc::error);
    CHECK_THROWS_WITH(tc::load_safetensors(folder / "m.safetensors"), ContainsSubstring("does not exist"));
}

TEST_CASE("a model's weights are those of its .npz archive", "[safetensors][data]") {
    const auto data = tests::data_directory();
    if (!data) return tests::skip_notice("safetensors of trained models: no data directory");
    for (const std::string model : {"resnet8_fp32", "kws_fp32", "kws_sm_fp32"}) {
        const auto tensors = tc::load_safetensors(*data / "models" / (model + ".safetensors"));
        CHECK((tensors == tc::load_npz<float>(*data / "models" / (model + ".npz"))));
        CHECK_NOTHROW(tc::expect_finite(tensors, model));
    }
    const auto resnet = tc::load_safetensors(*data / "models/resnet8_fp32.safetensors");
    CHECK(resnet.size() == 20);
    CHECK(tc::shape_text(resnet.at("conv1.weight")) == "[16, 3, 3, 3]");
    CHECK(tc::load_safetensors_metadata(*data / "models/resnet8_fp32.safetensors").at("source") ==
          "resnet8_float.tflite");
    CHECK(tc::load_safetensors(*data / "models/mnist_mlp.safetensors").contains("fc1.weight"));
}
