// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// An ordinary ERC-20. Whoever deploys it may issue it, to thousands of holders in one
/// call: a workload's setup must not cost one call per account.
contract Token is ERC20 {
    address public immutable issuer;

    error OnlyIssuer();

    constructor(string memory name, string memory symbol) ERC20(name, symbol) {
        issuer = msg.sender;
    }

    /// Mints `amount` for each holder; unless `spender` is zero each also approves it
    /// to spend `allowed`.
    function issue(address[] calldata holders, uint256 amount, address spender, uint256 allowed) external {
        if (msg.sender != issuer) revert OnlyIssuer();
        for (uint256 i; i < holders.length; ++i) {
            _mint(holders[i], amount);
            if (spender != address(0)) _approve(holders[i], spender, allowed, false);
        }
    }
}
