// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/model.hpp>

namespace tensor_compress {

/// A value between two convolutions of at least so many bytes is streamed: it costs more to write it to memory and read
/// it again than to compute it a few rows at a time, just before they are read.
inline constexpr int streamed_bytes = 128 * 1024;
/// What a stream keeps of its values at a time, unless single rows are more: a small part of a second-level cache.
inline constexpr int stream_bytes = 128 * 1024;
/// How many values in a row are streamed. Threads compute the rows between their parts twice, more of them with each.
inline constexpr int most_streamed = 2;

/// Rows of the input under `rows` neighbouring rows of the output.
constexpr int rows_under(const window& w, int rows) {
    return (rows - 1) * w.stride.height + (w.kernel.height - 1) * w.dilation.height + 1;
}

namespace detail {

/// The first node that reads a value as its first input; or -1.
template <int Capacity>
constexpr int first_reader(const model<Capacity>& m, int id) {
    for (int reader = id + 1; reader < m.count; ++reader)
        if (m[reader].input_count > 0 && m[reader].inputs[0] == id) return reader;
    return -1;
}

constexpr bool slides_window(op kind) { return kind == op::conv2d || kind == op::depthwise_conv2d; }

/// The one layer that reads a value, as a convolution reads its image; or -1.
template <int Capacity>
constexpr int only_window(const model<Capacity>& m, int id) {
    const int reader = m.consumers(id) == 1 ? first_reader(m, id) : -1;
    return reader >= 0 && slides_window(m[reader].kind) ? reader : -1;
}

/// Bytes that the stream which ends at `end` keeps, if that computes `rows` rows at a time; sets what is kept.
template <int Capacity, int Formats>
constexpr int keep_rows(model<Capacity>& m, int end, int rows, const element (&elements)[Formats]) {
    int bytes = 0;
    m[end].band_rows = rows;
    for (int id = end; m[m[id].inputs[0]].kept_rows > 0; id = m[id].inputs[0]) {
        node& n = m[m[id].inputs[0]];
        rows = rows_under(m[id].slide, rows);
        if (rows > n.output.height()) rows = n.output.height();
        n.kept_rows = rows;
        bytes += rows * n.output.width() * n.output.channels() * bytes_of(elements[n.format]);
    }
    return bytes;
}

}  // namespace detail

/// The layer that computes a value: its own, or the one at the end of its stream.
template <int Capacity>
constexpr int end_of_stream(const model<Capacity>& m, int id) {
    while (m[id].kept_rows > 0) id = detail::first_reader(m, id);
    return id;
}

/// Marks large values that one convolution writes and another one alone reads, as between the layers of an inverted
/// residual (Sandler et al. 2018, MobileNetV2, section 5.1), and sets how many rows of them are in memory at a time.
///
/// @param  by_rows  which formats of the recipe have kernels that compute some rows of their output
template <int Capacity, int Formats>
constexpr void stream_rows(model<Capacity>& m, const element (&elements)[Formats], const bool (&by_rows)[Formats]) {
    int depth[Capacity]{};  // streamed values in a row, up to and with this one
    for (int id = 0; id < m.count; ++id) {
        node& n = m[id];
        if (!detail::slides_window(n.kind) || !by_rows[n.format] || n.output.height() < 2) continue;
        const int reader = detail::only_window(m, id);
        const int before = depth[n.inputs[0]];
        if (reader >= 0 && by_rows[m[reader].format] && before < most_streamed &&
            n.output.elements() * bytes_of(elements[n.format]) >= streamed_bytes) {
            n.kept_rows = 1;
            depth[id] = before + 1;
        }
    }
    for (int id = 0; id < m.count; ++id)
        if (m[id].kept_rows == 0 && detail::slides_window(m[id].kind) && m[m[id].inputs[0]].kept_rows > 0) {
            int rows = 16;
            while (rows > 1 && detail::keep_rows(m, id, rows, elements) > stream_bytes) rows /= 2;
            detail::keep_rows(m, id, rows, elements);
        }
}

}  // namespace tensor_compress
