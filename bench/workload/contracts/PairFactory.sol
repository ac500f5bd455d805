// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Pair} from "./Pair.sol";

/// Creates pools and knows which one trades what.
contract PairFactory {
    mapping(address => mapping(address => Pair)) public pairOf;

    event PairCreated(address indexed token0, address indexed token1, Pair pair);

    error SameToken();
    error AlreadyCreated();

    function create(address a, address b) external returns (Pair pair) {
        if (a == b) revert SameToken();
        if (address(pairOf[a][b]) != address(0)) revert AlreadyCreated();
        (address low, address high) = a < b ? (a, b) : (b, a);
        pair = new Pair{salt: keccak256(abi.encodePacked(low, high))}(IERC20(low), IERC20(high));
        pairOf[low][high] = pair;
        pairOf[high][low] = pair;
        emit PairCreated(low, high, pair);
    }
}
