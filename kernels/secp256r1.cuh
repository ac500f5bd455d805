// Signatures on secp256r1 (P-256).
#pragma once
#include "cells.cuh"

CALL_FN bool secp256r1_verify(const u8 in[160]) { return false; }
