/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors with an owner: -1 is none. */
#pragma once

/* vmcFdClose: closes *@fd if there is one, and leaves -1. Keeps errno. */
void vmcFdClose(int *fd);

/* vmcFdSteal: returns *@fd and leaves -1: the caller is its owner now. */
int vmcFdSteal(int *fd);
