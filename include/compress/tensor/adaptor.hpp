// SPDX-License-Identifier: MIT
#pragma once

#include <compress/tensor/runner.hpp>
#include <compress/tensor/xtensor.hpp>

namespace tensor_compress {

/// Runs a net with one input on any xtensor expression (a tensor, a view, a sum of both, ...) that has the shape of the
/// input, [height, width, channels], or is a batch of 1 of it. The expression is evaluated once, in row-major order.
///
/// @return  the first output, with the shape that it has in the model
/// @throws  error when the expression has another shape
template <class Net, class Expression>
array<float> run_expression(runner<Net>& run, const Expression& expression) {
    const auto extents_of = [](const shape& s) { return std::vector<std::size_t>(s.extent, s.extent + s.rank); };
    const node& input = Net::graph[Net::input_id(0)];
    auto found = shape_of(expression);
    const auto expected = extents_of(input.output);
    if (found.size() == expected.size() + 1 && found[0] == 1) found.erase(found.begin());
    if (found != expected)
        throw error(text_of(input.name),
                    "an expression of shape " + shape_text(expression) + " for an input of " + shape_text(expected),
                    "pass one record in the layout of the net, channels last");
    const array<float> values = expression;
    run.set_input(0, {values.data(), values.size()});
    run.execute();
    auto result = make_array<float>(extents_of(Net::graph[Net::output_id(0)].output));
    std::copy(run.output(0).begin(), run.output(0).end(), result.data());
    return result;
}

}  // namespace tensor_compress
