// SPDX-License-Identifier: MIT
#pragma once

// All that a target needs: models, recipes, nets and their kernels. No heap, exceptions or RTTI.

#include <compress/graph/builder.hpp>
#include <compress/graph/recipe.hpp>
#include <compress/net/fits.hpp>
#include <compress/net/net.hpp>
