// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// A constant-product pool of two tokens. It trusts no caller: what came in is what its
/// balances grew by since the reserves were last noted, and after a trade the product of
/// the balances, less a fee of 0.3% of what came in, must not have shrunk.
contract Pair is ERC20 {
    using SafeERC20 for IERC20;

    uint256 private constant LOCKED_SHARES = 1000;
    address private constant NOBODY = address(0xdead);

    // In storage and not immutable, as in the pools of the chain.
    IERC20 public token0;
    IERC20 public token1;

    // One word, so that noting the reserves is one store.
    uint112 private reserve0;
    uint112 private reserve1;
    uint32 private noted;

    // Sums over time of each token's price in the other, 112 fractional bits.
    uint256 public priceSum0;
    uint256 public priceSum1;

    // In storage and not transient: most pools on chain were built before EIP-1153, and
    // their blocks are what a workload should look like.
    uint256 private entered = 1;

    event Mint(address indexed sender, uint256 amount0, uint256 amount1);
    event Burn(address indexed sender, uint256 amount0, uint256 amount1, address indexed to);
    event Swap(
        address indexed sender, uint256 in0, uint256 in1, uint256 out0, uint256 out1, address indexed to
    );
    event Sync(uint112 reserve0, uint112 reserve1);

    error Reentered();
    error NothingIn();
    error NothingOut();
    error TooMuchOut();
    error ProductShrank();
    error ReserveOverflow();

    modifier once() {
        if (entered != 1) revert Reentered();
        entered = 2;
        _;
        entered = 1;
    }

    constructor(IERC20 a, IERC20 b) ERC20("Pool share", "POOL") {
        token0 = a;
        token1 = b;
    }

    function reserves() external view returns (uint112, uint112, uint32) {
        return (reserve0, reserve1, noted);
    }

    function mint(address to) external once returns (uint256 shares) {
        (uint256 had0, uint256 had1) = (reserve0, reserve1);
        (uint256 now0, uint256 now1) = balances();
        (uint256 in0, uint256 in1) = (now0 - had0, now1 - had1);
        uint256 supply = totalSupply();
        if (supply == 0) {
            shares = Math.sqrt(in0 * in1) - LOCKED_SHARES;
            _mint(NOBODY, LOCKED_SHARES);
        } else {
            shares = Math.min(in0 * supply / had0, in1 * supply / had1);
        }
        if (shares == 0) revert NothingIn();
        _mint(to, shares);
        note(now0, now1);
        emit Mint(msg.sender, in0, in1);
    }

    /// Pays out the shares that were sent here.
    function burn(address to) external once returns (uint256 out0, uint256 out1) {
        (uint256 now0, uint256 now1) = balances();
        uint256 shares = balanceOf(address(this));
        uint256 supply = totalSupply();
        (out0, out1) = (shares * now0 / supply, shares * now1 / supply);
        if (out0 == 0 || out1 == 0) revert NothingOut();
        _burn(address(this), shares);
        token0.safeTransfer(to, out0);
        token1.safeTransfer(to, out1);
        (now0, now1) = balances();
        note(now0, now1);
        emit Burn(msg.sender, out0, out1, to);
    }

    function swap(uint256 out0, uint256 out1, address to) external once {
        if (out0 == 0 && out1 == 0) revert NothingOut();
        (uint256 had0, uint256 had1) = (reserve0, reserve1);
        if (out0 >= had0 || out1 >= had1) revert TooMuchOut();
        if (out0 > 0) token0.safeTransfer(to, out0);
        if (out1 > 0) token1.safeTransfer(to, out1);
        (uint256 now0, uint256 now1) = balances();
        uint256 in0 = now0 + out0 > had0 ? now0 + out0 - had0 : 0;
        uint256 in1 = now1 + out1 > had1 ? now1 + out1 - had1 : 0;
        if (in0 == 0 && in1 == 0) revert NothingIn();
        uint256 kept0 = now0 * 1000 - in0 * 3;
        uint256 kept1 = now1 * 1000 - in1 * 3;
        if (kept0 * kept1 < had0 * had1 * 1_000_000) revert ProductShrank();
        note(now0, now1);
        emit Swap(msg.sender, in0, in1, out0, out1, to);
    }

    function balances() private view returns (uint256, uint256) {
        return (token0.balanceOf(address(this)), token1.balanceOf(address(this)));
    }

    /// Makes the balances the reserves. The first change in a block adds the old price,
    /// for the time that it stood, to the sums.
    function note(uint256 now0, uint256 now1) private {
        if (now0 > type(uint112).max || now1 > type(uint112).max) revert ReserveOverflow();
        (uint256 had0, uint256 had1) = (reserve0, reserve1);
        uint32 time = uint32(block.timestamp);
        unchecked {
            uint32 passed = time - noted;
            if (passed > 0 && had0 > 0 && had1 > 0) {
                priceSum0 += ((had1 << 112) / had0) * passed;
                priceSum1 += ((had0 << 112) / had1) * passed;
            }
        }
        (reserve0, reserve1, noted) = (uint112(now0), uint112(now1), time);
        emit Sync(uint112(now0), uint112(now1));
    }
}
