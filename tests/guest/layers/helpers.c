// SPDX-License-Identifier: GPL-2.0-only

/* An object of its own: one object file cannot be part of two modules. */
#include "../../../bindings/helpers.c"
