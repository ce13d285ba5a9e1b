// SPDX-License-Identifier: MIT
#include "peer.hpp"

#include <cstdio>
#include <cstdlib>

#if defined(COMPRESS_HAS_ONNXRUNTIME)
#    include <onnxruntime_c_api.h>

namespace bench {
namespace {

class session final : public peer {
public:
    session(const std::string& model, std::vector<long long> extents, std::vector<float> input)
        : input_(std::move(input)) {
        check(api()->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "bench", &environment_));
        OrtSessionOptions* options = nullptr;
        check(api()->CreateSessionOptions(&options));
        check(api()->SetIntraOpNumThreads(options, 1));
        check(api()->SetInterOpNumThreads(options, 1));
        check(api()->SetSessionExecutionMode(options, ORT_SEQUENTIAL));
        check(api()->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL));
        check(api()->CreateSession(environment_, model.c_str(), options, &session_));
        api()->ReleaseSessionOptions(options);
        OrtAllocator* allocator = nullptr;
        check(api()->GetAllocatorWithDefaultOptions(&allocator));
        check(api()->SessionGetInputName(session_, 0, allocator, &input_name_));
        check(api()->SessionGetOutputName(session_, 0, allocator, &output_name_));
        OrtMemoryInfo* memory = nullptr;
        check(api()->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
        const std::vector<std::int64_t> shape(extents.begin(), extents.end());
        check(api()->CreateTensorWithDataAsOrtValue(memory, input_.data(), input_.size() * sizeof(float), shape.data(),
                                                    shape.size(), ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &input_value_));
        api()->ReleaseMemoryInfo(memory);
        run();  // allocates the output, which later runs write again
    }
    ~session() override {
        api()->ReleaseValue(output_value_);
        api()->ReleaseValue(input_value_);
        api()->ReleaseSession(session_);
        api()->ReleaseEnv(environment_);
    }
    void run() override {
        const char* inputs[] = {input_name_};
        const char* outputs[] = {output_name_};
        const OrtValue* values[] = {input_value_};
        check(api()->Run(session_, nullptr, inputs, values, 1, outputs, 1, &output_value_));
    }
    std::vector<float> output() const override {
        OrtTensorTypeAndShapeInfo* info = nullptr;
        std::size_t count = 0;
        void* data = nullptr;
        check(api()->GetTensorTypeAndShape(output_value_, &info));
        check(api()->GetTensorShapeElementCount(info, &count));
        api()->ReleaseTensorTypeAndShapeInfo(info);
        check(api()->GetTensorMutableData(output_value_, &data));
        const auto* values = static_cast<const float*>(data);
        return {values, values + count};
    }

private:
    static const OrtApi* api() {
        static const OrtApi* const table = OrtGetApiBase()->GetApi(ORT_API_VERSION);
        return table;
    }
    static void check(OrtStatus* status) {
        if (status == nullptr) return;
        std::fprintf(stderr, "ONNX Runtime: %s\n", api()->GetErrorMessage(status));
        std::exit(1);
    }

    std::vector<float> input_;
    OrtEnv* environment_ = nullptr;
    OrtSession* session_ = nullptr;
    char *input_name_ = nullptr, *output_name_ = nullptr;
    OrtValue *input_value_ = nullptr, *output_value_ = nullptr;
};

}  // namespace

std::unique_ptr<peer> onnx_runtime(const std::string& model, std::vector<long long> extents, std::vector<float> input) {
    return std::make_unique<session>(model, std::move(extents), std::move(input));
}

}  // namespace bench

#else

namespace bench {
std::unique_ptr<peer> onnx_runtime(const std::string&, std::vector<long long>, std::vector<float>) { return nullptr; }
}  // namespace bench

#endif
