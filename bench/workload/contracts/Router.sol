// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Pair} from "./Pair.sol";
import {PairFactory} from "./PairFactory.sol";

/// What traders call: it works out amounts, moves the caller's tokens to the first pool
/// and has each pool pay the next one.
contract Router {
    using SafeERC20 for IERC20;

    PairFactory public immutable factory;

    error Expired();
    error NoPair();
    error BadPath();
    error TooLittleOut(uint256 out, uint256 least);

    constructor(PairFactory f) {
        factory = f;
    }

    function addLiquidity(address a, address b, uint256 amountA, uint256 amountB, address to)
        external
        returns (uint256 shares)
    {
        Pair pair = pairFor(a, b);
        IERC20(a).safeTransferFrom(msg.sender, address(pair), amountA);
        IERC20(b).safeTransferFrom(msg.sender, address(pair), amountB);
        return pair.mint(to);
    }

    /// Sells `amountIn` of path[0] for path[last], which `to` gets at least `least` of.
    function swapExact(uint256 amountIn, uint256 least, address[] calldata path, address to, uint256 deadline)
        external
        returns (uint256 out)
    {
        if (block.timestamp > deadline) revert Expired();
        if (path.length < 2) revert BadPath();
        Pair pair = pairFor(path[0], path[1]);
        IERC20(path[0]).safeTransferFrom(msg.sender, address(pair), amountIn);
        out = amountIn;
        for (uint256 i = 1; i < path.length; ++i) {
            bool last = i + 1 == path.length;
            Pair next = last ? pair : pairFor(path[i], path[i + 1]);
            bool up = path[i - 1] < path[i];
            out = quote(pair, up, out);
            if (last && out < least) revert TooLittleOut(out, least);
            pair.swap(up ? 0 : out, up ? out : 0, last ? to : address(next));
            pair = next;
        }
    }

    /// What the pool pays for `amountIn` of its token0 (up) or token1 after the fee.
    function quote(Pair pair, bool up, uint256 amountIn) public view returns (uint256) {
        (uint256 reserveIn, uint256 reserveOut,) = pair.reserves();
        if (!up) (reserveIn, reserveOut) = (reserveOut, reserveIn);
        uint256 charged = amountIn * 997;
        return charged * reserveOut / (reserveIn * 1000 + charged);
    }

    function pairFor(address a, address b) public view returns (Pair pair) {
        pair = factory.pairOf(a, b);
        if (address(pair) == address(0)) revert NoPair();
    }
}
