// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Work that only computes: what an engine makes of arithmetic, memory and loops.
contract Compute {
    event Result(uint256 value);

    uint256 private constant Q128 = 1 << 128;

    /// Steps of a swap in a pool with concentrated liquidity: prices with 128 binary digits,
    /// products of 512 bits, and a square root.
    function pool(uint256 seed, uint256 steps) external {
        uint256 price = Q128 + (seed % Q128);
        uint256 liquidity = (seed >> 128) + 1e18;
        uint256 paid;
        for (uint256 i; i < steps; ++i) {
            uint256 amount = (uint256(uint128(price ^ seed)) >> 70) + i + 1;
            uint256 next = price + mulDiv(amount, Q128, liquidity);
            paid += mulDiv(mulDiv(liquidity, next - price, next), Q128, price);
            price = root(mulDiv(next, next, Q128)) << 64;
            if (price < 1 << 110) price += Q128;
        }
        emit Result(paid ^ price);
    }

    /// a * b / d, rounded down, where the product may have 512 bits and the quotient has not.
    function mulDiv(uint256 a, uint256 b, uint256 d) private pure returns (uint256) {
        unchecked {
            uint256 wrapped = mulmod(a, b, type(uint256).max);
            uint256 low = a * b;
            uint256 high = wrapped - low - (wrapped < low ? 1 : 0);
            if (high == 0) return low / d;
            require(high < d);
            uint256 rest = mulmod(a, b, d);
            high -= rest > low ? 1 : 0;
            low -= rest;
            uint256 twos = d & (~d + 1);
            d /= twos;
            low = (low / twos) | (high * ((~twos + 1) / twos + 1));
            uint256 inverse = (3 * d) ^ 2; // right in 4 bits; each step doubles them
            for (uint256 i; i < 6; ++i) inverse *= 2 - d * inverse;
            return low * inverse;
        }
    }

    function root(uint256 x) private pure returns (uint256 y) {
        if (x == 0) return 0;
        y = 1;
        for (uint256 rest = x; rest > 3; rest >>= 2) y <<= 1;
        for (uint256 i; i < 8; ++i) y = (y + x / y) >> 1;
        if (y > x / y) --y;
    }

    /// Sorts numbers that the seed makes.
    function sort(uint256 seed, uint256 length) external {
        uint256[] memory list = new uint256[](length);
        for (uint256 i; i < length; ++i) {
            unchecked {
                seed = seed * 6364136223846793005 + 1442695040888963407;
            }
            list[i] = seed >> 33;
        }
        quicksort(list, 0, int256(length) - 1);
        uint256 sum;
        for (uint256 i; i < length; ++i) sum = (sum << 1) ^ (sum >> 255) ^ list[i];
        emit Result(sum);
    }

    function quicksort(uint256[] memory list, int256 from, int256 to) private pure {
        if (from >= to) return;
        (int256 i, int256 j) = (from, to);
        uint256 pivot = list[uint256((from + to) / 2)];
        while (i <= j) {
            while (list[uint256(i)] < pivot) ++i;
            while (list[uint256(j)] > pivot) --j;
            if (i <= j) {
                (list[uint256(i)], list[uint256(j)]) = (list[uint256(j)], list[uint256(i)]);
                ++i;
                --j;
            }
        }
        quicksort(list, from, j);
        quicksort(list, i, to);
    }

    /// SHA-256 (FIPS 180-4) of so many blocks of 64 bytes, none of it by the precompile.
    function sha256Blocks(uint256 seed, uint256 blocks) external {
        uint32[8] memory h = [
            uint32(0x6a09e667), 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
        ];
        uint32[64] memory w;
        for (uint256 b; b < blocks; ++b) {
            for (uint256 i; i < 16; ++i) w[i] = uint32(seed >> (8 * i)) ^ uint32(b);
            compress(h, w);
        }
        uint256 digest;
        for (uint256 i; i < 8; ++i) digest = (digest << 32) | h[i];
        emit Result(digest);
    }

    bytes private constant K =
        hex"428a2f9871374491b5c0fbcfe9b5dba53956c25b59f111f1923f82a4ab1c5ed5"
        hex"d807aa9812835b01243185be550c7dc372be5d7480deb1fe9bdc06a7c19bf174"
        hex"e49b69c1efbe47860fc19dc6240ca1cc2de92c6f4a7484aa5cb0a9dc76f988da"
        hex"983e5152a831c66db00327c8bf597fc7c6e00bf3d5a7914706ca635114292967"
        hex"27b70a852e1b21384d2c6dfc53380d13650a7354766a0abb81c2c92e92722c85"
        hex"a2bfe8a1a81a664bc24b8b70c76c51a3d192e819d6990624f40e3585106aa070"
        hex"19a4c1161e376c082748774c34b0bcb5391c0cb34ed8aa4a5b9cca4f682e6ff3"
        hex"748f82ee78a5636f84c878148cc7020890befffaa4506cebbef9a3f7c67178f2";

    function compress(uint32[8] memory h, uint32[64] memory w) private pure {
        unchecked {
            for (uint256 i = 16; i < 64; ++i) {
                uint32 s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >> 3);
                uint32 s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >> 10);
                w[i] = w[i - 16] + s0 + w[i - 7] + s1;
            }
            bytes memory k = K;
            uint32[8] memory v;
            for (uint256 i; i < 8; ++i) v[i] = h[i];
            for (uint256 i; i < 64; ++i) {
                uint32 s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
                uint32 constant_;
                assembly {
                    constant_ := shr(224, mload(add(add(k, 32), mul(i, 4))))
                }
                uint32 t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + constant_ + w[i];
                uint32 s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
                uint32 t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
                (v[7], v[6], v[5], v[4]) = (v[6], v[5], v[4], v[3] + t1);
                (v[3], v[2], v[1], v[0]) = (v[2], v[1], v[0], t1 + t2);
            }
            for (uint256 i; i < 8; ++i) h[i] += v[i];
        }
    }

    function rotate(uint32 x, uint32 n) private pure returns (uint32) {
        return (x >> n) | (x << (32 - n));
    }
}
