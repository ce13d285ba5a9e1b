// SPDX-License-Identifier: MIT
#pragma once

// Everything: models and nets, and the host part that loads, trains, compresses, calibrates, converts, evaluates and
// emits them.

#include <compress/inference.hpp>

#include <compress/calibrate/calibration.hpp>
#include <compress/evaluate/describe.hpp>
#include <compress/evaluate/layer_noise.hpp>
#include <compress/evaluate/measure.hpp>
#include <compress/evaluate/report.hpp>
#include <compress/evaluate/sparsity_report.hpp>
#include <compress/io/cifar.hpp>
#include <compress/io/emit_header.hpp>
#include <compress/io/idx.hpp>
#include <compress/io/model_text.hpp>
#include <compress/io/npy.hpp>
#include <compress/io/npz.hpp>
#include <compress/io/onnx.hpp>
#include <compress/io/safetensors.hpp>
#include <compress/io/torch_archive.hpp>
#include <compress/tensor/adaptor.hpp>
#include <compress/tensor/data_set.hpp>
#include <compress/tensor/digits.hpp>
#include <compress/tensor/records.hpp>
#include <compress/tensor/runner.hpp>
#include <compress/tensor/thread_pool.hpp>
#include <compress/train/fit.hpp>
#include <compress/transform/ada_round.hpp>
#include <compress/transform/calibrate.hpp>
#include <compress/transform/choose_ranks.hpp>
#include <compress/transform/compress_to.hpp>
#include <compress/transform/convert.hpp>
#include <compress/transform/correct_biases.hpp>
#include <compress/transform/distil.hpp>
#include <compress/transform/equalize.hpp>
#include <compress/transform/fit_net.hpp>
#include <compress/transform/gptq.hpp>
#include <compress/transform/hints.hpp>
#include <compress/transform/keep_channels.hpp>
#include <compress/transform/keep_zeros.hpp>
#include <compress/transform/layer_sparsity.hpp>
#include <compress/transform/load_weights.hpp>
#include <compress/transform/low_rank.hpp>
#include <compress/transform/mixed_precision.hpp>
#include <compress/transform/output_error.hpp>
#include <compress/transform/prune.hpp>
#include <compress/transform/prune_gradually.hpp>
#include <compress/transform/prune_on_records.hpp>
#include <compress/transform/prune_to_pattern.hpp>
#include <compress/transform/reestimate_norms.hpp>
#include <compress/transform/refit_layer.hpp>
#include <compress/transform/remove_dead_channels.hpp>
#include <compress/transform/round_per_tensor.hpp>
#include <compress/transform/sensitivity.hpp>
#include <compress/transform/split_convolution.hpp>
#include <compress/transform/stored_integers.hpp>
