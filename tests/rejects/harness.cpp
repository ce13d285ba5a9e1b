// SPDX-License-Identifier: MIT
// The harness itself: one case refused by an assertion, one by the name of what is missing.

template <int Channels>
struct layer {
    static_assert(Channels > 0, "a layer needs at least one channel: give it a positive count");
};

using accepted = layer<1>;
static_assert(sizeof(accepted) > 0);

// reject no_channels: "a layer needs at least one channel"
#if defined(CASE_no_channels)
static_assert(sizeof(layer<0>) > 0);
#endif

// reject unknown_member: "no_such_member" "layer<1>"
#if defined(CASE_unknown_member)
constexpr int unknown = accepted::no_such_member;
#endif
